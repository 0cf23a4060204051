"""The counts of right and wrong answers."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any, NamedTuple

from benchmarks.comparison.cases import ACCEPT, OPEN, REFUSE

Json = Mapping[str, Any]

#: The themes that a decoder leaves to its caller, who reads the header: not counted.
LEFT_TO_CALLER = {"pyjwt": ("kind of token",), "joserfc": ("kind of token",)}
#: The outcomes that refuse a token. Without usable keys, a token cannot be accepted.
REFUSALS = ("refused", "unavailable")


class Count(NamedTuple):
    """The counted cases, and the wrong answers of each kind."""

    cases: int
    accepted: int
    refused: int
    crashed: int


def is_counted(case: Json, name: str, answer: Json) -> bool:
    """Return True if the case says something about the library."""
    left = case["theme"] in LEFT_TO_CALLER.get(name, ())
    return answer["outcome"] != "not offered" and not left


def is_right(case: Json, answer: Json) -> bool:
    """Return True for the right answer. Where the case is open, each is right but other errors."""
    outcome = answer["outcome"]
    if case["right"] == OPEN:
        return bool(outcome != "crashed")
    if case["right"] == ACCEPT:
        return bool(outcome == "accepted")
    return bool(outcome in REFUSALS)


def answers(results: Json, name: str) -> dict[str, Json]:
    """Return the counted answers of a library by the titles of the cases."""
    given = results["libraries"][name].get("tokens", {})
    return {
        case["title"]: given[case["title"]]
        for case in results["cases"]
        if case["title"] in given and is_counted(case, name, given[case["title"]])
    }


def count(results: Json, name: str) -> Count:
    """Return the counts of a library."""
    given = answers(results, name)
    pairs = [(case, given[case["title"]]) for case in results["cases"] if case["title"] in given]
    return Count(
        cases=sum(case["right"] != OPEN for case, _ in pairs),
        accepted=sum(c["right"] == REFUSE and a["outcome"] == "accepted" for c, a in pairs),
        refused=sum(c["right"] == ACCEPT and a["outcome"] in REFUSALS for c, a in pairs),
        crashed=sum(answer["outcome"] == "crashed" for _, answer in pairs),
    )


def deviations(results: Json, name: str) -> list[str]:
    """Return the titles of all cases of tokens and proofs with a wrong answer."""
    given = answers(results, name)
    wrong = [
        case["title"]
        for case in results["cases"]
        if case["title"] in given and not is_right(case, given[case["title"]])
    ]
    outcomes = results["libraries"][name].get("proofs", {}).get("outcomes", {})
    for case in results["proof cases"]:
        outcome = outcomes.get(case["title"])
        if outcome is not None and outcome != ("passed" if case["passes"] else "refused"):
            wrong.append(case["title"])
    return wrong


def ratios(library: Json, kind: str) -> list[float]:
    """Return the cost of a token over the bare signature, round by round."""
    figures = library["speed"]
    return [cost / bare for cost, bare in zip(figures[kind], figures["bare"], strict=True)]


def median_ratio(library: Json, kind: str) -> float:
    """Return the median of the ratios."""
    return statistics.median(ratios(library, kind))
