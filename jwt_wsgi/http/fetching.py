"""What is fetched, and from where: the values that a fetcher takes and answers."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class FetchError(Exception):
    """A document could not be had.

    `status` is the HTTP status where there was one, `retry_after` the seconds
    that the server asks to be left alone, `outcome` what `Fetched` calls it,
    `headers` those of the reply, if one came.
    """

    def __init__(
        self,
        reason: str,
        status: int | None = None,
        retry_after: float = 0,
        outcome: "Outcome" = "bad_reply",
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        super().__init__(reason)
        self.status, self.outcome = status, outcome
        self.retry_after, self.headers = retry_after, headers


#: How a fetch may end: one good end, and the closed list of failures.
Outcome = Literal["ok", "timeout", "unreachable", "http_status", "bad_reply", "fetcher_raised"]


class Reply(NamedTuple):
    """A document's bytes, the seconds that its `Cache-Control` grants, or None, and the headers that came with it."""

    body: bytes
    max_age: float | None = None
    headers: Mapping[str, str] = NO_HEADERS


#: A fetcher of one's own: a URL in, the document out; whatever it raises is a failure.
Fetch = Callable[[str], "Reply | bytes"]
