"""Odd spellings of a protected path, and a route that nobody mentioned."""

from __future__ import annotations

from typing import Any

from benchmarks.comparison.adapters.base import FORGOTTEN, PRIVATE
from benchmarks.comparison.channel import Channel

Json = dict[str, Any]

#: Spellings of /api/private. A router may serve some of them; none may reach its handler.
SPELLINGS = (
    "/api/private",
    "//api/private",
    "/api//private",
    "/api/private/",
    "/api/private//",
    "/api/./private",
    "/api/x/../private",
    "/api/%2e/private",
    "/api/x/%2e%2e/private",
    "/api/%70rivate",
    "/api%2fprivate",
    "/api/private%2f",
    "/api/private%00",
    "/api/private;x=1",
    "/api/private?x=1",
    "/API/private",
    "/api/PRIVATE",
    "/api/private%20",
    "/api\\private",
    "/api/private.json",
    "/api/public/../private",
    "/./api/private",
)
METHODS = ("GET", "HEAD", "POST", "OPTIONS")


def observe(channel: Channel, framework: str) -> Json:
    """Return which spellings reach the handler without a token, and the fate of the forgotten route.

    Args:
        channel: The prepared library.
        framework: The framework, one of its own.
    """
    reached = []
    for spelling in SPELLINGS:
        for method in METHODS:
            answer = _ask(channel, framework, spelling, method)
            # HEAD has no body: its handler has run if the status says so.
            if PRIVATE in answer["body"] or (method == "HEAD" and answer["status"] == 200):
                reached.append(f"{method} {spelling}")
    forgotten = _ask(channel, framework, "/api/forgotten", "GET")
    return {
        "requests": len(SPELLINGS) * len(METHODS),
        "reached": reached,
        "forgotten": FORGOTTEN in forgotten["body"],
    }


def _ask(channel: Channel, framework: str, path: str, method: str) -> Any:
    request = {"path": path, "method": method}
    return channel.tell("respond", framework=framework, request=request)
