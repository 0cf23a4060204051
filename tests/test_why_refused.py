"""docs/why-refused.md is executed: its first command says why a token is refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import CHECKOUT, environment

from jwt_wsgi.errors import REASONS
from jwt_wsgi.testing import LocalIssuer

PAGE = (CHECKOUT / "docs" / "why-refused.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^```console\n\$ (.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
SCRIPTS = Path(sys.executable).parent


def run(command: str, local: LocalIssuer, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the page for a local issuer."""
    here = command.replace("https://tenant.example.com/", local.issuer)
    env = environment({"PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "200"})
    return subprocess.run(
        here, shell=True, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False
    )  # fmt: skip


def test_the_page_begins_with_the_command_that_explains() -> None:
    assert re.match(r"# Why is my token refused\?\n\n```console\n\$ jwt-wsgi explain ", PAGE)


@pytest.mark.slow
def test_the_first_command_shows_the_reason_in_one_row(tmp_path: Path) -> None:
    [policy] = re.findall(r"^ *```toml\n(.*?)^ *```$", PAGE, re.DOTALL | re.MULTILINE)
    (tmp_path / "policy.toml").write_text(policy)
    local = LocalIssuer(audience="https://api.example.com")
    with local.serve():
        (tmp_path / "token.txt").write_text(local.token(aud="https://other.example.com"))
        refused = run(COMMANDS[0], local, tmp_path)
        (tmp_path / "token.txt").write_text(local.token())
        accepted = run(COMMANDS[0], local, tmp_path)
    assert (refused.returncode, refused.stderr) == (1, "")
    [row] = [line for line in refused.stdout.splitlines() if re.search(r"\bNO\b", line)]
    assert row.startswith("audience")
    assert "audience_mismatch" in row
    assert (accepted.returncode, accepted.stderr) == (0, "")


def test_the_second_command_inspects_the_token(tmp_path: Path) -> None:
    local = LocalIssuer()
    (tmp_path / "token.txt").write_text(local.token())
    [command] = re.findall(r"^`(jwt-wsgi inspect [^`]*)`", PAGE, re.MULTILINE)
    assert run(command, local, tmp_path).returncode == 0


def test_the_options_of_the_page_are_those_of_the_command() -> None:
    help_text = run("jwt-wsgi explain --help", LocalIssuer(), CHECKOUT).stdout
    for option in set(re.findall(r"--[a-z][a-z-]*", PAGE)) - {"--token-file"}:
        assert f"{option} " in help_text


def test_the_page_names_reasons_that_exist() -> None:
    table = PAGE.split("## What you see")[1]
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", table))
    assert named <= set(REASONS)
    assert len(named) >= 12
