"""What a key source reports of its fetches."""

from collections.abc import Callable
from typing import NamedTuple

from jwt_wsgi.http.fetching import Outcome


class Fetched(NamedTuple):
    """One fetch of a key set, as `on_fetch` is told.

    `location` is the URL of the keys, or the issuer that they are discovered
    from; `seconds` is how long it took, on the source's own clock, and `keys`
    how many usable ones came. `outcome` is `ok`; `timeout` where the reply was
    not complete in time; `unreachable` where there was no connection;
    `http_status` for any but 200; `bad_reply` for what is no key set, or no
    metadata, within the bounds; `fetcher_raised` where `fetch` raised.
    """

    location: str
    outcome: Outcome
    seconds: float
    keys: int


#: Told of every fetch; its result is ignored.
OnFetch = Callable[[Fetched], object]
