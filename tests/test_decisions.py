"""What is logged of a decision, and what is told to the hook."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from jwt_wsgi import Forbidden, InvalidToken
from jwt_wsgi.decisions import Decision, report

ENVIRON: dict[str, Any] = {"REQUEST_METHOD": "GET", "PATH_INFO": "/a"}


def lines(caplog: pytest.LogCaptureFixture, level: int, decision: Decision) -> list[str]:
    with caplog.at_level(level, "jwt_wsgi.decision"):
        report(decision, ENVIRON, None)
    return [record.getMessage() for record in caplog.records]


def test_a_refusal_is_one_line_at_info(caplog: pytest.LogCaptureFixture) -> None:
    error = InvalidToken("issuer_mismatch", expected=["https://a.test/"], found="evil\nline")
    assert lines(caplog, logging.INFO, Decision(error, rule="/a")) == [
        ("'GET' '/a' refused: 401 issuer_mismatch (rule /a, expected ['https://a.test/'], found 'evil\\nline')")
    ]


def test_what_was_found_is_cut_and_escaped(caplog: pytest.LogCaptureFixture) -> None:
    error = InvalidToken("claim_mismatch", found="\u2028" + "x" * 500)
    [line] = lines(caplog, logging.INFO, Decision(error))
    assert line.isascii() is False  # the ellipsis alone
    assert line.replace("…", "").isascii()
    assert len(line) < 300


def test_a_yes_is_one_line_at_debug_and_none_above(caplog: pytest.LogCaptureFixture) -> None:
    assert lines(caplog, logging.INFO, Decision(rule="/a")) == []
    assert lines(caplog, logging.DEBUG, Decision(rule="/a")) == ["'GET' '/a' allowed (rule /a)"]


def test_a_refusal_is_silent_above_info(caplog: pytest.LogCaptureFixture) -> None:
    assert lines(caplog, logging.WARNING, Decision(Forbidden())) == []


def test_a_decision_says_whether_and_why() -> None:
    assert Decision().reason is None
    assert Decision(Forbidden()).reason == "denied"


def test_a_hook_that_fails_changes_nothing_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def explode(environ: Any, decision: Decision) -> None:
        raise ZeroDivisionError

    report(Decision(), ENVIRON, explode)
    assert "on_decision raised" in caplog.text
