"""Connections that try each address of a host in turn, within one deadline."""

import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, TypeVar

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from jwt_wsgi.http.causes import NoRouteOverIPv6, is_unreachable
from jwt_wsgi.http.deadline import LATE_SECONDS, DeadlineResponse, seconds_until
from jwt_wsgi.http.resolving import AddressError, AddressRow

#: The most addresses of a host that are tried.
MAX_ADDRESSES: Final = 32

# The longest try of an address that is not the last one, in seconds.
_LONGEST_TRY: Final = 1.0

#: A function from a host, a port and a number of seconds to the addresses to connect to.
FindAddresses = Callable[[str, int, float], Sequence[AddressRow]]

_Connected = TypeVar("_Connected")


class StaleConnection(ConnectionResetError):
    """A kept connection that the server has closed while the next request was on its way."""


class _KeptConnection(HTTPConnection):
    """A connection that knows if it was kept from an earlier request."""

    response_class = DeadlineResponse
    _is_kept = False

    def getresponse(self) -> Any:
        """Return the response. Raise `StaleConnection` where a kept connection has none."""
        try:
            response = super().getresponse()
        except (ConnectionResetError, BrokenPipeError) as error:
            if self._is_kept:
                raise StaleConnection from error
            raise
        self._is_kept = True
        return response


class _Attempt(NamedTuple):
    """The try of one address: the address, and the moment at which the try ends."""

    row: AddressRow
    ends_at: float


def try_seconds(seconds_left: float, *, is_last: bool) -> float:
    """Return how long an address is tried.

    The last address gets all the time that is left. Those before get a second, or a quarter of
    what is left if that is less, so that dead addresses leave time for the others.

    Args:
        seconds_left: Seconds until the deadline of the fetch.
        is_last: True if no other address follows.
    """
    if is_last:
        return seconds_left
    return min(_LONGEST_TRY, seconds_left / 4)


def _attempts(rows: Sequence[AddressRow], deadline: float) -> Iterator[_Attempt]:
    last = min(len(rows), MAX_ADDRESSES) - 1
    for position, row in enumerate(rows[:MAX_ADDRESSES]):
        now = time.monotonic()
        if now >= deadline and position > 0:
            return
        seconds = try_seconds(deadline - now, is_last=position == last)
        yield _Attempt(row, now + max(LATE_SECONDS, seconds))


def _first_success(
    attempts: Iterator[_Attempt], connect: Callable[[_Attempt], _Connected]
) -> _Connected:
    """Return the first connection that succeeds; raise the most telling error if none does."""
    failure: Exception | None = None
    for attempt in attempts:
        try:
            return connect(attempt)
        except (OSError, ConnectTimeoutError, NewConnectionError) as error:
            if failure is None or not _says_less(error, failure):
                failure = error
    raise failure or AddressError("the name server has no address for the host")


def _says_less(error: Exception, other: Exception) -> bool:
    # A certificate that is not valid says more than a dead address. The lack of a route says
    # least, because machines without IPv6 have none to any host's IPv6 address.
    if isinstance(other, ssl.SSLError):
        return True
    return is_unreachable(error) and not is_unreachable(other)


def _attempts_of(
    connection: HTTPConnection, find: FindAddresses, deadline: float
) -> Iterator[_Attempt]:
    """Return the tries of a connection that must be open at `deadline`."""
    host = connection._dns_host.strip("[]")  # noqa: SLF001 (`host` lacks the trailing dot)
    try:
        rows = find(host, connection.port, seconds_until(deadline))
    except socket.gaierror as error:
        raise NameResolutionError(host, connection, error) from error
    return _attempts(rows, deadline)


def _open_socket(connection: HTTPConnection, attempt: _Attempt) -> socket.socket:
    """Return a socket that is connected to the attempt's address; its time-out is what is left."""
    family, kind, protocol, _name, address = attempt.row
    opened = None
    try:
        opened = socket.socket(family, kind, protocol)
        for option in connection.socket_options or ():
            opened.setsockopt(*option)
        opened.settimeout(seconds_until(attempt.ends_at))
        opened.connect(address)
        opened.settimeout(seconds_until(attempt.ends_at))
    except OSError as error:
        if opened is not None:
            opened.close()
        if isinstance(error, TimeoutError):
            raise ConnectTimeoutError(connection, "no connection in time") from error
        if family == socket.AF_INET6 and is_unreachable(error):
            raise NoRouteOverIPv6(connection, "no route over IPv6") from error
        raise NewConnectionError(connection, f"no connection: {error}") from error
    sys.audit("http.client.connect", connection, connection.host, connection.port)
    return opened


def pool_classes(find: FindAddresses) -> dict[str, type[HTTPConnectionPool]]:
    """Return the classes of pools, by scheme, whose connections go to the addresses of `find`.

    Each address is tried in turn. With TLS, a try includes the handshake, so a host that accepts
    connections and is silent does not hide the others. The certificate is always checked for the
    name of the host.

    Args:
        find: Finds the addresses of a host.
    """

    class PlainConnection(_KeptConnection):
        def _new_conn(self) -> socket.socket:
            self._is_kept = False
            return _connect_in_turn(self, find)

    class TLSConnection(_KeptConnection, HTTPSConnection):
        _attempt: _Attempt | None = None

        def connect(self) -> None:
            if self.proxy is not None:
                # What follows the connection to a proxy is not part of a try.
                super().connect()
                return
            deadline = time.monotonic() + (self.timeout or 0.0)
            _first_success(_attempts_of(self, find, deadline), self._connect_to)
            self.sock.settimeout(seconds_until(deadline))

        def _connect_to(self, attempt: _Attempt) -> None:
            self._attempt = attempt
            try:
                super().connect()
            except BaseException:
                _drop_socket(self)
                raise
            finally:
                self._attempt = None

        def _new_conn(self) -> socket.socket:
            self._is_kept = False
            if self._attempt is None:
                return _connect_in_turn(self, find)
            return _open_socket(self, self._attempt)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = PlainConnection

    class TLSPool(HTTPSConnectionPool):
        ConnectionCls = TLSConnection

    return {"http": PlainPool, "https": TLSPool}


def _connect_in_turn(connection: HTTPConnection, find: FindAddresses) -> socket.socket:
    deadline = time.monotonic() + (connection.timeout or 0.0)
    attempts = _attempts_of(connection, find, deadline)
    opened = _first_success(attempts, lambda attempt: _open_socket(connection, attempt))
    opened.settimeout(seconds_until(deadline))
    return opened


def _drop_socket(connection: HTTPConnection) -> None:
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.close()
        connection.sock = None
