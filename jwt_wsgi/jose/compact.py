"""The compact JWS, parsed strictly and verified over the received bytes (RFC 7515 §7.1)."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from jwt_wsgi.errors import InvalidToken
from jwt_wsgi.jose import encoding
from jwt_wsgi.jose.jwk import Key
from jwt_wsgi.jose.keys import KeySet
from jwt_wsgi.jose.strict_json import read_object

#: Bytes; far above honest tokens, and refused before any decoding.
MAX_TOKEN_BYTES = 16384

# Each changes what the signature means or covers (RFC 7515 §4.1.11, RFC 7797 §7);
# `zip` belongs to encryption (RFC 7516 §4.1.3).
_UNSUPPORTED = ("crit", "b64", "zip")


_NONE: Mapping[str, Any] = {}


class Compact(NamedTuple):
    """A token taken apart and not believed yet; `signing_input` and the `protected` header are as received."""

    header: dict[str, Any]
    payload: bytes
    signature: bytes
    signing_input: bytes
    protected: str


class Verified(NamedTuple):
    """A good signature's header and payload."""

    header: dict[str, Any]
    payload: bytes


def verify(token: str, keys: KeySet, algorithms: Collection[str]) -> Verified:
    """The header and payload of `token`, whose signature is good under one of `keys`.

    `algorithms` is the allow-list. No claim is looked at, and the payload need
    not be JSON. Raises `InvalidToken` for every token that is not good, and
    `ValueError` for `algorithms` that are one string.
    """
    if isinstance(algorithms, str):
        raise ValueError(f"algorithms is one string; write ({algorithms!r},)")
    compact = parse(token)
    alg = check_algorithm(compact.header, algorithms)
    check_signature(compact, alg, keys.find(compact.header.get("kid"), alg))
    return Verified(compact.header, compact.payload)


def parse(
    token: str, max_bytes: int = MAX_TOKEN_BYTES, known: Mapping[str, dict[str, Any]] = _NONE
) -> Compact:
    """`token` taken apart; raises `InvalidToken` unless it is exactly one compact JWS.

    `known` are headers read before, by their segments, which are not read again.
    """
    if not isinstance(token, str) or not token.isascii():
        raise InvalidToken("token_malformed")
    if len(token) > max_bytes:
        raise InvalidToken("token_too_large", expected=max_bytes, found=len(token))
    signed, _, signature = token.rpartition(".")
    protected, dot, payload = signed.partition(".")
    if not protected or not dot or not signature or "." in payload:
        raise InvalidToken("token_malformed", expected="three segments")
    header = known.get(protected)
    try:
        unread = b"" if header else encoding.decode(protected)
        octets = encoding.decode(payload), encoding.decode(signature)
    except ValueError as error:
        raise InvalidToken("token_malformed", found=str(error)) from None
    return Compact(
        header or _checked(read_segment(unread)), *octets, signed.encode("ascii"), protected
    )


def read_segment(text: bytes) -> dict[str, Any]:
    """The JSON object in a token's segment; raises `InvalidToken` where it is none."""
    try:
        return read_object(text)
    except ValueError as error:
        raise InvalidToken("token_malformed", found=str(error)) from None


def check_algorithm(header: dict[str, Any], algorithms: Collection[str]) -> str:
    """Return the header's `alg`; raise `InvalidToken` for one that is not in `algorithms`."""
    alg = header.get("alg")
    if not isinstance(alg, str) or alg not in algorithms:
        raise InvalidToken("algorithm_not_allowed", expected=sorted(algorithms), found=alg)
    return alg


def check_signature(compact: Compact, alg: str, keys: tuple[Key, ...]) -> None:
    """Raises `InvalidToken` unless one of `keys` verifies the received bytes."""
    if not keys:
        raise InvalidToken("kid_unknown", found=compact.header.get("kid"))
    for key in keys:
        if key.verifies(alg, compact.signing_input, compact.signature):
            return
    raise InvalidToken("signature_invalid", found=compact.header.get("kid"))


def _checked(header: dict[str, Any]) -> dict[str, Any]:
    for name in _UNSUPPORTED:
        if name in header:
            raise InvalidToken("header_unsupported", found=name)
    for name in ("kid", "typ"):
        if not isinstance(header.get(name, ""), str):
            raise InvalidToken("token_malformed", expected=f"{name} a string")
    return header
