"""docs/design.md names every function of josepy and WebOb that is used, with where and the substitute.

A use is written as in the code, without arguments: `josepy.jwa.HS256.verify`. For WebOb, it is
an attribute or a keyword of `Request` or `Response`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SECTION = "## What would replace josepy and WebOb"
SOURCES = [
    ROOT / "app.py",
    ROOT / "pytest_jwt_wsgi.py",
    *sorted((ROOT / "demo").rglob("*.py")),
    *sorted((ROOT / "jwt_wsgi").rglob("*.py")),
]
#: What a variable of this name is, where no annotation or call says it.
CUSTOMARY = {"request": "Request", "response": "Response"}

Use = tuple[str, str]


def documented(library: str) -> set[Use]:
    """Return the uses that the section's tables name, each with its file."""
    section = (ROOT / "docs" / "design.md").read_text("utf-8").split(f"\n{SECTION}\n")[1]
    rows = re.findall(r"^\| (`.*?) \| (`.*?) \| [^|]+ \|$", section.split("\n## ")[0], re.MULTILINE)
    return {
        (use, file)
        for uses, files in rows
        for use in re.findall(r"`([^`]+)`", uses)
        for file in re.findall(r"`([^`]+)`", files)
        if use.startswith(f"{library}.")
    }


def imports(tree: ast.AST, library: str) -> dict[str, str]:
    """Return the local names that come from a library, with their full names."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == library:
            names |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
        if isinstance(node, ast.Import):
            names |= {
                each.asname or library: each.name
                for each in node.names
                if each.name.split(".")[0] == library
            }
    return names


def chains(tree: ast.AST, names: dict[str, str]) -> Iterator[str]:
    """Yield the longest chains of attributes and calls that begin at an imported name."""
    inner = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Call) and node not in inner:
            text = chain(node, names)
            if text is not None:
                yield text
                inner |= set(ast.walk(node))


def chain(node: ast.expr, names: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        value = chain(node.value, names)
        return None if value is None else f"{value}.{node.attr}"
    if isinstance(node, ast.Call):
        value = chain(node.func, names)
        return None if value is None else f"{value}()"
    return None


def members(tree: ast.AST, names: dict[str, str]) -> Iterator[str]:
    """Yield the members of the imported classes: keywords of their calls, attributes of variables."""
    variables = {name: names[kind] for name, kind in CUSTOMARY.items() if kind in names}
    variables |= dict(typed_variables(tree, names))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            yield from (f"{names[node.func.id]}({each.arg}=)" for each in node.keywords)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            kind = variables.get(node.value.id)
            if kind is not None:
                yield f"{kind}.{node.attr}"


def typed_variables(tree: ast.AST, names: dict[str, str]) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation is not None:
            kind = chain(node.annotation, names)
            if kind is not None:
                yield node.arg, kind
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            kind = chain(node.value.func, names)
            for target in node.targets:
                if kind is not None and isinstance(target, ast.Name):
                    yield target.id, kind


def uses(source: str, library: str) -> set[str]:
    tree = ast.parse(source)
    names = imports(tree, library)
    found = chains(tree, names) if library == "josepy" else members(tree, names)
    return set(found)


def used(library: str) -> set[Use]:
    return {
        (use, path.relative_to(ROOT).as_posix())
        for path in SOURCES
        for use in uses(path.read_text("utf-8"), library)
    }


@pytest.mark.parametrize("library", ["josepy", "webob"])
def test_the_design_names_each_use_of_a_library_in_maintenance(library: str) -> None:
    assert used(library), "the tables can go when nothing is used any more"
    assert used(library) - documented(library) == set(), f"{SECTION} lacks these"
    assert documented(library) - used(library) == set(), f"{SECTION} names what is not used"


@pytest.mark.parametrize(
    ("library", "source", "use"),
    [
        pytest.param(
            "josepy",
            "from josepy import jwa\ncheck = jwa.HS256.verify",
            "josepy.jwa.HS256.verify",
            id="an attribute of an imported module",
        ),
        pytest.param(
            "josepy",
            "import josepy\nkey = josepy.JWK.from_json(entry).key",
            "josepy.JWK.from_json().key",
            id="an attribute of what a call returns",
        ),
        pytest.param(
            "josepy",
            "from josepy.jwk import JWK as Key\nKey.load(text)",
            "josepy.jwk.JWK.load()",
            id="another name",
        ),
        pytest.param(
            "webob",
            "from webob import Response\nanswer = Response(text)\nanswer.vary = ()",
            "webob.Response.vary",
            id="an attribute of a variable",
        ),
        pytest.param(
            "webob",
            "from webob import Response\nResponse(json={})",
            "webob.Response(json=)",
            id="a keyword",
        ),
        pytest.param(
            "webob",
            "from webob import Request\ndef f(asked: Request): return asked.body",
            "webob.Request.body",
            id="an attribute of a parameter",
        ),
    ],
)
def test_a_use_is_seen(library: str, source: str, use: str) -> None:
    assert use in uses(source, library)
