"""README and docs are executed: every Python snippet runs, and the tables agree with the code."""

from __future__ import annotations

import inspect
import re
import time
from pathlib import Path

import pytest
from pages import beside_its_files, process_left_unchanged

import app
from jwt_wsgi import Issuer, RemoteJWKS, protect
from jwt_wsgi.errors import REASONS
from jwt_wsgi.jwks.schedule import KeyStatus

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
SNIPPET = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_python_snippet_of_a_page_runs(page: Path) -> None:
    namespace: dict[str, object] = {}
    with process_left_unchanged(), beside_its_files(page):
        for number, snippet in enumerate(SNIPPET.findall(page.read_text(encoding="utf-8")), 1):
            exec(compile(snippet, f"{page.name}, snippet {number}", "exec"), namespace)


def test_the_readme_has_snippets_to_run() -> None:
    assert len(SNIPPET.findall(README)) >= 6


def test_the_verdict_table_names_every_reason_and_no_other() -> None:
    table = README.split("## Verdicts")[1].split("## ")[0]
    rows = [row.rsplit("|", 2)[1] for row in table.splitlines() if row.startswith("|")][2:]
    assert sorted(re.findall(r"`(\w+)`", "".join(rows))) == sorted(REASONS)


def test_the_environment_table_names_what_the_sample_reads() -> None:
    table = README.split("## The sample application")[1].split("## ")[0]
    rows = "".join(row.split("|")[1] for row in table.splitlines() if row.startswith("| `"))
    assert sorted(re.findall(r"`(\w+)`", rows)) == sorted(app.NAMES)


@pytest.mark.parametrize("callable_", [protect, Issuer, RemoteJWKS], ids=lambda c: c.__name__)
def test_every_option_that_the_readme_names_exists(callable_: object) -> None:
    options = set(inspect.signature(callable_).parameters)  # type: ignore[arg-type]
    name = callable_.__name__  # type: ignore[attr-defined]
    named = set(re.findall(rf"`{name}\((\w+)=", README))
    assert named <= options
    assert named


def test_the_page_on_keys_has_every_remote_option_with_its_default() -> None:
    page = (ROOT / "docs" / "key-sources.md").read_text(encoding="utf-8")
    table = page.split("## Options of `RemoteJWKS`")[1].split("## ")[0]
    rows = [
        [cell.strip(" `") for cell in row.split("|")[1:4]]
        for row in table.splitlines()
        if row.startswith("| `")
    ]
    parameters = dict(inspect.signature(RemoteJWKS).parameters)
    del parameters["uri"]
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    clocks = {time.monotonic: "time.monotonic", time.time: "time.time"}
    shown = {name: clocks.get(each) or repr(each) for name, each in defaults.items()}
    assert {name: default for name, _, default in rows} == shown


def test_the_page_on_keys_has_every_field_of_the_status() -> None:
    page = (ROOT / "docs" / "key-sources.md").read_text(encoding="utf-8")
    table = page.split("| of `status()` | meaning |")[1].split("\n\n")[0]
    named = re.findall(
        r"`(\w+)`",
        "".join(row.split("|")[1] for row in table.splitlines() if row.startswith("| `")),
    )
    assert sorted(named) == sorted(KeyStatus._fields)


def test_links_between_pages_lead_to_existing_files() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
