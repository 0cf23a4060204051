"""The official clients of MCP, unmodified, which the programs of tests/foreign_mcp drive."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from waiting import PATIENCE

FOLDER = Path(__file__).resolve().parent / "foreign_mcp"
CHECKOUT = FOLDER.parent.parent

#: A tool and its arguments.
Call = tuple[str, dict[str, Any]]


class McpClient(NamedTuple):
    """A client of one major version.

    Attributes:
        name: Its language and major version.
        version: The version of the package that is pinned.
        protocol_version: The revision of MCP that it negotiates with the example.
        command: The program that drives it, with the first arguments.
        package: The folder that holds the client; it is missing before the environment is made.
        target: The target of make that makes the environment.
    """

    name: str
    version: str
    protocol_version: str
    command: list[str]
    package: Path
    target: str

    def __str__(self) -> str:
        return self.name

    def missing(self) -> str | None:
        """Return why the client cannot run here, or None."""
        if not self.package.exists() or shutil.which(self.command[0]) is None:
            return f"needs the {self.name} client of MCP: make {self.target}"
        return None

    def run(self, url: str, calls: list[Call], *token: str) -> dict[str, Any]:
        """Connect to a server and make the calls; return the report of the program.

        Args:
            url: The URL of the MCP server.
            calls: The calls, in order.
            token: The access token that the client has at the start, if any.
        """
        ended = subprocess.run(
            [*self.command, url, json.dumps(calls), *token],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        report: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        return report


def _python(major: int, version: str, protocol_version: str) -> McpClient:
    environment = CHECKOUT / f".venv-mcp-{major}"
    program = environment / "bin" / "python"
    return McpClient(
        f"python-{major}",
        version,
        protocol_version,
        [str(program), str(FOLDER / "client.py")],
        environment / ".made",
        f".venv-mcp-{major}/.made",
    )


def _typescript(major: int, version: str, protocol_version: str, package: str) -> McpClient:
    # The first major version refreshes where it should ask for more scopes.
    refresh = "forget" if major == 1 else "keep"
    return McpClient(
        f"typescript-{major}",
        version,
        protocol_version,
        ["node", str(FOLDER / "client.mjs"), package, refresh],
        FOLDER / "node_modules" / ".made",
        "tests/foreign_mcp/node_modules/.made",
    )


PYTHON_1 = _python(1, "1.30.0", "2025-11-25")
PYTHON_2 = _python(2, "2.3.0", "2026-07-28")
TYPESCRIPT_1 = _typescript(1, "1.32.2", "2025-11-25", "sdk")
TYPESCRIPT_2 = _typescript(2, "2.4.0", "2026-07-28", "client")
CLIENTS = (PYTHON_1, PYTHON_2, TYPESCRIPT_1, TYPESCRIPT_2)
