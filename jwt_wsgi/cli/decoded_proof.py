"""A DPoP proof for people to read: its members, and what is right and wrong about them. Pure.

The signature is verified with the key inside the proof. It says nothing about who made the proof.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from jwt_wsgi.cli.decoded_token import DecodedToken, decode_token
from jwt_wsgi.errors import InvalidToken
from jwt_wsgi.explain.dates import OUTSIDE_CALENDAR, distance, is_number, to_moment
from jwt_wsgi.jose.claims import media_type
from jwt_wsgi.jose.compact import parse
from jwt_wsgi.jose.proof_keys import read_proof_key
from jwt_wsgi.jose.public_keys import Unusable
from jwt_wsgi.jose.thumbprint import jwk_thumbprint
from jwt_wsgi.middleware.decisions import excerpt
from jwt_wsgi.possession.confirmation import Confirmation
from jwt_wsgi.possession.dpop import PROOF_ALGORITHMS
from jwt_wsgi.possession.proof import MAX_PROOF_BYTES, PROOF_TYPE, token_hash

#: Seconds that `iat` may lie in the past and in the future, the defaults of `DPoP`.
_MAX_AGE = 300
_LEEWAY = 30
#: Characters of a `jti` that is accepted.
_MAX_JTI = 256


class Check(NamedTuple):
    """A check of a proof.

    Attributes:
        name: The part that is checked.
        passed: None where the check cannot be made.
        found: What the proof has, in words, escaped and cut.
    """

    name: str
    passed: bool | None
    found: str


class BoundToken(NamedTuple):
    """The token that a proof comes with, not verified.

    Attributes:
        text: The token.
        confirmation: The keys that it is bound to, or None.
    """

    text: str
    confirmation: Confirmation | None


@dataclass(frozen=True, slots=True)
class DecodedProof:
    """The readable parts of a proof.

    Attributes:
        source: The place that it was read from.
        content: The decoded header and claims.
        thumbprint: The thumbprint of the key in it, or None if there is no public key.
        checks: The checks.
    """

    source: str
    content: DecodedToken
    thumbprint: str | None
    checks: tuple[Check, ...]


def is_proof(token: DecodedToken) -> bool:
    """Return True if the header says that this is a DPoP proof."""
    typ = (token.header or {}).get("typ")
    return isinstance(typ, str) and media_type(typ) == PROOF_TYPE


def decode_proof(proof: str, source: str, token: BoundToken | None, now: float) -> DecodedProof:
    """Decode a proof and make the checks that need no request.

    Args:
        proof: The text of the proof.
        source: The place that it was read from.
        token: The token that it comes with, or None.
        now: The time to compare `iat` with, in seconds since the epoch.
    """
    content = decode_token(proof)
    header = content.header or {}
    claims = content.claims or {}
    thumbprint = _thumbprint(header.get("jwk"))
    checks = [
        _check_size(content.size),
        *_check_header(header),
        check_signature(proof),
        _check_text(claims, "htm"),
        _check_text(claims, "htu"),
        _check_age(claims.get("iat"), now),
        _check_identifier(claims.get("jti")),
        _check_hash(claims.get("ath"), token),
        _check_binding(thumbprint, token),
    ]
    return DecodedProof(source, content, thumbprint, tuple(checks))


def check_signature(proof: str) -> Check:
    """Check the signature of a proof with the key inside it."""
    try:
        verifies = _verify(proof)
    except InvalidToken as error:
        return _unchecked(f"{error.expected or 'a compact JWS'} expected")
    except Unusable as error:
        return _unchecked(str(error))
    if verifies:
        return Check("signature", True, "good")
    return Check("signature", False, "does not verify with the key in jwk")


def _verify(proof: str) -> bool:
    """Return True if the signature is good.

    Raises:
        InvalidToken: The proof cannot be read.
        Unusable: Its key or its algorithm is not one of a proof.
    """
    compact = parse(proof, MAX_PROOF_BYTES, {})
    alg = compact.header.get("alg")
    jwk = compact.header.get("jwk")
    if not isinstance(alg, str) or alg not in PROOF_ALGORITHMS:
        raise Unusable("alg is not one of a proof")
    if not isinstance(jwk, dict):
        raise Unusable("jwk is not an object")
    key = read_proof_key(jwk, alg)
    return key.verifies(alg, compact.signing_input, compact.signature)


def _unchecked(why: str) -> Check:
    return Check("signature", None, f"not checked: {why}")


def _thumbprint(jwk: object) -> str | None:
    try:
        return jwk_thumbprint(jwk) if isinstance(jwk, dict) else None
    except ValueError:
        return None


def _check_size(size: int) -> Check:
    return Check("size", size <= MAX_PROOF_BYTES, f"{size} bytes, {MAX_PROOF_BYTES} at most")


def _check_header(header: Mapping[str, Any]) -> Iterator[Check]:
    typ = header.get("typ")
    is_right = isinstance(typ, str) and media_type(typ) == PROOF_TYPE
    yield Check("typ", is_right, excerpt(typ) if "typ" in header else "absent")
    alg = header.get("alg")
    yield Check("alg", alg in list(PROOF_ALGORITHMS), excerpt(alg) if "alg" in header else "absent")


def _check_text(claims: Mapping[str, Any], name: str) -> Check:
    """Check that a claim is there; its value needs the request."""
    if name not in claims:
        return Check(name, False, "absent")
    value = claims[name]
    if not isinstance(value, str):
        return Check(name, False, "not a text")
    return Check(name, None, excerpt(value))


def _check_age(iat: object, now: float) -> Check:
    if not is_number(iat):
        return Check("iat", False, "absent" if iat is None else "not a number")
    if to_moment(iat) is None:
        return Check("iat", False, OUTSIDE_CALENDAR)
    return Check("iat", now - _MAX_AGE <= iat <= now + _LEEWAY, distance(iat, now))


def _check_identifier(jti: object) -> Check:
    if not isinstance(jti, str):
        return Check("jti", False, "absent" if jti is None else "not a text")
    return Check("jti", 0 < len(jti) <= _MAX_JTI, f"{len(jti)} characters, {_MAX_JTI} at most")


def _check_hash(ath: object, token: BoundToken | None) -> Check:
    if not isinstance(ath, str):
        return Check("ath", False, "absent" if ath is None else "not a text")
    if token is None:
        return Check("ath", None, "no token to compare with")
    is_same = token.text.isascii() and token_hash(token.text) == ath
    return Check("ath", is_same, "the hash of this token" if is_same else "of another token")


def _check_binding(thumbprint: str | None, token: BoundToken | None) -> Check:
    if token is None:
        return Check("binding", None, "no token to compare with")
    if token.confirmation is None or token.confirmation.jkt is None:
        return Check("binding", False, "this token is not bound by DPoP (no jkt in cnf)")
    is_same = thumbprint == token.confirmation.jkt
    found = "the token is bound to this key" if is_same else "the token is bound to another key"
    return Check("binding", is_same, found)
