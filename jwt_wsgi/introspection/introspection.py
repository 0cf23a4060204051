"""`Introspection`: an issuer of opaque tokens, whose endpoint is asked about them (RFC 7662)."""

import logging
import os
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from jwt_wsgi.callbacks import CallbackFailed, ask, check_callables
from jwt_wsgi.errors import InvalidToken, TemporarilyUnavailable
from jwt_wsgi.http.fetching import DeadlineFetcher, Send
from jwt_wsgi.http.headers import Headers
from jwt_wsgi.http.urls import PlainHTTPError
from jwt_wsgi.introspection.answers import AnswerCache
from jwt_wsgi.introspection.calls import CallLimits, Calls
from jwt_wsgi.introspection.client_authentication import ClientAuthentication
from jwt_wsgi.introspection.endpoint import ENDPOINT, Endpoint
from jwt_wsgi.introspection.events import IntrospectionStatus, OnFetch
from jwt_wsgi.introspection.judgement import INACTIVE, Refusal
from jwt_wsgi.jose.claim_lookup import ClaimName, check_claim_name
from jwt_wsgi.jwks.discovery import Location
from jwt_wsgi.jwks.limits import check_positive_seconds, check_seconds
from jwt_wsgi.jwks.loading import check_bound
from jwt_wsgi.possession.judgement import BindingRules
from jwt_wsgi.scope_hierarchy import ScopeImplies, read_hierarchy
from jwt_wsgi.token_facts import VerifiedToken
from jwt_wsgi.token_options import Audience, check_flag, check_issuer_name, token_profile

logger = logging.getLogger("jwt_wsgi.introspection")

#: Bytes of a random token that `warm_up` asks about.
_RANDOM_BYTES: Final = 32

#: The reasons for which the endpoint ends a token whose own claims count.
_ENDED: Final = frozenset({"token_inactive", "token_expired"})


class Introspection:
    """An authorization server that is asked whether a token is active, and what it says.

    Nothing is asked before the first token. Answers are cached by the SHA-256 of their token, and
    never beyond `exp`. Requests with the same token share one call.

    Args:
        endpoint: The https URL of the introspection endpoint. Plain http is accepted on loopback.
            None discovers it from the issuer's metadata (RFC 8414 §2).
        issuer: The issuer's name. An answer that has `iss` must have exactly this one.
        audience: The API's identifier, or several; one of them must be in the answer's `aud`.
            `ANY_AUDIENCE` waives the check. Then an answer must have `token_type`.
        client_auth: How this API says who it is: `ClientSecretBasic`, `ClientSecretPost`,
            `PrivateKeyJWT` or `BearerToken` of `jwt_wsgi.introspection`.
        leeway: Seconds, 0 to 300, that every date is off at most. Default 30.
        claims: Maps a member of the answer (a tuple is a path into nested objects) to its required
            value, to a predicate of the value, or to `...`, which requires that it is present.
        scope_claim: The member that grants scopes, instead of `scope` or else `scp`.
        scope_implies: Maps a scope to a list of the scopes that it implies, as for `Issuer`. It
            holds for tokens that the endpoint alone judges.
        sender_constrained: True refuses tokens that are not bound to a key, and requests that do
            not prove it.
        timeout: Seconds that a request waits at most, for a place and for the answer. Default 5.
        max_bytes: The largest answer that is accepted, in bytes. Default 524288.
        headers: Headers to send with every call: a mapping, or a callable that returns one.
        ca_certs: A PEM file of trusted roots in place of the system's.
        allow_http: True to accept plain http on any host. Default False.
        fetch: A function that replaces the built-in client. It is called as
            `fetch(url, form, headers)` and returns the body, or a `Reply`. `form` is the body of
            a POST as bytes, or None for a GET of the metadata. A status other than 200 is a
            `FetchError` with that `status`; any other exception is a failure of the endpoint.
        cache_ttl: Seconds that an answer about an active token is used. Default 60; 0 asks for
            every request.
        negative_ttl: Seconds that other answers are used, and active ones that are refused.
            Default 10.
        max_cached: How many answers about active tokens are cached, and how many others. Default
            10000; 0 caches none.
        max_concurrent: The number of calls at a time. Others wait for a place. Tokens that were
            never active get at most half of the places, one at least. Default 8.
        accepts: Takes the text of a token; where the result is false, or it raises, the token is
            refused without a call. By default every b64token (RFC 6750 §2.1) is asked about.
        on_fetch: Called with an `IntrospectionCall` after every call.
        clock: Returns monotonic seconds.

    Attributes:
        issuer: The issuer's name.
        profile: The requirements for its tokens.
        scope_claim: The member that grants scopes, or None for the usual ones.
        scope_hierarchy: The scopes that imply others, with all that follows from `scope_implies`.
        binding_rules: The rules about tokens that are bound to a key.
        answers: The cache of the endpoint's answers.

    Raises:
        ValueError: For invalid arguments; the text names the option, the value and the remedy.
    """

    #: Nothing else is asked about a token that was asked about.
    introspect: Final = None

    def __init__(
        self,
        endpoint: str | None,
        *,
        issuer: str,
        audience: Audience,
        client_auth: ClientAuthentication,
        leeway: float = 30,
        claims: Mapping[ClaimName, Any] | None = None,
        scope_claim: ClaimName | None = None,
        scope_implies: ScopeImplies | None = None,
        sender_constrained: bool = False,
        timeout: float = 5.0,
        max_bytes: int = 524288,
        headers: Headers | None = None,
        ca_certs: str | os.PathLike[str] | None = None,
        allow_http: bool = False,
        fetch: Send | None = None,
        cache_ttl: float = 60,
        negative_ttl: float = 10,
        max_cached: int = 10_000,
        max_concurrent: int = 8,
        accepts: Callable[[str], object] | None = None,
        on_fetch: OnFetch | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_callables(fetch=fetch, accepts=accepts, on_fetch=on_fetch, clock=clock)
        self.issuer = check_issuer_name(issuer)
        self.profile = token_profile("introspected", audience, leeway, claims)
        self.scope_claim = None
        if scope_claim is not None:
            self.scope_claim = check_claim_name("scope_claim", scope_claim)
        self.scope_hierarchy = read_hierarchy(scope_implies)
        check_flag("sender_constrained", sender_constrained)
        self.binding_rules = BindingRules(sender_constrained)
        self._accepts = accepts
        self._location = _location(endpoint, issuer, allow_http)
        self.answers = _cache(cache_ttl, negative_ttl, max_cached)
        self.answers.keep_claims(self.profile.claim_reads)
        endpoint_of_issuer = Endpoint(
            self._location,
            _check_client_auth(client_auth),
            _sender(fetch, timeout, max_bytes, headers, ca_certs),
            self,
            max_bytes,
            self.answers.keep,
        )
        self._calls = Calls(
            endpoint_of_issuer, self.answers, _limits(timeout, max_concurrent), on_fetch, clock
        )

    def verify(self, token: str, now: float) -> VerifiedToken:
        """Return the answer about an active token, whose contents are good.

        Its times, predicates, possession and revocation are judged for each request.

        Args:
            token: The token's text, which is one b64token.
            now: The time in seconds since the epoch.

        Raises:
            InvalidToken: The token is not active, or its contents are not good.
            TemporarilyUnavailable: The endpoint does not answer at the moment.
        """
        self._check_shape(token)
        answer = self._calls.find_answer(token, now)
        if isinstance(answer, Refusal):
            raise answer.error()
        return answer

    def find_cached(self, token: str, now: float) -> VerifiedToken | None:
        """Return the cached answer about an active token, or None; never waits.

        Args:
            token: The token's text.
            now: The time in seconds since the epoch.
        """
        answer = self._calls.find_cached(token, now)
        return None if isinstance(answer, Refusal) else answer

    def check_active(self, token: str, now: float) -> None:
        """Check that a token whose signature is valid is active. Its own claims count.

        Args:
            token: The token's text.
            now: The time in seconds since the epoch.

        Raises:
            InvalidToken: The token is not active, or has expired according to the endpoint.
            TemporarilyUnavailable: The endpoint does not answer at the moment.
        """
        answer = self._calls.find_answer(token, now, is_known=True)
        if isinstance(answer, Refusal) and answer.reason in _ENDED:
            raise answer.error()

    def warm_up(self) -> IntrospectionStatus:
        """Ask about a random token, wait like a request, and return the status.

        It does not raise: check `usable`.
        """
        token = secrets.token_urlsafe(_RANDOM_BYTES)
        with suppress(TemporarilyUnavailable):
            answer = self._calls.find_answer(token, time.time())
            if not isinstance(answer, Refusal) or answer.found != INACTIVE:
                logger.warning(
                    "introspection at %s: a random token should be inactive, but the endpoint gave "
                    "another answer: check its URL",
                    self._location,
                )
        return self.status()

    def status(self) -> IntrospectionStatus:
        """Return the status of the endpoint, without waiting and without a call."""
        return self._calls.status()

    def _check_shape(self, token: str) -> None:
        """Refuse a token of a foreign shape without a call."""
        if self._accepts is None:
            return
        try:
            is_accepted = ask(
                self._accepts, token, name="accepts", consequence="refusing", logger=logger
            )
        except CallbackFailed:
            is_accepted = False
        if not is_accepted:
            raise InvalidToken(
                "token_malformed", expected="a token that accepts= accepts", found="withheld"
            )

    def __repr__(self) -> str:
        return f"Introspection({str(self._location)!r}, issuer={self.issuer!r})"


def _location(endpoint: str | None, issuer: str, allow_http: bool) -> Location:
    check_flag("allow_http", allow_http)
    try:
        return Location(endpoint, issuer=issuer, allow_http=allow_http, place=ENDPOINT)
    except PlainHTTPError:
        raise
    except ValueError as error:
        if endpoint is not None:
            raise
        raise ValueError(
            f"{error}; name the endpoint: Introspection('https://…', issuer={issuer!r:.200}, …)"
        ) from None


def _check_client_auth(client_auth: object) -> ClientAuthentication:
    if not isinstance(client_auth, ClientAuthentication):
        # The value may be a secret, so the error does not quote it.
        raise ValueError(
            f"client_auth={type(client_auth).__name__}: write ClientSecretBasic('client', secret) "
            "or another of jwt_wsgi.introspection"
        )
    return client_auth


def _sender(
    fetch: Send | None,
    timeout: float,
    max_bytes: int,
    headers: Headers | None,
    ca_certs: str | os.PathLike[str] | None,
) -> DeadlineFetcher | Send:
    check_positive_seconds("timeout", timeout)
    check_bound("max_bytes", max_bytes)
    if fetch is None:
        # Imported here, so that a stack with its own `fetch` does not import urllib3.
        from jwt_wsgi.http.client import Fetcher

        return Fetcher(timeout, max_bytes, headers, ca_certs)
    if headers is not None or ca_certs is not None:
        raise ValueError(
            "headers and ca_certs configure the built-in client: leave them out, or leave out fetch"
        )
    return fetch


def _cache(cache_ttl: float, negative_ttl: float, max_cached: int) -> AnswerCache:
    check_seconds("cache_ttl", cache_ttl)
    check_seconds("negative_ttl", negative_ttl)
    if type(max_cached) is not int or max_cached < 0:
        raise ValueError(f"max_cached={max_cached!r}: write a whole number, 0 to cache none")
    return AnswerCache(cache_ttl, negative_ttl, max_cached)


def _limits(timeout: float, max_concurrent: int) -> CallLimits:
    check_bound("max_concurrent", max_concurrent)
    return CallLimits(timeout, max_concurrent)
