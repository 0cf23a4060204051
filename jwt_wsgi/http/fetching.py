"""The values that a fetcher takes and returns, and the error that it raises."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, Self

from jwt_wsgi.callbacks import refuse_deferred
from jwt_wsgi.options import is_finite_number

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
        body: The beginning of the reply to a form that has the status 400, where RFC 6749 §5.2
            puts an error code; empty otherwise.
    """

    def __init__(
        self,
        reason: str,
        status: int | None = None,
        retry_after: float = 0,
        outcome: Outcome = "bad_reply",
        headers: Mapping[str, str] = NO_HEADERS,
        body: bytes = b"",
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.retry_after = retry_after
        self.outcome = outcome
        self.headers = headers
        self.body = body


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


#: A user's own sender: takes a URL, the body of a form (None fetches the document), and headers to
#: send; returns the document. Any exception is a failed exchange.
Send = Callable[[str, bytes | None, Mapping[str, str]], Reply | bytes]


class DeadlineFetcher(ABC):
    """A fetcher that can fetch several documents within one deadline."""

    __slots__ = ()

    @abstractmethod
    def begin(self) -> Fetch:
        """Return a fetcher of several documents that share one deadline, from now on."""

    @abstractmethod
    def begin_sending(self, seconds: float) -> Send:
        """Return a sender of several requests that share one deadline.

        Args:
            seconds: The seconds until the deadline, from now on.
        """


def check_reply(answer: object, max_bytes: int) -> Reply:
    """Return what a fetcher returned as a `Reply`, after checks of what a user's own may return.

    Args:
        answer: What it returned.
        max_bytes: The largest document that is accepted, in bytes.

    Raises:
        FetchError: The answer is neither a `Reply` nor bytes within the bound.
    """
    reply = answer if isinstance(answer, Reply) else Reply(answer)  # type: ignore[arg-type]
    # A user's fetch may return anything, of any size.
    _refuse_awaitable(reply.body)
    if not isinstance(reply.body, bytes):
        raise FetchError("fetch did not return bytes")
    if reply.max_age is not None and not is_finite_number(reply.max_age):
        raise FetchError("fetch returned a max_age that is neither None nor seconds")
    if len(reply.body) > max_bytes:
        raise FetchError(f"more than {max_bytes} bytes")
    return reply


class FetchFailure(NamedTuple):
    """The failure of one fetch.

    Attributes:
        outcome: The outcome that the hooks report.
        reason: The text for the log and for `last_error`.
        retry_after: The seconds that the server asked to wait, or 0.
        status: The HTTP status of the reply, or None.
    """

    outcome: Outcome
    reason: str
    retry_after: float
    status: int | None = None

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """Return the failure that an exception of a fetcher stands for."""
        if not isinstance(error, FetchError):
            # The text of any other exception may quote a secret, so only its type is named.
            return cls("fetcher_raised", f"the fetch raised {type(error).__name__}", 0)
        # A user's fetch may set any attribute to anything.
        retry_after = error.retry_after if is_finite_number(error.retry_after) else 0
        status = error.status if type(error.status) is int else None
        return cls(error.outcome, str(error), retry_after, status)


def _refuse_awaitable(body: object) -> None:
    try:
        refuse_deferred(body)
    except TypeError:
        raise FetchError(
            "fetch returned an awaitable or a generator: write an ordinary function",
            outcome="fetcher_raised",
        ) from None
