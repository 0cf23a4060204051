"""The keys that were fetched one by one, and the kids that have none. No I/O, clock or threads.

Anyone can send tokens with invented kids, and with kids that exist but never sign anything for
this API. So the memory is bounded, and a key that has verified a token is never dropped for
another one.
"""

from typing import Final, NamedTuple

from jwt_wsgi.jose.jwk import Key
from jwt_wsgi.jose.keys import KeySet

#: Seconds for which a kid that the endpoint does not have is not asked for again.
ABSENT_SECONDS: Final = 60.0

# The budget of fetches bounds the absent kids too; this bound holds for every budget.
_MAX_ABSENT: Final = 1024

_NEVER: Final = float("inf")


class FetchedKey(Key):
    """A key that records that it has verified a signature.

    Attributes:
        has_verified: True if it ever has.
        is_in_use: True if it has since it was last fetched.
    """

    __slots__ = ("has_verified", "is_in_use")

    has_verified: bool
    is_in_use: bool

    @classmethod
    def of(cls, key: Key) -> "FetchedKey":
        """Return the same key as one that records its use."""
        fetched = cls(key.kid, key.algorithms, key.material)
        fetched._record(has_verified=False, is_in_use=False)
        return fetched

    def verifies(self, alg: str, message: bytes, signature: bytes) -> bool:
        """Return whether `signature` over `message` is valid under `alg`."""
        is_valid = super().verifies(alg, message, signature)
        if is_valid and not self.is_in_use:
            self._record(has_verified=True, is_in_use=True)
        return is_valid

    def start_period(self) -> None:
        """Record that the key was fetched again."""
        self._record(has_verified=self.has_verified, is_in_use=False)

    def _record(self, *, has_verified: bool, is_in_use: bool) -> None:
        # A key is immutable for everyone else.
        object.__setattr__(self, "has_verified", has_verified)
        object.__setattr__(self, "is_in_use", is_in_use)


class _HeldKey(NamedTuple):
    key: FetchedKey
    refresh_at: float
    usable_until: float


class KidCache:
    """Keys by their kid, and the kids that the endpoint does not have.

    Every method takes `now` in monotonic seconds. The caller holds its own lock; only the
    attributes may be read without it.

    Args:
        max_keys: The greatest number of keys.

    Attributes:
        keys: The keys as one set, or None if there are none. It is another object exactly when a
            key was added, removed or replaced.
        refresh_at: The moment from which a key should be fetched again.
        usable_until: The moment from which a key may not be used any more.
    """

    def __init__(self, max_keys: int) -> None:
        self.keys: KeySet | None = None
        self.refresh_at = _NEVER
        self.usable_until = _NEVER
        self._max_keys = max_keys
        self._held: dict[str, _HeldKey] = {}
        self._absent: dict[str, float] = {}

    def put(self, kid: str, key: Key, refresh_at: float, usable_until: float) -> None:
        """Hold a key. An equal key that is held already stays, with the new times.

        There must be room for it, see `make_room`.
        """
        self._absent.pop(kid, None)
        held = self._held.get(kid)
        if held is not None and held.key.material == key.material:
            held.key.start_period()
            self._held[kid] = _HeldKey(held.key, refresh_at, usable_until)
            self._set_times()
            return
        self._held[kid] = _HeldKey(FetchedKey.of(key), refresh_at, usable_until)
        self._set_keys()

    def remove(self, kid: str) -> None:
        """Drop the key of a kid, if it is held."""
        if self._held.pop(kid, None) is not None:
            self._set_keys()

    def remove_expired(self, now: float) -> None:
        """Drop the keys that may not be used any more."""
        for kid, held in list(self._held.items()):
            if now >= held.usable_until:
                self.remove(kid)

    def make_room(self) -> bool:
        """Return True if there is room for another key.

        If there is none, the oldest key that has verified no token is dropped.
        """
        if len(self._held) < self._max_keys:
            return True
        for kid, held in self._held.items():
            if not held.key.has_verified:
                self.remove(kid)
                return True
        return False

    def take_due(self, now: float) -> str | None:
        """Return the kid of the key that is due first, or None.

        A due key that has verified no token since it was last fetched is dropped instead.
        """
        for kid, held in sorted(self._held.items(), key=lambda item: item[1].refresh_at):
            if held.refresh_at > now:
                return None
            if held.key.is_in_use:
                return kid
            self.remove(kid)
        return None

    def stop_refreshing(self, kid: str) -> None:
        """Hold a key until it is too old, without fetching it again."""
        held = self._held[kid]
        self._held[kid] = held._replace(refresh_at=held.usable_until)
        self._set_times()

    def mark_absent(self, kid: str, now: float) -> None:
        """Remember for a while that the endpoint does not have a kid."""
        self._absent.pop(kid, None)
        for other, until in list(self._absent.items()):
            if until > now and len(self._absent) < _MAX_ABSENT:
                break
            del self._absent[other]
        self._absent[kid] = now + ABSENT_SECONDS

    def is_absent(self, kid: str, now: float) -> bool:
        """Return True if the endpoint did not have a kid a short while ago."""
        return now < self._absent.get(kid, now)

    def is_held(self, kid: str) -> bool:
        """Return True if the key of a kid is held."""
        return kid in self._held

    def find(self, kid: str, alg: str) -> tuple[Key, ...]:
        """Return the key of a kid, if it is held and serves an algorithm."""
        return () if self.keys is None else self.keys.find(kid, alg)

    def _set_keys(self) -> None:
        # Requests read the attribute without the lock, so it is set once.
        self.keys = KeySet(held.key for held in self._held.values()) if self._held else None
        self._set_times()

    def _set_times(self) -> None:
        self.refresh_at = min((held.refresh_at for held in self._held.values()), default=_NEVER)
        self.usable_until = min((held.usable_until for held in self._held.values()), default=_NEVER)
