"""`check --resource`: the metadata of a live API beside its configuration."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from command_line import run
from ports import free_port
from serving import running

from jwt_wsgi import ProtectedResource, protect, scope
from jwt_wsgi.cli.resource_report import Expectation, check_resource
from jwt_wsgi.explain.stack import find_stack
from jwt_wsgi.testing import LocalIssuer

PLACE = "/.well-known/oauth-protected-resource/mcp"
POLICY = '[rules]\n"/mcp" = \'scope("a")\'\n"/mcp/x" = \'scope("b")\'\n"/admin" = \'scope("c")\'\n'
JSON = {"Content-Type": "application/json"}


@contextmanager
def replying(
    body: bytes, headers: dict[str, str] | None = None, status: int = 200
) -> Iterator[str]:
    """Serve one reply for every path, and yield the URL of the resource."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in (JSON if headers is None else headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{server.server_port}/mcp"
    content = body.replace(b"RESOURCE", url.encode())
    with running(server):
        yield url


@pytest.fixture(scope="module")
def issuer() -> Iterator[LocalIssuer]:
    local = LocalIssuer(audience="https://unused.example.com")
    with local.serve():
        yield local


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    file = tmp_path / "policy.toml"
    file.write_text(POLICY)
    return file


def document(**members: Any) -> bytes:
    whole = {"resource": "RESOURCE", **members}
    return json.dumps({name: value for name, value in whole.items() if value is not None}).encode()


def test_the_metadata_of_the_file_and_the_issuer_is_good(policy: Path, issuer: LocalIssuer) -> None:
    # The order of lists, and members that the package does not know, do not matter.
    body = document(
        authorization_servers=[issuer.issuer], scopes_supported=["b", "a"], signed_metadata="x"
    )
    with replying(body) as url:
        words = ("check", policy, "--issuer", issuer.issuer, "--audience", url, "--resource", url)
        result = run(*words)
        report = run(*words, "--json").json
    assert (result.status, result.errors) == (0, "")
    assert f"Resource {url}" in result.output
    assert report["resource"]["problems"] == []
    assert report["resource"]["metadata_url"] == url.replace("/mcp", PLACE)
    assert report["resource"]["document"]["signed_metadata"] == "x"


DIFFERENCES: dict[str, tuple[bytes, str]] = {
    "another resource": (document(resource="https://api.example.com"), "resource: expected"),
    "a slash at the end": (document(resource="RESOURCE/"), "resource: expected"),
    "no resource": (document(resource=None), "resource: is missing"),
    "a resource that is a list": (document(resource=["RESOURCE"]), "resource: expected"),
    "a scope too many": (document(scopes_supported=["a", "b", "c"]), "scopes_supported: expected"),
    "a scope too few": (document(scopes_supported=["a"]), "scopes_supported: expected"),
    "no scopes": (document(), "scopes_supported: is missing"),
    "scopes that are numbers": (document(scopes_supported=[1]), "scopes_supported: expected"),
    "scopes as text": (document(scopes_supported="a b"), "scopes_supported: expected"),
    "another server": (
        document(scopes_supported=["a", "b"], authorization_servers=["https://b.example.com"]),
        "authorization_servers: expected",
    ),
}


@pytest.mark.parametrize(("body", "problem"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_a_difference_is_a_problem(
    body: bytes, problem: str, policy: Path, issuer: LocalIssuer
) -> None:
    with replying(body) as url:
        words = ("--issuer", issuer.issuer, "--audience", url, "--resource", url)
        result = run("check", policy, *words)
        report = run("check", policy, *words, "--json")
    assert (result.status, report.status) == (1, 1)
    assert problem in result.output
    assert any(each.startswith(problem) for each in report.json["resource"]["problems"])


def test_a_policy_without_scopes_expects_none(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('[rules]\n"/mcp" = "AUTHENTICATED"\n')
    with replying(document(scopes_supported=["admin"])) as url:
        result = run("check", file, "--resource", url)
    assert result.status == 1
    assert "scopes_supported: found ['admin'], but the configuration has none" in result.output


def test_an_issuer_for_another_audience_is_a_problem(issuer: LocalIssuer) -> None:
    with replying(document(authorization_servers=[issuer.issuer])) as url:
        words = ("check", "--issuer", issuer.issuer, "--resource", url)
        assert run(*words).status == 0
        result = run(*words, "--audience", "https://api.example.com")
    assert result.status == 1
    assert "no issuer accepts" in result.output


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "not JSON": ({"body": b"<html>"}, "JSON"),
    "a list": ({"body": b"[]"}, "object"),
    "a member twice": ({"body": b'{"resource": "RESOURCE", "resource": "RESOURCE"}'}, "resource"),
    "HTML": ({"body": document(), "headers": {"Content-Type": "text/html"}}, "application/json"),
    "no media type": ({"body": document(), "headers": {}}, "application/json"),
    "not found": ({"body": b"", "status": 404}, "404"),
    "a token is needed": ({"body": b"", "status": 401}, "401"),
    "a redirect": (
        {"body": b"", "status": 302, "headers": {"Location": "https://evil.example"}},
        "302",
    ),
    "too large": ({"body": b" " * 600_000}, "524288"),
}


@pytest.mark.parametrize(("reply", "text"), FAULTS.values(), ids=FAULTS)
def test_what_is_not_metadata_is_a_problem(reply: dict[str, Any], text: str) -> None:
    with replying(**reply) as url:
        result = run("check", "--resource", url, "--json")
    assert result.status == 1
    [problem] = result.json["resource"]["problems"]
    assert problem.startswith(url.replace("/mcp", PLACE))
    assert result.json["resource"]["document"] is None
    assert text in problem or text == "resource"


def test_the_resource_alone_is_looked_at() -> None:
    with replying(document()) as url:
        assert run("check", "--resource", url).status == 0
    result = run("check", "--resource", f"http://127.0.0.1:{free_port()}/mcp")
    assert result.status == 1


def test_text_from_outside_starts_no_line_and_is_cut(policy: Path) -> None:
    body = document(scopes_supported=["x\n\x1b[31mforged", "y" * 5000])
    with replying(body) as url:
        result = run("check", policy, "--resource", url)
    assert "\x1b[31m" not in result.output
    assert "\nforged" not in result.output
    assert max(map(len, result.output.splitlines())) < 2000


WRONG = {
    "malformed": (["--resource", "api.example.com"], "resource='api.example.com': write"),
    "over http": (["--resource", "http://api.example.com"], "write an https URL"),
    "offline": (["--resource", "https://api.example.com", "--offline"], "leave --offline out"),
}


@pytest.mark.parametrize(("words", "text"), WRONG.values(), ids=WRONG)
def test_a_wrong_option_is_refused(words: list[str], text: str) -> None:
    result = run("check", *words)
    assert result.status == 2
    assert text in " ".join(result.errors.split())


# --- an application


STACK = """
from jwt_wsgi import *
from jwt_wsgi import StaticJWKS
from jwt_wsgi.explain.stack import find_stack
from jwt_wsgi.testing import LocalIssuer

local = LocalIssuer(audience={url!r})
issuer = Issuer(local.issuer, audience={url!r}, keys=StaticJWKS(local.jwks))

def hello(environ, start_response):
    raise SystemExit("the application is never called")

app = {stack}
"""
WITH_RESOURCE = 'protect(hello, issuer=issuer, rules={{"/mcp": scope("a")}}, resource={url!r})'
WITHOUT = 'protect(hello, issuer=issuer, rules={{"/mcp": scope("a")}})'


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)

    def check_stack(stack: str, url: str, *words: str) -> Any:
        monkeypatch.delitem(sys.modules, "shop", raising=False)
        (tmp_path / "shop.py").write_text(STACK.format(url=url, stack=stack.format(url=url)))
        importlib.invalidate_caches()
        return run("check", "--app", "shop:app", "--resource", url, "--json", *words)

    return check_stack


def live(**members: Any) -> bytes:
    """Return the metadata of an API with the local issuer."""
    return document(
        authorization_servers=["https://issuer.test/"],
        bearer_methods_supported=["header"],
        **members,
    )


CONFIGURED: dict[str, tuple[str, bytes, list[str]]] = {
    "its own layer": (WITH_RESOURCE, live(scopes_supported=["a"]), []),
    "no layer": (WITHOUT, live(scopes_supported=["a"]), []),
    "another policy": (WITH_RESOURCE, live(scopes_supported=["b"]), ["scopes_supported: expected"]),
    "an unexpected member": (
        WITH_RESOURCE,
        live(scopes_supported=["a"], dpop_bound_access_tokens_required=True),
        ["dpop_bound_access_tokens_required: found True, but"],
    ),
    "another resource": (
        WITH_RESOURCE.replace("{url!r}", "'https://api.example.com'").replace(
            "issuer=issuer", "issuer='https://tenant.example.com/'"
        ),
        live(),
        ["the application serves the metadata of https://api.example.com"],
    ),
    "a resource that it cannot have": (
        WITHOUT.replace("issuer=issuer", "issuer='https://tenant.example.com/', audience='x'"),
        live(),
        ["resource='http"],
    ),
}


@pytest.mark.parametrize(("stack", "body", "problems"), CONFIGURED.values(), ids=CONFIGURED)
def test_an_application_is_compared_as_a_whole(
    stack: str, body: bytes, problems: list[str], check: Any
) -> None:
    with replying(body) as url:
        result = check(stack, url)
    actual = result.json["resource"]["problems"]
    assert len(actual) == len(problems)
    assert all(each.startswith(text) for each, text in zip(actual, problems, strict=True))
    # The URL of an issuer that is not there is a problem of its own.
    if "tenant.example.com" not in stack:
        assert result.status == (1 if problems else 0)


def test_a_fetcher_that_returns_bytes_has_no_media_type() -> None:
    resource = ProtectedResource("https://api.example.com")
    report = check_resource(resource, Expectation({}), lambda url: b"{}")
    assert report.problems


def test_the_layer_of_a_stack_is_found() -> None:
    local = LocalIssuer(audience="https://api.example.com")
    rules = {"/": scope("a")}
    stack = protect(lambda environ, start_response: [], issuer=local.trusted(), rules=rules)
    assert find_stack(stack).metadata is None
    wrapped = protect(
        lambda environ, start_response: [],
        issuer=local.trusted(),
        rules=rules,
        resource="https://api.example.com",
    )
    assert find_stack(wrapped).metadata is wrapped
