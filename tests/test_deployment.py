"""docs/deployment.md is run: each command and configuration with other ports and folders, and nothing else changed."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nginx
import pytest
import trustme
from apache import command as apache_command
from apache import configuration, copy_packages, needs_mod_wsgi
from installable import needs_pyuwsgi
from ports import free_port, listens
from webtest import TestApp

from jwt_wsgi.testing import LocalIssuer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
#: Seconds; generous, for machines that are busy with other things.
PATIENCE = 120


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


COMMANDS = [line for block in blocks("console") for line in block.splitlines()]
WAITRESS, PROXIED = COMMANDS[0], COMMANDS[-1]
#: The signals that end a server in order; waitress knows Ctrl-C alone.
ENDS = {"waitress-serve": signal.SIGINT}


class Answer(NamedTuple):
    status: int
    body: dict[str, Any]


class Site:
    """The folder `/srv/api` of the page, an issuer whose keys are on loopback, and a port."""

    def __init__(self, folder: Path, issuer: LocalIssuer) -> None:
        self.folder, self.issuer, self.port = folder, issuer, free_port()

    def here(self, text: str) -> str:
        """A text of the page with this site's folder, port and issuer."""
        places = {
            "/srv/api/.venv": sys.prefix,
            "/srv/api": str(self.folder),
            "127.0.0.1:8000": f"127.0.0.1:{self.port}",
            "--port=8000": f"--port={self.port}",
            "https://tenant.example.com/": self.issuer.issuer,
            "https://api.example.com": self.issuer.audience,
        }
        for there, here in places.items():
            text = text.replace(there, here)
        return text

    def write(self, source: str) -> None:
        (self.folder / "myapi.py").write_text(self.here(source), encoding="utf-8")

    def ask(self, path: str = "/private", token: str | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        return asked(connection, path, token, headers)

    def status(self, path: str) -> int:
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        ) as connection:
            connection.request("GET", path)
            return connection.getresponse().status


def asked(
    connection: http.client.HTTPConnection, path: str, token: str | None, headers: dict[str, str]
) -> Answer:
    sent = headers if token is None else {"Authorization": f"Bearer {token}", **headers}
    with contextlib.closing(connection):
        connection.request(
            "GET", path, headers={name.replace("_", "-"): value for name, value in sent.items()}
        )
        answer = connection.getresponse()
        return Answer(answer.status, json.loads(answer.read()))


@pytest.fixture
def site() -> Iterator[Site]:
    # Servers that give up being root must be able to read it, so it is not pytest's folder.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        issuer = LocalIssuer(algorithms=("RS256",))
        with issuer.serve():
            at = Site(Path(folder), issuer)
            at.write(blocks("python")[0])
            yield at


@contextlib.contextmanager
def running(
    command: list[str], site: Site, port: int, end: signal.Signals = signal.SIGTERM
) -> Iterator[None]:
    """The server while it listens; it must end in order, and leave nobody behind."""
    # What measures the suite has nothing to learn from a server that is ended by a signal.
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("COV", "PYTEST"))
    }
    environment = {**kept, "PYTHONPATH": os.pathsep.join((str(site.folder), str(ROOT)))}
    with (site.folder / "said").open("w+b") as said:
        process = subprocess.Popen(
            command,
            cwd=site.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        try:
            until = time.monotonic() + PATIENCE
            while not listens(port):
                assert process.poll() is None, output(site)
                assert time.monotonic() < until, output(site)
                time.sleep(0.05)
            yield
            process.send_signal(end)
            assert process.wait(PATIENCE) == 0, output(site)
            assert not listens(port)
        except http.client.HTTPException as error:
            raise AssertionError(output(site)) from error
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def output(site: Site) -> str:
    logs = [site.folder / "said", *site.folder.glob("*.log")]
    return "\n".join(
        log.read_text(encoding="utf-8", errors="replace")[-3000:] for log in logs if log.exists()
    )


def started(command: str, site: Site) -> contextlib.AbstractContextManager[None]:
    program, *words = site.here(command).split()
    return running([str(BIN / program), *words], site, site.port, ENDS.get(program, signal.SIGTERM))


def calls(site: Site) -> None:
    """What every server must answer, before and after the issuer has rotated its key."""
    issuer = site.issuer
    assert site.ask("/public").status == 200
    stranger = site.ask()
    assert (stranger.status, stranger.body["reason"]) == (401, "missing_token")
    assert issuer.requests == [], "nothing is fetched before the first token"
    before = issuer.token()
    assert site.ask(token=before) == (200, {"subject": "user-1", "scheme": "http", "mount": ""})
    issuer.rotate()
    assert [site.ask(token=issuer.token()).status for _ in range(8)] == [200] * 8


def test_the_page_names_every_server() -> None:
    programs = [command.split()[0] for command in COMMANDS]
    assert programs == ["waitress-serve", *["gunicorn"] * 4, "uwsgi", "granian", "waitress-serve"]
    assert [len(blocks(language)) for language in ("apache", "nginx")] == [1, 1]


def told_apart(command: str) -> str:
    program, *words = command.split()
    return " ".join(
        [
            program,
            *(word for word in words if word.startswith(("--worker-class", "--pre", "--no-"))),
        ]
    )


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(
            command,
            marks=needs_pyuwsgi if command.startswith("uwsgi ") else (),
            id=told_apart(command),
        )
        for command in COMMANDS
    ],
)
def test_a_server_starts_answers_finds_a_rotated_key_and_stops(command: str, site: Site) -> None:
    with started(command, site):
        calls(site)


# --- Apache with mod_wsgi


@contextlib.contextmanager
def apache(site: Site, settings: str) -> Iterator[None]:
    packages = site.folder / ".venv" / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    copy_packages(packages)
    # Here the environment of the page is one of this folder.
    here = f"WSGISocketPrefix {site.folder}/wsgi\n" + settings.replace("/srv/api", str(site.folder))
    text = configuration(site.folder, site.port, ("wsgi",), here)
    with running(apache_command(site.folder, text), site, site.port):
        yield


@pytest.mark.parametrize(
    "site", [pytest.param(None, marks=needs_mod_wsgi)], indirect=True, ids=["apache"]
)
def test_mod_wsgi_starts_answers_finds_a_rotated_key_and_stops(site: Site) -> None:
    with apache(site, blocks("apache")[0]):
        calls(site)


@pytest.mark.parametrize(
    "site", [pytest.param(None, marks=needs_mod_wsgi)], indirect=True, ids=["apache"]
)
def test_without_wsgi_pass_authorization_every_token_is_missing(site: Site) -> None:
    settings = blocks("apache")[0].replace("WSGIPassAuthorization On\n", "")
    with apache(site, settings):
        answer = site.ask(token=site.issuer.token())
    assert (answer.status, answer.body["reason"]) == (401, "missing_token")
    assert site.issuer.requests == []


@pytest.mark.parametrize(
    "site", [pytest.param(None, marks=needs_mod_wsgi)], indirect=True, ids=["apache"]
)
@pytest.mark.parametrize(
    ("group", "status"),
    [("WSGIApplicationGroup %{GLOBAL}\n", 200), ("", 500)],
    ids=["global", "own"],
)
def test_a_second_application_needs_the_global_group(site: Site, group: str, status: int) -> None:
    """Of one process, so that both import cryptography there."""
    site.write(blocks("python")[0].replace("Policy(RULES)", 'Policy(RULES, mounts=["", "/two"])'))
    settings = (
        blocks("apache")[0]
        .replace("processes=2", "processes=1")
        .replace("WSGIApplicationGroup %{GLOBAL}\n", group)
    )
    settings = settings.replace(
        "WSGIScriptAlias / ", "WSGIScriptAlias /two /srv/api/myapi.py\nWSGIScriptAlias / "
    )
    with apache(site, settings):
        assert [site.status("/public"), site.status("/two/public")] == [200, status]
        assert ("ImportError" in output(site)) is (status == 500)


# --- behind nginx


PROXY = """
listen 127.0.0.1:{port} ssl;
ssl_certificate {folder}/chain.pem;
ssl_certificate_key {folder}/key.pem;
{location}
"""
#: Of the page, and what becomes of it where the layers stand elsewhere.
SETTINGS, LAYERED = blocks("python")[:2]
CORRECTION = "ProxyFix({}, x_for=1, x_proto=1, x_host=1, x_prefix=1)"
UNMOUNTED = LAYERED.replace(', mounts=["/v1"]', "")
OUTSIDE = LAYERED.replace(f"application = {CORRECTION.format('application')}\n", "").replace(
    "    api, issuer", f"    {CORRECTION.format('api')}, issuer"
)
forwarded = pytest.mark.parametrize("command", [PROXIED, COMMANDS[1]], ids=told_apart)


@contextlib.contextmanager
def proxied(site: Site, command: str, layered: str) -> Iterator[Callable[[str | None], Answer]]:
    """The site behind nginx, which ends TLS; yields how to call it, as a client that claims what it likes."""
    site.write(SETTINGS + layered)
    authority, port = trustme.CA(), free_port()
    certificate = authority.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(str(site.folder / "chain.pem"))
    certificate.private_key_pem.write_to_path(str(site.folder / "key.pem"))
    location = site.here(blocks("nginx")[0])
    proxy = nginx.command(
        site.folder, PROXY.format(folder=site.folder, port=port, location=location)
    )
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    forged = {"X_Forwarded_Prefix": "/elsewhere", "X_Forwarded_Proto": "http"}

    def through(token: str | None) -> Answer:
        connection = http.client.HTTPSConnection(
            "localhost", port, timeout=PATIENCE, context=trusting
        )
        return asked(connection, "/v1/private", token, forged)

    with started(command, site), running(proxy, site, port):
        yield through


@nginx.needs_nginx
@forwarded
def test_inside_proxy_fix_mount_and_scheme_are_right(command: str, site: Site) -> None:
    with proxied(site, command, LAYERED) as through:
        assert through(None).status == 401
        assert through(site.issuer.token()) == (
            200,
            {"subject": "user-1", "scheme": "https", "mount": "/v1"},
        )


@nginx.needs_nginx
def test_waitress_drops_the_scheme_unless_it_is_told_to_leave_it(site: Site) -> None:
    with proxied(site, WAITRESS, LAYERED) as through:
        assert through(site.issuer.token()).body["scheme"] == "http"


@nginx.needs_nginx
@forwarded
@pytest.mark.parametrize(
    "layered", [UNMOUNTED, OUTSIDE], ids=["without mounts", "outside ProxyFix"]
)
def test_an_unknown_mount_is_refused_with_and_without_a_token(
    command: str, layered: str, site: Site
) -> None:
    assert layered != LAYERED
    with proxied(site, command, layered) as through:
        for answer in (through(None), through(site.issuer.token())):
            assert (answer.status, answer.body["reason"]) == (400, "mount_unknown")


# --- mounts


def test_a_policy_outside_a_mount_matches_the_whole_path(site: Site) -> None:
    namespace: dict[str, Any] = {}
    for snippet in blocks("python"):
        exec(compile(site.here(snippet), "deployment.md", "exec"), namespace)
    api = TestApp(namespace["mounted"])
    assert api.get("/shop/public").json["mount"] == "/shop"
    assert api.get("/shop/private", status=401).json["reason"] == "missing_token"
    site.issuer.authorize(api)
    assert api.get("/shop/private").json == {
        "subject": "user-1",
        "scheme": "http",
        "mount": "/shop",
    }
    assert api.get("/private", status=403).json["reason"] == "no_rule"
