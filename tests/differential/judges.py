"""The four judges, each with the same keys, rules and time: this package, PyJWT, joserfc, Authlib."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, tzinfo
from functools import cache
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

import joserfc.jwt
import jwt
from joserfc.jwk import JWKRegistry
from joserfc.jws import JWSRegistry
from joserfc.registry import HeaderParameter

from differential.keyrings import SECRET, Keyring, keyring
from jwt_wsgi import Issuer, StaticJWKS
from jwt_wsgi.errors import InvalidToken
from jwt_wsgi.jose import KeySet
from jwt_wsgi.jose.compact import MAX_TOKEN_BYTES
from jwt_wsgi.verifier import Verifier

with warnings.catch_warnings():
    from authlib.deprecate import AuthlibDeprecationWarning

    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.jose import JsonWebKey, JsonWebToken
    from authlib.jose.errors import DecodeError
    from authlib.jose.util import extract_header

NOW = 1_800_000_000
LEEWAY = 30
ISSUER = "https://issuer.test/"
AUDIENCE = "https://api.test"

#: Refuses by raising.
Judge = Callable[[str], object]


@cache
def ours(ring: str) -> Verifier:
    keys = keyring(ring)
    symmetric = not {*keys.algorithms}.isdisjoint(SECRET)
    issuer = Issuer(
        ISSUER,
        audience=AUDIENCE,
        algorithms=keys.algorithms,
        leeway=LEEWAY,
        keys=StaticJWKS(KeySet.from_jwks(keys.jwks, symmetric=symmetric)),
    )
    return Verifier(issuer, clock=lambda: NOW)


def our_refusal(ring: str, token: str) -> InvalidToken | None:
    """Whatever else is raised is an error of ours, and reaches the caller."""
    try:
        ours(ring).verify(token)
    except InvalidToken as refusal:
        return refusal
    return None


def their_refusals(ring: str, token: str) -> dict[str, Exception]:
    """Library -> why it refuses; a library that falls over has refused."""
    refusals: dict[str, Exception] = {}
    for library, judge in _judges(ring).items():
        try:
            judge(token)
        except Exception as error:
            refusals[library] = error
    return refusals


@cache
def _judges(ring: str) -> Mapping[str, Judge]:
    keys = keyring(ring)
    return MappingProxyType(
        {"pyjwt": _pyjwt(keys), "joserfc": _joserfc(keys), "authlib": _authlib(keys)}
    )


LIBRARIES = frozenset({"pyjwt", "joserfc", "authlib"})


def _loaded(keys: Keyring, load: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    loaded = {}
    for kid, key in keys.keys.items():
        with suppress(Exception):
            loaded[kid] = load(dict(key.jwk))
    return loaded


def _any_of(
    keys: Keyring, loaded: dict[str, Any], header: dict[str, Any], judge: Callable[[Any], object]
) -> object:
    refusal: Exception = LookupError("no key")
    for kid in keys.candidates(header):
        try:
            return judge(loaded[kid])
        except Exception as error:
            refusal = error
    raise refusal


def _pyjwt(keys: Keyring) -> Judge:
    # A key that names no algorithm would be taken for RS256's; bare, it serves what the allow-list says.
    loaded = _loaded(keys, lambda jwk: jwt.PyJWK(jwk) if "alg" in jwk else jwt.PyJWK(jwk).key)
    options = {"require": ["iss", "aud", "exp"]}

    def judge(token: str) -> object:
        def under(key: Any) -> object:
            return jwt.decode(
                token,
                key,
                algorithms=list(keys.algorithms),
                issuer=ISSUER,
                audience=AUDIENCE,
                leeway=LEEWAY,
                options=options,
            )

        return _any_of(keys, loaded, jwt.get_unverified_header(token), under)

    return judge


# Members of the header that nobody reads are not looked at; joserfc would judge their form.
_UNREAD = {
    name: HeaderParameter("not read", lambda _: None)
    for name in ("jku", "jwk", "x5u", "x5c", "x5t", "cty", "enc")
}


def _joserfc(keys: Keyring) -> Judge:
    loaded = _loaded(keys, JWKRegistry.import_key)
    registry = JWSRegistry(_UNREAD, algorithms=keys.algorithms, strict_check_header=False)
    registry.max_header_length = MAX_TOKEN_BYTES
    claims = joserfc.jwt.JWTClaimsRegistry(
        now=NOW,
        leeway=LEEWAY,
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": AUDIENCE},
        exp={"essential": True},
    )

    def judge(token: str) -> object:
        header = joserfc.jws.extract_compact(token.encode(), registry=registry).headers()

        def under(key: Any) -> object:
            return joserfc.jwt.decode(token, key, algorithms=keys.algorithms, registry=registry)

        decoded = _any_of(keys, loaded, header, under)
        claims.validate(decoded.claims)
        return decoded

    return judge


def _authlib(keys: Keyring) -> Judge:
    loaded = _loaded(keys, JsonWebKey.import_key)
    decoder = JsonWebToken(list(keys.algorithms))
    options = {
        "iss": {"essential": True, "value": ISSUER},
        "aud": {"essential": True, "value": AUDIENCE},
        "exp": {"essential": True},
    }

    def judge(token: str) -> object:
        header = extract_header(token.partition(".")[0].encode(), DecodeError)
        claims = _any_of(
            keys, loaded, header, lambda key: decoder.decode(token, key, claims_options=options)
        )
        claims.validate(now=NOW, leeway=LEEWAY)
        return claims

    return judge


class _StandingTime(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime.fromtimestamp(NOW, tz)


@contextmanager
def standing_time() -> Iterator[None]:
    """PyJWT takes no time as an argument; the others have been told theirs."""
    with patch.object(jwt.api_jwt, "datetime", _StandingTime):
        yield
