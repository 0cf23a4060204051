"""The completion of the command line, in the shells that are installed."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import CHECKOUT, environment

PAGE = (CHECKOUT / "docs" / "command-line.md").read_text(encoding="utf-8")
#: The line for each shell, as the page has it.
LINES = {
    shell: line.replace("\\|", "|")
    for shell, line in re.findall(r"^\| (bash|zsh|fish)\b.* \| `(.+)` \|$", PAGE, re.MULTILINE)
}
SCRIPTS = Path(sys.executable).parent
DEADLINE = 60.0


def variables() -> dict[str, str]:
    path = f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"
    return environment({"PATH": path, "TERM": "dumb", "PS1": "ready> "})


def read_until(terminal: int, text: str) -> str:
    """Return what the terminal shows, as soon as it has this text."""
    shown = ""
    deadline = time.monotonic() + DEADLINE
    while text not in shown:
        ready, _, _ = select.select([terminal], [], [], deadline - time.monotonic())
        assert ready, f"{text!r} is not in {shown!r}"
        shown += os.read(terminal, 4096).decode()
    return shown


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        pytest.param("jwt-wsgi exp\t", "jwt-wsgi explain", id="f8-command"),
        pytest.param("jwt-wsgi explain --aud\t", "--audience", id="f8-option"),
    ],
)
@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash: apt-get install bash")
def test_tab_completes_in_a_real_bash(typed: str, completed: str) -> None:
    ours, theirs = pty.openpty()
    bash = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=variables(),
        start_new_session=True,
    )
    os.close(theirs)
    try:
        read_until(ours, "ready> ")
        os.write(ours, f"{LINES['bash']}; echo set\\ up\n".encode())
        read_until(ours, "set up")
        os.write(ours, typed.encode())
        read_until(ours, completed)
    finally:
        bash.kill()
        bash.wait(DEADLINE)
        os.close(ours)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_line_of_a_shell_gives_its_script(shell: str) -> None:
    """A stand-in for each shell that is not installed: the script that the line would run."""
    [command] = re.findall(r"(_JWT_WSGI_COMPLETE=\w+_source jwt-wsgi)", LINES[shell])
    ended = subprocess.run(
        ["sh", "-c", command],
        env=variables(),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"_JWT_WSGI_COMPLETE={shell}_complete" in ended.stdout
    if shutil.which(shell):
        checked = subprocess.run(
            [shell, "-n"], input=ended.stdout, text=True, timeout=DEADLINE, check=False
        )
        assert checked.returncode == 0
