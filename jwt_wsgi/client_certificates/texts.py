"""The source of client certificates from text, as environments and `.ini` files have it."""

from collections.abc import Iterable

from jwt_wsgi.client_certificates.headers import from_client_cert_header, from_escaped_pem
from jwt_wsgi.client_certificates.servers import ClientCertificate, from_environ, from_gunicorn


def parse_client_certificate(text: str, trusted: Iterable[str] = ()) -> ClientCertificate:
    """Return the source of client certificates that a text names.

    Args:
        text: `environ:NAME` (`from_environ`), `gunicorn` (`from_gunicorn`), `client-cert-header`
            (`from_client_cert_header`) or `escaped-pem:NAME` (`from_escaped_pem`).
        trusted: The addresses and networks of the proxies, or "unix". The two headers need them,
            and the other sources have none.

    Raises:
        ValueError: The text names something else, a header has no trusted proxies, or a source
            that is not a header has some.
    """
    kind, separator, name = text.partition(":")
    proxies = tuple(trusted)
    if text == "client-cert-header":
        _check_proxies(text, proxies)
        return from_client_cert_header(trusted=proxies)
    if kind == "escaped-pem" and separator:
        _check_proxies(text, proxies)
        return from_escaped_pem(name, trusted=proxies)
    if text == "gunicorn":
        _check_no_proxies(text, proxies)
        return from_gunicorn()
    if kind == "environ" and separator:
        _check_no_proxies(text, proxies)
        return from_environ(name)
    raise ValueError(
        f"{text!r} is not a source of client certificates: write environ:NAME, gunicorn, "
        "client-cert-header or escaped-pem:NAME"
    )


def _check_proxies(text: str, proxies: tuple[str, ...]) -> None:
    if not proxies:
        raise ValueError(
            f"{text!r} without trusted proxies: name the addresses of your proxies, because any "
            "client can send this header"
        )


def _check_no_proxies(text: str, proxies: tuple[str, ...]) -> None:
    if proxies:
        raise ValueError(
            f"{text!r} with trusted proxies: leave them out, because this certificate does not "
            "come from a header"
        )
