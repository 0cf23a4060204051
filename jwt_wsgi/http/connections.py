"""Connections with a deadline, and the check for public addresses."""

import http.client
import io
import ipaddress
import socket
import time
from typing import Any, Final

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

# What a read may still wait after the deadline, in seconds. 0 would mean non-blocking.
_SHORTEST_WAIT: Final = 0.001

# IPv6 ranges that embed an IPv4 address of any kind: NAT64 (RFC 6052) and 6to4 (RFC 3056).
_TRANSLATED_NETWORKS: Final = (
    ipaddress.ip_network("64:ff9b::/96"),
    ipaddress.ip_network("2002::/16"),
)


class _DeadlineReader(io.RawIOBase):
    """A reader of a socket's data with one deadline: the socket's time-out, from now on.

    A socket's own time-out starts again with every byte, so a server that sends one
    byte at a time could hold a fetch forever.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = time.monotonic() + (sock.gettimeout() or 0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Any:
        # A thread may be frozen past its deadline (uWSGI) while the reply arrives, so
        # data that is already there is still read.
        remaining = self._deadline - time.monotonic()
        self._sock.settimeout(max(_SHORTEST_WAIT, remaining))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_DeadlineReader(self.fp.detach(), sock))


class Connection(HTTPConnection):
    """A plain HTTP connection whose replies have a deadline."""

    response_class = _Response


class TLSConnection(HTTPSConnection):
    """A TLS connection whose replies have a deadline."""

    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = Connection


class TLSPool(HTTPSConnectionPool):
    """A pool of TLS connections to one server."""

    ConnectionCls = TLSConnection


POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": TLSPool}


def resolve_public_address(host: str, port: int) -> str:
    """Return the first address of `host`.

    Args:
        host: A host name or an address.
        port: The port to connect to.

    Raises:
        OSError: The name cannot be resolved, or any of its addresses is not public.
    """
    rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(sockaddr[0]) for _family, _type, _proto, _name, sockaddr in rows]
    for address in addresses:
        if not _is_public(address):
            raise OSError(f"{host!a:.200} has an address that is not public")
    return addresses[0]


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text)
    if not address.is_global or address.is_multicast:
        return False
    return not any(address in network for network in _TRANSLATED_NETWORKS)
