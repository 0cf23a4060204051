"""A token in a header that a real nginx sets, as Cloudflare Access sets it (F12)."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from matrix.servers import Server
from nginx import needs_nginx, nginx

from jwt_wsgi import AUTHENTICATED, get_auth, protect
from jwt_wsgi.sources import from_header
from jwt_wsgi.testing import LocalIssuer

pytestmark = [needs_nginx, pytest.mark.slow]

PAGE = Path(__file__).parent.parent / "docs" / "how-to" / "token-sources.md"
[LOCATION] = re.findall(r"^```nginx\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
SETS_HEADER = re.compile(r"^ *proxy_set_header Cf-Access-Jwt-Assertion .*\n", re.MULTILINE)

LOCAL = LocalIssuer(algorithms=("ES256",))
SESSION, CLIENTS = (LOCAL.token(sub=name, expires_in=86400) for name in ("session", "client"))
COOKIE = f"Cookie: CF_Authorization={SESSION}"
HEADER = f"Cf-Access-Jwt-Assertion: {CLIENTS}"
UNDERSCORES = f"Cf_Access_Jwt_Assertion: {CLIENTS}"
MISSING = (401, "missing_token")


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None: ...


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    auth = get_auth(environ)
    assert auth is not None
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"subject": auth.subject}).encode()]


PROTECTED = protect(
    application,
    issuer=LOCAL.trusted(),
    rules={"/": AUTHENTICATED},
    token_sources=[from_header("Cf-Access-Jwt-Assertion")],
)


@contextmanager
def api() -> Iterator[int]:
    """Serve the API with wsgiref, which reads `_` in the name of a header as `-`."""
    with make_server("127.0.0.1", 0, PROTECTED, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def ways() -> Iterator[dict[str, Server]]:
    """Yield the API, the proxy of the page, and one that leaves the header alone, by name."""
    with ExitStack() as stack:
        port = stack.enter_context(api())
        location = LOCATION.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
        bare = SETS_HEADER.sub("", location)
        assert bare != location != LOCATION
        ports = {
            "api": port,
            "proxy": stack.enter_context(nginx(location)),
            "bare proxy": stack.enter_context(nginx(bare)),
        }
        yield {name: Server(name, port) for name, port in ports.items()}


def outcome(server: Server, *lines: str) -> tuple[int, str]:
    """Return the status, and the subject or the reason of the refusal."""
    head = ["GET / HTTP/1.1", "Host: localhost", "Connection: close", *lines, "", ""]
    answer = server.send("\r\n".join(head).encode("ascii"))
    body = json.loads(answer.body)
    return answer.status, body["subject"] if answer.status == 200 else body["reason"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([], MISSING, id="nothing"),
        pytest.param([COOKIE], (200, "session"), id="a session of the proxy"),
        pytest.param([HEADER], MISSING, id="the client's header"),
        pytest.param([HEADER, HEADER], MISSING, id="the client's header twice"),
        pytest.param([UNDERSCORES], MISSING, id="the client's header with underscores"),
        pytest.param([COOKIE, HEADER], (200, "session"), id="both"),
        pytest.param([HEADER, COOKIE], (200, "session"), id="both, the session last"),
        pytest.param([COOKIE, UNDERSCORES], (200, "session"), id="both, with underscores"),
        pytest.param(
            ["Cookie: CF_Authorization=nonsense"], (401, "token_malformed"), id="a broken session"
        ),
    ],
)
def test_only_the_header_of_the_proxy_arrives_f12(
    ways: dict[str, Server], lines: list[str], expected: tuple[int, str]
) -> None:
    assert outcome(ways["proxy"], *lines) == expected


@pytest.mark.parametrize(
    ("way", "lines", "expected"),
    [
        pytest.param("api", [HEADER], (200, "client"), id="no proxy"),
        pytest.param("api", [UNDERSCORES], (200, "client"), id="no proxy, underscores"),
        pytest.param("api", [HEADER, HEADER], (400, "several_tokens"), id="no proxy, twice"),
        pytest.param("bare proxy", [HEADER], (200, "client"), id="a proxy"),
        pytest.param("bare proxy", [UNDERSCORES], MISSING, id="a proxy, underscores"),
        pytest.param("bare proxy", [HEADER, HEADER], (400, "several_tokens"), id="a proxy, twice"),
        pytest.param("bare proxy", [COOKIE], MISSING, id="a proxy, its session"),
    ],
)
def test_a_header_that_nobody_replaces_is_a_token_like_any_other_f12(
    ways: dict[str, Server], way: str, lines: list[str], expected: tuple[int, str]
) -> None:
    assert outcome(ways[way], *lines) == expected
