"""The examples, served by waitress on a socket, with the keys of an issuer on loopback.

That of MCP has other requests, and a file of its own: tests/test_mcp_example.py.
"""

from __future__ import annotations

import http.client
import importlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import django_settings  # noqa: F401 (it configures)
import pytest
import serving
from django.test import override_settings
from ports import free_port

from jwt_wsgi import protect, scope
from jwt_wsgi.testing import LocalIssuer

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
PAGES = ROOT / "docs" / "frameworks"
#: The example and the page of each framework.
FRAMEWORKS = {
    "plain": "plain", "flask": "flask_app", "django": "django_app", "pyramid": "pyramid_app",
    "bottle": "bottle_app", "falcon": "falcon_app", "cherrypy": "cherrypy_app",
}  # fmt: skip


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: str


class Served:
    """An application on a port and the issuer that it trusts."""

    def __init__(self, port: int, issuer: LocalIssuer) -> None:
        self.port, self.issuer = port, issuer

    def ask(self, method: str, path: str, scopes: str | None = None, **headers: str) -> Answer:
        """Send a request with a token of these scopes, or without a token."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if scopes is not None:
            sent["Authorization"] = f"Bearer {self.issuer.token(scopes)}"
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, path, headers=sent)
            answer = connection.getresponse()
            return Answer(
                answer.status,
                {name.lower(): value for name, value in answer.getheaders()},
                answer.read().decode(),
            )


@contextmanager
def listening(app: Any, issuer: LocalIssuer) -> Iterator[Served]:
    with serving.served(app, threads=2) as port:
        yield Served(port, issuer)


@pytest.fixture(scope="module")
def issuer() -> Iterator[LocalIssuer]:
    local = LocalIssuer(algorithms=("RS256",))
    with local.serve():
        yield local


@pytest.fixture(scope="module", autouse=True)
def importable() -> Iterator[None]:
    sys.path.insert(0, str(EXAMPLES))
    yield
    sys.path.remove(str(EXAMPLES))


def running(name: str) -> Any:
    """Return a context with the settings that the framework needs during a call."""
    if name != "django":
        return nullcontext()
    return override_settings(ROOT_URLCONF="django_app", MIDDLEWARE=["django_app.Refusals"])


def made(name: str, issuer: LocalIssuer) -> Any:
    return importlib.import_module(FRAMEWORKS[name]).application(issuer.issuer, issuer.audience)


@pytest.fixture(scope="module", params=FRAMEWORKS)
def served(request: pytest.FixtureRequest, issuer: LocalIssuer) -> Iterator[Served]:
    with running(request.param):
        override = importlib.import_module("method_override").MethodOverride
        with listening(override(made(request.param, issuer)), issuer) as at:
            yield at


# The method, the path, the scopes of the token (None: no token), the status, and the reason or text.
CALLS = {
    "a public page": ("GET", "/public", None, 200, "hello, whoever you are"),
    "no token": ("GET", "/private", None, 401, "missing_token"),
    "the auth": ("GET", "/private", "", 200, "hello user-1"),
    "no scope": ("GET", "/messages", "openid", 403, "insufficient_scope"),
    "the scope": ("GET", "/messages", "read:messages", 200, "your messages"),
    "require refuses": ("DELETE", "/messages", "read:messages", 403, "insufficient_scope"),
    "require passes": (
        "DELETE",
        "/messages",
        "read:messages delete:messages",
        200,
        "deleted for user-1",
    ),
}


@pytest.mark.parametrize(("method", "path", "scopes", "status", "said"), CALLS.values(), ids=CALLS)
def test_an_example_gives_the_expected_answer(
    served: Served, method: str, path: str, scopes: str | None, status: int, said: str
) -> None:
    answer = served.ask(method, path, scopes)
    assert answer.status == status
    assert (answer.body if status == 200 else json.loads(answer.body)["reason"]) == said


# (method, path, scopes of the token or None without one). Frameworks choose between 404 and 405.
NOT_SERVED = {
    "U27 below a public page": ("GET", "/public/x", None),
    "U27 below a public page, another method": ("DELETE", "/public/x", None),
    "U27 below the messages": ("GET", "/messages/1", "read:messages"),
    "U27 a public page by another method": ("DELETE", "/public", None),
    "U27 the messages by another method": ("PUT", "/messages", "read:messages"),
}


@pytest.mark.parametrize(("method", "path", "scopes"), NOT_SERVED.values(), ids=NOT_SERVED)
def test_an_example_does_not_answer_what_it_does_not_serve(
    served: Served, method: str, path: str, scopes: str | None
) -> None:
    answer = served.ask(method, path, scopes)
    assert answer.status in (404, 405)
    assert not any(text in answer.body for *_, status, text in CALLS.values() if status == 200)


def test_require_in_a_handler_gives_the_answer_of_the_layers(served: Served) -> None:
    by_rule = served.ask("GET", "/messages", "openid")
    by_handler = served.ask("DELETE", "/messages", "read:messages")
    assert 'scope="read:messages"' in by_rule.headers["www-authenticate"]
    changed = by_rule.headers["www-authenticate"].replace("read:", "delete:")
    assert by_handler.headers["www-authenticate"] == changed
    assert by_handler.headers["cache-control"] == "no-store"
    assert by_handler.headers["content-type"] == "application/json"
    assert by_handler.body == by_rule.body


def test_on_error_replaces_the_answer(served: Served) -> None:
    answer = served.ask("GET", "/nowhere", "read:messages")
    assert (answer.status, "nothing here" in answer.body) == (404, True)


def test_without_a_token_a_missing_page_is_401(served: Served) -> None:
    assert served.ask("GET", "/nowhere").status == 401


def test_the_rule_of_the_overriding_method_decides_outside_the_layers(served: Served) -> None:
    overridden = served.ask("POST", "/messages", "read:messages", X_HTTP_Method_Override="DELETE")
    assert (overridden.status, json.loads(overridden.body)["reason"]) == (403, "insufficient_scope")


def test_an_override_inside_the_layers_evades_the_rule(issuer: LocalIssuer) -> None:
    """The rule for POST decides, but DELETE runs. The pages warn of this."""
    override = importlib.import_module("method_override").MethodOverride
    rules = {"POST /messages": scope("write"), "DELETE /messages": scope("delete")}

    def method(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["REQUEST_METHOD"].encode()]

    trust = {"issuer": issuer.issuer, "audience": issuer.audience, "rules": rules}
    for app, status in (
        (protect(override(method), **trust), 200),
        (override(protect(method, **trust)), 403),
    ):
        with listening(app, issuer) as at:
            assert (
                at.ask("POST", "/messages", "write", X_HTTP_Method_Override="DELETE").status
                == status
            )


#: The line of an example without which the framework answers an AuthError of a handler by itself, and with what.
CAUGHT = {
    "flask": ("    @app.errorhandler(AuthError)\n", 500),
    "falcon": ("    app.add_error_handler(AuthError, answer_auth_error)\n", 500),
    "bottle": ("    app.install(answer_auth_errors)\n", 500),
    "cherrypy": (', config={"/": {"request.error_response": answer_auth_error}}', 500),
    "pyramid": ("    config.add_exception_view(answer_auth_error, context=AuthError)\n", 403),
}


@pytest.mark.parametrize(
    ("name", "line", "status"), [(name, *row) for name, row in CAUGHT.items()], ids=CAUGHT
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_framework_answers_an_auth_error_without_the_example_handler(
    name: str, line: str, status: int, issuer: LocalIssuer
) -> None:
    source = (EXAMPLES / f"{FRAMEWORKS[name]}.py").read_text(encoding="utf-8")
    assert source.count(line) == 1
    namespace: dict[str, Any] = {"__name__": importlib.import_module(FRAMEWORKS[name]).__name__}
    exec(compile(source.replace(line, ""), f"{name} without", "exec"), namespace)
    with listening(namespace["application"](issuer.issuer, issuer.audience), issuer) as at:
        assert at.ask("DELETE", "/messages", "read:messages").status == status


def test_django_answers_500_without_its_middleware(issuer: LocalIssuer) -> None:
    with (
        override_settings(ROOT_URLCONF="django_app", MIDDLEWARE=[]),
        listening(made("django", issuer), issuer) as at,
    ):
        assert at.ask("DELETE", "/messages", "read:messages").status == 500


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_an_example_is_served_by_its_own_command(
    name: str, issuer: LocalIssuer, tmp_path: Path
) -> None:
    port = free_port()
    settings = {"ISSUER": issuer.issuer, "AUDIENCE": issuer.audience, "PORT": str(port)}
    command = [sys.executable, str(EXAMPLES / f"{FRAMEWORKS[name]}.py")]
    log = (tmp_path / "log").open("w")
    process = subprocess.Popen(command, env={**os.environ, **settings}, stdout=log, stderr=log)
    try:
        until, at = time.monotonic() + 120, Served(port, issuer)
        while True:
            try:
                assert at.ask("GET", "/public").status == 200
                break
            except ConnectionError:
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.05)
        assert at.ask("GET", "/private", "").body == "hello user-1"
        assert at.ask("DELETE", "/messages", "read:messages").status == 403
        assert at.ask("GET", "/messages", "").status == 403
    finally:
        process.terminate()
        process.wait()
        log.close()
    printed = (tmp_path / "log").read_text()
    assert f"Try: curl -i http://127.0.0.1:{port}/public\n" in printed
    assert f"Serving on http://127.0.0.1:{port}\n" in printed
    assert "'GET' '/messages' refused: 403 insufficient_scope" in printed


@pytest.mark.parametrize("module", [*FRAMEWORKS.values(), "mcp_app"])
def test_an_example_names_what_to_install_in_its_first_lines_f8(module: str) -> None:
    source = (EXAMPLES / f"{module}.py").read_text(encoding="utf-8")
    head = "\n".join(source.splitlines()[:5])
    [extras, others] = re.findall(r"`pip install '\.\[(\w+)\]'([\w ]*)`", head)[0]
    assert extras == "app", "it has waitress"
    imported = set(re.findall(r"^(?:from|import) (\w+)", source, re.MULTILINE))
    # Werkzeug comes with Flask.
    own = {"jwt_wsgi", "werkzeug", *(path.stem for path in EXAMPLES.glob("*.py"))}
    foreign = imported - set(sys.stdlib_module_names) - own
    assert set(others.split()) == foreign


# --- the pages


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_the_links_of_a_page_have_targets(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
    assert targets
    for target in targets:
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_page_shows_code_of_its_example(name: str) -> None:
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    example = (EXAMPLES / f"{FRAMEWORKS[name]}.py").read_text(encoding="utf-8")
    snippets = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert len(snippets) >= 3
    flat = re.sub(r"^ +", "", example, flags=re.MULTILINE)
    for snippet in snippets:
        assert re.sub(r"^ +", "", snippet, flags=re.MULTILINE) in flat, (
            f"{name}.md shows what is not in the example"
        )
    assert f"examples/{FRAMEWORKS[name]}.py" in page


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_at_most_100_lines_long(example: Path) -> None:
    assert len(example.read_text(encoding="utf-8").splitlines()) <= 100


@pytest.mark.parametrize("module", [*FRAMEWORKS.values(), "mcp_app"])
def test_an_example_names_a_missing_variable(module: str) -> None:
    command = [sys.executable, str(EXAMPLES / f"{module}.py")]
    ended = subprocess.run(
        command, env={}, capture_output=True, text=True, timeout=120, check=False
    )
    assert "KeyError: 'ISSUER'" in ended.stderr
