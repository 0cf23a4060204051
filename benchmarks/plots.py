"""The plots of the page: cost against rules, keys, issuers, the size of a token, and threads. SVG, by matplotlib."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measuring import Spread, spread
from benchmarks.results import Results

#: Text stays text, and the same figures make the same file.
SETTINGS: Mapping[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "jwt-wsgi",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@dataclass(frozen=True)
class Plot:
    """`lines` are the legend's names, each with the pattern of its figures, whose one group is the x."""

    name: str
    section: str
    title: str
    x: str
    y: str
    lines: Mapping[str, str]
    log: bool = True


COST = "µs a request"
PLOTS = (
    Plot("rules", "scaling", "Cost against rules", "rules", COST, {"fresh token": r"(\d+) rules"}),
    Plot("keys", "scaling", "Cost against keys", "keys", COST, {"fresh token": r"(\d+) keys"}),
    Plot(
        "issuers",
        "scaling",
        "Cost against issuers",
        "issuers",
        COST,
        {"fresh token": r"(\d+) issuers"},
    ),
    Plot(
        "size",
        "scaling",
        "Cost against the size of the token",
        "bytes",
        COST,
        {
            "fresh token": r"a token of (\d+) bytes, fresh",
            "seen token": r"a token of (\d+) bytes, seen",
            "bare verify": r"a token of (\d+) bytes, bare verify",
        },
        log=False,
    ),
    Plot(
        "threads",
        "concurrency",
        "Fresh tokens against threads",
        "threads",
        "tokens a second",
        {name: rf"{name}, (\d+) threads" for name in ("stack", "PyJWT", "bare verify")},
    ),
)


def points(plot: Plot, results: Results, pattern: str) -> list[tuple[int, Spread]]:
    """The points of one line, from left to right."""
    figures = results[plot.section].figures
    found = [
        (int(match[1]), spread(figure))
        for name, figure in figures.items()
        if (match := re.fullmatch(pattern, name))
    ]
    return sorted(found, key=lambda point: point[0])


def drawn(results: Results, folder: Path) -> list[str]:
    """Draw every plot whose section was measured; answers the names of the files."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    names = []
    with plt.rc_context(dict(SETTINGS)):
        for plot in PLOTS:
            if plot.section in results:
                figure, axes = plt.subplots(figsize=(4.8, 2.8), layout="constrained")
                _draw(axes, plot, results)
                names.append(f"{plot.name}.svg")
                figure.savefig(folder / names[-1], metadata={"Date": None, "Creator": None})
                plt.close(figure)
    for name in names:
        _without_trailing_space(folder / name)
    return names


def _draw(axes: Any, plot: Plot, results: Results) -> None:
    for label, pattern in plot.lines.items():
        line = points(plot, results, pattern)
        medians = [found.median for _, found in line]
        low = [found.median - found.low for _, found in line]
        high = [found.high - found.median for _, found in line]
        axes.errorbar(
            [x for x, _ in line], medians, yerr=[low, high], marker="o", capsize=3, label=label
        )
    axes.set(title=plot.title, xlabel=plot.x, ylabel=plot.y)
    if plot.log:
        axes.set_xscale("log")
        ticks = sorted(
            {x for pattern in plot.lines.values() for x, _ in points(plot, results, pattern)}
        )
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks], minor=False)
        axes.set_xticks([], minor=True)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(frameon=False)


def _without_trailing_space(file: Path) -> None:
    lines: Sequence[str] = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")
