"""Claims that tell another kind of token: ID tokens, and tokens that report events."""

from collections.abc import Mapping
from typing import Any, Final

from jwt_wsgi.errors import InvalidToken
from jwt_wsgi.jose.claim_lookup import listed, required_claim

#: The claims by which an ID token can be recognised (OpenID Connect Core §2, §3.3.2.11).
_ID_TOKEN_CLAIMS: Final = ("at_hash", "c_hash", "s_hash")

#: The claim of security event tokens and logout tokens, which no access token has (RFC 8417 §2.2).
_EVENTS: Final = "events"

#: The claims that tell another kind of token.
TELLING_CLAIMS: Final = frozenset({*_ID_TOKEN_CLAIMS, _EVENTS})


def check_telling_claims(
    claims: Mapping[str, Any], id_token_audiences: frozenset[str] | None
) -> None:
    """Refuse a token with one of `TELLING_CLAIMS`, unless it is an acceptable ID token.

    OpenID Connect Core §3.1.3.7: where `aud` lists several parties, `azp` names the one that the
    token was issued to.

    Args:
        claims: The claims.
        id_token_audiences: The parties whose ID tokens are accepted; None accepts no ID token.

    Raises:
        InvalidToken: The token is of another kind, or an ID token for another party.
    """
    if _EVENTS in claims:
        raise InvalidToken("type_mismatch", found=_EVENTS)
    if id_token_audiences is None:
        present = [name for name in _ID_TOKEN_CLAIMS if name in claims]
        raise InvalidToken("id_token", found=present[0])
    if isinstance(claims.get("aud"), list) and len(claims["aud"]) > 1:
        _check_authorized_party(required_claim(claims, "azp"), id_token_audiences)


def _check_authorized_party(azp: Any, accepted: frozenset[str]) -> None:
    if not isinstance(azp, str) or azp not in accepted:
        expected = {"azp": listed(accepted)}
        raise InvalidToken("claim_mismatch", expected=expected, found=azp)
