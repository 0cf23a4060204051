"""Sources of client certificates that a text names, for environments and `.ini` files."""

from __future__ import annotations

import pytest

from jwt_wsgi.client_certificates import (
    ClientCertificate,
    from_client_cert_header,
    from_environ,
    from_escaped_pem,
    from_gunicorn,
    parse_client_certificate,
)

PROXIES = ["10.0.3.7", "2001:db8::/64"]


@pytest.mark.parametrize(
    ("text", "trusted", "source"),
    [
        pytest.param(
            "environ:SSL_CLIENT_CERT", [], from_environ("SSL_CLIENT_CERT"), id="a variable"
        ),
        pytest.param("environ:HTTPS_CC", (), from_environ("HTTPS_CC"), id="another variable"),
        pytest.param("gunicorn", [], from_gunicorn(), id="gunicorn"),
        pytest.param(
            "client-cert-header",
            PROXIES,
            from_client_cert_header(trusted=PROXIES),
            id="the header Client-Cert",
        ),
        pytest.param(
            "client-cert-header",
            ["unix"],
            from_client_cert_header(trusted=["unix"]),
            id="a unix socket",
        ),
        pytest.param(
            "escaped-pem:Client-Pem",
            iter(PROXIES),
            from_escaped_pem("Client-Pem", trusted=PROXIES),
            id="an escaped PEM",
        ),
    ],
)
def test_a_text_names_a_source(text: str, trusted: list[str], source: ClientCertificate) -> None:
    assert parse_client_certificate(text, trusted) == source


@pytest.mark.parametrize(
    ("text", "trusted", "complaint"),
    [
        pytest.param(
            "", [], "'' is not a source of .*: write environ:NAME, gunicorn", id="nothing"
        ),
        pytest.param("nginx", PROXIES, "'nginx' is not a source", id="a server"),
        pytest.param("environ", [], "'environ' is not a source", id="no name of a variable"),
        pytest.param("environ:", [], r"from_environ\(''\): write the name", id="an empty name"),
        pytest.param(
            "environ:HTTP_CLIENT_CERT", [], "use from_client_cert_header", id="a header's variable"
        ),
        pytest.param("gunicorn:cert", [], "'gunicorn:cert' is not", id="gunicorn with a name"),
        pytest.param("Gunicorn", [], "'Gunicorn' is not a source", id="another case"),
        pytest.param(
            "client-cert-header:Client-Cert", PROXIES, "is not a source", id="the header's name"
        ),
        pytest.param("escaped-pem", PROXIES, "'escaped-pem' is not", id="no name of a header"),
        pytest.param("escaped-pem:Cookie", PROXIES, "another meaning", id="another header"),
        pytest.param("client-cert-header", [], "without trusted proxies: name", id="no proxies"),
        pytest.param(
            "escaped-pem:Client-Pem", (), "without trusted proxies: name", id="a PEM, no proxies"
        ),
        pytest.param(
            "client-cert-header", ["proxy.test"], "trusted='proxy.test': write", id="a name"
        ),
        pytest.param(
            "client-cert-header", ["0.0.0.0/0"], "this is every address", id="every address"
        ),
        pytest.param(
            "gunicorn", PROXIES, "with trusted proxies: leave them out", id="not a header"
        ),
        pytest.param(
            "environ:SSL_CLIENT_CERT", PROXIES, "with trusted proxies: leave", id="a variable, too"
        ),
    ],
)
def test_another_text_is_refused_with_a_remedy(
    text: str, trusted: list[str], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_client_certificate(text, trusted)
