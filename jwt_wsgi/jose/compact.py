"""The compact JWS, parsed strictly and verified over the received bytes (RFC 7515 §7.1)."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from jwt_wsgi.errors import InvalidToken
from jwt_wsgi.jose import encoding
from jwt_wsgi.jose.jwk import Key
from jwt_wsgi.jose.keys import KeySet
from jwt_wsgi.jose.strict_json import read_object

#: Bytes. Honest tokens are far smaller; larger ones are refused before any decoding.
MAX_TOKEN_BYTES = 16384

# `crit` and `b64` change what the signature means or covers (RFC 7515 §4.1.11, RFC 7797 §7);
# `zip` belongs to encryption (RFC 7516 §4.1.3).
_UNSUPPORTED_PARAMETERS = ("crit", "b64", "zip")

_STRING_PARAMETERS = ("kid", "typ")

_WITH_PADDING = "base64url with padding (=)"

_NO_HEADERS: Mapping[str, dict[str, Any]] = {}


@dataclass(slots=True)
class Compact:
    """A parsed token, whose signature is not verified yet.

    Attributes:
        header: The header, as parsed.
        payload: The decoded payload.
        signature: The decoded signature.
        signing_input: The bytes that the signature covers, as received.
        protected: The header's segment, as received.
    """

    header: dict[str, Any]
    payload: bytes
    signature: bytes
    signing_input: bytes
    protected: str


class Verified(NamedTuple):
    """The contents of a token whose signature is valid.

    Attributes:
        header: The header.
        payload: The decoded payload, as it was signed.
    """

    header: dict[str, Any]
    payload: bytes


def verify(token: str, keys: KeySet, algorithms: Collection[str]) -> Verified:
    """Verify the signature of a token and return its header and payload.

    No claim is checked, and the payload need not be JSON.

    Args:
        token: The token in the compact serialization, 16 KiB at most.
        keys: The keys, of which one must have signed the token.
        algorithms: The allowed algorithms, such as `("RS256",)`.

    Raises:
        InvalidToken: The token is malformed, its algorithm is not allowed, or none of the
            keys verifies it.
        ValueError: `algorithms` is a single string.
    """
    if isinstance(algorithms, str):
        raise ValueError(f"algorithms is one string; write ({algorithms!r},)")
    compact = parse(token)
    alg = check_algorithm(compact.header, algorithms)
    kid = compact.header.get("kid")
    check_signature(compact, alg, keys.find(kid, alg))
    return Verified(compact.header, compact.payload)


def parse(
    token: str,
    max_bytes: int = MAX_TOKEN_BYTES,
    known_headers: Mapping[str, dict[str, Any]] = _NO_HEADERS,
    *,
    accept_padding: bool = False,
) -> Compact:
    """Parse a token without verifying it.

    Args:
        token: The token in the compact serialization.
        max_bytes: The greatest size of a token, in bytes.
        known_headers: Headers that were parsed before, by their segments. They are not
            parsed again.
        accept_padding: True to decode tokens with padding as well: then each segment has exactly
            the padding that it needs. `check_padding` says if the issuer writes such tokens.

    Raises:
        InvalidToken: `token` is not exactly one compact JWS, or its header is unsupported.
    """
    check_text(token, max_bytes)
    signing_input, last_dot, signature = token.rpartition(".")
    protected, dot, payload = signing_input.partition(".")
    if not protected or not dot or not signature or "." in payload:
        # Only the middle is searched for more dots; it is empty where a part is missing.
        segments = payload.count(".") + len(dot) + len(last_dot) + 1
        raise InvalidToken("token_malformed", expected="three segments", found=segments)
    decode: Callable[[str], bytes] = encoding.decode
    if accept_padding and "=" in token:
        decode = encoding.decode_padded
        # A known header may be one without padding.
        known_headers = _NO_HEADERS
    header = known_headers.get(protected)
    try:
        header_octets = decode(protected) if header is None else b""
        payload_octets = decode(payload)
        signature_octets = decode(signature)
    except ValueError as error:
        found = _WITH_PADDING if "=" in token and not accept_padding else str(error)
        raise InvalidToken("token_malformed", found=found) from None
    if header is None:
        header = read_segment(header_octets)
        _check_header(header)
    return Compact(
        header, payload_octets, signature_octets, signing_input.encode("ascii"), protected
    )


def check_padding(token: str, *, padded: bool) -> None:
    """Check that a parsed token has the form of its issuer's tokens.

    A token none of whose segments needs padding has both forms.

    Args:
        token: The token, which `parse` has accepted.
        padded: True if the issuer pads the segments of its tokens.

    Raises:
        InvalidToken: The token has the other form.
    """
    if "=" in token:
        if not padded:
            raise InvalidToken("token_malformed", found=_WITH_PADDING)
    elif padded and any(len(segment) % 4 for segment in token.split(".")):
        found = "base64url without padding"
        raise InvalidToken("token_malformed", expected=_WITH_PADDING, found=found)


def read_segment(octets: bytes) -> dict[str, Any]:
    """Return the JSON object of a token's decoded segment.

    Raises:
        InvalidToken: The segment is not a strict JSON object.
    """
    try:
        return read_object(octets)
    except ValueError as error:
        raise InvalidToken("token_malformed", found=str(error)) from None


def check_algorithm(header: Mapping[str, Any], algorithms: Collection[str]) -> str:
    """Return the header's `alg`, which must be one of `algorithms` (RFC 8725 §3.1).

    Raises:
        InvalidToken: `alg` is absent, not a string, or not allowed.
    """
    alg = header.get("alg")
    if not isinstance(alg, str) or alg not in algorithms:
        raise InvalidToken("algorithm_not_allowed", expected=sorted(algorithms), found=alg)
    return alg


def check_signature(compact: Compact, alg: str, keys: tuple[Key, ...]) -> None:
    """Check that one of `keys` verifies the received bytes.

    Raises:
        InvalidToken: There is no key, or none of them verifies the signature.
    """
    if not keys:
        raise InvalidToken("kid_unknown", found=compact.header.get("kid"))
    for key in keys:
        if key.verifies(alg, compact.signing_input, compact.signature):
            return
    raise InvalidToken("signature_invalid", found=compact.header.get("kid"))


def check_text(token: str, max_bytes: int) -> None:
    """Check that a token is ASCII text of an acceptable size.

    Raises:
        InvalidToken: It is not.
    """
    if not isinstance(token, str) or not token.isascii() or len(token) > max_bytes:
        raise _unacceptable(token, max_bytes)


def _unacceptable(token: object, max_bytes: int) -> InvalidToken:
    """Return the refusal of what is not ASCII text of an acceptable size."""
    if not isinstance(token, str):
        return InvalidToken("token_malformed", expected="text", found=type(token).__name__)
    if not token.isascii():
        return InvalidToken("token_malformed", expected="ASCII", found="another character")
    return InvalidToken("token_too_large", expected=max_bytes, found=len(token))


def _check_header(header: Mapping[str, Any]) -> None:
    for name in _UNSUPPORTED_PARAMETERS:
        if name in header:
            raise InvalidToken("header_unsupported", found=name)
    for name in _STRING_PARAMETERS:
        if not isinstance(header.get(name, ""), str):
            found = header[name]
            raise InvalidToken("token_malformed", expected=f"{name} a string", found=found)
