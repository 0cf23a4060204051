"""The command line as its tests run it: in this process, and as a program of its own."""

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


class Ended(NamedTuple):
    """How a command ended, and what it said."""

    status: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        return json.loads(self.output)


def run(*words: object, given: str | bytes = "", env: dict[str, str] | None = None) -> Ended:
    """Run the command in this process; without a token in the environment unless `env` has one."""
    result = CliRunner().invoke(
        program,
        list(map(str, words)),
        input=given,
        env={"JWT_WSGI_TOKEN": None, **(env or {})},
        prog_name="jwt-wsgi",
    )
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Ended(result.exit_code, result.stdout, result.stderr)


def run_program(
    *words: object, given: str = "", env: dict[str, str] | None = None, cwd: Path = CHECKOUT
) -> Ended:
    """Run `python -m jwt_wsgi` as a process of its own."""
    ended = subprocess.run(
        command(*words),
        input=given,
        env=environment(env),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def command(*words: object) -> Sequence[str]:
    return [sys.executable, "-m", "jwt_wsgi", *map(str, words)]


def environment(more: dict[str, str] | None = None) -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if name != "JWT_WSGI_TOKEN"} | (
        more or {}
    )
