"""Connections that give up in time, and the addresses that a stranger may send us to."""

import http.client
import io
import ipaddress
import socket
import time
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class _DeadlineReader(io.RawIOBase):
    """What a socket receives: past its time-out, counted from here on, only what has arrived.

    A socket's own time-out begins anew with every byte, so a dripping server
    would stretch it for ever.
    """

    def __init__(self, received: io.RawIOBase, sock: socket.socket) -> None:
        self._received, self._sock = received, sock
        self._deadline = time.monotonic() + (sock.gettimeout() or 0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Any:
        # A thread may have been frozen past its deadline (uWSGI) while the reply was there.
        self._sock.settimeout(max(0.001, self._deadline - time.monotonic()))
        return self._received.readinto(buffer)

    def close(self) -> None:
        self._received.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_DeadlineReader(self.fp.detach(), sock))


class Connection(HTTPConnection):
    """Plain HTTP, whose replies come in time or not at all."""

    response_class = _Response


class TLSConnection(HTTPSConnection):
    """The same over TLS."""

    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = Connection


class TLSPool(HTTPSConnectionPool):
    """Connections to one https server."""

    ConnectionCls = TLSConnection


# Where an IPv4 address, of any kind, stands inside an IPv6 one: NAT64 (RFC 6052) and 6to4.
_TRANSLATED = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "2002::/16")))

POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": TLSPool}


def public_address(host: str, port: int) -> str:
    """The address of `host`; raises `OSError` unless all it has are the whole Internet's."""
    found = [str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for address in map(ipaddress.ip_address, found):
        if (
            not address.is_global
            or address.is_multicast
            or any(address in each for each in _TRANSLATED)
        ):
            raise OSError(f"{host!a:.200} has an address that is not public")
    return found[0]
