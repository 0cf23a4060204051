"""Certificates of clients through real TLS: servers that end it themselves, and proxies.

The proxies connect from 127.0.0.9, which is trusted. Whoever goes around them comes from 127.0.0.1.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import socket
import ssl
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, make_server

import apache
import certificate_app
import pytest
from certificate_app import PROXY
from cheroot.ssl.builtin import BuiltinSSLAdapter
from cheroot.wsgi import Server as CherootServer
from client_tls import Authority, Issued
from installable import needs_pyuwsgi
from joserfc import jwt
from joserfc.jwk import OctKey
from nginx import needs_nginx, nginx
from ports import free_port
from processes import running
from serving import served

from jwt_wsgi.client_certificates import from_escaped_pem

pytestmark = pytest.mark.slow

TESTS = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
UWSGI = shutil.which("uwsgi-core", path="/usr/bin")
UWSGI_PYTHON = Path(
    f"/usr/lib/uwsgi/plugins/python{sys.version_info[0]}{sys.version_info[1]}_plugin.so"
)
HAPROXY = shutil.which("haproxy", path="/usr/sbin")
needs_uwsgi = [
    pytest.mark.skipif(UWSGI is None, reason="needs Debian's uWSGI: .ci/servers"),
    pytest.mark.skipif(
        UWSGI is not None and not UWSGI_PYTHON.exists(),
        reason="Debian's uWSGI is of another Python version",
    ),
]
needs_haproxy = pytest.mark.skipif(HAPROXY is None, reason="needs HAProxy: .ci/servers")

AUTHORITY, FOREIGN = Authority("clients"), Authority("foreign")
SERVER = AUTHORITY.issue("localhost")
CLIENT, VICTIM = AUTHORITY.issue("client"), AUTHORITY.issue("victim")
LARGE = AUTHORITY.issue("large", padding=20_000)
STRANGER = FOREIGN.issue("stranger")
#: Seconds that an answer may take.
PATIENCE = 30
#: The answer of a server that ended the connection, in the handshake or after it.
REFUSED = "refused"


def hash_of(issued: Issued) -> str:
    return hashlib.sha256(issued.der).hexdigest()


class Files(NamedTuple):
    """A folder that everybody may read, with what servers need for TLS."""

    folder: Path
    certificate: Path
    key: Path
    authority: Path


@contextmanager
def files() -> Iterator[Files]:
    """Yield files for one server, which may have given up being root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        certificate, key = SERVER.write(folder, "server")
        key.chmod(0o644)
        authority = folder / "clients.pem"
        authority.write_text(AUTHORITY.own.pem, "ascii")
        yield Files(folder, certificate, key, authority)


# --- requests


class Server(NamedTuple):
    """A server that listens on a port of 127.0.0.1, or on a unix socket."""

    address: int | Path

    def ask(self, *lines: str, source: str = "127.0.0.1") -> Any:
        """Send a request without TLS from an address, and return the answer."""
        with self._connect(source) as connection:
            return exchange(connection, lines)

    def ask_tls(self, *lines: str, client: Issued | None = None) -> Any:
        """Send a request with TLS and a client's certificate or none, and return the answer."""
        with tempfile.TemporaryDirectory() as name:
            context = AUTHORITY.client_context(Path(name), client)
        try:
            with (
                self._connect("127.0.0.1") as plain,
                context.wrap_socket(plain, server_hostname="localhost") as connection,
            ):
                return exchange(connection, lines)
        except OSError:
            return REFUSED

    def ask_again(self, client: Issued) -> tuple[bool, Any]:
        """Send two requests, the second in the session of the first, and return its answer.

        The answer comes with True if the server resumed the session, so that the client showed no
        certificate in the second handshake.
        """
        with tempfile.TemporaryDirectory() as name:
            context = AUTHORITY.client_context(Path(name), client)
        session, answer, resumed = None, None, False
        for _ in range(2):
            with (
                self._connect("127.0.0.1") as plain,
                context.wrap_socket(
                    plain, server_hostname="localhost", session=session
                ) as connection,
            ):
                resumed = bool(connection.session_reused)
                answer = exchange(connection, ())
                session = connection.session
        return resumed, answer

    def _connect(self, source: str) -> socket.socket:
        if isinstance(self.address, int):
            return socket.create_connection(
                ("127.0.0.1", self.address), PATIENCE, source_address=(source, 0)
            )
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        connection.connect(str(self.address))
        return connection


def exchange(connection: socket.socket, lines: tuple[str, ...]) -> Any:
    """Return the JSON of the answer, or its status if that is not 200."""
    head = ["GET / HTTP/1.1", "Host: localhost", *lines, "", ""]
    try:
        connection.sendall("\r\n".join(head).encode("latin-1"))
        answer = HTTPResponse(connection)
        answer.begin()
        body = answer.read()
    # A server that refuses before it has read everything may reset the connection.
    except (ConnectionError, HTTPException):
        return REFUSED
    return json.loads(body) if answer.status == 200 else answer.status


#: Lines of a client that claims to be the victim, each with the header's name in every spelling.
SPELLINGS = {
    "Client-Cert": ("Client-Cert", "Client_Cert", "CLIENT-CERT", "client_cert"),
    "Client-Pem": ("Client-Pem", "Client_Pem", "CLIENT-PEM", "client_pem"),
}
VALUES = {"Client-Cert": VICTIM.byte_sequence, "Client-Pem": VICTIM.escaped}
FORGED = {
    spelling: f"{spelling}: {VALUES[name]}"
    for name, spellings in SPELLINGS.items()
    for spelling in spellings
}
#: Each with the lines of a request.
FORGERIES = {
    **{name: [line] for name, line in FORGED.items()},
    **{f"{name} twice": [line, line] for name, line in FORGED.items()},
    "every spelling": list(FORGED.values()),
    "nominated by Connection": ["Connection: Client-Cert, Client-Pem", *FORGED.values()],
    "a blank before the colon": [f"{name} : {value}" for name, value in VALUES.items()],
    "a continued line": [f"{name}:\r\n {value}" for name, value in VALUES.items()],
    "beside an empty one": [f"{name}:" for name in FORGED] + list(FORGED.values()),
    "over 16 KiB": [f"{line}{' ' * 20_000}" for line in FORGED.values()],
}
each_forgery = pytest.mark.parametrize("lines", FORGERIES.values(), ids=FORGERIES.keys())


def may_be_refused(lines: list[str]) -> bool:
    """Return True if a server may refuse the request, because it is large or not well-formed."""
    text = "".join(lines)
    return len(text) > 20_000 or " :" in text or "\r" in text


# --- servers that end TLS themselves


@contextmanager
def cheroot(
    application: Any, address: int | Path = 0, tls: BuiltinSSLAdapter | None = None
) -> Iterator[Server]:
    """Serve with cheroot in this process, on a port or on a unix socket."""
    bind: Any = ("127.0.0.1", 0) if isinstance(address, int) else str(address)
    server = CherootServer(bind, application, numthreads=2)
    server.error_log = lambda *_, **__: None
    server.ssl_adapter = tls
    server.prepare()
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield Server(server.bind_addr[1] if isinstance(address, int) else address)
    finally:
        server.stop()
        thread.join(PATIENCE)


@contextmanager
def cheroot_tls() -> Iterator[Server]:
    with files() as where:
        tls = BuiltinSSLAdapter(str(where.certificate), str(where.key))
        tls.context.load_verify_locations(str(where.authority))
        tls.context.verify_mode = ssl.CERT_OPTIONAL
        with cheroot(certificate_app.variable, tls=tls) as server:
            yield server


@contextmanager
def gunicorn_tls(worker_class: str) -> Iterator[Server]:
    port = free_port()
    with files() as where:
        options = ["--certfile", where.certificate, "--keyfile", where.key]
        options += ["--ca-certs", where.authority, "--cert-reqs", ssl.CERT_OPTIONAL.value]
        options += ["--bind", f"127.0.0.1:{port}", "--worker-class", worker_class]
        command = [BIN / "gunicorn", *options, "certificate_app:of_gunicorn"]
        with running(list(map(str, command)), port, where.folder):
            yield Server(port)


@contextmanager
def uwsgi_tls() -> Iterator[Server]:
    port = free_port()
    with files() as where:
        apache.copy_packages(where.folder)
        https = f"127.0.0.1:{port},{where.certificate},{where.key},HIGH,{where.authority}"
        options = ["--plugins", "http,python3", "--https", https, "--https-export-cert"]
        options += ["--socket", where.folder / "worker.sock", "--buffer-size", 65535]
        options += ["--pythonpath", where.folder, "--pythonpath", TESTS, "--need-app"]
        command = [UWSGI, *options, "--die-on-term", "--module", "certificate_app:of_uwsgi"]
        with running(list(map(str, command)), port, where.folder):
            yield Server(port)


MOD_WSGI = """
SSLEngine on
SSLCertificateFile {files.certificate}
SSLCertificateKeyFile {files.key}
SSLCACertificateFile {files.authority}
SSLVerifyClient optional
SSLOptions +StdEnvVars +ExportCertData
WSGIPassAuthorization On
WSGISocketPrefix {files.folder}/wsgi
WSGIDaemonProcess api processes=1 threads=2 python-path={files.folder}
WSGIProcessGroup api
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias / {files.folder}/certificate_app.py
<Location />
    Require all granted
</Location>
"""


@contextmanager
def mod_wsgi_tls() -> Iterator[Server]:
    port = free_port()
    with files() as where:
        apache.copy_packages(where.folder)
        shutil.copy(certificate_app.__file__, where.folder)
        settings = MOD_WSGI.format(files=where)
        text = apache.configuration(where.folder, port, ("ssl", "wsgi"), settings)
        with running(apache.command(where.folder, text), port, where.folder):
            yield Server(port)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(mod_wsgi_tls, marks=apache.needs_mod_wsgi, id="Apache with mod_wsgi"),
        pytest.param(cheroot_tls, id="cheroot"),
        pytest.param(lambda: gunicorn_tls("sync"), id="gunicorn sync"),
        pytest.param(lambda: gunicorn_tls("gthread"), id="gunicorn gthread"),
        pytest.param(lambda: gunicorn_tls("gevent"), id="gunicorn gevent"),
        pytest.param(uwsgi_tls, marks=needs_uwsgi, id="uWSGI"),
    ],
)
def tls_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with request.param() as server:
        yield server


def test_a_server_hands_over_the_certificate_of_its_client(tls_server: Server) -> None:
    for client in (CLIENT, VICTIM, CLIENT):
        assert tls_server.ask_tls(client=client)["certificate"] == hash_of(client)


def test_a_resumed_session_keeps_its_certificate_at_a_server(tls_server: Server) -> None:
    # Some workers of gunicorn resume no sessions.
    _, answer = tls_server.ask_again(CLIENT)
    assert answer["certificate"] == hash_of(CLIENT)


def test_a_client_without_a_certificate_has_none_at_a_server(tls_server: Server) -> None:
    assert tls_server.ask_tls()["certificate"] is None


def test_a_server_refuses_a_certificate_of_a_foreign_authority(tls_server: Server) -> None:
    assert tls_server.ask_tls(client=STRANGER) == REFUSED


def test_a_certificate_over_16_kib_is_none_at_a_server(tls_server: Server) -> None:
    assert tls_server.ask_tls(client=LARGE)["certificate"] is None


def bearer(issued: Issued) -> str:
    """Return the line with a token that is bound to a certificate."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(issued.der).digest()).decode("ascii")
    claims = {
        "iss": certificate_app.ISSUER,
        "aud": certificate_app.AUDIENCE,
        "exp": int(time.time()) + 3600,
        "cnf": {"x5t#S256": digest.rstrip("=")},
    }
    key = OctKey.import_key(certificate_app.SECRET)
    return f"Authorization: Bearer {jwt.encode({'alg': 'HS256'}, claims, key)}"


#: The client at the server, and the verdict on a token that is bound to the certificate of CLIENT.
VERDICTS = [
    pytest.param(CLIENT, "accepted", id="its client"),
    pytest.param(VICTIM, "binding_mismatch", id="another client"),
    pytest.param(None, "token_bound", id="no certificate"),
]


@pytest.mark.conforms(73, 74, 100)
@pytest.mark.parametrize(("client", "reason"), VERDICTS)
def test_a_token_needs_its_certificate_at_a_server(
    tls_server: Server, client: Issued | None, reason: str
) -> None:
    assert tls_server.ask_tls(bearer(CLIENT), client=client)["certificate"] == reason


@pytest.mark.parametrize("name", ["SSL-Client-Cert", "SSL_CLIENT_CERT", "HTTPS-CC", "HTTPS_CC"])
def test_a_header_named_like_the_variable_does_not_set_it(tls_server: Server, name: str) -> None:
    line = f"{name}: {VICTIM.pem.replace(chr(10), ' ')}"
    assert tls_server.ask_tls(line) in (400, {"peer": "127.0.0.1", "certificate": None})
    answer = tls_server.ask_tls(line, client=CLIENT)
    assert answer in (400, {"peer": "127.0.0.1", "certificate": hash_of(CLIENT)})


# --- proxies in front of servers


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None: ...


@contextmanager
def wsgiref() -> Iterator[Server]:
    application = certificate_app.behind_proxy
    with make_server("127.0.0.1", 0, application, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield Server(server.server_port)
        finally:
            server.shutdown()
            thread.join(PATIENCE)


@contextmanager
def waitress() -> Iterator[Server]:
    with served(certificate_app.behind_proxy) as port:
        yield Server(port)


@contextmanager
def gunicorn() -> Iterator[Server]:
    port = free_port()
    command = [str(BIN / "gunicorn"), "--bind", f"127.0.0.1:{port}", "certificate_app:behind_proxy"]
    with files() as where, running(command, port, where.folder):
        yield Server(port)


BACKENDS = {
    "wsgiref": wsgiref,
    "cheroot": lambda: cheroot(certificate_app.behind_proxy),
    "waitress": waitress,
    "gunicorn": gunicorn,
}
#: These take `_` in the name of a header for `-`; the others drop such headers.
JOINS_SPELLINGS = {"wsgiref", "cheroot"}

# The lines that the documentation shows. A header that a proxy does not set, it must remove.
NGINX_ESCAPED = """
proxy_set_header Client-Pem $ssl_client_escaped_cert;
proxy_set_header Client_Pem "";
"""
NGINX_NO_CLIENT_CERT = """
proxy_set_header Client-Cert "";
proxy_set_header Client_Cert "";
"""
APACHE_CLIENT_CERT = """
RequestHeader unset Client-Cert
RequestHeader unset Client_Cert
RequestHeader set Client-Cert "%{SSL_CLIENT_CERT}s" "expr=-n %{SSL:SSL_CLIENT_CERT}"
RequestHeader edit* Client-Cert "-----(BEGIN|END) CERTIFICATE-----" ":"
RequestHeader edit* Client-Cert "[ ]" ""
"""
APACHE_ESCAPED = """
RequestHeader unset Client_Pem
RequestHeader set Client-Pem "expr=%{escape:%{SSL:SSL_CLIENT_CERT}}"
"""
HAPROXY_NO_ESCAPED = """
    http-request del-header Client-Pem
    http-request del-header Client_Pem
"""
HAPROXY_CLIENT_CERT = """
    http-request del-header Client-Cert
    http-request del-header Client_Cert
    http-request set-header Client-Cert ":%[ssl_c_der,base64]:" if { ssl_c_used }
"""

UNDERSCORES = "underscores_in_headers on;"
TLS_OF_NGINX = """
ssl_certificate {files.certificate};
ssl_certificate_key {files.key};
ssl_client_certificate {files.authority};
ssl_verify_client optional;
location / {{
    proxy_pass http://127.0.0.1:{port};
    proxy_bind {proxy};
    {lines}
}}
"""
TLS_OF_APACHE = """
SSLEngine on
SSLCertificateFile {files.certificate}
SSLCertificateKeyFile {files.key}
SSLCACertificateFile {files.authority}
SSLVerifyClient optional
{lines}
ProxyPass / http://127.0.0.1:{port}/
ProxySourceAddress {proxy}
"""
TLS_OF_HAPROXY = """
defaults
    mode http
    timeout connect 30s
    timeout client 30s
    timeout server 30s
global
    tune.bufsize 131072
frontend https
    bind 127.0.0.1:{own} ssl crt {bundle} ca-file {files.authority} verify optional
    default_backend api
{lines}
backend api
    source {proxy}
    server api 127.0.0.1:{port}
"""


@contextmanager
def nginx_proxy(
    port: int,
    lines: str = NGINX_ESCAPED + NGINX_NO_CLIENT_CERT,
    settings: str = "",
    verification: str = "optional",
) -> Iterator[Server]:
    with files() as where:
        text = TLS_OF_NGINX.replace("optional", verification).format(
            files=where, port=port, proxy=PROXY, lines=lines
        )
        with nginx(settings + text, tls=True) as own:
            yield Server(own)


@contextmanager
def apache_proxy(port: int, lines: str, verification: str = "optional") -> Iterator[Server]:
    own = free_port()
    with files() as where:
        settings = TLS_OF_APACHE.replace("optional", verification).format(
            files=where, port=port, proxy=PROXY, lines=lines
        )
        modules = ("ssl", "headers", "proxy", "proxy_http")
        text = apache.configuration(where.folder, own, modules, settings)
        with running(apache.command(where.folder, text), own, where.folder):
            yield Server(own)


@contextmanager
def haproxy(port: int) -> Iterator[Server]:
    own = free_port()
    with files() as where:
        bundle = where.folder / "bundle.pem"
        bundle.write_bytes(where.certificate.read_bytes() + where.key.read_bytes())
        file = where.folder / "haproxy.cfg"
        lines = HAPROXY_CLIENT_CERT + HAPROXY_NO_ESCAPED
        text = TLS_OF_HAPROXY.format(
            files=where, own=own, port=port, proxy=PROXY, bundle=bundle, lines=lines
        )
        file.write_text(text, "ascii")
        with running([str(HAPROXY), "-db", "-f", str(file)], own, where.folder):
            yield Server(own)


#: Each proxy, and the sources for which it sets a header. The others must stay without one.
PROXIES = {
    "nginx": (nginx_proxy, {"escaped"}, needs_nginx),
    "nginx that passes underscores": (
        lambda port: nginx_proxy(port, settings=UNDERSCORES),
        {"escaped"},
        needs_nginx,
    ),
    "Apache": (
        lambda port: apache_proxy(port, APACHE_CLIENT_CERT + APACHE_ESCAPED),
        {"client_cert", "escaped"},
        apache.needs_apache,
    ),
    "HAProxy": (haproxy, {"client_cert"}, needs_haproxy),
}


@pytest.fixture(scope="module")
def backends() -> Iterator[dict[str, Server]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(start()) for name, start in BACKENDS.items()}


class Proxied(NamedTuple):
    """A proxy in front of a server."""

    proxy: Server
    sources: set[str]

    def expected(self, client: Issued | None) -> dict[str, str | None]:
        """Return the answer for a client, with its certificate or without."""
        answer: dict[str, str | None] = {"peer": PROXY, "client_cert": None, "escaped": None}
        if client is not None:
            answer.update(dict.fromkeys(self.sources, hash_of(client)))
        return answer


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request: pytest.FixtureRequest, backends: dict[str, Server]) -> tuple[str, Server]:
    return request.param, backends[request.param]


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=marks) for name, (_, _, marks) in PROXIES.items()],
)
def proxied(request: pytest.FixtureRequest, backend: tuple[str, Server]) -> Iterator[Proxied]:
    start, sources, _ = PROXIES[request.param]
    port = backend[1].address
    assert isinstance(port, int)
    with start(port) as proxy:
        yield Proxied(proxy, sources)


def test_a_proxy_hands_over_the_certificate_of_its_client(proxied: Proxied) -> None:
    for client in (CLIENT, VICTIM, CLIENT):
        assert proxied.proxy.ask_tls(client=client) == proxied.expected(client)


def test_a_resumed_session_keeps_its_certificate_behind_a_proxy(proxied: Proxied) -> None:
    assert proxied.proxy.ask_again(CLIENT) == (True, proxied.expected(CLIENT))


def test_a_client_without_a_certificate_has_none_behind_a_proxy(proxied: Proxied) -> None:
    assert proxied.proxy.ask_tls() == proxied.expected(None)


def test_a_proxy_refuses_a_certificate_of_a_foreign_authority(proxied: Proxied) -> None:
    assert proxied.proxy.ask_tls(client=STRANGER) in (REFUSED, 400)


def test_a_certificate_over_16_kib_is_none_behind_a_proxy(proxied: Proxied) -> None:
    # A server may refuse such a header by itself.
    assert proxied.proxy.ask_tls(client=LARGE) in (proxied.expected(None), 400, 431)


@pytest.mark.conforms(73, 74, 100)
@pytest.mark.parametrize(("client", "reason"), VERDICTS)
def test_a_token_needs_its_certificate_behind_a_proxy(
    proxied: Proxied, client: Issued | None, reason: str
) -> None:
    answer = proxied.proxy.ask_tls(bearer(CLIENT), client=client)
    assert {answer[source] for source in proxied.sources} == {reason}


ANY_AUTHORITY = {
    "nginx": (lambda port: nginx_proxy(port, verification="optional_no_ca"), needs_nginx),
    "Apache": (
        lambda port: apache_proxy(port, APACHE_ESCAPED, verification="optional_no_ca"),
        apache.needs_apache,
    ),
}


@pytest.mark.parametrize(
    "start",
    [pytest.param(start, marks=marks, id=name) for name, (start, marks) in ANY_AUTHORITY.items()],
)
def test_a_proxy_may_hand_over_certificates_of_any_authority(start: Any) -> None:
    with cheroot(certificate_app.behind_proxy) as server, start(server.address) as proxy:
        for client in (CLIENT, STRANGER, FOREIGN.own):
            assert proxy.ask_tls(client=client)["escaped"] == hash_of(client)
        assert proxy.ask_tls()["escaped"] is None


@each_forgery
def test_a_forged_header_does_not_get_through_a_proxy(proxied: Proxied, lines: list[str]) -> None:
    for client in (None, CLIENT):
        answer = proxied.proxy.ask_tls(*lines, client=client)
        if isinstance(answer, dict) and "Connection" in lines[0]:
            # A client may have headers removed, that with its own certificate among them.
            assert answer in (proxied.expected(client), proxied.expected(None))
        elif isinstance(answer, dict) or not may_be_refused(lines):
            assert answer == proxied.expected(client)


@each_forgery
def test_a_forged_header_around_the_proxy_does_not_exist(
    backend: tuple[str, Server], lines: list[str]
) -> None:
    nothing = {"peer": "127.0.0.1", "client_cert": None, "escaped": None}
    answer = backend[1].ask(*lines)
    if isinstance(answer, dict) or not may_be_refused(lines):
        assert answer == nothing


# --- nginx in front of uWSGI, in the protocol of uWSGI


NGINX_VARIABLE = """
uwsgi_param SSL_CLIENT_CERT $ssl_client_raw_cert;
"""


@contextmanager
def uwsgi_behind_nginx() -> Iterator[Server]:
    with files() as where:
        address = where.folder / "worker.sock"
        command = [BIN / "uwsgi", "--socket", address, "--chmod-socket=666", "--need-app"]
        command += ["--module", "certificate_app:variable", "--home", BIN.parent, "--die-on-term"]
        command += ["--buffer-size", 65535, "--pythonpath", TESTS, "--pythonpath", TESTS.parent]
        lines = f"include /etc/nginx/uwsgi_params;{NGINX_VARIABLE}uwsgi_pass unix:{address};"
        text = TLS_OF_NGINX.replace("proxy_pass http://127.0.0.1:{port};", "{lines}", 1)
        text = text.replace("    proxy_bind {proxy};\n    {lines}\n", "")
        with (
            running(list(map(str, command)), address, where.folder),
            nginx(text.format(files=where, lines=lines), tls=True) as own,
        ):
            yield Server(own)


@needs_nginx
@needs_pyuwsgi
def test_nginx_hands_uwsgi_the_certificate_as_a_variable() -> None:
    forged = [f"{name}: {VICTIM.byte_sequence}" for name in ("SSL-Client-Cert", "SSL_CLIENT_CERT")]
    with uwsgi_behind_nginx() as server:
        assert server.ask_tls(client=CLIENT)["certificate"] == hash_of(CLIENT)
        assert server.ask_tls(*forged, client=CLIENT)["certificate"] == hash_of(CLIENT)
        assert server.ask_tls(*forged)["certificate"] is None
        assert server.ask_tls(client=LARGE)["certificate"] is None
        assert server.ask_tls(client=STRANGER) == 400


# --- what arrives from the proxy's address if the proxy does not replace headers


@pytest.mark.parametrize("name", SPELLINGS)
def test_the_trusted_address_alone_makes_a_header_count(
    backend: tuple[str, Server], name: str
) -> None:
    server, source = backend[1], "client_cert" if name == "Client-Cert" else "escaped"
    for spelling in SPELLINGS[name]:
        counts = "_" not in spelling or backend[0] in JOINS_SPELLINGS
        answer = server.ask(FORGED[spelling], source=PROXY)
        assert answer in (
            {
                "peer": PROXY,
                "client_cert": None,
                "escaped": None,
                **({source: hash_of(VICTIM)} if counts else {}),
            },
            400,
        )
        assert counts is (answer != 400 and answer[source] is not None)


@pytest.mark.parametrize("spelling", ["Client-Cert", "Client_Cert"])
def test_a_clients_header_beside_that_of_a_careless_proxy(
    backend: tuple[str, Server], spelling: str
) -> None:
    """In cheroot the last header wins, so a client can replace the certificate of the proxy."""
    own, forged = f"Client-Cert: {CLIENT.byte_sequence}", f"{spelling}: {VICTIM.byte_sequence}"
    first, last = (backend[1].ask(*lines, source=PROXY) for lines in ([forged, own], [own, forged]))
    found = {
        answer if isinstance(answer, int) else answer["client_cert"] for answer in (first, last)
    }
    if backend[0] == "cheroot":
        assert found == {hash_of(CLIENT), hash_of(VICTIM)}
    elif spelling == "Client-Cert" or backend[0] == "wsgiref":
        assert found <= {None, 400}
    else:
        assert found <= {hash_of(CLIENT), 400}


@needs_nginx
def test_a_name_with_two_dashes_has_four_spellings() -> None:
    """So removing two of them is not enough where the proxy lets names with underscores pass."""
    source = from_escaped_pem("X-Client-Cert", trusted=[PROXY])
    lines = NGINX_ESCAPED.replace("Client-Pem", "X-Client-Cert").replace(
        "Client_Pem", "X_Client_Cert"
    )
    mixed = f"X-Client_Cert: {VICTIM.escaped}"
    with cheroot(certificate_app.echo(certificate=source)) as server:
        port = server.address
        assert isinstance(port, int)
        with nginx_proxy(port, lines) as proxy:
            assert proxy.ask_tls(mixed)["certificate"] is None
        with nginx_proxy(port, lines, UNDERSCORES) as proxy:
            assert proxy.ask_tls(mixed)["certificate"] == hash_of(VICTIM)


# --- unix sockets


@contextmanager
def on_unix_socket(*command: str) -> Iterator[Server]:
    with files() as where:
        address = where.folder / "api.sock"
        words = [word.format(socket=address) for word in command]
        with running([str(BIN / words[0]), *words[1:]], address, where.folder):
            yield Server(address)


@contextmanager
def cheroot_on_unix_socket() -> Iterator[Server]:
    with (
        files() as where,
        cheroot(certificate_app.behind_unix_socket, where.folder / "api.sock") as server,
    ):
        yield server


UNIX_SOCKETS = {
    "gunicorn": lambda: on_unix_socket(
        "gunicorn", "--bind", "unix:{socket}", "certificate_app:behind_unix_socket"
    ),
    "waitress": lambda: on_unix_socket(
        "waitress-serve", "--unix-socket={socket}", "certificate_app:behind_unix_socket"
    ),
    "cheroot": cheroot_on_unix_socket,
}


@pytest.mark.parametrize("name", UNIX_SOCKETS)
def test_unix_is_what_a_server_says_of_its_unix_socket(name: str) -> None:
    with UNIX_SOCKETS[name]() as server:
        assert server.ask(FORGED["Client-Cert"])["client_cert"] == hash_of(VICTIM)
        assert server.ask(FORGED["Client-Pem"])["escaped"] == hash_of(VICTIM)
        assert server.ask()["client_cert"] is None


def test_unix_is_no_address_of_another_machine() -> None:
    with cheroot(certificate_app.behind_unix_socket) as server:
        answer = server.ask(FORGED["Client-Cert"], FORGED["Client-Pem"])
    assert answer == {"peer": "127.0.0.1", "client_cert": None, "escaped": None}
