"""The cache of answers, by the SHA-256 of their tokens: bounded, and never beyond `exp`.

Active tokens have one table, and all others another one, so that invented tokens evict no good
one. Reading takes no lock.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from jwt_wsgi.cache import TokenCache
from jwt_wsgi.introspection.judgement import Answer, Refusal
from jwt_wsgi.jose.kept_claims import MAX_KEPT_BYTES, ClaimRead, KeepingPlan
from jwt_wsgi.token_facts import VerifiedToken

#: Bytes that the answers about active tokens take at most.
MAX_BYTES: Final = 2**24
#: Bytes that an answer costs beside the document and its scopes: the facts, and the confirmation.
_ANSWER_BYTES: Final = 700


class _Entry(NamedTuple):
    """An answer, and the moment, in monotonic seconds, from which it must be asked for again."""

    answer: Answer
    ends_at: float


class AnswerCache:
    """The answers that one endpoint gave.

    Args:
        cache_ttl: Seconds that an answer about an active token is used.
        negative_ttl: Seconds that any other answer is used.
        max_cached: The most entries of each of the two tables; 0 caches nothing.
    """

    def __init__(self, cache_ttl: float, negative_ttl: float, max_cached: int) -> None:
        self._cache_ttl = cache_ttl
        self._negative_ttl = negative_ttl
        self._max_cached = max_cached
        self._active: TokenCache[_Entry] = TokenCache(max_cached, MAX_BYTES)
        self._refused: OrderedDict[str, _Entry] = OrderedDict()
        self._plan = KeepingPlan([ClaimRead("sub")], MAX_KEPT_BYTES)

    def find(self, digest: str, monotonic: float, now: float) -> Answer | None:
        """Return the answer that is cached for a token, or None.

        Args:
            digest: The digest of the token, from `digest_of`.
            monotonic: Monotonic seconds.
            now: The time in seconds since the epoch.
        """
        entry = self._active.get(digest)
        if entry is not None and monotonic < entry.ends_at and not _has_expired(entry.answer, now):
            return entry.answer
        entry = self._refused.get(digest)
        if entry is not None and monotonic < entry.ends_at:
            return entry.answer
        return None

    def keep_claims(self, reads: Sequence[ClaimRead]) -> None:
        """Keep more claims of the tokens whose answers are cached from now on.

        Args:
            reads: The reads. Those beyond a bound are not kept.
        """
        self._plan = self._plan.extended(reads)

    def keep(self, verified: VerifiedToken, claims: Mapping[str, Any]) -> None:
        """Keep the claims of a token that are read as long as its answer is cached.

        Args:
            verified: The facts of the token.
            claims: The members of the answer.
        """
        verified.keep(self._plan, claims, self._active.shared)

    def is_known(self, digest: str) -> bool:
        """Return True if the token was active before, as far as the cache reaches."""
        return self._active.get(digest) is not None

    def put(self, digest: str, answer: Answer, monotonic: float, now: float) -> None:
        """Cache an answer. Active tokens that have expired are not cached.

        The caller holds its own lock.

        Args:
            digest: The digest of the token, from `digest_of`.
            answer: The answer.
            monotonic: Monotonic seconds, when the answer was asked for.
            now: The time in seconds since the epoch.
        """
        if isinstance(answer, Refusal):
            self._put_refused(digest, _Entry(answer, monotonic + self._negative_ttl))
        elif not _has_expired(answer, now):
            answer.share_scopes(self._active.shared)
            entry = _Entry(answer, monotonic + self._cache_ttl)
            extra_bytes = len(answer.answer or b"") + _ANSWER_BYTES + answer.kept_bytes
            self._active.put(digest, entry, answer.shared_sets, extra_bytes)
            self._refused.pop(digest, None)

    def _put_refused(self, digest: str, entry: _Entry) -> None:
        if self._max_cached == 0:
            return
        self._refused.pop(digest, None)
        self._refused[digest] = entry
        if len(self._refused) > self._max_cached:
            self._refused.popitem(last=False)


def digest_of(token: str) -> str:
    """Return the SHA-256 of a token's text, as hexadecimal digits."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _has_expired(answer: Answer, now: float) -> bool:
    """Return True if the answer must not be used any more (RFC 7662 §4)."""
    return isinstance(answer, VerifiedToken) and now >= answer.valid_until
