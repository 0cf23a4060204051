"""The cache of one process: what the store said about a token, for a second or so."""

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

    def put(self, token: str, issuer: str, read_at: float, *, is_revoked: bool) -> None:
        """Remember a verdict, unless there is no room.

        Args:
            token: The token's text.
            issuer: The issuer of its `Auth`.
            read_at: When the store was asked, in seconds.
            is_revoked: The verdict.
        """
        if self.room <= 0:
            return
        # Threads may lose an update, and then a little more than the bound is kept.
        self.room -= len(token) + _ENTRY_BYTES
        self.verdicts[token] = _Verdict(read_at, issuer, is_revoked)


class VerdictCache:
    """Two generations of verdicts: what is older than both is dropped, and so is their memory.

    No lock is needed: each step is atomic, and a lost one costs a question to the store. So a fork
    finds no lock that is held.

    Args:
        ttl: The seconds that a verdict is good for; 0 for none.
    """

    def __init__(self, ttl: float) -> None:
        self._ttl = ttl
        self._generations = (Generation(0), Generation(0))

    def get(self, token: str, issuer: str, now: float) -> bool | None:
        """Return the verdict about a token, or None if it is not known at this time."""
        for generation in self._generations:
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
        young, _ = self._generations
        if young.room > 0 and 0 <= now - young.started_at < self._ttl:
            return young
        generation = Generation(now)
        if self._ttl > 0:
            self._generations = (generation, young)
        return generation

    def clear(self) -> None:
        """Forget every verdict."""
        self._generations = (Generation(0), Generation(0))
