"""The first table and the first plot of the page: what protection adds to a real view."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.figures import markdown
from benchmarks.measuring import Figure, Spread, spread
from benchmarks.results import Results

BEGIN = "<!-- headline: made by `make bench` from benchmarks/results.json -->"
END = "<!-- headline: end -->"

SECTION = "view"
FRAMEWORKS = ("Flask", "Django")
NAME = "view"
TITLE = "What protection adds to a request"

#: The titles of what is added, and the middle of the names of their figures.
ADDED: Mapping[str, str] = {
    "bare signature": "bare signature",
    "jwt-wsgi, token seen before": "jwt-wsgi, seen",
    "jwt-wsgi, new token": "jwt-wsgi, fresh",
    "PyJWT decorator": "PyJWT decorator, fresh",
    "Authlib's ResourceProtector": "Authlib, fresh",
    "Flask-JWT-Extended's decorator": "Flask-JWT-Extended, fresh",
}

#: The colours of the bars, by the start of a title; other libraries are grey.
COLOURS: Mapping[str, str] = {"jwt-wsgi": "#3f51b5", "bare signature": "#c5cae9"}
OTHERS = "#9e9e9e"


@dataclass(frozen=True)
class Addition:
    """What a protection adds to a view, in microseconds, and relative to the bare view."""

    cost: Spread
    percent: float

    def __str__(self) -> str:
        return f"{self.cost.median:.0f} µs, {self.percent:.0f} %"


def addition(figures: Mapping[str, Figure], framework: str, name: str) -> Addition | None:
    """Return what a protection adds, or None if it was not measured."""
    added = figures.get(f"{framework}, {name}, added")
    base = figures.get(f"{framework}, bare view")
    if added is None or base is None:
        return None
    return Addition(spread(added), 100 * spread(added, base).median)


def block(results: Results) -> str:
    """Return the generated table, or a sentence if no view was measured."""
    if SECTION not in results:
        return "The views were not measured."
    return markdown(list(_lines(results[SECTION].figures)))


def _lines(figures: Mapping[str, Figure]) -> Iterator[Sequence[str]]:
    frameworks = [name for name in FRAMEWORKS if f"{name}, bare view" in figures]
    yield ("added to the view", *frameworks)
    views = [spread(figures[f"{name}, bare view"]).median for name in frameworks]
    yield ("the view alone", *(f"{cost:.0f} µs" for cost in views))
    for title, name in ADDED.items():
        additions = [addition(figures, framework, name) for framework in frameworks]
        yield (title, *("–" if each is None else f"+ {each}" for each in additions))


def draw(axes_of_frameworks: Sequence[Any], results: Results) -> None:
    """Draw the bars of each framework on axes of its own."""
    figures = results[SECTION].figures
    for framework, axes in zip(FRAMEWORKS, axes_of_frameworks, strict=True):
        for position, (title, name) in enumerate(ADDED.items()):
            each = addition(figures, framework, name)
            length = 0.0
            label = "none"
            if each is not None:
                length = each.cost.median
                label = str(each)
                axes.barh(position, length, color=_colour(title))
            axes.annotate(
                label,
                (length, position),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                annotation_clip=False,
            )
        axes.set(title=f"a view of {framework}", xlabel="µs a request")
        axes.set_yticks(range(len(ADDED)), list(ADDED))
        # The first bar is on top.
        axes.set_ylim(len(ADDED) - 0.5, -0.5)
        axes.margins(x=0.3)
        axes.grid(axis="x", alpha=0.3)
        axes.set_axisbelow(True)


def _colour(title: str) -> str:
    for start, colour in COLOURS.items():
        if title.startswith(start):
            return colour
    return OTHERS
