"""The trusted issuers by name: configured ones, and those that a resolver knows."""

import copy
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from jwt_wsgi.errors import KeysUnavailable
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jwks.discovery import Location
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import KeySource

logger = logging.getLogger("jwt_wsgi.issuers")

#: Takes an unverified `iss`; returns the `Issuer` of that name, or None for an untrusted one.
Resolver = Callable[[str], Issuer | None]

#: How many answers of resolvers are cached, of each kind (trusted, not trusted).
MAX_ANSWERS = 10_000
#: Seconds that an answer is cached.
REMEMBERED_FOR = 60.0
#: The most characters of a name that a resolver is asked for.
MAX_NAME = 2048


class _Answer(NamedTuple):
    """A resolver's answer, and when (in monotonic seconds) it must be asked again."""

    issuer: Issuer | None
    expires_at: float


_Answers = OrderedDict[str, _Answer]


class IssuerRegistry:
    """The issuers that are trusted, found by the exact name in `iss`.

    Resolvers are asked for https URLs alone, before anything is fetched. Trusted and untrusted
    names are cached apart, so that invented names evict no tenant. If a resolver returns an issuer
    without `keys`, its keys are discovered at public addresses only.

    Args:
        issuers: An `Issuer`, a resolver, or several of either.
        clock: Returns monotonic seconds.

    Attributes:
        configured: The configured issuers by name.
        resolvers: The resolvers, in the order in which they are asked.

    Raises:
        ValueError: For invalid arguments, or the same issuer twice.
    """

    def __init__(self, issuers: object, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._trusted = _Answers()
        self._untrusted = _Answers()
        self.configured: dict[str, Issuer] = {}
        self.resolvers: list[Resolver] = []
        members = tuple(issuers) if isinstance(issuers, Iterable) else (issuers,)
        if not members:
            raise ValueError("issuers is empty: name at least one Issuer")
        for member in members:
            self._add(member)

    def _add(self, member: object) -> None:
        if isinstance(member, Issuer):
            if member.issuer in self.configured:
                raise ValueError(f"issuer {member.issuer!r} twice: one has several audiences")
            self.configured[member.issuer] = member
            return
        if not callable(member) or isinstance(member, type):
            raise ValueError(
                f"issuers holds {member!r}: write Issuer(url, audience=...), or a resolver of such"
            )
        self.resolvers.append(member)

    def get(self, name: str) -> Issuer | None:
        """Return the trusted issuer of this name, or None.

        Raises:
            KeysUnavailable: A resolver raised.
        """
        if name in self.configured or not self.resolvers:
            return self.configured.get(name)
        now = self._clock()
        for answers in (self._trusted, self._untrusted):
            answer = answers.get(name)
            if answer is not None and now < answer.expires_at:
                return answer.issuer
        issuer = None
        if _is_resolvable(name):
            issuer = self._resolve(name)
        self._cache_answer(name, _Answer(issuer, now + REMEMBERED_FOR))
        return issuer

    def _cache_answer(self, name: str, answer: _Answer) -> None:
        answers = self._untrusted if answer.issuer is None else self._trusted
        # Each step is atomic: threads need no lock here, and a fork finds none that is held.
        answers.pop(name, None)
        answers[name] = answer
        if len(answers) > MAX_ANSWERS:
            answers.popitem(last=False)

    def _resolve(self, name: str) -> Issuer | None:
        issuer = self._ask_resolvers(name)
        if not isinstance(issuer, Issuer) or issuer.issuer != name:
            return None
        if issuer.discovers:
            issuer = copy.copy(issuer)
            issuer.keys = self._discovered_keys(name)
        return issuer

    def _ask_resolvers(self, name: str) -> Issuer | None:
        try:
            for resolve in self.resolvers:
                issuer = resolve(name)
                if issuer:
                    return issuer
        except Exception as error:  # noqa: BLE001 (a user's callback may raise anything)
            logger.error("a resolver raised %s; refusing", type(error).__name__)
            raise KeysUnavailable from None
        return None

    def _discovered_keys(self, name: str) -> KeySource:
        """Return the keys held for this name, which survive a new answer, or a new source."""
        answer = self._trusted.get(name)
        if answer is not None and answer.issuer is not None:
            return answer.issuer.keys
        return RemoteJWKS.discovered(name, public_only=True)


def _is_resolvable(name: str) -> bool:
    """True for an https URL that metadata could be fetched from."""
    try:
        Location(None, issuer=name)
    except ValueError:
        return False
    return name.startswith("https://") and len(name) <= MAX_NAME
