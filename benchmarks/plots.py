"""The plots of the page as SVG, drawn with matplotlib."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import headline
from benchmarks.measuring import Spread, spread
from benchmarks.results import Results

#: These settings keep text as text, and make the files reproducible.
SETTINGS: Mapping[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "jwt-wsgi",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@dataclass(frozen=True)
class Plot:
    """A plot of the figures of one section.

    Args:
        name: The name of the file, without the extension.
        section: The section of the figures.
        title: The title.
        x: The label of the x axis.
        y: The label of the y axis.
        lines: The pattern of figure names for each label of the legend. The group of the pattern
            is the x value.
        log: True for a logarithmic x axis.
    """

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
    """Return the points of one line, from left to right: x values and spreads."""
    values: dict[int, Spread] = {}
    for name, figure in results[plot.section].figures.items():
        match = re.fullmatch(pattern, name)
        if match is not None:
            values[int(match[1])] = spread(figure)
    return sorted(values.items())


def draw(results: Results, folder: Path) -> list[str]:
    """Draw every plot whose section was measured, and return the names of the files."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    names = []
    with plt.rc_context(dict(SETTINGS)):
        for plot in PLOTS:
            if plot.section in results:
                figure, axes = plt.subplots(figsize=(4.8, 2.8), layout="constrained")
                _draw_plot(axes, plot, results)
                _save(figure, folder, plot.name)
                names.append(f"{plot.name}.svg")
                plt.close(figure)
        if headline.SECTION in results:
            count = len(headline.FRAMEWORKS)
            figure, axes = plt.subplots(
                1, count, figsize=(8.4, 2.6), layout="constrained", sharey=True, sharex=True
            )
            headline.draw(axes, results)
            figure.suptitle(headline.TITLE)
            _save(figure, folder, headline.NAME)
            names.append(f"{headline.NAME}.svg")
            plt.close(figure)
    for name in names:
        _without_trailing_space(folder / name)
    return names


def _save(figure: Any, folder: Path, name: str) -> None:
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})


def _draw_plot(axes: Any, plot: Plot, results: Results) -> None:
    for label, pattern in plot.lines.items():
        line = points(plot, results, pattern)
        medians = [values.median for _, values in line]
        low = [values.median - values.low for _, values in line]
        high = [values.high - values.median for _, values in line]
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
