"""The words of the cells, and where another library does more."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.comparison import page_texts, scores
from benchmarks.comparison.cases import OPEN
from benchmarks.comparison.features import FEATURES
from benchmarks.comparison.peers import OWN, PEERS

Json = Mapping[str, Any]

#: The libraries that check scopes. With the others, your view does.
CHECK_SCOPES = (OWN, "authlib", "mcp")
#: The libraries that verify tokens in frameworks, and leave the keys to their users.
KEYS_BY_HAND = {"authlib": "your code: `get_jwks`", "flask-jwt-extended": "your code"}
#: How each library protects routes.
MECHANISMS = {
    OWN: "rules by path, around the application",
    "authlib": "a decorator for each view",
    "flask-jwt-extended": "a decorator for each view",
    "djangorestframework-simplejwt": "a default of the framework",
    "pydpop": "a hook before each request",
    "mcp": "one route for everything",
}


def refusal(judged: Json) -> str:
    """Return the cell of an answer: its status, and what is missing."""
    if judged["missing"].endswith("is right"):
        return f"{judged['status']} ({judged['missing']})"
    if judged["missing"]:
        return f"{judged['status']}, {judged['missing']}"
    return str(judged["status"])


def leak(leaks: Json) -> str:
    """Return where parts of tokens were seen."""
    places = [place for place, leaked in leaks.items() if leaked]
    return ", ".join(places) or "no"


def duration(seconds: int | None) -> str:
    """Return a duration, rounded. The tries are before and after each round number."""
    if seconds is None:
        return "not at all"
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{round(seconds / 3600)} h"


def after(seconds: int | None) -> str:
    """Return the time after which something works."""
    if seconds is None:
        return "not within a day"
    if seconds == 0:
        return "at once"
    return f"after {duration(seconds)}"


def without_keys(outcome: str) -> str:
    """Return which error says that there are no keys."""
    if outcome == "unavailable":
        return "an error of its own"
    if outcome == "refused":
        return "the error of a bad token"
    return "another error"


def went_on(outcomes: Sequence[str]) -> str:
    """Return whether held keys were used while the endpoint sent no keys."""
    if set(outcomes) == {"accepted"}:
        return "goes on"
    return "another error" if "crashed" in outcomes else "refuses"


def feature(cell: Json) -> str:
    """Return the cell of a feature."""
    if cell["mark"] == "in part":
        return str(cell["note"])
    return str(cell["mark"])


def ratio(library: Json, kind: str) -> str:
    """Return the median of the ratios, with the lowest and the highest."""
    values = scores.ratios(library, kind)
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def listed(titles: Sequence[str]) -> str:
    """Return a list of titles, or "none"."""
    return "; ".join(titles) or "none"


def disagreements(results: Json) -> Iterator[tuple[str, str, str]]:
    """Yield the cases that some library answers otherwise: token, right answer, who does what."""
    for case in results["cases"]:
        others: dict[str, list[str]] = {}
        for name in results["libraries"]:
            answer = scores.answers(results, name).get(case["title"])
            if answer is not None and not scores.is_right(case, answer):
                word = answer["outcome"]
                if word == "crashed":
                    word = f"`{answer['error']}`"
                others.setdefault(word, []).append(PEERS[name].title)
        if others:
            texts = [f"{word}: {', '.join(titles)}" for word, titles in others.items()]
            right = f"{case['right']} ({case['source']})"
            yield case["title"], right, "; ".join(texts)


def open_cases(results: Json) -> Iterator[tuple[str, str, str, str]]:
    """Yield the cases that are open: token, source, and who accepts and refuses it."""
    for case in results["cases"]:
        if case["right"] != OPEN:
            continue
        accepted = []
        refused = []
        for name, library in results["libraries"].items():
            outcome = library.get("tokens", {}).get(case["title"], {}).get("outcome")
            if outcome == "accepted":
                accepted.append(PEERS[name].title)
            elif outcome in scores.REFUSALS:
                refused.append(PEERS[name].title)
        yield case["title"], case["source"], ", ".join(accepted) or "–", ", ".join(refused) or "–"


def strays(results: Json) -> str:
    """Return the sentence about libraries that fetched from a URL that a token named."""
    names = [
        PEERS[name].title
        for name, library in results["libraries"].items()
        if library.get("strays", 0) > 0
    ]
    fetched = ", ".join(names) or "no library"
    return f"Fetched from the URL that a token named in `jku` or `x5u`: {fetched}."


def better_elsewhere(results: Json) -> str:
    """Return the section about the cells in which another library does more than jwt-wsgi."""
    lines = [*_features_elsewhere(results), *_figures_elsewhere(results)]
    items = "\n".join(f"- {line}" for line in lines)
    return f"{page_texts.BETTER.strip()}\n\n{items}"


def _features_elsewhere(results: Json) -> Iterator[str]:
    own = results["libraries"][OWN]["features"]
    for name, what in FEATURES.items():
        if own[name]["mark"] == "yes":
            continue
        others = [
            _with_note(peer, library["features"][name])
            for peer, library in results["libraries"].items()
            if peer != OWN and library["features"][name]["mark"] in ("yes", "in part")
        ]
        if others:
            mark = own[name]["mark"]
            yield f"**{what.title}** – jwt-wsgi: {mark}. Offered by {', '.join(others)}."


def _with_note(peer: str, cell: Json) -> str:
    note = f" ({cell['note']})" if cell["note"] else ""
    return PEERS[peer].title + note


def _figures_elsewhere(results: Json) -> Iterator[str]:
    libraries = results["libraries"]
    own = libraries[OWN]
    for key, text in (("distributions", "installs {} distributions"), ("megabytes", "has {} MB")):
        mine = own["inspection"][key]
        smaller = [
            f"{PEERS[name].title} ({library['inspection'][key]})"
            for name, library in libraries.items()
            if library["inspection"][key] < mine
        ]
        if smaller:
            yield f"**Size** – jwt-wsgi {text.format(mine)}. Less: {', '.join(smaller)}."
    yield from _older_pythons(results)
    recovers = own["keys"]["first"]["recovers"]
    sooner = [
        f"{PEERS[name].title} ({after(library['keys']['first']['recovers'])})"
        for name, library in libraries.items()
        if _is_sooner(library, recovers)
    ]
    if sooner:
        yield (
            "**Recovery when the first fetch of the keys has failed** – jwt-wsgi: "
            f"{after(recovers)}. Sooner: {', '.join(sooner)}."
        )
    yield from _fewer_fetches(results)
    for kind, text in (("fresh", "A new token"), ("seen", "The same token again")):
        yield from _faster(results, kind, text)


def _older_pythons(results: Json) -> Iterator[str]:
    libraries = results["libraries"]
    mine = _least_python(libraries[OWN])
    older = [
        f"{PEERS[name].title} (3.{_least_python(library)})"
        for name, library in libraries.items()
        if _least_python(library) < mine
    ]
    if older:
        yield f"**Older Pythons** – jwt-wsgi needs 3.{mine}. Less: {', '.join(older)}."


def _least_python(library: Json) -> int:
    """Return the minor version of the least Python 3."""
    least = re.search(r">=3\.(\d+)", library["inspection"]["python"])
    if least is None:
        raise ValueError(f"Requires-Python {library['inspection']['python']!r} names no version")
    return int(least[1])


def _is_sooner(library: Json, recovers: int | None) -> bool:
    if "keys" not in library or library["keys"]["first"]["recovers"] is None:
        return False
    return recovers is None or bool(library["keys"]["first"]["recovers"] < recovers)


def _fewer_fetches(results: Json) -> Iterator[str]:
    libraries = results["libraries"]
    mine = libraries[OWN]["keys"]["flood"]["fetches"]
    fewer = [
        f"{PEERS[name].title} ({library['keys']['flood']['fetches']})"
        for name, library in libraries.items()
        if "keys" in library and library["keys"]["flood"]["fetches"] < mine
    ]
    if fewer:
        yield (
            f"**Fetches for 100 unknown kids** – jwt-wsgi: {mine}. Fewer: {', '.join(fewer)}. "
            "The other side of this is the time until a new key works."
        )


def _faster(results: Json, kind: str, text: str) -> Iterator[str]:
    libraries = results["libraries"]
    mine = scores.median_ratio(libraries[OWN], kind)
    faster = [
        f"{PEERS[name].title} ({scores.median_ratio(library, kind):.2f})"
        for name, library in libraries.items()
        if "speed" in library and scores.median_ratio(library, kind) < mine
    ]
    if faster:
        yield f"**{text}** – jwt-wsgi: {mine:.2f} times the signature. Less: {', '.join(faster)}."
