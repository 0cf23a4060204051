"""The keys that were fetched one by one, and the kids that have none. No I/O, clock or threads.

Anyone can send tokens with invented kids, and tokens that are refused under keys that exist. So
the memory is bounded, and such tokens compete for a few reserved places only. A key moves to the
other places when a token is accepted under it.
"""

from typing import Final, NamedTuple

from jwt_wsgi.jose.jwk import Key
from jwt_wsgi.jose.keys import KeySet

#: Seconds for which a kid that the endpoint does not have is not asked for again.
ABSENT_SECONDS: Final = 60.0

#: One of so many places is reserved for keys under which no token was accepted yet.
_RESERVED_SHARE: Final = 4

# The budget of fetches bounds the absent kids too; this bound holds for every budget.
_MAX_ABSENT: Final = 1024

_NEVER: Final = float("inf")


class _HeldKey(NamedTuple):
    key: Key
    refresh_at: float
    usable_until: float


class KidCache:
    """Keys by their kid, and the kids that the endpoint does not have.

    Every `now` is in monotonic seconds. The caller holds its own lock; only the
    attributes may be read without it.

    Args:
        max_keys: The greatest number of keys, at least 2.

    Attributes:
        keys: The keys as one set, or None if there are none. It is another object exactly when a
            key was added, removed or replaced.
        refresh_at: The moment from which a key should be fetched again.
        usable_until: The moment from which a key may not be used any more.

    Raises:
        ValueError: `max_keys` is not a whole number, or below 2.
    """

    def __init__(self, max_keys: int) -> None:
        if type(max_keys) is not int or max_keys < 2:
            raise ValueError(
                f"max_keys={max_keys!r}: write a whole number, 2 or more; a place is reserved for "
                "a key under which no token was accepted yet"
            )
        self.keys: KeySet | None = None
        self.refresh_at = _NEVER
        self.usable_until = _NEVER
        self._max_unproven = max(1, max_keys // _RESERVED_SHARE)
        self._max_accepted = max_keys - self._max_unproven
        # The one that was fetched first is the first.
        self._unproven: dict[str, _HeldKey] = {}
        # The one whose last acceptance is the oldest is the first.
        self._accepted: dict[str, _HeldKey] = {}
        self._absent: dict[str, float] = {}
        self._revoked: set[str] = set()

    def put(self, kid: str, key: Key, refresh_at: float, usable_until: float) -> None:
        """Hold a key. An equal key that is held already stays, with the new times.

        Another key takes a reserved place. If none is free, the one of them that was fetched first
        is dropped. The key of a revoked kid is not held.
        """
        if kid in self._revoked:
            return
        self._absent.pop(kid, None)
        place = self._place(kid)
        if kid in place and place[kid].key.material == key.material:
            place[kid] = _HeldKey(place[kid].key, refresh_at, usable_until)
            self._set_times()
            return
        place.pop(kid, None)
        if len(self._unproven) >= self._max_unproven:
            del self._unproven[next(iter(self._unproven))]
        self._unproven[kid] = _HeldKey(key, refresh_at, usable_until)
        self._set_keys()

    def accept(self, kid: str) -> None:
        """Record that a token was accepted under the key of a kid, if it is held.

        If the key was in a reserved place and no other place is free, the key whose last
        acceptance is the oldest is dropped.
        """
        held = self._place(kid).pop(kid, None)
        if held is None:
            return
        is_full = len(self._accepted) >= self._max_accepted
        if is_full:
            del self._accepted[next(iter(self._accepted))]
        self._accepted[kid] = held
        if is_full:
            self._set_keys()

    def revoke(self, kid: str) -> None:
        """Drop the key of a kid, and never hold one again."""
        self._revoked.add(kid)
        self.remove(kid)

    def remove(self, kid: str) -> None:
        """Drop the key of a kid, if it is held."""
        if self._place(kid).pop(kid, None) is not None:
            self._set_keys()

    def remove_expired(self, now: float) -> None:
        """Drop the keys that may not be used any more."""
        for kid, held in self._all():
            if now >= held.usable_until:
                self.remove(kid)

    def take_due(self, now: float) -> str | None:
        """Return the kid of the key to fetch again, or None if none is due.

        The keys take turns, so one whose fetch fails does not keep the others from theirs. A due
        key under which no token was accepted is dropped instead.
        """
        for kid, held in sorted(self._all(), key=lambda item: item[1].refresh_at):
            if held.refresh_at > now:
                return None
            if kid in self._accepted:
                self._accepted[kid] = held._replace(refresh_at=now)
                self._set_times()
                return kid
            self.remove(kid)
        return None

    def record_absence(self, kid: str, now: float, *, is_gone: bool) -> None:
        """Record that the endpoint does not give out the key of a kid.

        Args:
            kid: The kid that was asked for.
            now: Monotonic seconds.
            is_gone: True if it says so even of a key that was there before. Otherwise a key that
                is held stays until it is too old, without being fetched again.
        """
        place = self._place(kid)
        if kid in place and not is_gone:
            place[kid] = place[kid]._replace(refresh_at=place[kid].usable_until)
            self._set_times()
            return
        self.remove(kid)
        self._absent.pop(kid, None)
        for other, until in list(self._absent.items()):
            if until > now and len(self._absent) < _MAX_ABSENT:
                break
            del self._absent[other]
        self._absent[kid] = now + ABSENT_SECONDS

    def is_settled(self, kid: str, now: float) -> bool:
        """Return True if it is known which key a kid has, or that it has none to use."""
        is_absent = now < self._absent.get(kid, now)
        return is_absent or kid in self._revoked or kid in self._place(kid)

    def find(self, kid: str, alg: str) -> tuple[Key, ...]:
        """Return the key of a kid, if it is held and serves an algorithm."""
        # Without the lock, another thread may replace the set at any moment: it is read once.
        keys = self.keys
        return () if keys is None else keys.find(kid, alg)

    def _place(self, kid: str) -> dict[str, _HeldKey]:
        """Return the places among which the key of a kid is, or would be."""
        return self._accepted if kid in self._accepted else self._unproven

    def _all(self) -> list[tuple[str, _HeldKey]]:
        return [*self._accepted.items(), *self._unproven.items()]

    def _set_keys(self) -> None:
        # Requests read the attribute without the lock, so it is set once.
        held = self._all()
        self.keys = KeySet(each.key for _, each in held) if held else None
        self._set_times()

    def _set_times(self) -> None:
        held = self._all()
        self.refresh_at = min((each.refresh_at for _, each in held), default=_NEVER)
        self.usable_until = min((each.usable_until for _, each in held), default=_NEVER)
