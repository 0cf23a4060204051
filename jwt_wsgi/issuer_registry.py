"""The trusted issuers by name: configured ones, and those that a resolver knows."""

import copy
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import reduce
from typing import NamedTuple, TypeVar

from jwt_wsgi.bindings import UNBOUND, Alternatives, require_either
from jwt_wsgi.callbacks import CallbackFailed, call, check_callables
from jwt_wsgi.errors import KeysUnavailable
from jwt_wsgi.introspection.introspection import Introspection
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jose.algorithms import ALGORITHMS
from jwt_wsgi.jose.claim_lookup import listed
from jwt_wsgi.jwks.discovery import Location
from jwt_wsgi.jwks.lock import ProcessLock
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import KeySource
from jwt_wsgi.scope_hierarchy import NO_HIERARCHY, ScopeHierarchy

logger = logging.getLogger("jwt_wsgi.issuers")

Key = TypeVar("Key")
Value = TypeVar("Value")

#: Takes an unverified `iss`; returns the `Issuer` of that name, or None for an untrusted one.
Resolver = Callable[[str], Issuer | None]

#: Who is trusted: an issuer of JWTs, one of opaque tokens, or a function that knows issuers.
Trusted = Issuer | Introspection | Resolver

#: How many names that produced a good token are cached.
MAX_PROVEN = 10_000
#: How many names that a resolver trusts, but that produced no good token yet, are cached.
MAX_UNPROVEN = 1_000
#: How many names that a resolver does not trust are cached. At some 200 bytes each, and 360 on a
#: free-threaded build, they stay under 1 MiB.
MAX_UNTRUSTED = 2_800
#: Seconds that an answer is cached.
REMEMBERED_FOR = 60.0
#: The most characters of a name that a resolver is asked for.
MAX_NAME = 2048


class _Answer(NamedTuple):
    """A resolver's answer, and when (in monotonic seconds) it must be asked again."""

    issuer: Issuer
    expires_at: float


_Answers = OrderedDict[str, _Answer]


class IssuerRegistry:
    """The issuers that are trusted, found by the exact name in `iss`.

    Resolvers are asked for https URLs alone, before anything is fetched. Their answers are cached
    in three places, so that invented names evict no tenant: names that produced a good token,
    names that a resolver trusts but that never produced one, and names that it does not trust. If
    a resolver returns an issuer without `keys`, its keys are discovered at public addresses only.

    Args:
        issuers: An `Issuer`, a resolver, or several of either; one `Introspection` may be among
            them, which may have the name of an `Issuer`.
        clock: Returns monotonic seconds.
        check: Called with each issuer before it is trusted; raises `ValueError` for one that does
            not fit the stack.

    Attributes:
        configured: The configured issuers of JWTs by name.
        introspection: The `Introspection` that is asked about opaque tokens, or None.
        resolvers: The resolvers, in the order in which they are asked.
        description: The configured names for a refusal: all of them, or a few and how
            many more there are.

    Raises:
        ValueError: For invalid arguments, the same issuer twice, or more than one `Introspection`.
    """

    def __init__(
        self,
        issuers: object,
        clock: Callable[[], float] = time.monotonic,
        *,
        check: Callable[[Issuer | Introspection], None] | None = None,
    ) -> None:
        self._check = check
        self._clock = clock
        # For changes of the three caches. They are read without it.
        self._lock = ProcessLock()
        self._proven = _Answers()
        self._unproven = _Answers()
        self._untrusted: OrderedDict[bytes, float] = OrderedDict()
        self.configured: dict[str, Issuer] = {}
        self.introspection: Introspection | None = None
        self.resolvers: list[Resolver] = []
        members: tuple[object, ...] = (issuers,)
        # A URL is one member, although a text is iterable.
        if isinstance(issuers, Iterable) and not isinstance(issuers, str):
            members = tuple(issuers)
        if not members:
            raise ValueError("issuers is empty: name at least one Issuer")
        for member in members:
            self._add(member)
        # Made once: a refusal must not cost more where many issuers are configured.
        self.description = listed(self.names)

    def _add(self, member: object) -> None:
        if isinstance(member, Issuer):
            if member.issuer in self.configured:
                raise ValueError(f"issuer {member.issuer!r} twice: one has several audiences")
            if self._check is not None:
                self._check(member)
            self.configured[member.issuer] = member
            return
        if isinstance(member, Introspection):
            self._add_introspection(member)
            return
        if not callable(member) or isinstance(member, type):
            raise ValueError(
                f"issuers holds {member!r}: write Issuer(url, audience=...), or a resolver of such"
            )
        check_callables(resolver=member)
        self.resolvers.append(member)

    def _add_introspection(self, introspection: Introspection) -> None:
        if self.introspection is not None:
            raise ValueError(
                "issuers holds two Introspections: opaque tokens do not say which one to ask, so a "
                "stack has one"
            )
        if self._check is not None:
            self._check(introspection)
        self.introspection = introspection

    @property
    def scope_hierarchies(self) -> tuple[ScopeHierarchy, ...]:
        """The scopes that imply others, for each issuer; a resolver's are unknown."""
        hierarchies = [issuer.scope_hierarchy for issuer in self.configured.values()]
        if self.introspection is not None:
            hierarchies.append(self.introspection.scope_hierarchy)
        hierarchies += [NO_HIERARCHY for _ in self.resolvers]
        return tuple(hierarchies)

    @property
    def names(self) -> frozenset[str]:
        """The names of the configured issuers."""
        names = frozenset(self.configured)
        return names if self.introspection is None else names | {self.introspection.issuer}

    @property
    def algorithms(self) -> frozenset[str]:
        """The algorithms that any issuer allows; with a resolver, all there are.

        Without any issuer of JWTs, the name of its issuer refuses a JWT, whatever its algorithm.
        """
        if self.resolvers or not self.configured:
            return frozenset(ALGORITHMS)
        return frozenset().union(*(issuer.algorithms for issuer in self.configured.values()))

    @property
    def may_pad(self) -> bool:
        """True if an issuer pads its tokens; with a resolver, one of its issuers may."""
        if self.resolvers:
            return True
        return any(issuer.profile.padded for issuer in self.configured.values())

    @property
    def demand(self) -> Alternatives:
        """The keys whose possession the issuers demand; with a resolver, none may be demanded."""
        if self.resolvers:
            return UNBOUND
        demands = [issuer.binding_rules.demand for issuer in self.configured.values()]
        if self.introspection is not None:
            demands.append(self.introspection.binding_rules.demand)
        return reduce(require_either, demands)

    def get(self, name: str) -> Issuer | None:
        """Return the trusted issuer of this name, or None.

        Raises:
            KeysUnavailable: A resolver failed.
        """
        if name in self.configured or not self.resolvers:
            return self.configured.get(name)
        now = self._clock()
        for answers in (self._proven, self._unproven):
            answer = answers.get(name)
            if answer is not None and now < answer.expires_at:
                return answer.issuer
        # The length is judged before the name is hashed or parsed.
        if len(name) > MAX_NAME:
            return None
        digest = _digest(name)
        if now < self._untrusted.get(digest, now) or not _is_resolvable(name):
            return None
        issuer = self._resolve(name)
        with self._lock:
            if issuer is None:
                self._proven.pop(name, None)
                _store(self._untrusted, digest, now + REMEMBERED_FOR, MAX_UNTRUSTED)
                return None
            return self._store_trusted(name, issuer, now)

    def _store_trusted(self, name: str, issuer: Issuer, now: float) -> Issuer:
        """Store a resolver's answer, and return it, or the one that another thread has stored.

        Threads that ask for the same name at the same time get the same issuer, so that one
        source fetches its keys.
        """
        answers = self._unproven
        most = MAX_UNPROVEN
        if name in self._proven:
            answers = self._proven
            most = MAX_PROVEN
        answer = answers.get(name)
        if answer is not None and now < answer.expires_at:
            return answer.issuer
        _store(answers, name, _Answer(issuer, now + REMEMBERED_FOR), most)
        return issuer

    def confirm(self, issuer: Issuer) -> None:
        """Note that this issuer signed a good token, so that invented names cannot evict it."""
        if not self.resolvers or issuer.issuer in self.configured:
            return
        with self._lock:
            answer = self._unproven.pop(issuer.issuer, None)
            if answer is not None:
                _store(self._proven, issuer.issuer, answer, MAX_PROVEN)

    def _resolve(self, name: str) -> Issuer | None:
        issuer = self._ask_resolvers(name)
        if issuer is None or issuer.issuer != name:
            return None
        self._check_resolved(issuer)
        if issuer.discovers:
            issuer = copy.copy(issuer)
            issuer.keys = self._discovered_keys(name)
        return issuer

    def _ask_resolvers(self, name: str) -> Issuer | None:
        for resolve in self.resolvers:
            try:
                issuer = call(
                    resolve, name, name="a resolver", consequence="refusing", logger=logger
                )
            except CallbackFailed:
                raise KeysUnavailable from None
            if isinstance(issuer, Issuer):
                return issuer
        return None

    def _check_resolved(self, issuer: Issuer) -> None:
        """Refuse an issuer that does not fit the stack, as one whose resolver failed."""
        if self._check is None:
            return
        try:
            self._check(issuer)
        except ValueError as error:
            logger.error("a resolver returned an unsuitable issuer: %s; refusing", error)
            raise KeysUnavailable from None

    def _discovered_keys(self, name: str) -> KeySource:
        """Return the keys held for this name, which survive a new answer, or a new source."""
        answer = self._proven.get(name) or self._unproven.get(name)
        if answer is not None:
            return answer.issuer.keys
        return RemoteJWKS.discovered(name, public_only=True)


def _store(cache: OrderedDict[Key, Value], key: Key, value: Value, most: int) -> None:
    """Store an entry as the newest, and drop the oldest one beyond `most`. Needs the lock."""
    cache.pop(key, None)
    cache[key] = value
    if len(cache) > most:
        cache.popitem(last=False)


def _digest(name: str) -> bytes:
    """Return a short key for a name that strangers chose, however long it is."""
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _is_resolvable(name: str) -> bool:
    """Return True for an https URL that metadata could be fetched from."""
    try:
        Location(None, issuer=name)
    except ValueError:
        return False
    return name.startswith("https://")
