"""The cache of one process: what the store said about a token, for a second or so."""

import threading
from typing import Final, NamedTuple

#: Bytes of one generation. There are two.
_GENERATION_BYTES: Final = 2**23
#: Bytes of an entry beside the text of its token.
_ENTRY_BYTES: Final = 300


class _Verdict(NamedTuple):
    read_at: float
    issuer: str
    is_revoked: bool


class Generation:
    """The verdicts of one span of time.

    Args:
        started_at: When it began, in seconds.
    """

    def __init__(self, started_at: float) -> None:
        self.started_at = started_at
        self.verdicts: dict[str, _Verdict] = {}
        self.room = _GENERATION_BYTES
        # Nobody waits for it. A fork that copies it while it is held spoils this generation only.
        self._lock = threading.Lock()

    def put(self, token: str, issuer: str, read_at: float, *, is_revoked: bool) -> None:
        """Remember a verdict, unless there is no room or another thread is writing.

        Args:
            token: The token's text.
            issuer: The issuer of its `Auth`.
            read_at: When the store was asked, in seconds.
            is_revoked: The verdict.
        """
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self.room > 0:
                self.room -= len(token) + _ENTRY_BYTES
                self.verdicts[token] = _Verdict(read_at, issuer, is_revoked)
        finally:
            self._lock.release()


class _Epoch:
    """The generations since the last `clear`: the young one, and the one before.

    They are replaced as a pair. What is written to an epoch that was cleared is never read.
    """

    __slots__ = ("generations",)

    def __init__(self) -> None:
        self.generations = (Generation(0), Generation(0))


class VerdictCache:
    """Two generations of verdicts: what is older than both is dropped, and so is their memory.

    No thread waits for a lock: each step replaces one reference, and a lost step costs a question
    to the store.

    Args:
        ttl: The seconds that a verdict is good for; 0 for none.
    """

    def __init__(self, ttl: float) -> None:
        self._ttl = ttl
        self._epoch = _Epoch()

    def get(self, token: str, issuer: str, now: float) -> bool | None:
        """Return the verdict about a token, or None if it is not known at this time."""
        for generation in self._epoch.generations:
            verdict = generation.verdicts.get(token)
            if verdict is None or verdict.issuer != issuer:
                continue
            # A clock that was set back makes no verdict last longer.
            if 0 <= now - verdict.read_at < self._ttl:
                return verdict.is_revoked
        return None

    def generation(self, now: float) -> Generation:
        """Return the generation of a verdict that is about to be read from the store.

        A verdict that is put into it after `clear` is never read.
        """
        # Another thread may clear the cache meanwhile: its verdicts must not come back.
        epoch = self._epoch
        young, _ = epoch.generations
        if young.room > 0 and 0 <= now - young.started_at < self._ttl:
            return young
        generation = Generation(now)
        if self._ttl > 0:
            epoch.generations = (generation, young)
        return generation

    def clear(self) -> None:
        """Forget every verdict."""
        self._epoch = _Epoch()
