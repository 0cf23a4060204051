"""The list of known differences (`tests/differences.md`), and which of them a verdict is."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from differential.breaking import Recipe, build
from differential.judges import LEEWAY, LIBRARIES, NOW, our_refusal, their_refusals
from differential.keyrings import UNUSABLE
from jwt_wsgi.errors import InvalidToken

PAGE = Path(__file__).resolve().parent.parent / "differences.md"


class Verdict(NamedTuple):
    """What the four judges said of one token; `ours` None is an acceptance."""

    recipe: Recipe
    token: str
    ours: InvalidToken | None
    theirs: dict[str, Exception]

    @property
    def accepted_by(self) -> frozenset[str]:
        return LIBRARIES - self.theirs.keys()

    @property
    def unanimous(self) -> bool:
        return len(self.theirs) == (0 if self.ours is None else len(LIBRARIES))

    @property
    def found(self) -> Any:
        return None if self.ours is None else self.ours.found


class Listed(NamedTuple):
    """A row: our reason, or "accepted", and the libraries that say otherwise."""

    reason: str
    libraries: frozenset[str]


def listed() -> dict[str, Listed]:
    """The rows of the page, by their id."""
    rows = [
        line.strip("|\n ").split("|")
        for line in PAGE.read_text().splitlines()
        if line.startswith("| `")
    ]
    cells = [[cell.strip(" `") for cell in row] for row in rows]
    by_id = {row[0]: Listed(row[1], frozenset(row[2].split(", "))) for row in cells}
    assert len(by_id) == len(rows), "an id twice"
    return by_id


def judged(recipe: Recipe, token: str | None = None) -> Verdict:
    """All four verdicts; `token` where it has been built already."""
    token = build(recipe) if token is None else token
    ring = recipe.signer[0]
    return Verdict(recipe, token, our_refusal(ring, token), their_refusals(ring, token))


def explanations(verdict: Verdict, rows: dict[str, Listed]) -> list[str]:
    """The listed differences that this one is: by our reason, those who differ, and the case itself."""
    reason = "accepted" if verdict.ours is None else verdict.ours.reason
    differing = frozenset(verdict.theirs) if verdict.ours is None else verdict.accepted_by
    return [
        name
        for name, row in rows.items()
        if row.reason == reason and differing <= row.libraries and CASES[name](verdict)
    ]


def _other_encoding(verdict: Verdict) -> bool:
    if verdict.found != "not JSON":
        return verdict.found == "not UTF-8, or a lone surrogate"
    octets = [base64.urlsafe_b64decode(part + "==") for part in verdict.token.split(".")[:2]]
    return any(b"\0" in text or text.startswith(b"\xef\xbb\xbf") for text in octets)


def _finds(*found: object) -> Callable[[Verdict], bool]:
    return lambda verdict: verdict.found in found


def _expects(*expected: str) -> Callable[[Verdict], bool]:
    return lambda verdict: verdict.ours is not None and verdict.ours.expected in expected


def _always(_: Verdict) -> bool:
    return True


#: id -> what tells it from others with the same reason.
CASES: dict[str, Callable[[Verdict], bool]] = {
    "size": _always,
    "not-ascii": lambda verdict: not verdict.token.isascii(),
    "base64url": _finds("not base64url", "not canonical base64url", "base64url with padding (=)"),
    "json-encoding": _other_encoding,
    "json-unique": _finds("a member twice"),
    "json-finite": _finds("NaN or Infinity", "a number beyond what a float holds"),
    "json-depth": _finds("nested too deeply"),
    "header-crit": _finds("crit"),
    "header-b64": _finds("b64"),
    "header-zip": _finds("zip"),
    "typ-form": _expects("typ a string"),
    "typ-purpose": _always,
    "key-unusable": lambda verdict: verdict.found in UNUSABLE,
    "key-alg": lambda verdict: verdict.found is not None and verdict.found not in UNUSABLE,
    "aud-form": _expects("aud a string or strings"),
    "date-form": _expects("exp a NumericDate", "nbf a NumericDate", "iat a NumericDate"),
    "string-form": _expects("sub a string", "jti a string"),
    "exp-boundary": _finds(NOW - LEEWAY),
    "begin-fraction": lambda verdict: NOW + LEEWAY < verdict.found < NOW + LEEWAY + 1,
    "id-token": _always,
    "token-bound": _always,
    "exp-fraction": _always,
}
