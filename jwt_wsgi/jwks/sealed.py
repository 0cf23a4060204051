"""Sealed key sets: what one worker writes to a store, and another one believes. No I/O or clock.

A sealed document is a version octet, an HMAC-SHA-256, and the payload. The payload is the
wall-clock time of the fetch and the lifetime as two doubles, the length of the revoked kids as four
octets, the revoked kids as a JSON list, and the key set as it was fetched. The HMAC covers the
purpose, a hash of the location, and the payload. So a document of another location, time or purpose
is refused, and so is one that was changed.
"""

import hashlib
import hmac
import json
import math
import struct
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from jwt_wsgi.jose import encoding

#: Seconds that the clock of the worker that fetched may be ahead.
MAX_AHEAD: Final = 30.0
#: The most octets of the revoked kids, as JSON.
MAX_REVOKED_BYTES: Final = 65536

_VERSION: Final = b"\x01"
#: A secret that also serves another purpose signs nothing there that is a key set here.
_PURPOSE: Final = b"jwt-wsgi shared key set\x00"
_MAC_BYTES: Final = 32
_HEAD: Final = struct.Struct(">ddI")
_PAYLOAD_START: Final = len(_VERSION) + _MAC_BYTES
_OVERHEAD: Final = _PAYLOAD_START + _HEAD.size + MAX_REVOKED_BYTES
#: The least step between two times of fetches that a worker knows.
_STEP: Final = 0.001

#: The relation of a stored set to the newest one that this worker knows, or why it is refused.
Judgement = Literal["newer", "same", "older", "expired", "future"]


class SharedSet(NamedTuple):
    """A fetched key set, as workers share it.

    Attributes:
        fetched_at: The wall-clock time of the fetch, in seconds since 1970.
        lifetime: The lifetime of the set, in seconds.
        revoked: The kids that no worker may use.
        body: The key set as it was fetched.
    """

    fetched_at: float
    lifetime: float
    revoked: frozenset[str]
    body: bytes

    def age(self, now: float) -> float:
        """Return the seconds since the fetch, at least 0.

        Args:
            now: The wall-clock time, in seconds since 1970.
        """
        return max(0.0, now - self.fetched_at)


class Seal:
    """The seal of the key sets of one location.

    Args:
        location: The identity of the location. Sets of another one do not pass.
        secrets: The secrets of all workers. The first signs, and all verify.
        max_bytes: The largest key set, in bytes.
    """

    def __init__(self, location: str, secrets: Sequence[bytes], max_bytes: int) -> None:
        place = hashlib.sha256(location.encode("utf-8", "surrogatepass")).digest()
        self._context = _PURPOSE + place
        self._secrets = tuple(secrets)
        self._max_bytes = max_bytes

    @property
    def name(self) -> str:
        """The name of the location in a store: a hash of it."""
        return encoding.encode(hashlib.sha256(self._context).digest())

    def close(self, shared: SharedSet) -> bytes:
        """Return the sealed document of a key set.

        Raises:
            ValueError: The revoked kids are too long.
        """
        kids = json.dumps(sorted(shared.revoked)).encode("ascii")
        if len(kids) > MAX_REVOKED_BYTES:
            raise ValueError(f"the revoked kids have more than {MAX_REVOKED_BYTES} bytes")
        head = _HEAD.pack(shared.fetched_at, shared.lifetime, len(kids))
        payload = head + kids + shared.body
        return _VERSION + self._sign(payload, self._secrets[0]) + payload

    def open(self, document: object) -> SharedSet:
        """Return the key set of a sealed document.

        Raises:
            ValueError: The document is too large, has another format, or no secret signed it for
                this location.
        """
        if not isinstance(document, bytes) or not document.startswith(_VERSION):
            raise ValueError("it has an unknown format")
        if len(document) > self._max_bytes + _OVERHEAD:
            raise ValueError("it is too large")
        payload = document[_PAYLOAD_START:]
        if not self._is_signed(payload, document[len(_VERSION) : _PAYLOAD_START]):
            raise ValueError("its seal is wrong")
        return self._read(payload)

    def _is_signed(self, payload: bytes, mac: bytes) -> bool:
        return any(hmac.compare_digest(self._sign(payload, key), mac) for key in self._secrets)

    def _sign(self, payload: bytes, secret: bytes) -> bytes:
        return hmac.digest(secret, self._context + payload, "sha256")

    def _read(self, payload: bytes) -> SharedSet:
        # Only a worker with the secret wrote it. It may have other limits, or be a later version.
        if len(payload) < _HEAD.size:
            raise ValueError("it has an unknown format")
        fetched_at, lifetime, length = _HEAD.unpack_from(payload)
        kids_end = _HEAD.size + length
        body = payload[kids_end:]
        if length > MAX_REVOKED_BYTES or len(body) > self._max_bytes:
            raise ValueError("it is too large")
        if not (math.isfinite(fetched_at) and math.isfinite(lifetime) and lifetime > 0):
            raise ValueError("it has no time")
        return SharedSet(fetched_at, lifetime, _read_kids(payload[_HEAD.size : kids_end]), body)


def judge(shared: SharedSet, newest: SharedSet | None, now: float, stale_for: float) -> Judgement:
    """Return the judgement on a stored set. Only a `newer` one may come into force.

    Args:
        shared: The stored set, whose seal is good.
        newest: The newest set that this worker has seen, or None.
        now: The wall-clock time, in seconds since 1970.
        stale_for: The seconds that a set is used after its lifetime.
    """
    if shared.fetched_at > now + MAX_AHEAD:
        return "future"
    if newest is not None and shared.fetched_at == newest.fetched_at:
        return "same"
    if newest is not None and shared.fetched_at < newest.fetched_at:
        return "older"
    if remaining_seconds(shared, now, stale_for) <= 0:
        return "expired"
    return "newer"


def remaining_seconds(shared: SharedSet, now: float, stale_for: float) -> float:
    """Return the seconds for which a set may still be used; 0 or less if it may not.

    Args:
        shared: The set.
        now: The wall-clock time, in seconds since 1970.
        stale_for: The seconds that a set is used after its lifetime.
    """
    return shared.lifetime + stale_for - shared.age(now)


def needs_write(stored: SharedSet | None, newest: SharedSet, *, is_loaded: bool) -> bool:
    """Return True if the newest set should be written to the store.

    That is so if the store has lost its set, has an older one, or lacks a revoked kid. A set that
    seems to be later than the newest one is from the future, or not valid for this worker: only a
    set that was just loaded replaces it.

    Args:
        stored: The set in the store, or None.
        newest: The newest set that this worker has seen, with all kids that it knows to be revoked.
        is_loaded: True if this worker has just loaded it.
    """
    if stored is None or stored.fetched_at < newest.fetched_at:
        return True
    if stored.fetched_at > newest.fetched_at:
        return is_loaded
    return not newest.revoked <= stored.revoked


def time_of_fetch(now: float, newest: SharedSet | None) -> float:
    """Return the time to seal a set with that was fetched now.

    It is later than that of the newest set, which a worker whose clock is a little ahead may have
    fetched: otherwise the others would refuse this one as older.

    Args:
        now: The wall-clock time, in seconds since 1970.
        newest: The newest set that this worker has seen, or None.
    """
    if newest is None or newest.fetched_at > now + MAX_AHEAD:
        return now
    return max(now, newest.fetched_at + _STEP)


def _read_kids(document: bytes) -> frozenset[str]:
    try:
        kids = json.loads(document)
    except ValueError:
        kids = None
    if not isinstance(kids, list) or not all(isinstance(kid, str) for kid in kids):
        raise ValueError("it has an unknown format")
    return frozenset(kids)
