"""docs/command-line.md is executed: its commands run in a shell, in order, against its issuer."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import CHECKOUT, environment, run
from ports import free_port

from jwt_wsgi.cli.program import program

PAGE = (CHECKOUT / "docs" / "command-line.md").read_text(encoding="utf-8")
#: The commands of the page, except the one that runs until Ctrl-C.
ENDING = [
    line.removeprefix("$ ")
    for line in re.findall(r"^\$ .*$", PAGE, re.MULTILINE)
    if not line.startswith("$ jwt-wsgi issuer")
]

#: The ends of the commands whose requests are refused.
REFUSED = ("GET /api/private-scoped", "--no-token GET /api/private", "--token-file request.txt")


def fenced(language: str) -> str:
    """Return the content of the page's first block of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[0]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Yield a folder with the page's files, its environment, the issuer's port and greeting."""
    folder = tmp_path_factory.mktemp("page")
    port = str(free_port())
    (folder / "policy.toml").write_text(fenced("toml"))
    (folder / "shop.py").write_text(fenced("python").replace("8917", port))
    (folder / "request.txt").write_text(fenced("text"))
    script = Path(sys.executable).with_name("jwt-wsgi")
    assert script.exists(), "the extra cli installs the script next to this Python"
    env = environment({"PATH": f"{script.parent}{os.pathsep}{os.environ['PATH']}"})
    process = subprocess.Popen(
        [script, "issuer", "--port", port],
        env=env,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        greeting = [process.stdout.readline() for _ in range(4)]
        yield folder, env, port, "".join(greeting)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)


def test_the_issuers_greeting_is_the_one_on_the_page(place):
    _, _, port, greeting = place
    assert greeting.replace(port, "8917") in PAGE


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl: apt-get install curl")
def test_every_command_of_the_page_runs_in_order_with_the_stated_status(place):
    folder, env, port, _ = place
    assert len(ENDING) == 20
    for line in ENDING:
        result = subprocess.run(
            line.replace("8917", port),
            shell=True,
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
        )
        refused = line.endswith(REFUSED)
        assert (result.returncode, result.stderr) == (int(refused), ""), line
        if line.endswith("GET /api/private-scoped"):
            row = next(each for each in result.stdout.splitlines() if each.startswith("rule"))
            assert "scope('read:messages')" in row
            assert "scopes ['openid']" in row


@pytest.mark.parametrize("command", program.commands)
def test_the_page_names_each_command_and_every_option(command):
    options = {
        name
        for each in program.commands[command].params
        for name in each.opts
        if name.startswith("--")
    }
    assert f"`{command}" in PAGE
    assert {name for name in options if name not in PAGE} == set()


def test_the_page_names_every_member_of_the_json(tmp_path):
    named = set(re.findall(r"`(\w+)`", PAGE))
    (tmp_path / "policy.toml").write_text(fenced("toml"))
    (tmp_path / "keys.json").write_text('{"keys": [{}]}')
    words = ("--issuer", "urn:me", "--jwks", "https://a.example/", "--audience", "b")
    answers = [
        run(
            "explain",
            "--policy",
            tmp_path / "policy.toml",
            *words,
            "--no-token",
            "--json",
            "GET",
            "/api/private",
        ).json,
        run("inspect", "--json", stdin="e30.e30.e30").json,
        run("keys", "--jwks", tmp_path / "keys.json", "--json").json,
        run("check", tmp_path / "policy.toml", *words, "--offline", "--json").json,
        run("routes", "--policy", tmp_path / "policy.toml", "app:router()", "--json").json,
    ]
    members = {name for answer in answers for name in answer}
    members |= {*answers[0]["steps"][0], *answers[0]["response"]}
    members |= {*answers[2]["keys"][0], *answers[3]["issuers"][0], *answers[4]["endpoints"][0]}
    members |= answers[3]["issuers"][0]["provider"].keys()
    assert members <= named
