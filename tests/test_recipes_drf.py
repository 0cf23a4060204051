"""The page on Django REST framework: its project runs, its tests pass, and its warnings are true.

Django has one configuration for a process, so the project runs in processes of its own.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import recipe_pages

from jwt_wsgi.testing import LocalIssuer

PAGE = "frameworks/django-rest-framework.md"
PATH = os.pathsep.join([str(Path(__file__).resolve().parent.parent), *sys.path])
SERVER = """
import os
from waitress.server import create_server
from wsgi import RULES, django
from jwt_wsgi import protect

application = protect(
    django, issuer=os.environ["ISSUER"], audience=os.environ["AUDIENCE"], rules=RULES
)
server = create_server(application, host="127.0.0.1", port=0)
print(server.effective_port, flush=True)
server.run()
"""


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: str

    def json(self) -> Any:
        return json.loads(self.body)


class Project:
    """The project of the page, served on a port."""

    def __init__(self, port: int, issuer: LocalIssuer) -> None:
        self._port = port
        self._issuer = issuer

    def ask(
        self, path: str, method: str = "GET", token: dict[str, Any] | None = None, **headers: str
    ) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["Authorization"] = f"Bearer {self._issuer.token(**token)}"
        body = '{"item": "pen"}' if method in ("POST", "PUT") else None
        if body is not None:
            sent["Content-Type"] = "application/json"
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, named, answer.read().decode())


def environment(**values: str) -> dict[str, str]:
    """Return an environment without another project's settings."""
    inherited = {
        name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"
    }
    return {**inherited, "PYTHONPATH": PATH, **values}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("project")
    recipe_pages.write_files(PAGE, folder)
    # This project's callers make more requests than those of the page.
    settings = folder / "settings.py"
    settings.write_text(settings.read_text().replace('"orders": "3/minute"', '"orders": "5/hour"'))
    (folder / "serve.py").write_text(SERVER)
    issuer = LocalIssuer()
    with issuer.serve():
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "serve.py"],
            cwd=folder,
            env=environment(ISSUER=issuer.issuer, AUDIENCE=issuer.audience),
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            yield Project(int(process.stdout.readline()), issuer)
        finally:
            process.terminate()
            process.wait(timeout=60)
            process.stdout.close()


def run_tests(folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "tests.py"]
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
def test_the_tests_of_the_page_pass_f5(tmp_path: Path) -> None:
    recipe_pages.write_files(PAGE, tmp_path)
    ended = run_tests(tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "4 passed" in ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "line", "instead", "failed"),
    [
        pytest.param(
            "verified_token.py",
            "        self.pk = ",
            "        self.id = ",
            "test_the_fourth_call_of_a_caller_is_throttled",
            id="F5 without pk, throttles raise",
        ),
        pytest.param(
            "verified_token.py",
            "        return challenge(MissingToken(), request)",
            "        return None",
            "test_a_caller_without_a_token_is_asked_for_one",
            id="F5 without authenticate_header, a 401 becomes a 403",
        ),
        pytest.param(
            "verified_token.py",
            "        self.auth_header = ",
            "        self.header = ",
            "test_a_caller_without_the_scope_is_told_which",
            id="F5 without auth_header, a 403 has no challenge",
        ),
    ],
)
def test_a_line_of_the_page_cannot_be_left_out(
    tmp_path: Path, file: str, line: str, instead: str, failed: str
) -> None:
    recipe_pages.write_files(PAGE, tmp_path)
    source = (tmp_path / file).read_text()
    assert source.count(line) == 1
    (tmp_path / file).write_text(source.replace(line, instead))
    assert f"FAILED tests.py::{failed}" in run_tests(tmp_path).stdout


def test_a_view_reads_user_and_auth_f5(project: Project) -> None:
    answer = project.ask("/profile", token={"scope": "a b", "sub": "ada"})
    assert answer.json() == {"name": "ada", "scopes": ["a", "b"]}


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_refusal_of_drf_has_status_and_challenge_f5(project: Project, accept: str) -> None:
    missing = project.ask("/profile", Accept=accept)
    assert missing.status == 401
    assert missing.headers["www-authenticate"] == 'Bearer realm="api"'
    refused = project.ask("/orders", "POST", {"scope": "read:orders", "sub": accept}, Accept=accept)
    assert refused.status == 403
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]
    assert 'scope="write:orders"' in refused.headers["www-authenticate"]
    assert "insufficient_scope" in refused.body


def test_a_method_that_the_view_leaves_out_is_denied_f5(project: Project) -> None:
    token = {"scope": "read:orders write:orders", "sub": "methods"}
    assert project.ask("/orders", "HEAD", token).status == 200
    assert project.ask("/orders", "POST", token).status == 201
    for method in ("OPTIONS", "DELETE"):
        denied = project.ask("/orders", method, token)
        assert (denied.status, denied.json()["reason"]) == (403, "denied")


def test_a_token_without_a_subject_is_refused_f5(project: Project) -> None:
    for subject in (None, ""):
        answer = project.ask("/profile", token={"sub": subject})
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="api"'


def test_throttles_count_each_caller_f5(project: Project) -> None:
    first = {"scope": "read:orders", "sub": "first"}
    statuses = [project.ask("/orders", token=first).status for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    assert int(project.ask("/orders", token=first).headers["retry-after"]) > 0
    assert project.ask("/orders", token={**first, "sub": "second"}).status == 200
    # The layers answer before DRF runs, so a bad token is neither counted nor throttled.
    assert project.ask("/orders", Authorization="Bearer bad").status == 401


@pytest.mark.parametrize(
    ("scopes", "has_form"),
    [
        pytest.param("read:orders", False, id="F5 without the scope"),
        pytest.param("read:orders write:orders", True, id="F5 with the scope"),
    ],
)
def test_the_browsable_api_shows_forms_by_scope(
    project: Project, scopes: str, has_form: bool
) -> None:
    subject = f"<b>{len(scopes)}"
    answer = project.ask("/orders", token={"scope": scopes, "sub": subject}, Accept="text/html")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert ('name="item"' in answer.body) is has_form
    assert f"&lt;b&gt;{len(scopes)}" in answer.body


@pytest.mark.slow
def test_an_auth_error_in_a_permission_breaks_the_browsable_api_f5(tmp_path: Path) -> None:
    """The first warning of the page. If this fails, the page may drop it."""
    recipe_pages.write_files(PAGE, tmp_path)
    module = tmp_path / "verified_token.py"
    module.write_text(
        module.read_text().replace("raise Refused(error, request) from None", "raise")
    )
    test = """
import pytest
from tests import api
from jwt_wsgi import AuthError

def test_it(api, jwt_issuer):
    api.raise_request_exception = False
    jwt_issuer.authorize(api, scope="read:orders")
    assert api.get("/orders", headers={"Accept": "application/json"}).status_code == 200
    assert api.get("/orders", headers={"Accept": "text/html"}).status_code == 500
"""
    (tmp_path / "tests.py").rename(tmp_path / "others.py")
    (tmp_path / "tests.py").write_text(test.replace("from tests", "from others"))
    ended = run_tests(tmp_path)
    assert "1 passed" in ended.stdout, ended.stdout
