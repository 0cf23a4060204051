"""The client's certificate from a server that ends TLS itself."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from wsgiref.types import WSGIEnvironment

from jwt_wsgi.jose.certificates import certificate_der, is_certificate

ClientCertificate = Callable[[WSGIEnvironment], bytes | None]

#: Characters of a header or a variable, and bytes of DER. A certificate has a tenth of it, or less.
MAX_SIZE = 16_384

_VARIABLE = re.compile(r"[A-Za-z0-9_.-]+")
# Apache renames variables at an internal redirect, and those of headers among them.
_HEADER = re.compile(r"(?:REDIRECT_)*HTTP_", re.IGNORECASE)
# The other variables whose text a client chooses (RFC 3875 §4.1, and what servers add).
_CHOSEN_BY_CLIENT = frozenset(
    (
        "CONTENT_LENGTH",
        "CONTENT_TYPE",
        "PATH_INFO",
        "PATH_TRANSLATED",
        "QUERY_STRING",
        "RAW_URI",
        "REQUEST_METHOD",
        "REQUEST_URI",
        "SCRIPT_NAME",
        "SCRIPT_URI",
        "SCRIPT_URL",
        "SERVER_NAME",
    )
)


def read_pem(text: str) -> bytes | None:
    """Return the DER of the one certificate that a PEM text holds, or None."""
    if len(text) > MAX_SIZE:
        return None
    return certificate_der(text)


def read_der(der: bytes) -> bytes | None:
    """Return `der` if it is one certificate, or None."""
    if len(der) > MAX_SIZE or not is_certificate(der):
        return None
    return der


@dataclass(frozen=True, slots=True, repr=False)
class ServerVariable:
    """A server variable that holds a PEM; `from_environ` makes it."""

    name: str

    def __call__(self, environ: WSGIEnvironment) -> bytes | None:
        """Return the DER of the client's certificate, or None."""
        text = environ.get(self.name)
        if not isinstance(text, str):
            return None
        return read_pem(text)

    def __repr__(self) -> str:
        return f"from_environ({self.name!r})"


@dataclass(frozen=True, slots=True, repr=False)
class GunicornSocket:
    """The socket of a request to gunicorn; `from_gunicorn` makes it."""

    def __call__(self, environ: WSGIEnvironment) -> bytes | None:
        """Return the DER of the client's certificate, or None.

        Raises:
            OSError: The connection is closed already.
            ValueError: The handshake of TLS is not finished.
        """
        # A socket without TLS has no such method.
        get_certificate = getattr(environ.get("gunicorn.socket"), "getpeercert", None)
        if get_certificate is None:
            return None
        der = get_certificate(binary_form=True)
        if not isinstance(der, bytes):
            return None
        return read_der(der)

    def __repr__(self) -> str:
        return "from_gunicorn()"


def from_environ(name: str) -> ServerVariable:
    """Return the source of certificates that are a PEM in a server variable.

    Use it for servers that end TLS themselves: Apache mod_ssl with mod_wsgi (`SSL_CLIENT_CERT`,
    with `SSLOptions +StdEnvVars +ExportCertData`), cheroot (`SSL_CLIENT_CERT`) and uWSGI
    (`HTTPS_CC`).
    A value that is longer than 16 KiB, or that is not exactly one certificate, is no certificate.

    Args:
        name: The variable's key in the environ; case matters.

    Raises:
        ValueError: `name` is not the name of a variable, or a client chooses the variable's value,
            as it does for every name that begins with `HTTP_`.
    """
    if not isinstance(name, str) or _VARIABLE.fullmatch(name) is None:
        raise ValueError(
            f"from_environ({name!r}): write the name of a server variable, "
            "such as 'SSL_CLIENT_CERT'"
        )
    if _HEADER.match(name):
        raise ValueError(
            f"from_environ({name!r}): any client can send this header; use from_client_cert_header "
            "or from_escaped_pem, which ask for the address of your proxy"
        )
    if name.upper() in _CHOSEN_BY_CLIENT:
        raise ValueError(
            f"from_environ({name!r}): the client chooses its value; write the variable that your "
            "server sets, such as 'SSL_CLIENT_CERT'"
        )
    return ServerVariable(name)


def from_gunicorn() -> GunicornSocket:
    """Return the source of certificates of gunicorn's own TLS.

    gunicorn asks clients for a certificate with `cert_reqs` 1 (optional) or 2 (required), and
    `ca_certs`. A certificate of more than 16 KiB is no certificate, and so is everything where
    `gunicorn.socket` is missing, as in other servers.
    """
    return GunicornSocket()
