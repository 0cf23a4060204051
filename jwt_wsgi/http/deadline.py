"""One deadline for all of a fetch: connection, TLS, request and reply."""

import http.client
import io
import socket
import time
from typing import Any, Final

import urllib3

# What a step may still take when it begins or continues after the deadline, in seconds. A thread
# may be frozen past its deadline (uWSGI) while the other side answers.
LATE_SECONDS: Final = 0.05

# What one read may still wait after the deadline, in seconds. 0 would mean non-blocking.
_SHORTEST_WAIT: Final = 0.001


def seconds_until(moment: float) -> float:
    """Return the seconds until a monotonic moment, `LATE_SECONDS` if it is nearer or has passed."""
    return max(LATE_SECONDS, moment - time.monotonic())


class Deadline(urllib3.Timeout):
    """The moment at which a fetch ends, in the form of a time-out of urllib3.

    urllib3 begins its time-outs again with each document. With this one, every step gets the
    time that is left.

    Args:
        seconds: Seconds from now on.

    Attributes:
        seconds: As the argument.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self._moment = time.monotonic() + seconds

    @property
    def has_passed(self) -> bool:
        """True if no time is left."""
        return time.monotonic() >= self._moment

    @property
    def seconds_left(self) -> float:
        """The seconds that a step may take which begins now."""
        return seconds_until(self._moment)

    @property
    def connect_timeout(self) -> float:
        """The time-out of a connection that is opened now."""
        return self.seconds_left

    @property
    def read_timeout(self) -> float:
        """The time-out of a reply that is awaited from now on."""
        return self.seconds_left

    def clone(self) -> "Deadline":
        """Return this deadline: it begins for nobody again."""
        return self

    def start_connect(self) -> float:
        """Return the time, for urllib3; the deadline counts from its construction."""
        return time.monotonic()


class _DeadlineReader(io.RawIOBase):
    """A reader of a socket's data with one deadline: the socket's time-out, from now on.

    A socket's own time-out starts again with every byte, so a server that sends one
    byte at a time could hold a fetch forever.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = time.monotonic() + (sock.gettimeout() or 0)
        self._late_until: float | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Any:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            self._check_lateness()
        self._sock.settimeout(max(_SHORTEST_WAIT, remaining))
        return self._raw.readinto(buffer)

    def _check_lateness(self) -> None:
        # Data that has arrived in time is still read, but a server that goes on sending does
        # not extend the deadline by more than a moment.
        now = time.monotonic()
        if self._late_until is None:
            self._late_until = now + LATE_SECONDS
        if now > self._late_until:
            raise TimeoutError("the reply continues after the deadline")

    def close(self) -> None:
        self._raw.close()
        super().close()


class DeadlineResponse(http.client.HTTPResponse):
    """A response that is read until a deadline: the socket's time-out, from now on."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_DeadlineReader(self.fp.detach(), sock))
