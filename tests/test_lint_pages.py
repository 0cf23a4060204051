"""The linter's promise: it is silent about the rules of README, pages, examples and ordinary APIs."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pages import beside_its_files, process_left_unchanged
from test_examples_fuzz import EXAMPLE_APPS, EXAMPLES, importable, running, snippets

from jwt_wsgi import (
    AUTHENTICATED,
    DENY,
    PUBLIC,
    Policy,
    acr,
    claim,
    fresh,
    has,
    path_param,
    permission,
    scope,
)
from jwt_wsgi.policy.findings import Finding
from jwt_wsgi.policyfile import parse_policy, read_policy

__all__ = ["importable"]  # a fixture that every test uses

ROOT = Path(__file__).resolve().parent.parent
TOML = re.compile(r"^( *)```toml[^\n]*\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)

#: A snippet that a title names as a file.
NAMED_FILE = re.compile(r'^```python title="([\w.-]+)"\n(.*?)^```$', re.DOTALL | re.MULTILINE)

#: Pages whose snippets are parts of the examples, which are checked by themselves.
PARTS = {"docs/testing.md"} | {
    page.relative_to(ROOT).as_posix() for page in (ROOT / "docs" / "frameworks").glob("*.md")
}
PAGES = sorted(
    {
        page.relative_to(ROOT).as_posix()
        for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
        if snippets(str(page))
    }
    - PARTS
)
#: The findings that a page shows on purpose.
SHOWN = {
    "docs/how-to/basic-beside-bearer.md": {("any_issuer", "/orders")},
    "README.md": {("weaker_above", "/admin")},
    "docs/how-to/issuers.md": {("any_issuer", "/admin"), ("any_issuer", "/orders")},
}


class Recorder:
    """The policies that were made, and the findings about them that somebody asked for."""

    def __init__(self) -> None:
        self.policies: list[Policy] = []
        self.findings: set[tuple[str, str]] = set()

    def add(self, results: tuple[Finding, ...]) -> None:
        self.findings |= {(finding.code, finding.rule) for finding in results}


@contextmanager
def recording(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """Record every policy that is made, with its findings as for the issuers of its stack."""
    recorder = Recorder()
    make, lint = Policy.__init__, Policy.lint

    def recorded_make(self: Policy, *arguments: Any, **options: Any) -> None:
        make(self, *arguments, **options)
        recorder.policies.append(self)

    def recorded_lint(self: Policy, **options: Any) -> tuple[Finding, ...]:
        results = lint(self, **options)
        recorder.add(results)
        return results

    with monkeypatch.context() as patch:
        patch.setattr(Policy, "__init__", recorded_make)
        patch.setattr(Policy, "lint", recorded_lint)
        yield recorder
    for policy in recorder.policies:
        recorder.add(policy.lint())


def is_of_a_project(page: str, code: str) -> bool:
    """Return whether a snippet is a file of a project, which does not run by itself."""
    others = dict(NAMED_FILE.findall((ROOT / page).read_text("utf-8")))
    others.pop("rules.py", None)
    return "from api import" in code or code in others.values()


@pytest.mark.parametrize("page", PAGES, ids="F1 {}".format)
def test_the_rules_of_a_page_have_the_findings_that_it_shows(
    monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    namespace: dict[str, Any] = {"__name__": "page"}
    files = beside_its_files(ROOT / page)
    with process_left_unchanged(), files, recording(monkeypatch) as recorder:
        for code in snippets(page):
            if not is_of_a_project(page, code):
                exec(compile(code, page, "exec"), namespace)
    assert recorder.findings == SHOWN.get(page, set())


def test_the_pages_with_findings_and_with_rules_are_read_f1(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert SHOWN.keys() <= set(PAGES)
    assert {"README.md", "docs/tutorial.md", "docs/policy-reference.md"} <= set(PAGES)
    with recording(monkeypatch) as recorder:
        Policy({"/": PUBLIC, "/a": AUTHENTICATED})
    assert recorder.findings == {("weaker_above", "/a")}


@pytest.mark.parametrize("name", EXAMPLE_APPS, ids="F1 {}".format)
def test_the_rules_of_an_example_have_no_finding(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with running(name), recording(monkeypatch) as recorder:
        EXAMPLE_APPS[name].make()
    assert recorder.policies
    assert recorder.findings == set()


def test_the_policy_files_of_the_pages_and_examples_have_no_finding_f1() -> None:
    blocks = [
        textwrap.dedent(block)
        for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
        for _, block in TOML.findall(page.read_text("utf-8"))
        if "[rules]" in block
    ]
    policies = [parse_policy(block) for block in blocks]
    policies += [read_policy(file) for file in EXAMPLES.rglob("*.toml")]
    assert len(policies) >= 4
    assert [finding for policy in policies for finding in policy.lint()] == []


OWN = claim("sub", path_param("id"))
ORDINARY: dict[str, dict[str, Any]] = {
    "an area for administrators": {"/": AUTHENTICATED, "/admin": scope("admin")},
    "reading and writing": {
        "GET /orders": scope("read:orders"),
        "POST /orders": scope("write:orders"),
        "GET /orders/{id}": scope("read:orders"),
        "PUT,PATCH,DELETE /orders/{id}": scope("write:orders"),
    },
    "reading and writing within a place of any token": {
        "/api": AUTHENTICATED,
        "GET /api/orders": scope("read:orders"),
        "POST /api/orders": scope("write:orders"),
    },
    "public ways in": {
        "/": AUTHENTICATED,
        "/{$}": PUBLIC,
        "/health": PUBLIC,
        "/static": PUBLIC,
        "POST /login": PUBLIC,
        "/admin": has("roles", "admin"),
    },
    "a list for some, and each item for its owner": {
        "/users/{$}": scope("list:users"),
        "/users/{id}": OWN | scope("admin"),
    },
    "a profile within the users": {
        "/users": scope("admin"),
        "/users/{id}": OWN | scope("admin"),
        "/users/{id}/avatar": AUTHENTICATED,
    },
    "files in a tail": {"/files/{$}": AUTHENTICATED, "/files/{name...}": scope("read:files")},
    "a payment within an account": {
        "/account": AUTHENTICATED,
        "/account/payments": scope("pay") & acr("phr") & fresh(300),
    },
    "everything that is not listed denied": {
        "/": DENY,
        "/api": permission("read:api"),
        "POST /hooks": scope("hooks"),
    },
}  # fmt: skip


@pytest.mark.parametrize("rules", ORDINARY.values(), ids=map("F1 {}".format, ORDINARY))
def test_the_rules_of_an_ordinary_api_have_no_finding(rules: dict[str, Any]) -> None:
    assert Policy(rules).lint() == ()
