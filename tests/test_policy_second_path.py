"""A request that names a second resource: what the policy does not see, and the recipe of the page.

The application is WsgiDAV on a real folder. The judge is the folder: what a caller may not touch
must be there as before, and nowhere else.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from matrix.requests import Spelled
from test_examples_fuzz import ask, caller, mutations
from wsgidav.fs_dav_provider import FilesystemProvider
from wsgidav.wsgidav_app import WsgiDAVApp

from jwt_wsgi import DENY, Policy, ScopeAuthorizer, scope

PAGE = (Path(__file__).parent.parent / "docs" / "how-to" / "two-resources.md").read_text("utf-8")
RECIPE: dict[str, Any] = {}
exec(re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[0], RECIPE)

RULES = {"/files": scope("files"), "/private": scope("private")}
FILES, BOTH = caller("files"), caller("files", "private")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("files/tree", "private"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "files" / "draft").write_text("draft")
    (tmp_path / "files" / "tree" / "leaf").write_text("leaf")
    (tmp_path / "private" / "bob").write_text("bob's")
    return tmp_path


def dav(folder: Path) -> Any:
    return WsgiDAVApp(
        {
            "provider_mapping": {"/": FilesystemProvider(str(folder))},
            "simple_dc": {"user_mapping": {"*": True}},
            "logging": {"enable": False},
        }
    )


def protected(folder: Path, rules: dict[str, Any] = RULES, mount: str = "") -> Any:
    policy = Policy(rules, mounts=[mount])
    return ScopeAuthorizer(RECIPE["SecondPath"](dav(folder), policy), policy)


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text() if path.is_file() else ""
        for path in sorted(folder.rglob("*"))
    }


def private(folder: Path) -> dict[str, str]:
    return {name: text for name, text in contents(folder).items() if name.startswith("private")}


def sent(method: str, path: str, destination: str, auth: Any, app: Any) -> int:
    return ask(app, Spelled(method, path, header=("Destination", destination)), auth).status


@pytest.mark.parametrize("method", ["MOVE", "COPY"])
def test_a_policy_alone_does_not_judge_the_destination_u30(folder: Path, method: str) -> None:
    """The limit that the page describes. If this fails, correct the page and security.md."""
    alone = ScopeAuthorizer(dav(folder), Policy(RULES))
    assert sent(method, "/files/draft", "/private/bob", FILES, alone) in (201, 204)
    assert private(folder)["private/bob"] == "draft"


@pytest.mark.parametrize("method", ["MOVE", "COPY"])
@pytest.mark.parametrize(
    ("destination", "auth", "status"),
    [
        pytest.param("/private/bob", FILES, 403, id="U30 a path that another rule covers"),
        pytest.param("/private/new", FILES, 403, id="U30 a new name there"),
        pytest.param("http://localhost/private/bob", FILES, 403, id="U30 a URL of this host"),
        pytest.param("http://LOCALHOST/private/bob", FILES, 403, id="U30 its name in capitals"),
        pytest.param("/%70rivate/bob", FILES, 403, id="U30 percent-encoding"),
        pytest.param("/files/../private/bob", FILES, 400, id="U30 two dots"),
        pytest.param("/files/%2e%2e/private/bob", FILES, 400, id="U30 two encoded dots"),
        pytest.param("/files//private", FILES, 400, id="U30 an empty segment"),
        pytest.param("/files/x?/../private", FILES, 400, id="U30 a query"),
        pytest.param("/files/x%3F", FILES, 400, id="U30 an encoded query"),
        pytest.param("/files/x;y", FILES, 400, id="U30 parameters of a segment"),
        pytest.param("http://other.example/files/x", FILES, 400, id="U30 another host"),
        pytest.param("http://[/files/x", FILES, 400, id="U30 no URL"),
        pytest.param("files/x", FILES, 400, id="U30 a relative path"),
        pytest.param("", FILES, 400, id="U30 nothing"),
        pytest.param("/other", BOTH, 403, id="U30 a path without a rule"),
        pytest.param("/files/new", FILES, 201, id="U30 under the same rule"),
        pytest.param("/files/caf%C3%A9", FILES, 201, id="U30 a name that is not ASCII"),
        pytest.param("/files/100%25", FILES, 201, id="U30 a percent sign"),
        pytest.param("/private/new", BOTH, 201, id="U30 a caller who may do both"),
    ],
)
def test_the_recipe_judges_the_destination(
    folder: Path, method: str, destination: str, auth: Any, status: int
) -> None:
    before = contents(folder)
    assert sent(method, "/files/draft", destination, auth, protected(folder)) == status
    assert (contents(folder) == before) == (status != 201)


def test_the_recipe_knows_the_mount_u30(folder: Path) -> None:
    app = protected(folder, mount="/dav")
    for destination, status in (("/files/new", 400), ("/dav/private/bob", 403)):
        request = Spelled("COPY", "/files/draft", "/dav", header=("Destination", destination))
        assert ask(app, request, FILES).status == status


def destinations() -> Iterator[str]:
    for path in ("/private/bob", "/private", "/private/new"):
        for mutated in mutations(path):
            text = mutated.encode().decode("latin-1")
            yield from (text, f"http://localhost{text}", f"//localhost{text}", f"/files{text}")
            yield from (text.replace("%", "%25"), f"/files/x/../..{text}", f"/files/%2e%2e{text}")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["MOVE", "COPY"])
def test_no_spelling_of_a_destination_gets_around_the_recipe_u30(folder: Path, method: str) -> None:
    app = protected(folder)
    before = private(folder)
    source = folder / "files" / "draft"
    statuses = set()
    for destination in destinations():
        shutil.rmtree(source.parent, ignore_errors=True)
        (source.parent / "private").mkdir(parents=True)
        source.write_text("draft")
        statuses.add(sent(method, "/files/draft", destination, FILES, app))
        assert private(folder) == before, destination
    assert {201, 400, 403} <= statuses


COLLECTIONS = {
    "COPY,MOVE,DELETE,PUT,PROPFIND,LOCK /files/{$}": DENY,
    "/files/{$}": scope("files"),
    "/files": scope("files"),
    "/files/tree": scope("tree"),
}


def test_a_copy_of_a_collection_takes_along_what_a_stricter_rule_guards_u30(folder: Path) -> None:
    """The second limit that the page describes, and its remedy."""
    rules = {"/files": scope("files"), "/files/tree": scope("tree"), "/copy": scope("files")}
    assert ask(protected(folder, rules), Spelled("GET", "/files/tree/leaf"), FILES).status == 403
    assert sent("COPY", "/files", "/copy", FILES, protected(folder, rules)) == 201
    copied = ask(protected(folder, rules), Spelled("GET", "/copy/tree/leaf"), FILES)
    assert (copied.status, copied.body) == (200, "leaf")

    remedied = protected(folder, {**COLLECTIONS, "/copy": scope("files")})
    assert sent("COPY", "/files", "/copy/again", FILES, remedied) == 403
    assert sent("COPY", "/copy", "/files", FILES, remedied) == 403
    assert (folder / "files" / "tree" / "leaf").exists()
    for method in ("DELETE", "PROPFIND"):
        assert ask(remedied, Spelled(method, "/files"), FILES).status == 403
    assert ask(remedied, Spelled("GET", "/files/draft"), FILES).status == 200
    assert sent("COPY", "/files/draft", "/files/again", FILES, remedied) == 201
