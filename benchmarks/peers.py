"""The peers: the bare signature, and the libraries that decode a token and judge its claims."""

from __future__ import annotations

import base64
import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from benchmarks.measuring import Prepare
from benchmarks.minting import AUDIENCE, ISSUER

#: From the public key as PEM to what decodes one RS256 token, or raises.
Make = Callable[[str], Callable[[str], object]]


def bare(pem: str, algorithm: str) -> Prepare:
    """The `key.verify` of cryptography and nothing else: everything around it is done beforehand."""
    key = serialization.load_pem_public_key(pem.encode())
    verify: Callable[..., None] = key.verify  # type: ignore[union-attr]  # public keys that verify are made here
    rest = _rest(algorithm)

    def prepare(tokens: Sequence[str]) -> Callable[[], None]:
        signed = [_signed(token, algorithm) for token in tokens]

        def run() -> None:
            for signature, message in signed:
                verify(signature, message, *rest)

        return run

    return prepare


def _rest(algorithm: str) -> tuple[Any, ...]:
    """What `key.verify` wants besides signature and message."""
    sha256 = hashes.SHA256()
    salted = padding.PSS(mgf=padding.MGF1(sha256), salt_length=padding.PSS.DIGEST_LENGTH)
    return {
        "RS256": (padding.PKCS1v15(), sha256),
        "PS256": (salted, sha256),
        "ES256": (ec.ECDSA(sha256),),
        "EdDSA": (),
    }[algorithm]


def _signed(token: str, algorithm: str) -> tuple[bytes, bytes]:
    message, _, segment = token.rpartition(".")
    signature = base64.urlsafe_b64decode(segment + "==")
    if algorithm == "ES256":  # cryptography reads DER, a token carries r and s side by side
        half = len(signature) // 2
        signature = encode_dss_signature(
            *(int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
        )
    return signature, message.encode()


def decoding(decode: Callable[[str], object]) -> Prepare:
    """The contender that calls `decode` with each token."""

    def prepare(tokens: Sequence[str]) -> Callable[[], None]:
        def run() -> None:
            for token in tokens:
                decode(token)

        return run

    return prepare


def _pyjwt(pem: str) -> Callable[[str], object]:
    import jwt

    key: Any = serialization.load_pem_public_key(pem.encode())
    return lambda token: jwt.decode(
        token, key, algorithms=["RS256"], audience=AUDIENCE, issuer=ISSUER
    )


def _joserfc(pem: str) -> Callable[[str], object]:
    from joserfc import jwt
    from joserfc.jwk import RSAKey

    key = RSAKey.import_key(pem)
    claims = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER}, aud={"essential": True, "value": AUDIENCE}
    )

    def decode(token: str) -> object:
        decoded = jwt.decode(token, key, algorithms=["RS256"])
        claims.validate(decoded.claims)
        return decoded

    return decode


def _authlib(pem: str) -> Callable[[str], object]:
    from authlib.jose import JsonWebKey, JsonWebToken

    key = JsonWebKey.import_key(pem, {"kty": "RSA"})
    library = JsonWebToken(["RS256"])
    options = {
        "iss": {"essential": True, "value": ISSUER},
        "aud": {"essential": True, "value": AUDIENCE},
    }

    def decode(token: str) -> object:
        claims = library.decode(token, key, claims_options=options)
        claims.validate()
        return claims

    return decode


def _python_jose(pem: str) -> Callable[[str], object]:
    from jose import jwk, jwt

    key = jwk.construct(pem, algorithm="RS256")
    return lambda token: jwt.decode(
        token, key, algorithms=["RS256"], audience=AUDIENCE, issuer=ISSUER
    )


def _jwcrypto(pem: str) -> Callable[[str], object]:
    from jwcrypto import jwk, jwt

    key = jwk.JWK.from_pem(pem.encode())

    def decode(token: str) -> object:
        # The list of audiences is part of the claims, which jwcrypto compares with the one that is asked for.
        return jwt.JWT(
            jwt=token, key=key, algs=["RS256"], check_claims={"iss": ISSUER, "aud": AUDIENCE}
        ).claims

    return decode


#: By the name of the distribution: the module that must be importable, and how to use it.
LIBRARIES: Mapping[str, tuple[str, Make]] = {
    "PyJWT": ("jwt", _pyjwt),
    "joserfc": ("joserfc", _joserfc),
    "Authlib": ("authlib", _authlib),
    "python-jose": ("jose", _python_jose),
    "jwcrypto": ("jwcrypto", _jwcrypto),
}


def libraries(pem: str) -> dict[str, Prepare]:
    """The contenders that are installed here, with RS256."""
    return {
        name: decoding(make(pem))
        for name, (module, make) in LIBRARIES.items()
        if importlib.util.find_spec(module) is not None
    }


def absent() -> dict[str, str]:
    """The libraries that are not, and why."""
    return {
        name: f"{name} is not installed"
        for name, (module, _) in LIBRARIES.items()
        if importlib.util.find_spec(module) is None
    }


def subject(decoded: object) -> str:
    """The `sub` of whatever a library answered, to see that each of them read the token."""
    claims: Any = getattr(decoded, "claims", decoded)
    members = json.loads(claims) if isinstance(claims, str) else claims
    name: str = members["sub"]
    return name
