"""The bare signature: the work that no library can leave out."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from benchmarks.measuring import Prepare


def bare(pem: str, algorithm: str) -> Prepare:
    """Return a contender that only calls the `key.verify` of cryptography."""
    key = serialization.load_pem_public_key(pem.encode())
    verify: Callable[..., None] = key.verify  # type: ignore[union-attr]  # public keys that verify are made here
    parameters = _parameters(algorithm)

    def prepare(tokens: Sequence[str]) -> Callable[[], None]:
        signatures = [separated(token, algorithm) for token in tokens]

        def run() -> None:
            for signature, message in signatures:
                verify(signature, message, *parameters)

        return run

    return prepare


def _parameters(algorithm: str) -> tuple[Any, ...]:
    """Return the arguments of `key.verify` after the signature and the message."""
    sha256 = hashes.SHA256()
    salted = padding.PSS(mgf=padding.MGF1(sha256), salt_length=padding.PSS.DIGEST_LENGTH)
    return {
        "RS256": (padding.PKCS1v15(), sha256),
        "PS256": (salted, sha256),
        "ES256": (ec.ECDSA(sha256),),
        "EdDSA": (),
    }[algorithm]


def separated(token: str, algorithm: str) -> tuple[bytes, bytes]:
    """Return the signature and the message of a token, as cryptography takes them."""
    message, _, segment = token.rpartition(".")
    signature = base64.urlsafe_b64decode(segment + "==")
    if algorithm == "ES256":
        # cryptography reads DER; a token holds r and s side by side.
        half = len(signature) // 2
        r = int.from_bytes(signature[:half], "big")
        s = int.from_bytes(signature[half:], "big")
        signature = encode_dss_signature(r, s)
    return signature, message.encode()
