"""A failed fetch says what is wrong and what helps: TLS, proxies, names, connections, statuses."""

from __future__ import annotations

import datetime as dt
import errno
import json
import os
import socket
import ssl
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import client_tls
import pytest
import trustme
from cryptography import x509
from ports import free_port
from test_connections import hanging_up
from test_fetching import ELSEWHERE, Server, http, jwks, proxied, read_head, serve
from urllib3.exceptions import NewConnectionError

from jwt_wsgi import RemoteJWKS
from jwt_wsgi.http.causes import NoRouteOverIPv6, describe_failure
from jwt_wsgi.http.client import Fetcher
from jwt_wsgi.http.fetching import FetchError
from jwt_wsgi.http.resolving import AddressRow, Resolver
from jwt_wsgi.testing import LocalIssuer

__all__ = ["proxied", "serve"]

YEAR = dt.timedelta(days=365)


def reason(url: str, **options: Any) -> str:
    """Return why the fetch of a URL fails."""
    with pytest.raises(FetchError) as failure:
        Fetcher(2.0, 65536, **options)(url)
    assert failure.value.outcome in ("unreachable", "http_status", "bad_reply")
    return str(failure.value)


# --- TLS ---------------------------------------------------------------------------------------


class Authority:
    """An authority, the file of its root, and servers that it has certified."""

    def __init__(self, folder: Path) -> None:
        self.root = trustme.CA()
        self.file = folder / "root.pem"
        self.root.cert_pem.write_to_path(str(self.file))

    def certify(self, name: str = "localhost", **dates: dt.datetime) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.root.issue_cert(name, **dates).configure_cert(context)
        return context

    def self_signed(self, folder: Path) -> ssl.SSLContext:
        """Return the context of a server whose certificate is its own root."""
        alone = trustme.CA()
        alone.private_key_pem.write_to_path(str(folder / "alone.pem"))
        alone.cert_pem.write_to_path(str(folder / "alone.pem"), append=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "alone.pem")
        return context

    def with_client_certificates(self, version: ssl.TLSVersion) -> ssl.SSLContext:
        context = self.certify()
        context.minimum_version = context.maximum_version = version
        context.verify_mode = ssl.CERT_REQUIRED
        self.root.configure_trust(context)
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


CERTIFICATES: dict[str, tuple[Callable[[Authority, Path], ssl.SSLContext], bool, str, str]] = {
    "D4 self-signed": (
        lambda authority, folder: authority.self_signed(folder),
        True,
        "self-signed certificate",
        "ca_certs=",
    ),
    "D4 a private authority": (
        lambda authority, folder: authority.certify(),
        False,
        "unable to get local issuer certificate",
        "name the file of that authority's root: ca_certs=",
    ),
    "D4 expired": (
        lambda authority, folder: authority.certify(
            not_before=now() - 2 * YEAR, not_after=now() - YEAR
        ),
        True,
        "certificate has expired",
        "the server needs a new one",
    ),
    "D4 not valid yet": (
        lambda authority, folder: authority.certify(
            not_before=now() + YEAR, not_after=now() + 2 * YEAR
        ),
        True,
        "certificate is not yet valid",
        "check this machine's clock",
    ),
    "D4 another host": (
        lambda authority, folder: authority.certify("other.test"),
        True,
        "certificate is not valid for 'localhost'",
        "write the host as the certificate names it",
    ),
}


@pytest.mark.parametrize(
    ("context", "is_trusted", "found", "remedy"), CERTIFICATES.values(), ids=CERTIFICATES
)
def test_a_certificate_that_is_not_accepted_is_explained(
    context: Callable[[Authority, Path], ssl.SSLContext],
    is_trusted: bool,
    found: str,
    remedy: str,
    authority: Authority,
    tmp_path: Path,
    serve: Callable[..., Server],
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = serve(http(jwks()), context(authority, tmp_path))
    ca_certs = authority.file if is_trusted else None
    source = RemoteJWKS(server.url("localhost", "https"), ca_certs=ca_certs)
    error = str(source.warm_up().last_error)
    assert error.startswith(f"the certificate of localhost:{server.port} is not accepted: ")
    assert found in error
    assert remedy in error
    assert f"{error}; no keys are held yet" in caplog.text
    assert server.requests == []


@pytest.mark.parametrize(
    ("without", "found"),
    [
        pytest.param(x509.AuthorityKeyIdentifier, "Missing Authority Key Identifier", id="issuer"),
        pytest.param(x509.SubjectKeyIdentifier, "Missing Subject Key Identifier", id="authority"),
        pytest.param(x509.KeyUsage, "Path length given without key usage keyCertSign", id="usage"),
    ],
)
def test_a_certificate_that_is_not_strict_enough_is_explained(
    without: type[x509.ExtensionType], found: str, tmp_path: Path, serve: Callable[..., Server]
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError) as failure:
        shake_hands_strictly(client_tls.Authority("lax", without=without), tmp_path, serve)
    sentence = describe_failure(failure.value, "localhost:443")
    assert sentence.startswith(f"the certificate of localhost:443 is not accepted: {found}; ")
    assert "RFC 5280" in sentence
    assert "VERIFY_X509_STRICT" in sentence


def test_a_certificate_that_is_strict_enough_is_accepted(
    tmp_path: Path, serve: Callable[..., Server]
) -> None:
    shake_hands_strictly(client_tls.Authority("strict"), tmp_path, serve)


def shake_hands_strictly(
    authority: client_tls.Authority, folder: Path, serve: Callable[..., Server]
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("localhost").write(folder, "server"))
    server = serve(http(jwks()), context)
    client = authority.client_context(folder)
    with (
        socket.create_connection(("127.0.0.1", server.port)) as connection,
        client.wrap_socket(connection, server_hostname="localhost"),
    ):
        pass


def test_the_certificate_of_another_address_is_explained_d4(
    authority: Authority, serve: Callable[..., Server]
) -> None:
    server = serve(http(jwks()), authority.certify("127.0.0.2"))
    error = reason(server.url(scheme="https"), ca_certs=authority.file)
    assert "certificate is not valid for '127.0.0.1'; write the host as" in error


def test_a_private_authority_is_accepted_after_its_remedy_d4(
    authority: Authority, serve: Callable[..., Server]
) -> None:
    url = serve(http(jwks()), authority.certify()).url("localhost", "https")
    assert "ca_certs=" in reason(url)
    assert Fetcher(2.0, 65536, ca_certs=authority.file)(url).body == jwks()


def test_https_at_a_port_of_plain_http_is_explained_d4() -> None:
    with LocalIssuer().serve() as url:
        error = reason(url.replace("http:", "https:"))
    server = url.removeprefix("http://").rstrip("/")
    assert error.startswith(f"{server} does not speak TLS: the port may be one of plain http")


def test_http_at_a_port_of_tls_is_explained_d4(
    authority: Authority, serve: Callable[..., Server]
) -> None:
    server = serve(http(jwks()), authority.certify())
    error = reason(server.url("localhost"))
    assert error.startswith(f"localhost:{server.port} ")
    assert "check the scheme (http or https) and the port of the URL" in error


@pytest.mark.parametrize(
    "version",
    [
        pytest.param(ssl.TLSVersion.TLSv1_2, id="D12 TLS 1.2"),
        pytest.param(ssl.TLSVersion.TLSv1_3, id="D12 TLS 1.3"),
    ],
)
def test_a_server_that_wants_a_client_certificate_is_explained(
    version: ssl.TLSVersion, authority: Authority, serve: Callable[..., Server]
) -> None:
    server = serve(http(jwks()), authority.with_client_certificates(version))
    error = reason(server.url("localhost", "https"), ca_certs=authority.file)
    assert error.startswith(f"localhost:{server.port} ")
    assert "from its client" in error
    assert "pass fetch= with a client that has one" in error


def test_a_server_that_hangs_up_during_tls_is_explained_d12() -> None:
    port = free_port()
    with hanging_up("127.0.0.1", port):
        error = reason(f"https://127.0.0.1:{port}/")
    assert error.startswith(f"127.0.0.1:{port} closed the connection")


# --- connections -------------------------------------------------------------------------------


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def hang_up(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


ANSWERS: dict[str, tuple[bytes | Callable[[socket.socket], None], str]] = {
    "D12 reset": (reset, "closed the connection"),
    "D12 no reply": (hang_up, "closed the connection without a reply"),
    "D12 half a reply": (
        http(b"{", Content_Length="20"),
        "closed the connection before the reply was complete",
    ),
    "D12 not HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", "does not answer in HTTP"),
}


@pytest.mark.parametrize(("answer", "sentence"), ANSWERS.values(), ids=ANSWERS)
def test_a_connection_without_a_reply_is_explained(
    answer: bytes | Callable[[socket.socket], None], sentence: str, serve: Callable[..., Server]
) -> None:
    server = serve(answer)
    assert reason(server.url()).startswith(f"127.0.0.1:{server.port} {sentence}")


def test_a_port_where_nobody_listens_is_explained_d12() -> None:
    port = free_port()
    expected = "refuses connections: check the URL, and that the server runs"
    assert reason(f"http://127.0.0.1:{port}/jwks") == f"127.0.0.1:{port} {expected}"


def rows(*addresses: str) -> list[AddressRow]:
    kind = socket.SOCK_STREAM
    return [
        (socket.AF_INET6, kind, socket.IPPROTO_TCP, "", (each, 9, 0, 0))
        if ":" in each
        else (socket.AF_INET, kind, socket.IPPROTO_TCP, "", (each, 9))
        for each in addresses
    ]


def with_addresses(*addresses: str) -> Resolver:
    return Resolver(lambda host, port: rows(*addresses))


def has_no_route_over_ipv6() -> bool:
    with suppress(OSError), socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.1)
        return probe.connect_ex(("ff0e::1", 9)) in (errno.ENETUNREACH, errno.EHOSTUNREACH)
    return False


@pytest.mark.skipif(not has_no_route_over_ipv6(), reason="this machine has a route over IPv6")
@pytest.mark.parametrize(
    ("addresses", "sentence"),
    [
        pytest.param(
            ["ff0e::1"],
            "this machine has no route to keys.test:443 over IPv6, and no other address works",
            id="D12 IPv6 alone",
        ),
        pytest.param(
            ["127.0.0.2", "ff0e::1"], "keys.test:443 refuses connections", id="D12 IPv6 last"
        ),
        pytest.param(
            ["ff0e::1", "127.0.0.2"], "keys.test:443 refuses connections", id="D12 IPv6 first"
        ),
    ],
)
def test_a_missing_route_over_ipv6_is_told_where_it_matters(
    addresses: Sequence[str], sentence: str
) -> None:
    assert reason("https://keys.test/", resolver=with_addresses(*addresses)).startswith(sentence)


def test_a_missing_route_is_explained_d12() -> None:
    lacking = OSError(errno.ENETUNREACH, "hidden")
    for error, sentence in (
        (NewConnectionError(None, "hidden"), "this machine has no route to a.test:443"),  # type: ignore[arg-type]
        (NoRouteOverIPv6(None, "hidden"), "this machine has no route to a.test:443 over IPv6"),  # type: ignore[arg-type]
    ):
        error.__cause__ = lacking
        assert describe_failure(error, "a.test:443").startswith(sentence)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        pytest.param(
            PermissionError(errno.EPERM, "hidden"), "check its firewall", id="D12 forbidden"
        ),
        pytest.param(
            OSError(errno.EMFILE, "hidden"), f"failed ({os.strerror(errno.EMFILE)})", id="D12 files"
        ),
        pytest.param(OSError("hidden"), "failed (OSError)", id="D12 no number"),
        pytest.param(ssl.SSLError(1, "hidden"), "failed: no reason given", id="D12 TLS"),
        pytest.param(socket.gaierror(socket.EAI_FAIL, "broken"), "(broken)", id="D12 look-up"),
    ],
)
def test_other_failures_quote_the_system_and_no_unknown_text(
    error: Exception, sentence: str
) -> None:
    described = describe_failure(error, "a.test:443")
    assert "a.test:443" in described
    assert described.endswith(sentence)
    assert "hidden" not in described


def test_exceptions_that_hold_each_other_end_d12() -> None:
    one, other = OSError(), OSError()
    one.args, other.args = (other,), (one,)
    assert describe_failure(one, "a.test:443") == "the connection to a.test:443 failed (OSError)"


# --- names -------------------------------------------------------------------------------------


def fail_with(error: Exception) -> Resolver:
    def look_up(host: str, port: int) -> NoReturn:
        raise error

    return Resolver(look_up)


@pytest.mark.parametrize("public_only", [True, False], ids=["a tenant's", "configured"])
@pytest.mark.parametrize(
    ("resolver", "sentence"),
    [
        pytest.param(
            fail_with(socket.gaierror(socket.EAI_NONAME, "unknown")),
            "no such host, keys.test:443: check the name",
            id="D12 unknown",
        ),
        pytest.param(
            fail_with(socket.gaierror(socket.EAI_AGAIN, "again")),
            "the name server did not answer for keys.test:443",
            id="D12 for now",
        ),
        pytest.param(
            Resolver(lambda host, port: []), "the name server has no address", id="D12 none"
        ),
    ],
)
def test_a_name_without_an_address_is_explained(
    resolver: Resolver, sentence: str, public_only: bool
) -> None:
    error = reason("https://keys.test/jwks", resolver=resolver, public_only=public_only)
    assert error.startswith(sentence)


def test_the_name_of_a_host_is_cut_d12() -> None:
    error = reason(f"https://{'a' * 5000}.test/jwks")
    assert error.startswith("no such host, aaa")
    assert len(error) < 400


# --- proxies -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_refuses_connections_is_explained_d12(
    scheme: str, proxied: Callable[[str], None]
) -> None:
    proxied(f"http://user:secret@127.0.0.1:{free_port()}")
    error = reason(f"{scheme}://{ELSEWHERE}/jwks")
    assert error == "the proxy refuses connections: check the URL, and that the server runs"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_wants_credentials_is_explained_d12(
    scheme: str, proxied: Callable[[str], None], serve: Callable[..., Server]
) -> None:
    proxy = serve(http(b"", "407 Proxy Authentication Required secret"))
    proxied(f"http://user:secret@127.0.0.1:{proxy.port}")
    error = reason(f"{scheme}://{ELSEWHERE}/jwks")
    assert error.startswith("HTTP status 407: the proxy wants credentials: write them into its URL")
    assert "secret" not in error


def test_a_proxy_that_makes_no_connection_is_explained_d12(
    proxied: Callable[[str], None], serve: Callable[..., Server]
) -> None:
    proxied(f"http://127.0.0.1:{serve(http(b'', '502 Bad Gateway')).port}")
    expected = "the proxy does not connect to the host (HTTP status 502)"
    assert reason(f"https://{ELSEWHERE}/jwks") == expected


@pytest.mark.parametrize(
    ("proxy", "sentence"),
    [
        pytest.param("socks5://user:secret@a.test", "is neither http nor https", id="D12 SOCKS"),
        pytest.param("http://user:secret@a.test:secret", "is not a valid URL", id="D12 no URL"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_explained_without_its_password(
    proxy: str, sentence: str, proxied: Callable[[str], None]
) -> None:
    proxied(proxy)
    error = reason(f"https://{ELSEWHERE}/jwks")
    assert error.startswith(f"the proxy in the environment {sentence}")
    assert "secret" not in error


def test_the_certificate_behind_a_proxy_is_that_of_the_issuer_d12(
    authority: Authority, proxied: Callable[[str], None], serve: Callable[..., Server]
) -> None:
    tls = authority.certify("other.test")

    def tunnel(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with suppress(ssl.SSLError), tls.wrap_socket(connection, server_side=True) as inner:
            read_head(inner)

    proxied(f"http://127.0.0.1:{serve(tunnel).port}")
    error = reason(f"https://{ELSEWHERE}/jwks", ca_certs=authority.file)
    assert error.startswith(f"the certificate of {ELSEWHERE}:443 is not accepted: Hostname")


# --- statuses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        pytest.param("401 Unauthorized", "send them by headers=", id="D6 401"),
        pytest.param("403 Forbidden", "send them by headers=", id="D6 403"),
        pytest.param("404 Not Found", "nothing is published at this URL", id="D6 404"),
        pytest.param("406 Not Acceptable", 'headers={"Accept": …}', id="D6 406"),
        pytest.param("410 Gone", "nothing is published at this URL", id="D6 410"),
        pytest.param("429 Too Many Requests", "asked too often", id="D6 429"),
        pytest.param("503 Service Unavailable", "the endpoint has failed", id="D6 503"),
        pytest.param("302 Found", "if it is right, configure that URL", id="D6 302"),
    ],
)
def test_a_status_is_explained(status: str, remedy: str, serve: Callable[..., Server]) -> None:
    error = reason(serve(http(b"", status, Location="https://a.test/keys")).url())
    assert error.startswith(f"HTTP status {status[:3]}")
    assert remedy in error


def test_an_endpoint_with_credentials_is_fetched_after_the_remedy_d6(
    serve: Callable[..., Server],
) -> None:
    def answer(connection: socket.socket) -> None:
        is_allowed = "authorization: bearer t" in server.requests[-1].lower()
        connection.sendall(http(jwks()) if is_allowed else http(b"", "401 Unauthorized"))

    server = serve(answer)
    assert "headers=" in reason(server.url())
    source = RemoteJWKS(server.url(), headers={"Authorization": "Bearer t"})
    assert source.warm_up().usable


def test_a_compressed_reply_says_what_the_endpoint_must_do_d6(serve: Callable[..., Server]) -> None:
    error = reason(serve(http(json.dumps({}).encode(), Content_Encoding="gzip")).url())
    assert error.endswith("the endpoint must honour Accept-Encoding")
