"""Keys in the processes of real servers: one fetch each, no hang, and working refreshes."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from fault_server import FaultServer
from installable import needs_pyuwsgi
from ports import free_port
from waiting import eventually

from jwt_wsgi.testing import LocalIssuer

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parent
BIN = Path(sys.executable).parent

GUNICORN = (
    BIN / "gunicorn",
    "fault_app:application",
    "--bind={address}",
    "--no-control-socket",
    "--log-level=warning",
)
# From 2.0.30 on, it has threads with and without --enable-threads.
UWSGI = (
    BIN / "pyuwsgi",
    "--http-socket={address}",
    "--wsgi-file=fault_app.py",
    "--need-app",
    "--disable-logging",
)
SERVERS: dict[str, tuple[tuple[object, ...], int]] = {
    "gunicorn --preload, four workers": ((*GUNICORN, "--preload", "--workers=4"), 4),
    "gunicorn with gevent": ((*GUNICORN, "--worker-class=gevent"), 1),
    "uWSGI without --enable-threads": ((*UWSGI, f"--virtualenv={BIN.parent}"), 1),
}
every_server = pytest.mark.parametrize(
    ("command", "number"),
    [
        pytest.param(*row, marks=needs_pyuwsgi if "uWSGI" in name else (), id=name)
        for name, row in SERVERS.items()
    ],
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FaultServer]:
    with FaultServer(tmp_path) as started:
        yield started


class Api:
    """The application in a server, and the issuer whose keys it fetches."""

    def __init__(self, address: str, server: FaultServer, issuer: LocalIssuer) -> None:
        self.address = address
        self.server = server
        self.issuer = issuer

    def ask(self, token: str) -> tuple[int, str]:
        """Return the status and the process that answered; use a new connection."""
        connection = http.client.HTTPConnection(self.address, timeout=60)
        connection.request("GET", "/", headers={"Authorization": f"Bearer {token}"})
        with closing(connection), connection.getresponse() as answer:
            return answer.status, answer.read().decode()

    def workers(self, number: int) -> set[str]:
        """Return so many processes, once each has answered with its own keys."""
        token = self.issuer.token()
        seen = set[str]()

        def all_seen() -> bool:
            with ThreadPoolExecutor(8) as callers:
                answers = [*callers.map(self.ask, [token] * 40)]
            assert {status for status, _ in answers} == {200}
            seen.update(process for _, process in answers)
            return len(seen) == number

        eventually(all_seen)
        return seen


def free_address() -> str:
    return f"127.0.0.1:{free_port()}"


@contextmanager
def served(command: tuple[object, ...], server: FaultServer, cache_ttl: float) -> Iterator[Api]:
    issuer = LocalIssuer("https://issuer.test/", algorithms=("ES256",))
    address = free_address()
    server.publish(issuer.jwks)
    environment = {
        **os.environ,
        "JWKS_URI": server.url(),
        "CACHE_TTL": str(cache_ttl),
        "PYTHONPATH": str(TESTS.parent),
    }
    words = [str(word).format(address=address) for word in command]
    running = subprocess.Popen(
        words, cwd=TESTS, env=environment, stdout=subprocess.DEVNULL, stderr=None
    )
    api = Api(address, server, issuer)

    def up() -> bool:
        assert running.poll() is None, running.stderr and running.stderr.read()
        try:
            return api.ask("none")[0] == 401
        except (OSError, http.client.HTTPException):
            return False

    try:
        eventually(up)
        assert server.counted() == 0, "nothing is fetched before the first well-formed token"
        yield api
    finally:
        running.send_signal(2)
        running.communicate(timeout=60)


@every_server
def test_a_worker_fetches_once_and_finds_a_rotated_key(
    command: tuple[object, ...], number: int, server: FaultServer
) -> None:
    with served(command, server, cache_ttl=600) as api:
        api.workers(number)
        assert server.counted() == number
        api.issuer.rotate()
        server.publish(api.issuer.jwks)
        api.workers(number)
        assert server.counted() == 2 * number


@every_server
def test_a_refresh_works_while_requests_arrive(
    command: tuple[object, ...], number: int, server: FaultServer
) -> None:
    with served(command, server, cache_ttl=1) as api:
        api.workers(number)
        old = api.issuer.token()
        first = server.counted()
        api.issuer.rotate()
        server.publish(api.issuer.jwks)
        # The refresh takes effect without a request that names the new kid.
        eventually(lambda: api.ask(old)[0] == 401)
        assert server.counted() > first
        assert api.ask(api.issuer.token())[0] == 200


@every_server
def test_a_hanging_refresh_delays_no_request(
    command: tuple[object, ...], number: int, server: FaultServer
) -> None:
    with served(command, server, cache_ttl=2) as api:
        api.workers(number)
        server.fail("hang_before_headers")
        token = api.issuer.token()
        first = server.counted()

        def hanging() -> bool:
            assert api.ask(token)[0] == 200
            return server.counted() > first

        eventually(hanging)
        # Requests are answered while the refresh still hangs.
        assert {api.ask(token)[0] for _ in range(40)} == {200}
