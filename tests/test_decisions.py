"""What is logged of a decision, and what is told to the hook."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from jwt_wsgi import Auth, Forbidden, InvalidToken
from jwt_wsgi.middleware.decisions import Decision, is_observed, report

ENVIRON: dict[str, Any] = {"REQUEST_METHOD": "GET", "PATH_INFO": "/a"}


def lines(caplog: pytest.LogCaptureFixture, level: int, decision: Decision) -> list[str]:
    with caplog.at_level(level, "jwt_wsgi.decision"):
        report(decision, ENVIRON, None)
    return [record.getMessage() for record in caplog.records]


def test_a_refusal_is_one_line_at_info(caplog: pytest.LogCaptureFixture) -> None:
    error = InvalidToken("issuer_mismatch", expected=["https://a.test/"], found="evil\nline")
    assert lines(caplog, logging.INFO, Decision(error, rule="/a")) == [
        (
            "'GET' '/a' refused: 401 issuer_mismatch (rule /a, expected ['https://a.test/'], found 'evil\\nline')"
        )
    ]


def test_the_value_found_is_cut_and_escaped(caplog: pytest.LogCaptureFixture) -> None:
    error = InvalidToken("claim_mismatch", found="\u2028" + "x" * 500)
    [line] = lines(caplog, logging.INFO, Decision(error))
    assert line.isascii() is False  # the ellipsis alone
    assert line.replace("…", "").isascii()
    assert len(line) < 300


def test_an_allowed_request_is_one_line_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    assert lines(caplog, logging.INFO, Decision(rule="/a")) == []
    assert lines(caplog, logging.DEBUG, Decision(rule="/a")) == ["'GET' '/a' allowed (rule /a)"]


def test_a_refusal_is_silent_above_info(caplog: pytest.LogCaptureFixture) -> None:
    assert lines(caplog, logging.WARNING, Decision(Forbidden())) == []


@pytest.mark.parametrize(
    ("level", "refused", "hook", "told"),
    [
        pytest.param(logging.DEBUG, False, False, True, id="all, by the log"),
        pytest.param(logging.INFO, False, False, False, id="a yes, by nobody"),
        pytest.param(logging.INFO, True, False, True, id="a refusal, by the log"),
        pytest.param(logging.WARNING, True, False, False, id="a refusal, by nobody"),
        pytest.param(logging.WARNING, False, True, True, id="all, by the hook"),
    ],
)
def test_a_decision_is_observed_by_a_hook_or_an_enabled_log_level(
    caplog: pytest.LogCaptureFixture, level: int, refused: bool, hook: bool, told: bool
) -> None:
    with caplog.at_level(level, "jwt_wsgi.decision"):
        assert is_observed(refused, print if hook else None) is told


def test_a_decision_has_its_outcome_and_reason() -> None:
    assert Decision().reason is None
    assert Decision(Forbidden()).reason == "denied"


def test_a_hook_that_fails_changes_nothing_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def explode(environ: Any, decision: Decision) -> None:
        raise ZeroDivisionError(environ["PATH_INFO"] + "hidden")

    report(Decision(), ENVIRON, explode)
    assert "on_decision raised ZeroDivisionError" in caplog.text
    assert "hidden" not in caplog.text, (
        "neither its text nor a traceback: they may quote the environ"
    )


AUTH = Auth(token="a.b.c", issuer="https://a.test/", claims={"sub": "user-1"})


@pytest.mark.parametrize(
    ("decision", "fields"),
    [
        pytest.param(
            Decision(None, AUTH, "/a"), ("allowed", None, "/a", "https://a.test/"), id="allowed"
        ),
        pytest.param(Decision(rule="/a"), ("allowed", None, "/a", None), id="allowed to anyone"),
        pytest.param(
            Decision(Forbidden(), AUTH, "/a"),
            ("refused", "denied", "/a", "https://a.test/"),
            id="refused by a rule",
        ),
        pytest.param(
            Decision(InvalidToken("token_expired")),
            ("refused", "token_expired", None, None),
            id="refused for its token",
        ),
        pytest.param(
            Decision(None, AUTH, "/a", Forbidden()),
            ("would_refuse", "denied", "/a", "https://a.test/"),
            id="reported",
        ),
    ],
)
def test_a_record_carries_what_was_decided_in_fields(
    caplog: pytest.LogCaptureFixture, decision: Decision, fields: tuple[str | None, ...]
) -> None:
    with caplog.at_level(logging.DEBUG, "jwt_wsgi.decision"):
        report(decision, ENVIRON, None)
    [record] = caplog.records
    assert (
        tuple(getattr(record, name) for name in ("verdict", "reason", "rule", "issuer")) == fields
    )
    assert "user-1" not in str(vars(record))
    assert AUTH.token not in str(vars(record))
