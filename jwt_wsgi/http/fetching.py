"""The values that a fetcher takes and returns, and the error that it raises."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})

#: How a fetch may end: two kinds of success, and the closed list of failures.
Outcome = Literal[
    "ok", "shared", "timeout", "unreachable", "http_status", "bad_reply", "fetcher_raised"
]


class FetchError(Exception):
    """A document that could not be fetched, or was not valid.

    Args:
        reason: What went wrong, as one line for logs. It quotes nothing secret.
        status: The HTTP status of the reply, or None.
        retry_after: Seconds that the server asked to wait. Default 0.
        outcome: The outcome that `Fetched` reports. Default `bad_reply`.
        headers: The headers of the reply, empty if there was none.
    """

    def __init__(
        self,
        reason: str,
        status: int | None = None,
        retry_after: float = 0,
        outcome: Outcome = "bad_reply",
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.retry_after = retry_after
        self.outcome = outcome
        self.headers = headers


class Reply(NamedTuple):
    """A fetched document.

    Attributes:
        body: The document's bytes.
        max_age: The lifetime in seconds that `Cache-Control` grants, or None.
        headers: The headers of the reply.
    """

    body: bytes
    max_age: float | None = None
    headers: Mapping[str, str] = NO_HEADERS


#: A user's own fetcher: takes a URL, returns the document. Any exception is a failed fetch.
Fetch = Callable[[str], Reply | bytes]


class DeadlineFetcher(ABC):
    """A fetcher that can fetch several documents within one deadline."""

    __slots__ = ()

    @abstractmethod
    def begin(self) -> Fetch:
        """Return a fetcher of several documents that share one deadline, from now on."""
