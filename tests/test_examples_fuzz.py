"""Each example and each snippet with rules, asked in odd ways: no handler answers under a weaker rule.

Two promises are checked. An example answers exactly the paths and methods that its author wrote
(everything else is 404 or 405, never another handler's answer). And whoever gets an answer satisfies
the requirement that the author wrote for that handler.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any, NamedTuple
from zlib import crc32

import django_settings  # noqa: F401 (it configures)
import pytest
from django.test import override_settings
from matrix.requests import Spelled, on_the_wire
from matrix.spellings import spelling
from pages import beside_its_files, process_left_unchanged
from werkzeug.local import LocalProxy

import app as sample
from demo.console import FILES, with_console
from jwt_wsgi import AUTHENTICATED, PUBLIC, Auth, DPoP, Policy, ScopeAuthorizer, scope
from jwt_wsgi.policy.algebra import Request, Requirement
from jwt_wsgi.policyfile import read_policy
from jwt_wsgi.testing import LocalIssuer

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
ISSUER, AUDIENCE = "https://issuer.test/", "https://api.test"
SNIPPET = re.compile(r'^```python(?: title="[a-z_]+\.py")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
READING = ("GET", "HEAD")


# --- requests


class Endpoint(NamedTuple):
    """What an author wrote: a handler, told by its answer, and what its callers must satisfy."""

    methods: tuple[str, ...]
    path: str
    answer: str
    requirement: Requirement


METHODS = (
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND",
    "MOVE", "NONSENSE", "M-SEARCH", "get",
)  # fmt: skip
ENDINGS = (
    "", "/", "//", "/.", "/..", "/x", "/x/y", "/public", "/messages", "/private", ".", ".html", ".json",
    "x", "_", "%2f", "%2Fx", "%00", "\x00", "\n", " ", ";", ";x=1", "?", "?x=1", "#x", "\\", "\\x", "/@@index",
    "/index", "/default", "/__class__", "/__call__", "~", "*", "\u00e9", "\u2028",
)  # fmt: skip
BEGINNINGS = (
    "", "/", "/.", "/./", "/../", "/x/..", "/public/..", "/messages/..", "/public", "/messages", "/x", "//localhost",
    "http://localhost", "/%2e", "\\", "/;", " ",
)  # fmt: skip


def mutations(path: str) -> Iterator[str]:
    for ending in ENDINGS:
        yield path + ending
    for beginning in BEGINNINGS:
        yield beginning + path
    yield from (path.upper(), path.title(), path.swapcase(), path.lstrip("/"), "", "/", "*")
    yield from (path.replace("/", "//"), path.replace("/", "\\"), path.replace("/", "%2f"))
    for at in range(1, len(path)):
        yield path[:at] + f"%{ord(path[at]):02x}" + path[at + 1 :]
        yield path[:at] + chr(ord(path[at]) + 0xFEE0) + path[at + 1 :]
        yield path[:at] + path[at + 1 :]


def requests(
    name: str, places: Iterable[tuple[tuple[str, ...], str]], mount: str = ""
) -> Iterator[Spelled]:
    """Each place by every method, each mutation by the methods of its place, and random spellings."""
    plain = tuple(places)
    for methods, path in plain:
        for method in METHODS:
            yield Spelled(method, on_the_wire(path), mount)
            yield Spelled(method, on_the_wire(path + "/x"), mount)
        for mutated in mutations(path):
            for method in methods:
                yield Spelled(method, on_the_wire(mutated), mount)
    chances = Random(crc32(name.encode()))
    for _ in range(400):
        yield spelling(chances, plain)


# --- callers and answers

SCOPES = (
    "read:messages",
    "delete:messages",
    "read:orders",
    "write:orders",
    "read",
    "write",
    "admin",
)


def caller(*scopes: str) -> Auth:
    claims = {"sub": "user-1", "iss": ISSUER, "org": "acme", "type": "access"}
    return Auth(claims=claims, header={}, token="", issuer=ISSUER, scopes=frozenset(scopes))


EVERYONE = caller(*SCOPES)
CALLERS = (None, caller(), *(caller(name) for name in SCOPES[:4]), EVERYONE)


class Answer(NamedTuple):
    status: int
    body: str


def ask(application: Any, request: Spelled, auth: Auth | None) -> Answer:
    statuses: list[str] = []

    def start_response(status: str, _headers: object, _exc_info: object = None) -> Any:
        statuses.append(status)
        return lambda _octets: None

    body = application(request.environ(auth), start_response)
    try:
        octets = b"".join(body)
    finally:
        getattr(body, "close", lambda: None)()
    return Answer(int(statuses[-1][:3]), octets.decode("utf-8", "replace"))


def authorizer_of(stack: Any) -> Any:
    """The innermost layer of a stack, whose callers are given as `Auth`s, or None."""
    for _ in range(12):
        if isinstance(stack, ScopeAuthorizer) or stack is None:
            return stack
        stack = getattr(stack, "wsgi_app", None) or getattr(stack, "app", None)
    return None


# --- examples: exactly what was written, for exactly those who may

ALL_THREE = (
    Endpoint(READING, "/public", "hello, whoever you are", PUBLIC),
    Endpoint(READING, "/private", "hello user-1", AUTHENTICATED),
    Endpoint(READING, "/messages", "your messages", scope("read:messages")),
    Endpoint(
        ("DELETE",), "/messages", "deleted for user-1", scope("read:messages", "delete:messages")
    ),
)
SAMPLE = (
    Endpoint(READING, "/api/public", "Hello from a public endpoint!", PUBLIC),
    Endpoint(READING, "/api/private", "Your token is valid.", AUTHENTICATED),
    Endpoint(READING, "/api/private-scoped", "and grants read:messages.", scope("read:messages")),
)
CONSOLE = (
    *SAMPLE,
    *(Endpoint(READING, path, "", PUBLIC) for path in FILES),
    Endpoint((), "/console/token", '"token":', PUBLIC),
    Endpoint((), "/console/explanation", '"steps":', PUBLIC),
)
PASTE = (
    Endpoint(READING, "/api/public", "Hello, whoever you are.", PUBLIC),
    Endpoint(READING, "/api/private", "Hello, user-1.", AUTHENTICATED),
    Endpoint(READING, "/api/private-scoped", "Hello, user-1.", scope("read:messages")),
)
TESTING = (
    Endpoint(READING, "/health", '"well":true', PUBLIC),
    Endpoint(READING, "/orders", '"orders":[]', scope("read:orders")),
    Endpoint(("POST",), "/orders", '"ordered":true', scope("write:orders")),
    Endpoint(READING, "/me", '"subject":"user-1"', AUTHENTICATED),
)


def of_framework(module: str) -> Any:
    return importlib.import_module(module).application(ISSUER, AUDIENCE)


def of_paste() -> Any:
    namespace: dict[str, Any] = {}
    exec((EXAMPLES / "paste" / "api.py").read_text("utf-8"), namespace)
    return ScopeAuthorizer(namespace["main"]({}), read_policy(EXAMPLES / "paste" / "policy.toml"))


def of_demo() -> Any:
    local = LocalIssuer(audience=AUDIENCE)
    return with_console(
        sample.router(),
        local,
        local.trusted(),
        sample.RULES,
        DPoP("http://127.0.0.1"),
        local.audience,
    )


def of_testing_page() -> Any:
    [code] = [each for each in snippets("docs/testing.md") if "def create_app" in each]
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    return namespace["create_app"](LocalIssuer().trusted())


def snippets(page: str) -> list[str]:
    return SNIPPET.findall((ROOT / page).read_text("utf-8"))


class Example(NamedTuple):
    make: Callable[[], Any]
    endpoints: tuple[Endpoint, ...]


EXAMPLE_APPS = {
    **{
        name: Example(partial(of_framework, name), ALL_THREE)
        for name in ("plain", "flask_app", "django_app", "pyramid_app", "bottle_app", "falcon_app", "cherrypy_app")
    },
    "paste": Example(of_paste, PASTE),
    "app.py": Example(lambda: ScopeAuthorizer(sample.router(), sample.RULES), SAMPLE),
    "demo": Example(of_demo, CONSOLE),
    "docs/testing.md": Example(of_testing_page, TESTING),
}  # fmt: skip


def running(name: str) -> AbstractContextManager[object]:
    if name != "django_app":
        return nullcontext()
    return override_settings(ROOT_URLCONF="django_app", MIDDLEWARE=["django_app.Refusals"])


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(EXAMPLES), *sys.path])


def served(example: Example, request: Spelled) -> Endpoint | None:
    """The endpoint that the author wrote for this request. A slash at the end is the same path."""
    path = request.path_info.removesuffix("/") or "/"
    if request.script_name:
        return None
    for endpoint in example.endpoints:
        if on_the_wire(endpoint.path) == path and request.method in endpoint.methods:
            return endpoint
    return None


def wrong(example: Example, request: Spelled, auth: Auth | None, answer: Answer) -> str | None:
    """What is wrong with this answer, or None."""
    endpoint = served(example, request)
    own = None if endpoint is None else endpoint.answer
    for other in example.endpoints:
        if other.answer and other.answer != own and other.answer in answer.body:
            return f"the answer of {other.path}"
    if answer.status >= 400:
        return None if answer.status < 500 or answer.status == 501 else "a failure"
    if endpoint is None:
        # Frameworks answer OPTIONS by themselves, with the methods alone.
        is_automatic = request.method == "OPTIONS" and answer.body == ""
        return None if is_automatic else "an answer where nothing is served"
    if endpoint.requirement.refusal(auth, Request()) is not None:
        return "an answer for a caller whom the handler's rule refuses"
    return None if request.method == "HEAD" or own in answer.body else "no answer of its handler"


@pytest.mark.parametrize("name", EXAMPLE_APPS)
def test_an_example_answers_what_its_author_wrote_and_nothing_else_u27(name: str) -> None:
    example = EXAMPLE_APPS[name]
    found: list[str] = []
    reached: set[Endpoint] = set()
    with running(name):
        authorizer = authorizer_of(example.make())
        for request in requests(name, ((each.methods or ("POST",), each.path) for each in example.endpoints)):  # fmt: skip
            # Whoever may do everything reaches what anyone reaches.
            for auth in (EVERYONE, None):
                answer = ask(authorizer, request, auth)
                problem = wrong(example, request, auth, answer)
                found += [f"{request} as {auth}: {problem}: {answer}"] if problem else []
                if answer.status == 200 and (endpoint := served(example, request)):
                    reached.add(endpoint)
        for endpoint in example.endpoints:
            for auth in CALLERS:
                for method in endpoint.methods:
                    answer = ask(authorizer, Spelled(method, endpoint.path), auth)
                    refused = endpoint.requirement.refusal(auth, Request()) is not None
                    assert refused == (answer.status in (401, 403)), (endpoint, auth, answer)
    assert found == []
    assert {each for each in example.endpoints if each.methods} <= reached | {
        each for each in example.endpoints if each.methods == ("POST",)
    }


# --- snippets: applications of one handler, which serve all paths that their rules let through


def stacks_on(page: str) -> Iterator[Any]:
    """Each `ScopeAuthorizer` that the page's snippets make, in order."""
    namespace: dict[str, Any] = {"__name__": "page"}
    seen: list[Any] = []
    for code in snippets(page):
        # The files beside the page's first one, and the program of a client.
        if "from api import" in code or "import httpx2" in code:
            continue
        exec(compile(code, page, "exec"), namespace)
        for value in list(namespace.values()):
            if isinstance(value, type | LocalProxy):
                continue
            authorizer = authorizer_of(value)
            if authorizer is not None and not any(authorizer is each for each in seen):
                seen.append(authorizer)
                yield authorizer


#: How many stacks each page makes. A page that is not here makes none.
PAGES = {
    "README.md": 3, "docs/deployment.md": 3, "docs/how-to/caller.md": 3, "docs/how-to/cors.md": 1,
    "docs/how-to/basic-beside-bearer.md": 2, "docs/how-to/converting-routers.md": 2,
    "docs/how-to/decorator.md": 1, "docs/how-to/from-secret-to-keys.md": 2,
    "docs/command-line.md": 1, "docs/how-to/other-names.md": 1, "docs/how-to/spa.md": 2, "docs/fapi.md": 1, "docs/how-to/user-records.md": 1,
    "docs/how-to/errors.md": 1, "docs/how-to/issuers.md": 3, "docs/how-to/mcp.md": 2, "docs/how-to/providers.md": 19,
    "docs/how-to/report-only.md": 2, "docs/how-to/sender-constrained.md": 2, "docs/how-to/opaque-tokens.md": 1, "docs/how-to/token-sources.md": 3, "docs/how-to/revocation.md": 1, "docs/how-to/resource-metadata.md": 3, "docs/index.md": 1,
    "docs/key-sources.md": 3, "docs/metrics.md": 3, "docs/migration.md": 2, "docs/tutorial.md": 1,
    "docs/policy-reference.md": 1, "docs/verdicts-and-reasons.md": 1,
}  # fmt: skip
#: What the views of a page answer below one rule for all of them.
ROUTES = {"docs/how-to/other-names.md": [(("GET",), "/orders")]}
#: Pages whose code is the examples', or has other tests in this file, or is a suite of its own.
ELSEWHERE = {"docs/testing.md", "docs/how-to/two-resources.md", *(f"docs/frameworks/{page.name}" for page in (ROOT / "docs/frameworks").glob("*.md"))}  # fmt: skip


def written_for(policy: Policy, method: str, path: str) -> tuple[Requirement | None, Request]:
    """The requirement of the longest written rule that covers the path, found by comparing segments.

    The snippets' rules are simple: no two of them overlap, but for one inside the other.
    """
    segments = path.removesuffix("/").split("/")[1:]
    best: tuple[int, Requirement | None, Request] = (-1, None, Request())
    for rule in policy.rules:
        methods, _, pattern = rule.key.rpartition(" ")
        wanted = [each for each in pattern.split("/")[1:] if each]
        is_exact = wanted[-1:] == ["{$}"]
        wanted = wanted[:-1] if is_exact else wanted
        pairs = list(zip(wanted, segments, strict=False))
        fits = len(segments) == len(wanted) if is_exact else len(segments) >= len(wanted)
        if not fits or not all(want in ("{" + want[1:-1] + "}", said) for want, said in pairs):
            continue
        allowed = methods.split(",") if methods else [method]
        if method in allowed or (method == "HEAD" and "GET" in allowed):
            params = {want[1:-1]: said for want, said in pairs if want.startswith("{")}
            found = rule.requirement, Request(MappingProxyType(params))
        else:
            found = None, Request()
        length = 2 * len(wanted) + is_exact
        if length > best[0] or (length == best[0] and best[1] is None):
            best = (length, *found)
    return best[1], best[2]


def text_of(path: str) -> str:
    return path.encode("latin-1").decode("utf-8", "replace")


def places_of(policy: Policy) -> Iterator[tuple[tuple[str, ...], str]]:
    for rule in policy.rules:
        methods, _, pattern = rule.key.rpartition(" ")
        yield tuple(methods.split(",")) if methods else ("GET", "POST"), re.sub(r"/?\{\w+\}|\{\$\}", "/user-1", pattern)  # fmt: skip


def check_stack(name: str, authorizer: ScopeAuthorizer) -> None:
    policy = authorizer.policy
    passed = 0
    places = [*places_of(policy), *ROUTES.get(name.partition(" ")[0], [])]
    for request in requests(name, places, min(policy.mounts)):
        for auth in (None, caller(), EVERYONE):
            try:
                answer = ask(authorizer, request, auth)
            except (AttributeError, KeyError, TypeError):
                answer = Answer(200, "reached, and wants an auth")
            if answer.status >= 400:
                continue
            passed += 1
            requirement, said = written_for(policy, request.method, text_of(request.path_info))
            assert requirement is not None, (request, auth, answer)
            assert requirement.refusal(auth, said) is None, (request, auth, answer)
    assert passed or not any(
        rule.requirement.refusal(EVERYONE, Request()) is None for rule in policy.rules
    )


@pytest.mark.parametrize("page", PAGES)
def test_no_snippet_answers_whom_its_rules_refuse_u27(page: str) -> None:
    with process_left_unchanged(), beside_its_files(ROOT / page):
        stacks = list(stacks_on(page))
    assert len(stacks) == PAGES[page]
    for number, authorizer in enumerate(stacks):
        if not authorizer.policy.report_only:
            check_stack(f"{page} {number}", authorizer)


def test_every_page_with_rules_and_an_application_is_listed() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    found = {
        page.relative_to(ROOT).as_posix()
        for page in pages
        if re.search(r"^[^`\n]*\b(?:protect|ScopeAuthorizer)\(", "".join(snippets(str(page))), re.MULTILINE)
    }  # fmt: skip
    assert found == PAGES.keys() | ELSEWHERE & found
