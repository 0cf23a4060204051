"""The calls of one endpoint: in the threads of requests, and one at a time for each token."""

import logging
import random
import time
from collections.abc import Callable
from typing import NamedTuple

from jwt_wsgi.errors import TemporarilyUnavailable
from jwt_wsgi.http.fetching import FetchFailure, Outcome
from jwt_wsgi.introspection.answers import AnswerCache, digest_of
from jwt_wsgi.introspection.endpoint import ClientRefused, Endpoint
from jwt_wsgi.introspection.events import (
    IntrospectionCall,
    IntrospectionStatus,
    OnFetch,
    announce,
    log_failure,
    log_refused_client,
)
from jwt_wsgi.introspection.gate import Gate
from jwt_wsgi.introspection.judgement import Answer, Refusal
from jwt_wsgi.jwks.lock import ProcessLock

logger = logging.getLogger("jwt_wsgi.introspection")


class CallLimits(NamedTuple):
    """The limits of calls.

    Attributes:
        timeout: The seconds that a request waits at most, for a place and for the answer.
        max_concurrent: The number of calls at a time.
    """

    timeout: float
    max_concurrent: int


class _Question(NamedTuple):
    """A token that an answer is wanted for.

    Attributes:
        token: The token's text.
        digest: Its digest.
        now: The time in seconds since the epoch, to judge the answer at.
        is_known: True if the token is not an invented one.
        deadline: The moment of `time.monotonic()` at which the request gives up.
    """

    token: str
    digest: str
    now: float
    is_known: bool
    deadline: float


class _Flight:
    """A call that runs, which all requests with its token share.

    Args:
        place: The number of its place.
        answer: The answer, once there is one.
    """

    __slots__ = ("answer", "place")

    def __init__(self, place: int = 0, answer: Answer | None = None) -> None:
        self.place = place
        self.answer = answer


class Calls:
    """The calls of one endpoint, and the cache of its answers.

    No lock is held while a call runs. Reading the cache takes none at all.

    Args:
        endpoint: The endpoint.
        cache: The cache of its answers.
        limits: The limits of calls.
        on_fetch: The user's callback, or None.
        clock: Returns monotonic seconds.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        cache: AnswerCache,
        limits: CallLimits,
        on_fetch: OnFetch | None,
        clock: Callable[[], float],
    ) -> None:
        self._endpoint = endpoint
        self._cache = cache
        self._timeout = limits.timeout
        self._on_fetch = on_fetch
        self._clock = clock
        self._lock = ProcessLock(self._forget_parent)
        self._gate = Gate(limits.max_concurrent, limits.timeout, random.random)
        self._flights: dict[str, _Flight] = {}
        self._last_error: str | None = None

    def find_answer(self, token: str, now: float, *, is_known: bool = False) -> Answer:
        """Return the answer about a token: the cached one, or one that the endpoint gives now.

        Args:
            token: The token's text.
            now: The time in seconds since the epoch.
            is_known: True if the signature of the token is valid, so that nobody invented it.

        Raises:
            TemporarilyUnavailable: There is no answer at the moment.
        """
        digest = digest_of(token)
        answer = self._cache.find(digest, self._clock(), now)
        if answer is not None:
            return answer
        is_known = is_known or self._cache.is_known(digest)
        deadline = time.monotonic() + self._timeout
        question = _Question(token, digest, now, is_known, deadline)
        flight = self._join_or_start(question)
        if flight.answer is not None:
            return flight.answer
        return self._run(flight, question)

    def find_cached(self, token: str, now: float) -> Answer | None:
        """Return the answer that is cached, or None; never waits.

        Args:
            token: The token's text.
            now: The time in seconds since the epoch.
        """
        return self._cache.find(digest_of(token), self._clock(), now)

    def status(self) -> IntrospectionStatus:
        """Return the status of the endpoint, without waiting and without a call."""
        with self._lock:
            now = self._clock()
            gate = self._gate
            next_attempt = gate.next_attempt(now)
            return IntrospectionStatus(
                usable=gate.successes > 0 and not gate.has_failed,
                last_error=self._last_error,
                next_attempt=next_attempt,
                in_flight=gate.in_flight,
                attempts=gate.attempts,
                successes=gate.successes,
                failures=gate.failures,
            )

    def _join_or_start(self, question: _Question) -> _Flight:
        """Return a flight with its answer, or a new one, which the caller must run.

        Raises:
            TemporarilyUnavailable: No call may start in time, or the one that was waited for has
                failed.
        """
        joined: _Flight | None = None
        with self._lock:
            while True:
                if joined is not None and joined.answer is not None:
                    return joined
                now = self._clock()
                answer = self._cache.find(question.digest, now, question.now)
                if answer is not None:
                    return _Flight(answer=answer)
                running = self._running_flight(question.digest, now)
                if self._gate.is_closed(now) and (running is None or running is not joined):
                    raise self._unavailable(now)
                if running is None:
                    place = self._gate.enter(now, is_known=question.is_known)
                    if place is not None:
                        started = _Flight(place)
                        self._flights[question.digest] = started
                        return started
                joined = running
                if not self._lock.wait(question.deadline - time.monotonic()):
                    raise self._unavailable(now)

    def _running_flight(self, digest: str, now: float) -> _Flight | None:
        """Return the flight of a token, unless its call is lost."""
        flight = self._flights.get(digest)
        if flight is None or not self._gate.holds(flight.place, now):
            return None
        return flight

    def _run(self, flight: _Flight, question: _Question) -> Answer:
        """Ask the endpoint in this thread."""
        started_at = self._clock()
        seconds = question.deadline - time.monotonic()
        try:
            answer = self._endpoint.ask(question.token, seconds, question.now)
        except BaseException as error:
            failure = FetchFailure.of(error)
            # A call that began late says nothing about the endpoint if it was cut short.
            is_cut_short = failure.outcome == "timeout" and seconds < self._timeout / 2
            refusal = self._end_in_failure(flight, question, failure, is_cut_short=is_cut_short)
            self._log(error, failure, is_cut_short=is_cut_short)
            self._announce(failure.outcome, started_at, None)
            if not isinstance(error, Exception):
                raise
            raise refusal from None
        had_failed = self._end(flight, question, answer, started_at)
        if had_failed:
            logger.info("introspection at %s: the endpoint answers again", self._endpoint.location)
        is_active = not isinstance(answer, Refusal) or answer.is_active
        self._announce("ok", started_at, is_active)
        return answer

    def _end(self, flight: _Flight, question: _Question, answer: Answer, started_at: float) -> bool:
        """Hand an answer to all who wait for it. Return True if the endpoint had failed before."""
        with self._lock:
            had_failed = self._gate.has_failed
            self._gate.succeed(flight.place)
            self._cache.put(question.digest, answer, started_at, question.now)
            flight.answer = answer
            self._land(flight, question)
        return had_failed

    def _end_in_failure(
        self, flight: _Flight, question: _Question, failure: FetchFailure, *, is_cut_short: bool
    ) -> TemporarilyUnavailable:
        """Begin the pause, and let those who wait give up. Return the refusal of this request."""
        self._endpoint.location.forget()
        with self._lock:
            now = self._clock()
            if is_cut_short:
                self._gate.abandon(flight.place)
            else:
                self._gate.fail(flight.place, now, failure.retry_after)
            self._last_error = failure.reason
            refusal = self._unavailable(now)
            self._land(flight, question)
        return refusal

    def _log(self, error: BaseException, failure: FetchFailure, *, is_cut_short: bool) -> None:
        location = str(self._endpoint.location)
        if is_cut_short:
            logger.info("introspection at %s: a call had too little time left", location)
        elif isinstance(error, ClientRefused):
            log_refused_client(location, failure)
        else:
            log_failure(location, failure, self.status().next_attempt)

    def _land(self, flight: _Flight, question: _Question) -> None:
        # A lost call that ends late must not end the flight of a newer one.
        if self._flights.get(question.digest) is flight:
            del self._flights[question.digest]
        self._lock.notify_all()

    def _unavailable(self, now: float) -> TemporarilyUnavailable:
        retry_after = self._gate.retry_after(now)
        return TemporarilyUnavailable("introspection_unavailable", retry_after=retry_after)

    def _announce(self, outcome: Outcome, started_at: float, active: bool | None) -> None:
        seconds = self._clock() - started_at
        location = str(self._endpoint.location)
        announce(self._on_fetch, IntrospectionCall(location, outcome, seconds, active))

    def _forget_parent(self) -> None:
        # The parent's threads do not exist in this process.
        self._flights.clear()
        self._gate.forget_calls()
