"""Sentences that say why a fetch failed: the fault that was found, and the remedy.

The sentences name hosts and ports, and nothing else of a URL. They quote no text of an exception
whose origin is not known: urllib3 quotes the URL of a proxy, which may hold a password.
"""

import errno
import os
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from http.client import HTTPException, RemoteDisconnected
from typing import Final

import urllib3.exceptions

from jwt_wsgi.http.resolving import AddressError

_MAX_CHAIN: Final = 20

# The codes of OpenSSL's x509_vfy.h, and what helps.
_PRIVATE_AUTHORITY: Final = (
    "if its authority is a private one, name the file of that authority's root: ca_certs="
)
_ANOTHER_NAME: Final = "write the host as the certificate names it"
# From Python 3.13 on, urllib3 and `ssl.create_default_context` verify strictly.
_STRICT: Final = (
    "Python 3.13 and newer verify strictly: its authority must issue it, and its own root, anew as "
    "RFC 5280 wants them, with key identifiers and key usage; until then, pass fetch= with a "
    "client that verifies without ssl.VERIFY_X509_STRICT"
)
_CERTIFICATE_REMEDIES: Final = {
    9: "check this machine's clock",
    10: "the server needs a new one, unless this machine's clock is wrong",
    18: _PRIVATE_AUTHORITY,
    19: _PRIVATE_AUTHORITY,
    20: f"{_PRIVATE_AUTHORITY}; otherwise the server must send its intermediate certificates too",
    21: _PRIVATE_AUTHORITY,
    62: _ANOTHER_NAME,
    64: _ANOTHER_NAME,
    # From "path length invalid" to "explicit parameters of a curve".
    **dict.fromkeys(range(80, 95), _STRICT),
}

_NO_TLS: Final = "does not speak TLS: the port may be one of plain http; check the port"
_CLIENT_CERTIFICATE: Final = (
    "wants a certificate from its client (mutual TLS): pass fetch= with a client that has one"
)
_OLD_TLS: Final = "offers no version of TLS that this machine accepts"

# Reasons of OpenSSL, and what they say about the server.
_TLS_REASONS: Final = {
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "HTTP_REQUEST": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "PACKET_LENGTH_TOO_LONG": _NO_TLS,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _CLIENT_CERTIFICATE,
    "UNSUPPORTED_PROTOCOL": _OLD_TLS,
    "TLSV1_ALERT_PROTOCOL_VERSION": _OLD_TLS,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": (
        "refuses the TLS handshake: it shares no cipher with this machine, or wants a certificate "
        "from its client (then pass fetch= with a client that has one)"
    ),
}

_UNKNOWN_NAME: Final = frozenset(
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA") if hasattr(socket, name)
)

_REFUSED: Final = frozenset({errno.ECONNREFUSED})
_CLOSED: Final = frozenset({errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE})
_UNREACHABLE: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL})
_FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM})

# A server of TLS 1.3 that wants a certificate may hang up before its alert has arrived.
_CHECK_PORT: Final = (
    "check the scheme (http or https) and the port of the URL, and whether the server wants a "
    "certificate from its client (then pass fetch= with a client that has one)"
)

_TUNNEL_STATUS: Final = re.compile(r"Tunnel connection failed: (\d{3})")

#: The remedy for a proxy that answers 407.
PROXY_CREDENTIALS: Final = (
    "the proxy wants credentials: write them into its URL, http://USER:PASSWORD@HOST, "
    "in the environment"
)


class NoRouteOverIPv6(urllib3.exceptions.NewConnectionError):
    """A connection that could not be opened, because the machine has no route over IPv6."""


def describe_failure(error: BaseException, server: str) -> str:
    """Return why there was no reply, as one sentence for logs.

    Args:
        error: The exception of a fetch. Its causes are read too.
        server: The host and the port of the URL, without credentials.
    """
    chain = list(_exceptions(error))
    if any(isinstance(each, urllib3.exceptions.ProxyError) for each in chain):
        server = "the proxy"
    for describe in _DESCRIPTIONS:
        for each in chain:
            sentence = describe(each, server)
            if sentence is not None:
                return sentence
    return f"the connection to {server} failed ({type(error).__name__})"


def is_unreachable(error: BaseException) -> bool:
    """Return True if the machine has no route to an address, which may be one of several."""
    return any(
        isinstance(each, OSError) and each.errno in _UNREACHABLE for each in _exceptions(error)
    )


def _exceptions(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception, and those that it holds or was raised from, the outer ones first."""
    waiting: list[object] = [error]
    seen: list[object] = []
    while waiting and len(seen) < _MAX_CHAIN:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or any(each is other for other in seen):
            continue
        seen.append(each)
        yield each
        waiting += [*each.args, each.__cause__]


def _certificate(error: BaseException, server: str) -> str | None:
    if not isinstance(error, ssl.SSLCertVerificationError):
        return None
    reason = f"the certificate of {server} is not accepted: {error.verify_message.rstrip('.')}"
    remedy = _CERTIFICATE_REMEDIES.get(error.verify_code)
    return reason if remedy is None else f"{reason}; {remedy}"


def _tls(error: BaseException, server: str) -> str | None:
    if not isinstance(error, ssl.SSLError):
        return None
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return f"{server} closed the connection during TLS: {_CHECK_PORT}"
    reason = getattr(error, "reason", None) or "no reason given"
    explanation = _TLS_REASONS.get(reason)
    if explanation is None:
        return f"TLS with {server} failed: {reason.replace('_', ' ').lower()}"
    return f"{server} {explanation} ({reason.replace('_', ' ').lower()})"


def _name(error: BaseException, server: str) -> str | None:
    if not isinstance(error, socket.gaierror):
        return None
    if error.errno in _UNKNOWN_NAME:
        return f"no such host, {server}: check the name, and the name server of this machine"
    if error.errno == socket.EAI_AGAIN:
        return f"the name server did not answer for {server}: it is down, slow or out of reach"
    return f"the name of {server} cannot be looked up ({error.strerror})"


def _address(error: BaseException, _server: str) -> str | None:
    return str(error) if isinstance(error, AddressError) else None


def _proxy(error: BaseException, _server: str) -> str | None:
    if isinstance(error, urllib3.exceptions.ProxySchemeUnknown):
        return "the proxy in the environment is neither http nor https: write http://HOST:PORT"
    if isinstance(error, urllib3.exceptions.LocationParseError):
        return "the proxy in the environment is not a valid URL: write http://HOST:PORT"
    text = error.args[0] if isinstance(error, OSError) and error.args else None
    status = _TUNNEL_STATUS.match(text) if isinstance(text, str) else None
    if status is None:
        return None
    if status[1] == "407":
        return f"HTTP status 407: {PROXY_CREDENTIALS}"
    return f"the proxy does not connect to the host (HTTP status {status[1]})"


def _time(error: BaseException, server: str) -> str | None:
    # urllib3 derives the error of a connection that failed from that of one that was late.
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return None
    if not isinstance(error, urllib3.exceptions.ConnectTimeoutError | TimeoutError):
        return None
    return f"{server} did not accept a connection in time: a firewall may be between"


def _route(error: BaseException, server: str) -> str | None:
    if not isinstance(error, NoRouteOverIPv6):
        return None
    return f"this machine has no route to {server} over IPv6, and no other address works"


def _hung_up(error: BaseException, server: str) -> str | None:
    if not isinstance(error, RemoteDisconnected):
        return None
    return f"{server} closed the connection without a reply: {_CHECK_PORT}"


def _connection(error: BaseException, server: str) -> str | None:
    if not isinstance(error, OSError) or error.errno is None:
        return None
    if error.errno in _REFUSED:
        return f"{server} refuses connections: check the URL, and that the server runs"
    if error.errno in _CLOSED:
        return f"{server} closed the connection: {_CHECK_PORT}"
    if error.errno in _UNREACHABLE:
        return f"this machine has no route to {server}"
    if error.errno in _FORBIDDEN:
        return f"this machine does not allow connections to {server}: check its firewall"
    return f"the connection to {server} failed ({os.strerror(error.errno)})"


def _reply(error: BaseException, server: str) -> str | None:
    if isinstance(error, urllib3.exceptions.IncompleteRead):
        return f"{server} closed the connection before the reply was complete"
    if isinstance(error, HTTPException):
        return f"{server} does not answer in HTTP: {_CHECK_PORT}"
    return None


# The first that knows one of the exceptions answers, so the more telling ones stand first.
_DESCRIPTIONS: Final[tuple[Callable[[BaseException, str], str | None], ...]] = (
    _certificate,
    _tls,
    _name,
    _address,
    _proxy,
    _route,
    _time,
    _hung_up,
    _connection,
    _reply,
)
