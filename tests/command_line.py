"""Helpers that run the command line: in this process, and in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from click.testing import CliRunner

from jwt_wsgi.cli.program import program

CHECKOUT = Path(__file__).resolve().parent.parent
POLICY = """
[rules]
"/api/public" = "PUBLIC"
"/api/private" = "AUTHENTICATED"
"/api/private-scoped" = 'scope("read:messages")'
"""


class Result(NamedTuple):
    """The exit status of a command, and its output."""

    status: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        return json.loads(self.output)


def run(*words: object, stdin: str | bytes = "", env: dict[str, str] | None = None) -> Result:
    """Run the command in this process. The environment has no token unless `env` has one."""
    result = CliRunner().invoke(
        program,
        list(map(str, words)),
        input=stdin,
        env={"JWT_WSGI_TOKEN": None, **(env or {})},
        prog_name="jwt-wsgi",
    )
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Result(result.exit_code, result.stdout, result.stderr)


def run_program(
    *words: object, stdin: str = "", env: dict[str, str] | None = None, cwd: Path = CHECKOUT
) -> Result:
    """Run `python -m jwt_wsgi` in a process of its own."""
    result = subprocess.run(
        command(*words),
        input=stdin,
        env=environment(env),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return Result(result.returncode, result.stdout, result.stderr)


def command(*words: object) -> Sequence[str]:
    return [sys.executable, "-m", "jwt_wsgi", *map(str, words)]


def environment(more: dict[str, str] | None = None) -> dict[str, str]:
    inherited = {name: text for name, text in os.environ.items() if name != "JWT_WSGI_TOKEN"}
    return {**inherited, **(more or {})}
