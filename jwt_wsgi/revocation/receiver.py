"""`EventReceiver`: security events and logout tokens that end tokens, as a WSGI application."""

import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Literal, NamedTuple
from wsgiref.types import StartResponse, WSGIEnvironment

from jwt_wsgi.callbacks import CallbackFailed, call, check_callables
from jwt_wsgi.errors import InvalidToken, TemporarilyUnavailable
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.issuer_registry import IssuerRegistry, Resolver
from jwt_wsgi.jose.claim_lookup import is_date
from jwt_wsgi.request_body import media_type_of
from jwt_wsgi.revocation import answers, denials
from jwt_wsgi.revocation.deny_list import MARGIN, DenyList
from jwt_wsgi.revocation.event_tokens import (
    LOGOUT_TOKEN,
    SECURITY_EVENT,
    EventForm,
    EventToken,
    EventTokenVerifier,
)
from jwt_wsgi.revocation.event_types import ENDING, LOGOUT, UNREAD, kind_of
from jwt_wsgi.revocation.refusal import EventRefused, refusal_of
from jwt_wsgi.revocation.request_body import FORM_TYPE, SET_TYPE, read_form, read_text
from jwt_wsgi.revocation.subjects import SESSION, SUBJECT, Target, targets_of
from jwt_wsgi.stores import StoreUnavailable

logger = logging.getLogger("jwt_wsgi.revocation")

Outcome = Literal["accepted", "repeated", "refused", "unavailable"]


class ReceivedEvent(NamedTuple):
    """One delivery, as `on_event` receives it.

    Attributes:
        kind: `session-revoked`, `credential-change`, `account-disabled`, `account-purged`,
            `sessions-revoked`, `logout`, `verification`, `other` for events that end nothing, or
            `unread` for what was refused before its kind was known.
        outcome: `accepted`; `repeated` for one that was accepted before; `refused`; or
            `unavailable` if the keys or the store could not be reached.
        code: The code of RFC 8935 §2.4 if it was refused, else None.
    """

    kind: str
    outcome: Outcome
    code: str | None = None


#: Receives every delivery; its result is ignored.
OnEvent = Callable[[ReceivedEvent], object]


class _Ending(NamedTuple):
    """The tokens that end, and the cut-off in seconds since the epoch."""

    target: Target
    at: float


class EventReceiver:
    """A WSGI application that receives security events, and denies the tokens that they end.

    It takes security event tokens by push (RFC 8417, RFC 8935; OpenID Shared Signals Framework
    1.0) and logout tokens (OpenID Connect Back-Channel Logout 1.0). Mount it at a path of its own,
    which the rules make `PUBLIC`: the signature of the token is what authenticates the sender.

    Security events are answered 202, or 400 with `err` and `description`; logout tokens 200, or
    400 with `error`. If the keys or the store cannot be reached, the answer is 503 with
    `Retry-After`, so that the event is sent again.

    Args:
        issuers: Whose events are accepted: an `Issuer`, a resolver, or several, as for `Verifier`.
            Their keys, algorithms and leeway count, and their audience does not.
        deny: The deny list that is written to.
        audience: This receiver's name, or several, of which one must be in `aud`. For logout
            tokens it is the `client_id`.
        on_event: Called as `on_event(event)` with a `ReceivedEvent` for every delivery.
        clock: Returns the time in seconds since the epoch.

    Raises:
        ValueError: For invalid arguments, or the same issuer twice.
    """

    def __init__(
        self,
        issuers: Issuer | Resolver | Iterable[Issuer | Resolver],
        deny: DenyList,
        *,
        audience: str | Iterable[str],
        on_event: OnEvent | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        check_callables(on_event=on_event, clock=clock)
        if not isinstance(deny, DenyList):
            raise ValueError(f"deny={deny!r:.200}: write DenyList(store)")
        registry = IssuerRegistry(issuers)
        self._verifier = EventTokenVerifier(registry, _audiences(audience), clock)
        self._deny = deny
        self._on_event = on_event

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one delivery (PEP 3333)."""
        answer = answers.NOT_POST
        if environ.get("REQUEST_METHOD") == "POST":
            answer = self._receive(environ)
        start_response(answer.status, list(answer.headers))
        return [answer.body]

    def _receive(self, environ: WSGIEnvironment) -> answers.Answer:
        form = LOGOUT_TOKEN if media_type_of(environ) == FORM_TYPE else SECURITY_EVENT
        kind = LOGOUT if form is LOGOUT_TOKEN else UNREAD
        try:
            event = self._read_event(environ, form)
            if form is SECURITY_EVENT:
                kind = kind_of(event.events)
            outcome = self._process(event, form)
        except EventRefused as refusal:
            logger.info("refused an event (%s): %s", kind, refusal.description)
            self._report(ReceivedEvent(kind, "refused", refusal.code))
            return answers.refused(form, refusal)
        except TemporarilyUnavailable as error:
            logger.error("cannot verify an event (%s); answering 503", error.reason)
            self._report(ReceivedEvent(kind, "unavailable"))
            return answers.unavailable(error.retry_after)
        except StoreUnavailable as error:
            logger.error("cannot write an event (%s) to the store (%s); answering 503", kind, error)
            self._report(ReceivedEvent(kind, "unavailable"))
            return answers.unavailable(1)
        logger.info("%s an event (%s) of %s", outcome, kind, event.issuer)
        self._report(ReceivedEvent(kind, outcome))
        return answers.accepted(form)

    def _read_event(self, environ: WSGIEnvironment, form: EventForm) -> EventToken:
        if form is SECURITY_EVENT and media_type_of(environ) != SET_TYPE:
            raise EventRefused(f"The Content-Type must be {SET_TYPE}, or {FORM_TYPE}")
        token = read_text(environ)
        if form is LOGOUT_TOKEN:
            token = read_form(token)
        try:
            return self._verifier.verify(token, form)
        except InvalidToken as error:
            raise refusal_of(error) from None

    def _process(self, event: EventToken, form: EventForm) -> Outcome:
        """Write the denials of a verified event, and then note it, unless it was noted before."""
        find_endings = _logout_endings if form is LOGOUT_TOKEN else _event_endings
        endings = find_endings(event)
        if not endings:
            return "accepted"
        note = denials.entry_name(f"event {form.name}", event.issuer, event.jti)
        [earlier] = self._deny.store.get_many([note])
        if earlier is not None:
            return "repeated"
        for ending in endings:
            self._end(event.issuer, ending)
        self._deny.store.add(note, b"", self._deny.max_token_lifetime + MARGIN)
        return "accepted"

    def _end(self, issuer: str, ending: _Ending) -> None:
        kind, value = ending.target
        if kind == SUBJECT:
            self._deny.revoke_subject(issuer, value, at=ending.at)
        elif kind == SESSION:
            self._deny.revoke_session(issuer, value, at=ending.at)
        else:
            self._deny.revoke_token(issuer, value)

    def _report(self, event: ReceivedEvent) -> None:
        if self._on_event is None:
            return
        with suppress(CallbackFailed):
            call(
                self._on_event,
                event,
                name="on_event",
                consequence="the answer stands",
                logger=logger,
            )


def _logout_endings(event: EventToken) -> list[_Ending]:
    """Return what a logout token ends: its session, or without one every session of its user."""
    if "sid" in event.claims:
        return [_Ending(Target(SESSION, event.claims["sid"]), event.iat)]
    return [_Ending(Target(SUBJECT, event.claims["sub"]), event.iat)]


def _event_endings(event: EventToken) -> list[_Ending]:
    """Return what the events of a SET end; nothing for events that are not known.

    Raises:
        EventRefused: The subject or the time of a known event is not one that tokens have.
    """
    endings: list[_Ending] = []
    for uri, members in event.events.items():
        ending_event = ENDING.get(uri)
        if ending_event is None:
            continue
        at = _moment(members, event)
        targets = targets_of(
            event.claims.get("sub_id"), event.issuer, is_about_session=ending_event.is_about_session
        )
        endings += [_Ending(target, at) for target in targets]
    return endings


def _moment(members: dict[str, Any], event: EventToken) -> float:
    """Return the cut-off of an event: `event_timestamp` (CAEP 1.0), else the SET's `iat`."""
    moment = members.get("event_timestamp", event.iat)
    if not is_date(moment):
        raise EventRefused("event_timestamp: write seconds since the epoch")
    # Milliseconds would lock the user out for thousands of years.
    if moment > event.latest:
        raise EventRefused("event_timestamp: it is in the future")
    return float(moment)


def _audiences(audience: object) -> frozenset[str]:
    names: list[object] = [audience]
    if isinstance(audience, Iterable) and not isinstance(audience, str):
        names = list(audience)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError(
            f"audience={audience!r:.200}: write this receiver's name, such as its client_id"
        )
    return frozenset(str(name) for name in names)
