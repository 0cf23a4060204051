"""Certificates: that of a JWK beside its key (RFC 7517 §4.7), and that of a client (RFC 8705)."""

import hashlib
import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import Certificate, InvalidVersion, load_der_x509_certificate
from cryptography.x509.oid import ObjectIdentifier, PublicKeyAlgorithmOID

from jwt_wsgi.jose import encoding

# Characters. Certificates of signing keys have a tenth of it, or less.
_MAX_CERTIFICATE = 16_384

# One block, and nothing around it (RFC 7468 §3): the body is lines of base64.
_PEM = re.compile(
    r"-----BEGIN CERTIFICATE-----\r?\n((?:[A-Za-z0-9+/=]+\r?\n)+)-----END CERTIFICATE-----\s*",
    re.ASCII,
)

_PEM_BEGIN = "-----BEGIN CERTIFICATE-----"
_PEM_END = "-----END CERTIFICATE-----"

# Other keys are not loaded: checking the parameters of a Diffie-Hellman key takes seconds.
_SIGNING_KEYS = (
    PublicKeyAlgorithmOID.RSAES_PKCS1_v1_5,
    PublicKeyAlgorithmOID.RSASSA_PSS,
    PublicKeyAlgorithmOID.EC_PUBLIC_KEY,
    PublicKeyAlgorithmOID.ED25519,
    PublicKeyAlgorithmOID.ED448,
    # ML-DSA-44, -65 and -87 (RFC 9881 §2), which cryptography names since version 47.
    ObjectIdentifier("2.16.840.1.101.3.4.3.17"),
    ObjectIdentifier("2.16.840.1.101.3.4.3.18"),
    ObjectIdentifier("2.16.840.1.101.3.4.3.19"),
)


def is_certificate(der: bytes) -> bool:
    """Return True if `der` is the DER of one X.509 certificate, and nothing follows it.

    Its signature, its dates and its key are not looked at.
    """
    try:
        load_der_x509_certificate(der)
    # A certificate without a positive serial number is a warning, which may be an exception.
    except (ValueError, UnsupportedAlgorithm, InvalidVersion, Warning):
        return False
    return True


def certificate_der(pem: str) -> bytes | None:
    """Return the DER of the certificate that `pem` holds, or None.

    The result is None unless the text is one block with the label CERTIFICATE (RFC 7468 §5.1),
    without text before or after it except white space at the end, and its body is canonical base64
    of one certificate.
    """
    block = _PEM.fullmatch(pem)
    if block is None:
        return None
    try:
        der = encoding.decode_base64("".join(block[1].split()))
    except ValueError:
        return None
    return der if is_certificate(der) else None


def certificate_thumbprint(der: bytes) -> str:
    """Return the thumbprint of a certificate, as the member `x5t#S256` of `cnf` has it.

    It is the SHA-256 hash of the DER, in base64url without padding (RFC 8705 §3.1).
    """
    return encoding.encode(hashlib.sha256(der).digest())


def certifies_another_key(x5c: object, public_key: object) -> bool:
    """Return whether the first certificate of `x5c` can be read, and its key is another one.

    `x5c` should be a list of certificates in base64. Some issuers publish a text instead of
    the list, PEM, lines or base64url, so these are read as well.

    Args:
        x5c: The member of the JWK, or None.
        public_key: The public key of cryptography that the JWK's other members describe.
    """
    first = x5c[0] if isinstance(x5c, list) and x5c else x5c
    if not isinstance(first, str):
        return False
    try:
        certificate = load_der_x509_certificate(_decode_certificate(first))
        return _certified_key(certificate) != public_key
    # A certificate without a positive serial number is a warning, which may be an exception.
    except (ValueError, UnsupportedAlgorithm, InvalidVersion, Warning):
        return False


def _decode_certificate(text: str) -> bytes:
    before, begin, certificate = text[:_MAX_CERTIFICATE].partition(_PEM_BEGIN)
    body = certificate.partition(_PEM_END)[0] if begin else before
    return encoding.decode_tolerantly("".join(body.split()))


def _certified_key(certificate: Certificate) -> object | None:
    """Return the certificate's key, or None if it is of a type that no algorithm uses."""
    if certificate.public_key_algorithm_oid not in _SIGNING_KEYS:
        return None
    return certificate.public_key()
