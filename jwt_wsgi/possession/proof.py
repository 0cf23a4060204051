"""The checks of a DPoP proof, as a function of values (RFC 9449 §4.3).

The order differs from the RFC's, which allows any. The thumbprint of the key is compared with the
token's before the key is loaded, so a stranger's large key costs one hash.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from jwt_wsgi.errors import InvalidProof, InvalidToken, NonceRequired
from jwt_wsgi.jose import encoding
from jwt_wsgi.jose.claim_lookup import ABSENT, is_date
from jwt_wsgi.jose.claims import media_type
from jwt_wsgi.jose.compact import Compact, parse, read_segment
from jwt_wsgi.jose.proof_keys import check_public, read_proof_key
from jwt_wsgi.jose.public_keys import Unusable
from jwt_wsgi.jose.thumbprint import jwk_thumbprint
from jwt_wsgi.possession.nonces import DPoPNonces
from jwt_wsgi.possession.proof_headers import KnownHeader, ProofHeaders

#: Bytes. Larger proofs are refused before any decoding.
MAX_PROOF_BYTES: Final = 8192

#: The media type of a proof (RFC 9449 §4.2).
PROOF_TYPE: Final = "dpop+jwt"

#: Characters of a `jti`, which the replay check hashes.
_MAX_JTI: Final = 256


class ProofLimits(NamedTuple):
    """The limits that a stack sets for proofs.

    Attributes:
        algorithms: The allowed signature algorithms.
        max_age: The greatest age of a proof, in seconds.
        leeway: How far `iat` may lie in the future, in seconds.
        nonces: Issues and checks nonces; None demands none.
    """

    algorithms: frozenset[str]
    max_age: float
    leeway: float
    nonces: DPoPNonces | None = None


class ProvenRequest(NamedTuple):
    """The request and the token that a proof must have been made for.

    Attributes:
        token: The text of the token.
        thumbprint: The thumbprint that the token is bound to, `cnf.jkt`.
        method: The method of the request.
        is_target: Returns whether an `htu` names the request.
        target: The request's target, whose text the log may show.
        now: The time in seconds since the epoch.
    """

    token: str
    thumbprint: str
    method: str
    is_target: Callable[[str], bool]
    target: object
    now: float


class ProofClaims(NamedTuple):
    """The claims of a good proof that are needed afterwards.

    Attributes:
        jti: The identifier of the proof.
        nonce_age: The age of its nonce in seconds, or None where none is demanded.
    """

    jti: str
    nonce_age: float | None = None


def check_proof(
    proof: str, request: ProvenRequest, limits: ProofLimits, known: ProofHeaders
) -> ProofClaims:
    """Check a proof completely, except for its replay.

    Args:
        proof: The value of the header `DPoP`.
        request: The request and the token that it must belong to.
        limits: The limits of the stack.
        known: The memory of headers. The proof's header is added if the proof is good.

    Returns:
        The claims that the replay check and the answer need.

    Raises:
        InvalidProof: The proof is malformed, forged, or made for something else.
        NonceRequired: It lacks a current nonce.
        InvalidToken: The token is bound to another key (`binding_mismatch`).
    """
    segment = proof.partition(".")[0]
    header = known.get(segment)
    compact = _parse(proof, segment, header)
    if header is None:
        alg = _check_header(compact.header, limits.algorithms)
        thumbprint = _read_thumbprint(compact.header["jwk"])
        _check_binding(thumbprint, request.thumbprint)
        header = _load_header(compact.header, alg, thumbprint)
    else:
        _check_algorithm(header.alg, limits.algorithms)
        _check_binding(header.thumbprint, request.thumbprint)
    if not header.key.verifies(header.alg, compact.signing_input, compact.signature):
        raise InvalidProof("proof_signature_invalid")
    claims = _check_claims(_read(compact.payload), request, limits)
    known.remember(segment, header)
    return claims


def _parse(proof: str, segment: str, header: KnownHeader | None) -> Compact:
    """Return the parsed proof; the reasons of a malformed token become those of a proof."""
    if "," in proof:
        raise InvalidProof(expected="one proof", found="a comma in the header DPoP")
    # The members of a known header are not needed again.
    known: dict[str, dict[str, Any]] = {} if header is None else {segment: {}}
    try:
        return parse(proof, MAX_PROOF_BYTES, known)
    except InvalidToken as error:
        raise _malformed(error) from None


def _read(payload: bytes) -> dict[str, Any]:
    try:
        return read_segment(payload)
    except InvalidToken as error:
        raise _malformed(error) from None


def _malformed(error: InvalidToken) -> InvalidProof:
    """Return the refusal of a proof for a reason that a token could have, too."""
    is_shown = error.expected is None or not str(error.expected).endswith("a string")
    found = error.found if is_shown else "a value of another type"
    return InvalidProof("proof_malformed", expected=error.expected or "a compact JWS", found=found)


def _check_header(header: Mapping[str, Any], algorithms: frozenset[str]) -> str:
    """Check `typ`, `alg` and the form of `jwk`; return the algorithm."""
    if media_type(header.get("typ", "")) != PROOF_TYPE:
        raise InvalidProof(expected=f"typ {PROOF_TYPE}", found="another typ, or none")
    alg = _check_algorithm(header.get("alg", ABSENT), algorithms)
    jwk = header.get("jwk", ABSENT)
    if not isinstance(jwk, dict):
        found = "no jwk" if jwk is ABSENT else "jwk of another type"
        raise InvalidProof(expected="jwk an object", found=found)
    try:
        check_public(jwk)
    except Unusable as error:
        raise InvalidProof(expected="a public key in jwk", found=str(error)) from None
    return alg


def _check_algorithm(alg: object, algorithms: frozenset[str]) -> str:
    if not isinstance(alg, str) or alg not in algorithms:
        raise InvalidProof("proof_algorithm_not_allowed", expected=sorted(algorithms), found=alg)
    return alg


def _read_thumbprint(jwk: dict[str, Any]) -> str:
    try:
        return jwk_thumbprint(jwk)
    except ValueError as error:
        raise InvalidProof(expected="a public key in jwk", found=str(error)) from None


def _check_binding(thumbprint: str, expected: str) -> None:
    if thumbprint != expected:
        raise InvalidToken(
            "binding_mismatch", expected="a proof with the token's key", found="another key"
        )


def _load_header(members: dict[str, Any], alg: str, thumbprint: str) -> KnownHeader:
    try:
        key = read_proof_key(members["jwk"], alg)
    except Unusable as error:
        raise InvalidProof(expected=f"a public key for {alg} in jwk", found=str(error)) from None
    return KnownHeader(alg, thumbprint, key)


def _check_claims(
    claims: Mapping[str, Any], request: ProvenRequest, limits: ProofLimits
) -> ProofClaims:
    """Check the claims: first their types, then the values, then the times."""
    jti = _read_text(claims, "jti")
    method = _read_text(claims, "htm")
    target = _read_text(claims, "htu")
    digest = _read_text(claims, "ath")
    iat = claims.get("iat", ABSENT)
    if not is_date(iat):
        raise _claim_malformed("iat", "a NumericDate", is_absent=iat is ABSENT)
    if not 0 < len(jti) <= _MAX_JTI:
        raise InvalidProof(expected=f"jti of 1 to {_MAX_JTI} characters", found=len(jti))
    if method != request.method:
        raise InvalidProof("proof_mismatch", expected=f"htm {request.method}", found=method)
    if not request.is_target(target):
        raise InvalidProof("proof_mismatch", expected=f"htu {request.target}", found=target)
    if digest != token_hash(request.token):
        raise InvalidProof("proof_mismatch", expected="ath of this token", found="another ath")
    _check_age(iat, request.now, limits)
    return ProofClaims(jti, _check_nonce(claims, request.now, limits))


def token_hash(token: str) -> str:
    """Return the value of `ath` for a token (RFC 9449 §4.2)."""
    return encoding.encode(hashlib.sha256(token.encode("ascii")).digest())


def _check_age(iat: float, now: float, limits: ProofLimits) -> None:
    if not now - limits.max_age <= iat <= now + limits.leeway:
        raise InvalidProof(
            "proof_expired",
            expected=f"iat from {now - limits.max_age:.0f} to {now + limits.leeway:.0f}",
            found=iat,
        )


def _check_nonce(claims: Mapping[str, Any], now: float, limits: ProofLimits) -> float | None:
    """Return the age of the nonce; None where none is demanded."""
    if limits.nonces is None:
        return None
    if "nonce" not in claims:
        raise NonceRequired(expected="a nonce of this API", found="no nonce")
    age = limits.nonces.age(_read_text(claims, "nonce"), now, limits.leeway)
    if age is None:
        raise NonceRequired(expected="a nonce of this API", found="another nonce, or an old one")
    return age


def _read_text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name, ABSENT)
    if not isinstance(value, str):
        raise _claim_malformed(name, "a string", is_absent=value is ABSENT)
    return value


def _claim_malformed(name: str, form: str, *, is_absent: bool) -> InvalidProof:
    found = f"no {name}" if is_absent else f"{name} of another type"
    return InvalidProof(expected=f"{name} {form}", found=found)
