"""The answers of protected applications: status and challenge (RFC 6750 §3), leaks, and errors 500."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.comparison import tokens
from benchmarks.comparison.cases import Case
from benchmarks.comparison.channel import Channel
from benchmarks.comparison.tokens import Keyring

Json = dict[str, Any]
#: What no header may hold.
UNSENDABLE = "\r\n\0"
#: Servers refuse headers that are larger.
LARGEST_HEADER = 60_000


def observe(channel: Channel, framework: str, keys: Keyring, cases: Iterable[Case]) -> Json:
    """Return the answers in one framework.

    Args:
        channel: The prepared library.
        framework: The framework, one of its own.
        keys: The keys of the issuer.
        cases: The table of tokens, each of which is sent as well.
    """
    answers = {
        title: channel.tell("respond", framework=framework, request=request)
        for title, request in _requests(keys).items()
    }
    if answers["good"]["status"] != 200:
        raise RuntimeError(f"{framework} does not accept the good token: {answers['good']}")
    failures = []
    leaks = {"answer": False, "log": False}
    for title, request in _sendable(cases).items():
        answers[title] = channel.tell("respond", framework=framework, request=request)
    for title, answer in answers.items():
        if answer["status"] >= 500:
            failures.append(title)
        leaks["answer"] |= answer["leaks"]
        leaks["log"] |= answer["logs"]
    return {
        "no token": judge(answers["no token"], 401, None),
        "not a token": judge(answers["not a token"], 401, "invalid_token"),
        "expired": judge(answers["expired"], 401, "invalid_token"),
        "another signature": judge(answers["another signature"], 401, "invalid_token"),
        "another scheme": judge(answers["another scheme"], 401, None),
        "no scope": judge(answers["no scope"], 403, "insufficient_scope"),
        "failures": failures,
        "leaks": leaks,
        "sent": len(answers),
    }


def judge(answer: Mapping[str, Any], status: int, error: str | None) -> Json:
    """Return the status, and what is missing in the challenge (RFC 6750 §3 and §3.1).

    Args:
        answer: The answer.
        status: The right status.
        error: The right `error`, or None where there should be none.
    """
    challenges = [value for name, value in answer["headers"] if name == "www-authenticate"]
    text = ", ".join(challenges)
    missing = ""
    if answer["status"] != status:
        missing = f"{status} is right"
    elif "bearer" not in text.lower():
        missing = "no challenge"
    elif error is None and "error=" in text:
        missing = "with an error"
    elif error is not None and f'error="{error}"' not in text:
        missing = "no error code"
    return {"status": answer["status"], "missing": missing}


def _requests(keys: Keyring) -> dict[str, Json]:
    key = keys.keys["RS256"]
    now = int(time.time())
    good = tokens.good(key)
    return {
        "good": _request("/api/private", good),
        "no token": {"path": "/api/private"},
        "not a token": _request("/api/private", "abcdefghijklmnopqrstuvwxyz"),
        "expired": _request("/api/private", tokens.good(key, exp=now - 3600, iat=now - 7200)),
        "another signature": _request("/api/private", tokens.good(keys.attacker)),
        "another scheme": {
            "path": "/api/private",
            "headers": [("Authorization", "Basic dXNlcjpwYXNz")],
        },
        "no scope": _request("/api/scoped", tokens.good(key, scope="openid")),
        "the scheme alone": {"path": "/api/private", "headers": [("Authorization", "Bearer")]},
        "a space alone": {"path": "/api/private", "headers": [("Authorization", " ")]},
        "the scheme and spaces": {
            "path": "/api/private",
            "headers": [("Authorization", "Bearer   ")],
        },
        "two words": _request("/api/private", f"{good} {good}"),
        "two headers": {
            "path": "/api/private",
            "headers": [("Authorization", f"Bearer {good}")] * 2,
        },
        "bytes above 127": _request("/api/private", "\xff\xfe\xfd.\xe9.\xff"),
        "dots": _request("/api/private", ".." * 10),
    }


def _request(path: str, token: str) -> Json:
    return {"path": path, "headers": [("Authorization", f"Bearer {token}")]}


def _sendable(cases: Iterable[Case]) -> dict[str, Json]:
    """Return a request for each token that a server would pass on."""
    return {
        case.title: _request("/api/private", case.token)
        for case in cases
        if case.profile == "RS256"
        and case.token
        and len(case.token) < LARGEST_HEADER
        and not any(letter in case.token for letter in UNSENDABLE)
    }
