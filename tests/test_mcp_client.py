"""The official clients of MCP at examples/mcp_app.py: each step, as the servers recorded it.

The authorization server is Django OAuth Toolkit, a process of its own. The clients are unmodified,
in two major versions of two languages, each in an environment of its own.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import mcp_authorization_server
import pytest
import recipe_pages
from mcp_clients import CLIENTS, PYTHON_1, PYTHON_2, TYPESCRIPT_1, Call, McpClient
from ports import free_port
from request_log import RequestLog, entries
from running_app import running
from serving import served
from waiting import PATIENCE

from jwt_wsgi import AUTHENTICATED, Issuer

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
#: Opens an address as a browser does, and ends.
BROWSER = Path(mcp_authorization_server.__file__).parent / "foreign_mcp" / "browser.py"
METADATA = "/.well-known/oauth-protected-resource/mcp"
READ = "files:read"
BOTH = f"{READ} files:delete"
SEARCH: Call = ("search_files", {"text": "invoice"})
DELETE: Call = ("delete_file", {"name": "old.txt"})
CALLS = [SEARCH, DELETE, SEARCH, DELETE]

Entry = dict[str, Any]


class Journey(NamedTuple):
    """What a client reported, and what the servers recorded meanwhile.

    Attributes:
        client: The client.
        url: The URL of the MCP server.
        report: The report of the program that drove the client.
        entries: The requests to both servers, in order.
    """

    client: McpClient
    url: str
    report: dict[str, Any]
    entries: list[Entry]

    def to(self, path: str) -> list[Entry]:
        """Return the requests for a path."""
        return [entry for entry in self.entries if entry["path"] == path]

    def calls(self, tool: str) -> list[Entry]:
        """Return the calls of a tool."""
        return [entry for entry in self.entries if entry["tool"] == tool]

    def between(self, first: Entry, last: Entry) -> list[str]:
        """Return the paths of the requests between two others."""
        return [entry["path"] for entry in self.entries][
            self.entries.index(first) + 1 : self.entries.index(last)
        ]


class Scene:
    """The authorization server, and an MCP server for each journey."""

    def __init__(self, issuer: str, log: Path, folder: Path) -> None:
        self.issuer = issuer
        self.log = log
        self.folder = folder

    def journey(
        self, client: McpClient, calls: list[Call], *token: str, path: str = "/mcp"
    ) -> Journey:
        """Let a client make calls to a new server, of which it knows nothing but the URL."""
        skip_missing(client)
        before = len(entries(self.log))
        with self._server(path) as url:
            report = client.run(url, calls, *token)
        return Journey(client, url, report, entries(self.log)[before:])

    @contextmanager
    def _server(self, path: str) -> Iterator[str]:
        (self.folder / "old.txt").write_text("an invoice", encoding="utf-8")
        (self.folder / "new.txt").write_text("another invoice", encoding="utf-8")
        stack: list[Any] = []
        with served(lambda environ, start: stack[0](environ, start)) as port:
            url = f"http://127.0.0.1:{port}{path}"
            audiences = [url] if path else [url, f"{url}/"]
            trusted = Issuer(self.issuer, audience=audiences)
            app = importlib.import_module("mcp_app").application(trusted, url, self.folder)
            stack.append(RequestLog(app, "resource", self.log))
            yield url


def skip_missing(client: McpClient) -> None:
    missing = client.missing()
    if missing is not None:
        pytest.skip(missing)


@pytest.fixture(scope="module", autouse=True)
def importable() -> Iterator[None]:
    sys.path.insert(0, str(EXAMPLES))
    yield
    sys.path.remove(str(EXAMPLES))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("mcp")
    log = folder / "requests"
    log.touch()
    files = folder / "files"
    files.mkdir()
    with running(folder / "output", mcp_authorization_server.__file__, str(log)) as server:
        yield Scene(server.says(r"Serving on (http://\S+)\n")[1], log, files)


@pytest.fixture(scope="module", params=CLIENTS, ids=str)
def journey(request: pytest.FixtureRequest, scene: Scene) -> Journey:
    return scene.journey(request.param, CALLS)


def test_the_page_leads_from_nothing_to_a_tool_that_ran(scene: Scene, tmp_path: Path) -> None:
    """The example runs by its command, and the client of the page in the current version."""
    skip_missing(PYTHON_2)
    program = recipe_pages.files_of("how-to/mcp.md")["client.py"]
    assert program.count("PORT = 8765\n") == 1
    moved = program.replace("PORT = 8765\n", f"PORT = {free_port()}\n")
    (tmp_path / "client.py").write_text(moved, encoding="utf-8")
    (tmp_path / "old.txt").write_text("an invoice", encoding="utf-8")
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    settings = {"ISSUER": scene.issuer, "RESOURCE": url, "FOLDER": str(tmp_path)}
    command = [EXAMPLES / "mcp_app.py"]
    with running(tmp_path / "output", *command, PORT=str(port), **settings) as server:
        server.says(r"Serving on http://")
        ended = subprocess.run(
            [PYTHON_2.command[0], "client.py", url],
            # The browser is a program that follows the redirects to the client's listener.
            env={**os.environ, "BROWSER": f"{sys.executable} {BROWSER} %s"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "['search_files', 'delete_file']" in ended.stdout
    assert "old.txt is deleted." in ended.stdout
    assert not (tmp_path / "old.txt").exists()


def challenge(entry: Entry) -> dict[str, str]:
    """Return the parameters of the one challenge of an answer."""
    [text] = entry["challenges"]
    scheme, _, parameters = text.partition(" ")
    assert scheme == "Bearer"
    pairs = (pair.split("=", 1) for pair in parameters.split(", "))
    return {name: value.strip('"') for name, value in pairs}


def test_a_client_begins_without_a_token_and_is_told_scope_and_metadata(journey: Journey) -> None:
    first = journey.entries[0]
    assert (first["path"], first["has_token"], first["status"]) == ("/mcp", False, 401)
    told = challenge(first)
    assert told["scope"] == READ
    assert told["resource_metadata"] == journey.url.replace("/mcp", METADATA)


def test_a_client_reads_the_metadata_of_both_servers_first(journey: Journey) -> None:
    [resource] = journey.to(METADATA)
    [issuer] = journey.to("/.well-known/oauth-authorization-server")
    assert journey.entries[1:3] == [resource, issuer]
    assert (resource["status"], issuer["status"]) == (200, 200)
    # Such a header makes browsers send a preflight.
    assert resource["protocol_version"] is not None


def test_a_client_registers_once_with_the_scopes_of_the_first_challenge(journey: Journey) -> None:
    [registration] = journey.to("/register/")
    assert journey.entries[3] == registration
    assert registration["status"] == 201
    assert registration["members"]["scope"] == READ
    assert registration["members"]["token_endpoint_auth_method"] == "none"


def test_a_client_asks_for_this_resource_with_a_challenge_of_pkce(journey: Journey) -> None:
    resource = [journey.url]
    authorizations = journey.to("/authorize/")
    assert [entry["status"] for entry in authorizations] == [302, 302]
    for entry in authorizations:
        members = entry["members"]
        assert (members["resource"], members["code_challenge_method"]) == (resource, ["S256"])
    exchanges = journey.to("/token/")
    assert [entry["status"] for entry in exchanges] == [200, 200]
    for entry in exchanges:
        members = entry["members"]
        assert (members["grant_type"], members["resource"]) == (["authorization_code"], resource)


def test_a_client_asks_at_first_for_the_scope_of_the_challenge_alone(journey: Journey) -> None:
    assert journey.to("/authorize/")[0]["members"]["scope"] == [READ]


def test_a_client_negotiates_its_newest_revision_and_lists_the_tools(journey: Journey) -> None:
    report = journey.report
    assert report["version"] == journey.client.version
    assert report["protocol_version"] == journey.client.protocol_version
    assert report["tools"] == ["search_files", "delete_file"]


def test_a_tool_of_the_first_scope_runs(journey: Journey) -> None:
    assert journey.calls("search_files")[0]["status"] == 200
    assert journey.report["results"][0] == {"is_error": False, "text": "new.txt\nold.txt"}


def test_a_tool_of_another_scope_is_refused_with_all_scopes_that_it_needs(journey: Journey) -> None:
    refused = journey.calls("delete_file")[0]
    assert (refused["has_token"], refused["status"]) == (True, 403)
    told = challenge(refused)
    assert (told["error"], told["scope"]) == ("insufficient_scope", BOTH)
    assert told["resource_metadata"] == journey.url.replace("/mcp", METADATA)


def test_a_client_steps_up_with_the_same_registration_and_calls_again(journey: Journey) -> None:
    refused, repeated, _ = journey.calls("delete_file")
    assert repeated["status"] == 200
    steps = journey.between(refused, repeated)
    assert [path for path in steps if "well-known" not in path] == ["/authorize/", "/token/"]
    first, second = (entry["members"] for entry in journey.to("/authorize/"))
    assert second["scope"] == [BOTH]
    assert second["client_id"] == first["client_id"]
    assert journey.report["results"][1] == {"is_error": False, "text": "old.txt is deleted."}


def test_the_new_token_keeps_the_first_scope(journey: Journey) -> None:
    assert journey.calls("search_files")[1]["status"] == 200
    assert journey.report["results"][2] == {"is_error": False, "text": "new.txt"}
    assert journey.report["redirects"] == 2


def test_a_failure_of_a_tool_is_a_result_that_the_model_can_read(journey: Journey) -> None:
    assert journey.report["results"][3] == {"is_error": True, "text": "There is no such file."}


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_a_client_that_is_told_no_scope_gets_all_scopes_of_the_issuer(
    scene: Scene, client: McpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This is why the path's rule names a scope: some ask for all, others leave the choice."""
    example = importlib.import_module("mcp_app")
    monkeypatch.setattr(example, "PATH_RULE", AUTHENTICATED)
    journey = scene.journey(client, [SEARCH])
    assert "scope" not in challenge(journey.entries[0])
    everything = set(mcp_authorization_server.SCOPES)
    assert set(journey.report["scope"].split()) == everything
    asked = journey.to("/authorize/")[0]["members"].get("scope")
    is_python = client in (PYTHON_1, PYTHON_2)
    assert (asked is not None and set(asked[0].split()) == everything) is is_python


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_a_client_with_a_bad_token_asks_for_the_scope_of_the_path_alone(
    scene: Scene, client: McpClient
) -> None:
    journey = scene.journey(client, [SEARCH], "a-token-of-yesterday")
    first = journey.entries[0]
    assert (first["has_token"], first["status"]) == (True, 401)
    told = challenge(first)
    assert (told["error"], told["scope"]) == ("invalid_token", READ)
    assert told["resource_metadata"] == journey.url.replace("/mcp", METADATA)
    assert [entry["members"]["scope"] for entry in journey.to("/authorize/")] == [[READ]]
    assert journey.report["results"][0]["is_error"] is False


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_a_server_at_the_root_of_its_host_accepts_its_name_with_a_slash(
    scene: Scene, client: McpClient
) -> None:
    """The first Python client writes the slash, whatever the metadata says. The docs name this."""
    journey = scene.journey(client, [SEARCH], path="")
    [asked] = journey.to("/authorize/")[0]["members"]["resource"]
    assert asked == journey.url + ("/" if client is PYTHON_1 else "")
    assert journey.report["results"][0]["is_error"] is False


def test_the_first_typescript_client_refreshes_where_it_should_step_up(scene: Scene) -> None:
    """It does so if its host keeps a refresh token. The docs name this."""
    keeping = TYPESCRIPT_1._replace(command=[*TYPESCRIPT_1.command[:-1], "keep"])
    journey = scene.journey(keeping, [SEARCH, DELETE, SEARCH])
    assert [entry["members"]["grant_type"] for entry in journey.to("/token/")] == [
        ["authorization_code"],
        ["refresh_token"],
    ]
    assert [entry["status"] for entry in journey.calls("delete_file")] == [403, 403]
    assert "403" in journey.report["results"][1]["message"]
    assert journey.report["results"][2]["is_error"] is False
