"""Security event tokens and logout tokens, verified (RFC 8417, OpenID Back-Channel Logout 1.0)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from jwt_wsgi.errors import InvalidToken
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.issuer_registry import IssuerRegistry
from jwt_wsgi.jose.claim_lookup import ABSENT, is_date, required_claim
from jwt_wsgi.jose.claims import Dates, TokenProfile, check_audience, check_times, media_type
from jwt_wsgi.jose.compact import Compact, check_algorithm, check_signature, parse, read_segment
from jwt_wsgi.jwks.source import report_accepted_token, report_bad_signature
from jwt_wsgi.revocation.event_types import BACKCHANNEL_LOGOUT
from jwt_wsgi.revocation.request_body import MAX_BODY

_NEVER: Final = float("inf")


@dataclass(frozen=True, slots=True)
class EventForm:
    """One of the two forms of a delivery.

    Attributes:
        name: `set` or `logout`.
        types: The accepted values of `typ`; None stands for an absent one.
        required: The claims that must be there.
        forbidden: The claims that must not be there.
    """

    name: str
    types: tuple[str | None, ...]
    required: tuple[str, ...]
    forbidden: tuple[str, ...]


#: OpenID SSF 1.0 demands `typ`, and forbids `exp` and `sub`, against confusion with other tokens.
SECURITY_EVENT: Final = EventForm(
    "set", ("secevent+jwt",), ("iat", "jti", "events"), ("exp", "sub")
)
#: Back-Channel Logout 1.0 §2.4. `typ` came late to the specification, so it may be absent.
LOGOUT_TOKEN: Final = EventForm(
    "logout", ("logout+jwt", None), ("iat", "exp", "jti", "events"), ("nonce",)
)


@dataclass(frozen=True, slots=True)
class EventToken:
    """A verified delivery.

    Attributes:
        issuer: The issuer's name.
        jti: The identifier, unique for the issuer.
        iat: When it was issued, in seconds since the epoch.
        events: The events by their URI, each an object.
        claims: All claims.
        latest: The latest moment that an event may name, in seconds since the epoch.
    """

    issuer: str
    jti: str
    iat: float
    events: dict[str, dict[str, Any]]
    claims: dict[str, Any]
    latest: float


class EventTokenVerifier:
    """A judge of deliveries.

    Args:
        issuers: The trusted issuers.
        audiences: The receiver's names, of which one must be in `aud`.
        clock: Returns the time in seconds since the epoch.
    """

    def __init__(
        self, issuers: IssuerRegistry, audiences: frozenset[str], clock: Callable[[], float]
    ) -> None:
        self._issuers = issuers
        self._audiences = audiences
        self._clock = clock

    def verify(self, token: str, form: EventForm) -> EventToken:
        """Return what a delivery says, after all checks. The issuer is judged before any fetch.

        Args:
            token: The text of the token.
            form: The form that it must have.

        Raises:
            InvalidToken: The token is not good.
            KeysUnavailable: The issuer's keys are temporarily unknown.
        """
        compact = parse(token, MAX_BODY)
        _check_type(compact.header, form)
        claims = read_segment(compact.payload)
        issuer = self._choose_issuer(claims)
        alg = check_algorithm(compact.header, issuer.algorithms)
        now = self._clock()
        profile = TokenProfile(self._audiences, leeway=issuer.profile.leeway)
        event = _read_claims(claims, form, issuer.issuer, now + profile.leeway)
        check_audience(claims, profile)
        exp = claims["exp"] if "exp" in form.required else _NEVER
        check_times(Dates(exp, iat=event.iat), profile, now)
        _check_signature(compact, alg, issuer)
        self._issuers.confirm(issuer)
        report_accepted_token(issuer.keys, compact.header.get("kid"), alg)
        return event

    def _choose_issuer(self, claims: dict[str, Any]) -> Issuer:
        name = required_claim(claims, "iss")
        if not isinstance(name, str):
            raise InvalidToken("claim_malformed", expected="iss a string", found=name)
        issuer = self._issuers.get(name)
        if issuer is None:
            raise InvalidToken("issuer_mismatch", expected=self._issuers.description, found=name)
        return issuer


def _check_type(header: dict[str, Any], form: EventForm) -> None:
    typ = header.get("typ")
    name = typ if typ is None else media_type(typ)
    if name not in form.types:
        raise InvalidToken("type_mismatch", expected=form.types[0], found=header.get("typ", ABSENT))


def _check_signature(compact: Compact, alg: str, issuer: Issuer) -> None:
    kid = compact.header.get("kid")
    keys = issuer.keys.find(kid, alg)
    try:
        check_signature(compact, alg, keys)
    except InvalidToken:
        if keys:
            report_bad_signature(issuer.keys, kid, alg)
        raise


def _read_claims(claims: dict[str, Any], form: EventForm, issuer: str, latest: float) -> EventToken:
    for name in form.required:
        required_claim(claims, name)
    for name in form.forbidden:
        if name in claims:
            raise InvalidToken("claim_malformed", expected=f"no {name}", found=name)
    for name in ("iat", "exp"):
        if name in form.required and not is_date(claims[name]):
            raise InvalidToken("claim_malformed", expected=f"{name} a NumericDate")
    if not isinstance(claims["jti"], str) or claims["jti"] == "":
        raise InvalidToken("claim_malformed", expected="jti a string")
    events = _read_events(claims["events"])
    if form is LOGOUT_TOKEN:
        _check_logout(claims, events)
    return EventToken(issuer, claims["jti"], claims["iat"], events, claims, latest)


def _read_events(events: Any) -> dict[str, dict[str, Any]]:
    """Return the claim `events`: an object of objects, one at least (RFC 8417 §2.2)."""
    if not isinstance(events, dict) or not events:
        raise InvalidToken("claim_malformed", expected="events an object")
    if not all(isinstance(event, dict) for event in events.values()):
        raise InvalidToken("claim_malformed", expected="each event an object")
    return events


def _check_logout(claims: dict[str, Any], events: dict[str, dict[str, Any]]) -> None:
    if BACKCHANNEL_LOGOUT not in events:
        raise InvalidToken("claim_missing", expected="the event backchannel-logout")
    if "sub" not in claims and "sid" not in claims:
        raise InvalidToken("claim_missing", expected="sub or sid")
    for name in ("sub", "sid"):
        if name in claims and (not isinstance(claims[name], str) or claims[name] == ""):
            raise InvalidToken("claim_malformed", expected=f"{name} a string")
