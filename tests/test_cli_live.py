"""Caching and clocks in the replies of a live issuer, and the progress that a terminal shows."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time

import pytest
from command_line import POLICY, command, environment, run
from serving import running

from jwt_wsgi.cli.times import describe_date
from jwt_wsgi.cli.tokens import TokenInput


@contextmanager
def replying(document, **headers):
    """Serve one document with these headers over HTTP; no other `Date` is sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response_only(200)
            for name, text in headers.items():
                self.send_header(name.replace("_", "-"), text)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_): ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with running(server):
        yield f"http://127.0.0.1:{server.server_port}/jwks"


@pytest.mark.parametrize(
    ("headers", "message", "member"),
    [
        pytest.param(
            {"Cache_Control": "public, max-age=900"},
            "(grants 900 s)",
            {"max_age": 900.0},
            id="a lifetime",
        ),
        pytest.param(
            {"Cache_Control": "private"},
            "(grants no lifetime)",
            {"max_age": None},
            id="no lifetime",
        ),
        pytest.param(
            {"Cache_Control": "no-store"}, "(grants 0 s)", {"max_age": 0.0}, id="a lifetime of 0"
        ),
        pytest.param(
            {}, "Cache-Control: none", {"cache_control": None, "date": None}, id="no headers"
        ),
        pytest.param(
            {"Date": "yesterday"}, "Cache-Control: none", {"clock_skew": None}, id="not a date"
        ),
        pytest.param(
            {"Date": formatdate(time() + 7200)},
            "s ahead of ours, over the default leeway of 30 s",
            {},
            id="ahead",
        ),
        pytest.param(
            {"Date": formatdate(time() - 7200)},
            "s behind ours, over the default leeway of 30 s",
            {},
            id="behind",
        ),
    ],
)
def test_keys_prints_caching_and_clock_skew(local, headers, message, member):
    with replying(local.jwks, **headers) as url:
        assert message in run("keys", "--jwks", url).output
        answer = run("keys", "--jwks", url, "--json").json
    assert {name: answer[name] for name in member} == member


def test_check_reports_a_wrong_clock_and_skipped_keys(local, tmp_path):
    (tmp_path / "policy.toml").write_text(POLICY)
    jwks = {"keys": [*local.jwks["keys"], {"kty": "oct"}]}
    with replying(jwks, Date=formatdate(time() + 7200)) as url:
        words = ("--issuer", "urn:me", "--jwks", url, "--audience", "b")
        result = run("check", tmp_path / "policy.toml", *words)
    assert result.status == 1
    assert "over the leeway of 30 s; synchronize the clocks" in result.output
    assert "keys[1] is skipped: a symmetric key" in result.output


def test_check_limits_the_size_of_the_file(tmp_path):
    (tmp_path / "policy.toml").write_text("#" * 1_048_577)
    result = run("check", tmp_path / "policy.toml")
    assert result.status == 1
    assert "over 1048576 bytes" in result.output


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        (0, "1970-01-01 00:00:00 UTC, 1 minute 40 seconds ago"),
        (100, "1970-01-01 00:01:40 UTC, 0 seconds ago"),
        (90100, "1970-01-02 01:01:40 UTC, in 1 day 1 hour"),
        (1e300, "outside the range of the calendar"),
        ("soon", "not a date"),
        (True, "not a date"),
    ],
)
def test_dates_in_words(seconds, message):
    assert describe_date(seconds, 100) == message


def test_the_repr_of_a_token_input_hides_the_token():
    assert repr(TokenInput("secret", "standard input")) == "a token from standard input"


def on_a_terminal(*words, which, env=None):
    """Run a command with a terminal as standard input, output or error.

    Return the exit status, what the terminal shows, the output and the errors.
    """
    ours, theirs = pty.openpty()
    streams = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        which: theirs,
    }
    process = subprocess.Popen(
        command(*words), env=environment({"TERM": "xterm", **(env or {})}), **streams
    )
    os.close(theirs)
    shown = b""
    if which != "stdin":
        while piece := _piece(ours):
            shown += piece
    output, errors = process.communicate(timeout=120)
    os.close(ours)
    return process.returncode, shown.decode(), (output or b"").decode(), (errors or b"").decode()


def _piece(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other end is closed
        return b""


def test_a_terminal_on_standard_input_is_not_read_for_a_token():
    status, _, _, errors = on_a_terminal("inspect", which="stdin")
    assert status == 2
    assert errors.startswith("jwt-wsgi inspect: no token: write it to standard input")


def test_progress_goes_to_the_terminal_and_the_answer_to_standard_output(local):
    with replying(local.jwks) as url:
        status, shown, output, _ = on_a_terminal("keys", "--jwks", url, "--json", which="stderr")
    assert status == 0
    assert f"asking {url}" in shown
    assert json.loads(output)["problem"] is None
