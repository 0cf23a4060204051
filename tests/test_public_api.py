"""The public API is the one that tests/public_api.txt lists, so that no change is an accident."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import public_api
import pytest

ROOT = Path(__file__).resolve().parent.parent
REMEDY = """the public API differs from tests/public_api.txt:
  {}
"removed" and "-" break somebody's program: keep the old form as the deprecation policy in
docs/reference/index.md asks, and write the change into CHANGELOG.md. Then run
  python tests/public_api.py --write"""


def test_the_public_api_is_the_listed_one() -> None:
    listed = public_api.read(public_api.LISTING.read_text("utf-8"))
    changes = public_api.differences(listed, public_api.collect())
    assert not changes, REMEDY.format("\n  ".join(changes))


def test_the_file_is_written_as_the_command_writes_it() -> None:
    text = public_api.LISTING.read_text("utf-8")
    assert public_api.written(public_api.read(text)) == text


IMPORT = re.compile(r"^ *from (jwt_wsgi[\w.]*) import (\([^)]*\)|[^\n(#]+)", re.MULTILINE)


def test_every_name_that_the_documentation_imports_is_listed() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    imported = {
        f"{module}.{name.split(' as ')[0].strip()}"
        for page in pages
        for module, names in IMPORT.findall(page.read_text("utf-8"))
        for name in names.strip("()\n ").split(",")
        if name.strip()
    }
    modules = {name.rpartition(".")[0] for name in public_api.collect() if name[0] == "j"}
    assert len(imported) > 50
    assert imported - public_api.collect().keys() - modules == set()


# --- which changes are seen


def before(app: Any, realm: str = "api", *, leeway: float = 30) -> None: ...
def renamed(app: Any, name: str = "api", *, leeway: float = 30) -> None: ...
def without(app: Any, *, leeway: float = 30) -> None: ...
def defaulted(app: Any, realm: str = "api", *, leeway: float = 60) -> None: ...
def required(app: Any, realm: str = "api", *, leeway: float) -> None: ...
def reordered(realm: str = "api", app: Any = None, *, leeway: float = 30) -> None: ...
def by_position(app: Any, realm: str = "api", leeway: float = 30) -> None: ...
def by_name(app: Any, *, realm: str = "api", leeway: float = 30) -> None: ...
def narrowed(app: Any, realm: str = "api", *, leeway: int = 30) -> None: ...
def returning(app: Any, realm: str = "api", *, leeway: float = 30) -> str: ...
def extended(app: Any, realm: str = "api", *, leeway: float = 30, more: str = "") -> None: ...


@pytest.mark.parametrize(
    ("after", "change"),
    [
        pytest.param(renamed, "f: - 2 realm: str = 'api'", id="a parameter is renamed"),
        pytest.param(without, "f: - 2 realm: str = 'api'", id="a parameter is removed"),
        pytest.param(defaulted, "f: + keyword leeway: float = 60", id="a default is another"),
        pytest.param(required, "f: + keyword leeway: float", id="an option is required"),
        pytest.param(reordered, "f: - 1 app: Any", id="parameters change places"),
        pytest.param(by_position, "f: - keyword leeway: float = 30", id="allowed by position"),
        pytest.param(by_name, "f: - 2 realm: str = 'api'", id="no longer allowed by position"),
        pytest.param(narrowed, "f: + keyword leeway: int = 30", id="a type is narrowed"),
        pytest.param(returning, "f: - returns None", id="another type is returned"),
        pytest.param(extended, "f: + keyword more: str = ''", id="an option is added"),
    ],
)
def test_a_change_of_a_signature_is_named(after: Callable[..., Any], change: str) -> None:
    changes = public_api.differences(
        public_api.entries("f", before), public_api.entries("f", after)
    )
    assert change in changes


class Before:
    """A class with `limit`."""

    status = 401

    def __init__(self, url: str) -> None:
        self.limit = len(url)

    def close(self) -> None:
        """Close it."""


class WithoutMethod:
    """A class with `limit`."""

    status = 401

    def __init__(self, url: str) -> None:
        self.limit = len(url)


class OtherStatus(Before):
    status = 403


class OtherAttribute:
    """A class with `size`."""

    status = 401

    def __init__(self, url: str) -> None:
        self.size = len(url)


class OtherConstructor(Before):
    def __init__(self, uri: str) -> None:
        self.limit = len(uri)


@pytest.mark.parametrize(
    ("after", "change"),
    [
        pytest.param(WithoutMethod, "C.close: removed", id="a method is removed"),
        pytest.param(OtherStatus, "C: - attribute status = 401", id="a constant is another"),
        pytest.param(OtherAttribute, "C: - attribute limit", id="an attribute is renamed"),
        pytest.param(OtherConstructor, "C: - 1 url: str", id="an argument is renamed"),
    ],
)
def test_a_change_of_a_class_is_named(
    monkeypatch: pytest.MonkeyPatch, after: type, change: str
) -> None:
    monkeypatch.setattr("public_signatures.PACKAGE", __name__)
    changes = public_api.differences(
        public_api.entries("C", Before), public_api.entries("C", after)
    )
    assert change in changes


def test_a_new_name_and_a_removed_one_are_named() -> None:
    changes = public_api.differences({"jwt_wsgi.old": []}, {"jwt_wsgi.new": []})
    assert changes == ["jwt_wsgi.old: removed", "jwt_wsgi.new: new"]
