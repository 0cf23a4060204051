"""The client's certificate from a header of the proxy that ends TLS."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote
from wsgiref.types import WSGIEnvironment

from jwt_wsgi.client_certificates.peers import Peers, parse_peers
from jwt_wsgi.client_certificates.servers import MAX_SIZE, read_der, read_pem
from jwt_wsgi.jose import encoding

# RFC 9110 §5.6.2.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# The optional white space around the value of a header (RFC 9110 §5.6.3).
_WHITE_SPACE = " \t"
# A byte sequence without parameters (RFC 8941 §3.3.5).
_BYTE_SEQUENCE = re.compile(r":([A-Za-z0-9+/=]+):")
# What encoders leave of a PEM: unreserved characters (RFC 3986 §2.3), and `+`, `/` and `=`.
_ESCAPED = re.compile(r"(?:[A-Za-z0-9._~+/=-]|%[0-9A-Fa-f]{2})+")
# Headers that never hold a certificate, and two that WSGI servers do not give an `HTTP_` key.
_NO_CERTIFICATE = frozenset(
    ("authorization", "connection", "content-length", "content-type", "cookie", "host")
)
_CLIENT_CERT: Final = "HTTP_CLIENT_CERT"


@dataclass(frozen=True, slots=True, repr=False)
class ClientCertHeader:
    """The header `Client-Cert` (RFC 9440); `from_client_cert_header` makes it."""

    trusted: Peers

    def __call__(self, environ: WSGIEnvironment) -> bytes | None:
        """Return the DER of the client's certificate, or None."""
        value = _trusted_value(environ, _CLIENT_CERT, self.trusted)
        sequence = _BYTE_SEQUENCE.fullmatch(value)
        if sequence is None:
            return None
        try:
            return read_der(encoding.decode_base64(sequence[1]))
        except ValueError:
            return None

    def __repr__(self) -> str:
        return f"from_client_cert_header(trusted={self.trusted})"


@dataclass(frozen=True, slots=True, repr=False)
class EscapedPEMHeader:
    """A header whose value is a percent-encoded PEM; `from_escaped_pem` makes it.

    Attributes:
        key: The header's key in the environ.
        trusted: The peers that may send the header.
    """

    key: str
    trusted: Peers

    def __call__(self, environ: WSGIEnvironment) -> bytes | None:
        """Return the DER of the client's certificate, or None."""
        value = _trusted_value(environ, self.key, self.trusted)
        if _ESCAPED.fullmatch(value) is None:
            return None
        try:
            return read_pem(unquote(value, encoding="ascii", errors="strict"))
        except UnicodeDecodeError:
            return None

    def __repr__(self) -> str:
        header = self.key.removeprefix("HTTP_").replace("_", "-").title()
        return f"from_escaped_pem({header!r}, trusted={self.trusted})"


def from_client_cert_header(*, trusted: Iterable[str]) -> ClientCertHeader:
    """Return the source of certificates in the header `Client-Cert` (RFC 9440 §2.1).

    The value is one byte sequence (RFC 8941 §3.3.5): the DER in base64 between two colons, without
    parameters. A value that is longer than 16 KiB, or is not exactly one certificate, is no
    certificate; two headers, which servers join with a comma, are none either.

    A WSGI environ does not tell `Client-Cert` and `Client_Cert` apart. The proxy must remove both
    from every request before it adds its own.

    Args:
        trusted: The addresses and networks of the proxies, and nothing else, such as
            `["10.0.3.7", "2001:db8:1::/64"]`; or `["unix"]` for proxies that connect to a unix
            socket. They are compared with `REMOTE_ADDR`, so nothing around the layers may rewrite
            it, as Werkzeug's `ProxyFix` does. From every other peer, the header is ignored.

    Raises:
        ValueError: `trusted` is empty, is not a list of such texts, or covers every address.
    """
    return ClientCertHeader(parse_peers(trusted))


def from_escaped_pem(header: str, *, trusted: Iterable[str]) -> EscapedPEMHeader:
    """Return the source of certificates that are a percent-encoded PEM in a header.

    nginx makes it of `$ssl_client_escaped_cert`. `+` is `+`, and not a blank. A value that is
    longer than 16 KiB, or is not exactly one certificate, is no certificate; two headers, which
    servers join with a comma, are none either.

    A WSGI environ does not tell `Client-Pem` and `Client_Pem` apart: both are `HTTP_CLIENT_PEM`.
    The proxy must remove every spelling from every request before it adds its own. A name with two
    dashes has four spellings, so choose one with a single dash, or without.

    Args:
        header: The header's name, such as `Client-Pem`; case does not matter.
        trusted: The peers that may send the header, as for `from_client_cert_header`.

    Raises:
        ValueError: `header` is not the name of a header, or of one that holds something else; or
            `trusted` is as for `from_client_cert_header`.
    """
    if not isinstance(header, str) or _NAME.fullmatch(header) is None:
        raise ValueError(f"header={header!r}: write the name of a header, such as 'Client-Pem'")
    name = header.lower().replace("_", "-")
    if name in _NO_CERTIFICATE:
        raise ValueError(
            f"header={header!r}: it has another meaning; let the proxy send the certificate in a "
            "header of its own, such as 'Client-Pem'"
        )
    return EscapedPEMHeader("HTTP_" + name.upper().replace("-", "_"), parse_peers(trusted))


def _trusted_value(environ: WSGIEnvironment, key: str, trusted: Peers) -> str:
    """Return the value of a header, or "" if it must not be read."""
    value = environ.get(key)
    if (
        not isinstance(value, str)
        or len(value) > MAX_SIZE
        or not trusted.include_sender_of(environ)
    ):
        return ""
    return value.strip(_WHITE_SPACE)
