"""Recognises an asymmetric key that is passed as a shared secret.

Its public part is no secret, so anyone could sign with it (CVE-2015-9235, CVE-2022-29217).
"""

import base64
from contextlib import suppress
from itertools import product

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import InvalidVersion, load_der_x509_certificate

from jwt_wsgi.jose.strict_json import read_document

# The beginning of the object identifiers of ML-DSA and SLH-DSA in DER: 2.16.840.1.101.3.4.3.
_NIST_SIGNATURES = bytes.fromhex("06096086480165030403")

# A public key or private key in DER names its algorithm before this octet. The installed
# cryptography may be unable to load such a key, which is no secret all the same.
_ALGORITHM_BYTES = 32


def is_asymmetric(secret: bytes) -> bool:
    """Return whether `secret` is a key or certificate in any form that a library reads."""
    # The last octet of a binary form may itself look like white space, so that the secret
    # is tried both with and without it.
    forms = [secret, secret.strip(), secret.removesuffix(b"\n"), secret.removesuffix(b"\r\n")]
    with suppress(ValueError):
        forms.append(base64.b64decode(secret))
    loaders = (
        serialization.load_der_public_key,
        serialization.load_ssh_public_key,
        load_der_x509_certificate,
        _check_json_key,
    )
    for load, form in product(loaders, forms):
        with suppress(ValueError, UnsupportedAlgorithm):
            # A certificate of an unknown version is a certificate all the same.
            with suppress(InvalidVersion):
                load(form)
            return True
    if any(_NIST_SIGNATURES in form[:_ALGORITHM_BYTES] for form in forms):
        return True
    return b"----BEGIN " in secret.replace(b"- BEGIN ", b"-BEGIN ")


def _check_json_key(secret: bytes) -> None:
    """Raise `ValueError` unless `secret` is a JWK or a JWKS."""
    if read_document(secret).keys().isdisjoint(("kty", "keys")):
        raise ValueError("neither a JWK nor a JWKS")
