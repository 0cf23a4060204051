"""The claim `cnf`, which binds a token to a key or certificate of its client (RFC 7800)."""

from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from jwt_wsgi.jose import encoding, pem
from jwt_wsgi.testing.dpop import DPoPKey


def confirmation(cnf: DPoPKey | bytes | str | Mapping[str, Any]) -> dict[str, Any]:
    """Return the claim `cnf` of a token that is bound to this key or certificate.

    Args:
        cnf: A key, which becomes `jkt` (RFC 9449 §6.1), a certificate in DER or PEM, which becomes
            `x5t#S256` (RFC 8705 §3.1), or the claim itself.

    Raises:
        ValueError: `cnf` is of another kind, or the certificate cannot be read.
    """
    if isinstance(cnf, DPoPKey):
        return {"jkt": cnf.thumbprint}
    if isinstance(cnf, Mapping):
        return dict(cnf)
    if isinstance(cnf, bytes | str):
        return {"x5t#S256": _thumbprint(cnf)}
    raise ValueError(
        f"cnf={type(cnf).__name__}: write a DPoPKey, a certificate in DER or PEM, or a mapping"
    )


def _thumbprint(certificate: bytes | str) -> str:
    """Return the hash of the certificate's DER."""
    octets = certificate if isinstance(certificate, bytes) else certificate.encode()
    load = x509.load_pem_x509_certificate if pem.is_pem(octets) else x509.load_der_x509_certificate
    try:
        return encoding.encode(load(octets).fingerprint(SHA256()))
    except ValueError:
        raise ValueError("cnf: write a certificate in DER or PEM") from None
