"""Hints for people about a refused token: what kind of token it seems to be, and what to do.

A hint is a guess from the outside of a token. Nothing is verified, nothing of the token is quoted,
and no verdict depends on it.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from jwt_wsgi.jose import encoding
from jwt_wsgi.jose.algorithms import ALGORITHMS, SYMMETRIC
from jwt_wsgi.jose.claims import media_type
from jwt_wsgi.jose.compact import MAX_TOKEN_BYTES
from jwt_wsgi.jose.strict_json import read_object

#: The audiences of Microsoft Graph: its application ID, and its URLs.
_GRAPH_ID = "00000003-0000-0000-c000-000000000000"
_GRAPH_HOST = "https://graph.microsoft."

_ID_TOKEN_CLAIMS = frozenset({"at_hash", "c_hash", "s_hash"})


class Hint(NamedTuple):
    """The kind of token that a refused one seems to be.

    Attributes:
        kind: A stable name, such as "microsoft_graph".
        meaning: What the token seems to be, as a sentence.
        remedy: What to do about it, as a sentence.
    """

    kind: str
    meaning: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.meaning} {self.remedy}"


class _Outside(NamedTuple):
    """A token from the outside: its segments, and what could be read of the first two."""

    segments: tuple[str, ...]
    header: Mapping[str, Any]
    claims: Mapping[str, Any]

    @property
    def alg(self) -> str:
        """The header's `alg`, or an empty text."""
        alg = self.header.get("alg")
        return alg if isinstance(alg, str) else ""


class _Row(NamedTuple):
    hint: Hint
    applies: Callable[[_Outside, str], bool]


def _is_encrypted(token: _Outside, _reason: str) -> bool:
    return len(token.segments) == 5 or "enc" in token.header


def _is_opaque(token: _Outside, _reason: str) -> bool:
    return len(token.segments) != 3


def _is_for_graph(token: _Outside, _reason: str) -> bool:
    audience = token.claims.get("aud")
    if not isinstance(audience, str):
        return False
    return audience == _GRAPH_ID or audience.startswith(_GRAPH_HOST)


def _is_from_load_balancer(token: _Outside, _reason: str) -> bool:
    return "signer" in token.header and "client" in token.header


def _is_padded(token: _Outside, reason: str) -> bool:
    return reason == "token_malformed" and any(part.endswith("=") for part in token.segments)


def _is_id_token(token: _Outside, reason: str) -> bool:
    if not _ID_TOKEN_CLAIMS.isdisjoint(token.claims):
        return True
    return "nonce" in token.claims and reason in ("audience_mismatch", "claim_missing")


def _is_dpop_proof(token: _Outside, _reason: str) -> bool:
    typ = token.header.get("typ")
    return isinstance(typ, str) and media_type(typ) == "dpop+jwt"


def _is_security_event(token: _Outside, _reason: str) -> bool:
    return "events" in token.claims


def _is_unsigned(token: _Outside, _reason: str) -> bool:
    return token.alg.lower() == "none"


def _has_secret_algorithm(token: _Outside, reason: str) -> bool:
    return reason == "algorithm_not_allowed" and token.alg in SYMMETRIC


def _has_unknown_algorithm(token: _Outside, reason: str) -> bool:
    return reason == "algorithm_not_allowed" and token.alg not in ALGORITHMS


def _has_other_algorithm(_token: _Outside, reason: str) -> bool:
    return reason == "algorithm_not_allowed"


def _is_of_other_issuer(_token: _Outside, reason: str) -> bool:
    return reason == "issuer_mismatch"


#: The kinds of tokens that are sent by mistake, the most specific first.
_TABLE = (
    _Row(
        Hint(
            "encrypted",
            "It is an encrypted token (JWE), which only its recipient can read.",
            "Configure the authorization server to issue signed access tokens (JWS) for this API.",
        ),
        _is_encrypted,
    ),
    _Row(
        Hint(
            "padded",
            "A segment has base64 padding (=), as AWS load balancers write it.",
            "Send the access token that the client received, not x-amzn-oidc-data; or trust the "
            "load balancer with presets.aws_alb, or such an issuer with Issuer(padded=True).",
        ),
        _is_padded,
    ),
    _Row(
        Hint(
            "opaque",
            "It is not a JWT: an opaque token, or only a part of a token.",
            "Request a token for this API's audience; many servers issue JWTs only then.",
        ),
        _is_opaque,
    ),
    _Row(
        Hint(
            "microsoft_graph",
            "It is an access token for Microsoft Graph, which only Graph can verify.",
            "Request a scope of this API (api://<client id>/<scope>) instead of User.Read.",
        ),
        _is_for_graph,
    ),
    _Row(
        Hint(
            "load_balancer",
            "It is the token of an AWS load balancer about the user (x-amzn-oidc-data).",
            "Compare its signer, client and iss with presets.aws_alb; or send the access token "
            "that the client received from its authorization server.",
        ),
        _is_from_load_balancer,
    ),
    _Row(
        Hint(
            "dpop_proof",
            "It is a DPoP proof, which accompanies a token and is none.",
            "Send the proof in the header DPoP, and the access token in Authorization: DPoP.",
        ),
        _is_dpop_proof,
    ),
    _Row(
        Hint(
            "security_event",
            "It is a security event or a logout token, and grants nothing.",
            "Send the access token.",
        ),
        _is_security_event,
    ),
    _Row(
        Hint(
            "id_token",
            "It is an ID token, which tells a client who the user is.",
            "Send the access token of the same response.",
        ),
        _is_id_token,
    ),
    _Row(
        Hint(
            "unsigned",
            "It has no signature (alg none).",
            "Send a token that an authorization server signed.",
        ),
        _is_unsigned,
    ),
    _Row(
        Hint(
            "secret_algorithm",
            "It is signed with a shared secret (an HS algorithm), which this issuer may not use.",
            "Set the client or the API to RS256 or ES256 at the authorization server, "
            "or configure SharedSecret.",
        ),
        _has_secret_algorithm,
    ),
    _Row(
        Hint(
            "unknown_algorithm",
            "Its algorithm is not one that this package knows.",
            "Configure the authorization server to sign with one of the allowed algorithms.",
        ),
        _has_unknown_algorithm,
    ),
    _Row(
        Hint(
            "other_algorithm",
            "Its algorithm is known, but not allowed for this issuer.",
            "Add it to Issuer(algorithms=[...]) if the authorization server really uses it.",
        ),
        _has_other_algorithm,
    ),
    _Row(
        Hint(
            "other_issuer",
            "It is of another issuer or environment than the configured ones.",
            "Compare iss with the configured issuer: the tenant, the environment, a slash at the "
            "end.",
        ),
        _is_of_other_issuer,
    ),
)

#: Every kind of hint, for documentation and tests.
KINDS = tuple(row.hint.kind for row in _TABLE)


def hint_for(token: str, reason: str) -> Hint | None:
    """Return the hint for a refused token, or None.

    Args:
        token: The token as it was sent. One above 16 KiB is not looked at.
        reason: The reason of the refusal.
    """
    if len(token) > MAX_TOKEN_BYTES:
        return None
    outside = _look_at(token)
    for row in _TABLE:
        if row.applies(outside, reason):
            return row.hint
    return None


def _look_at(token: str) -> _Outside:
    segments = tuple(token.split(".", 5))
    header: Mapping[str, Any] = {}
    claims: Mapping[str, Any] = {}
    if len(segments) in (3, 5):
        header = _read(segments[0])
    if len(segments) == 3:
        claims = _read(segments[1])
    return _Outside(segments, header, claims)


def _read(segment: str) -> Mapping[str, Any]:
    """Return the object in a segment, or an empty one; padding is forgiven."""
    try:
        return read_object(encoding.decode(segment.rstrip("=")))
    except ValueError:
        return {}
