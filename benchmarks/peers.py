"""The peers: the libraries that decode a token and check its claims, and the bare signature."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from cryptography.hazmat.primitives import serialization

from benchmarks.bare import bare as bare
from benchmarks.measuring import Prepare
from benchmarks.minting import AUDIENCE, ISSUER

#: Returns, for a public key as PEM, the function that decodes one RS256 token or raises.
DecoderFactory = Callable[[str], Callable[[str], object]]


class Library(NamedTuple):
    """A library: the module that must be importable, and the factory of its decoder."""

    module: str
    make_decoder: DecoderFactory


def decoding(decode: Callable[[str], object]) -> Prepare:
    """Return a contender that calls `decode` with each token."""

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
        # jwcrypto checks that the list of audiences contains the expected one. With claims to check,
        # it checks the expiry only where it is among them; None stands for the present time.
        required = {"iss": ISSUER, "aud": AUDIENCE, "exp": None}
        return jwt.JWT(jwt=token, key=key, algs=["RS256"], check_claims=required).claims

    return decode


def _oxyjwt(pem: str) -> Callable[[str], object]:
    import oxyjwt

    key = oxyjwt.DecodingKey.from_rsa_pem(pem.encode())
    return lambda token: oxyjwt.decode(
        token, key, algorithms=["RS256"], audience=AUDIENCE, issuer=ISSUER
    )


def _jwtoxide(pem: str) -> Callable[[str], object]:
    import jwtoxide

    key = jwtoxide.DecodingKey.from_rsa_pem(pem)
    options = jwtoxide.ValidationOptions(
        aud={AUDIENCE}, iss={ISSUER}, required_spec_claims={"exp"}, algorithms=["RS256"]
    )
    return lambda token: jwtoxide.decode(token, key, options)


def _webtoken(pem: str) -> Callable[[str], object]:
    import webtoken

    return lambda token: webtoken.decode(
        token, pem, algorithms=["RS256"], audience=AUDIENCE, issuer=ISSUER
    )


#: The libraries by the names of their distributions.
LIBRARIES: Mapping[str, Library] = {
    "PyJWT": Library("jwt", _pyjwt),
    "joserfc": Library("joserfc", _joserfc),
    "Authlib": Library("authlib", _authlib),
    "python-jose": Library("jose", _python_jose),
    "jwcrypto": Library("jwcrypto", _jwcrypto),
    "oxyjwt": Library("oxyjwt", _oxyjwt),
    "jwtoxide": Library("jwtoxide", _jwtoxide),
    "webtoken": Library("webtoken", _webtoken),
}


def installed() -> list[str]:
    """Return the names of the libraries that are installed."""
    return [
        name
        for name, library in LIBRARIES.items()
        if importlib.util.find_spec(library.module) is not None
    ]


def absent() -> dict[str, str]:
    """Return the libraries that are not installed, and the reason for their absence."""
    names = [name for name in LIBRARIES if name not in installed()]
    return {name: f"{name} is not installed" for name in names}


def libraries(pem: str) -> dict[str, Prepare]:
    """Return the contenders of the installed libraries, with RS256."""
    return {name: decoding(LIBRARIES[name].make_decoder(pem)) for name in installed()}


def subject(decoded: object) -> str:
    """Return the `sub` of the object that a library returned."""
    claims: Any = getattr(decoded, "claims", decoded)
    members = json.loads(claims) if isinstance(claims, str) else claims
    name: str = members["sub"]
    return name
