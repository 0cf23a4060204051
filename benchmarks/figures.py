"""The tables of a run, for a terminal and for the page; whatever a page says of figures is made here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.goals import ROWS, Row, Verdict, measured, verdict
from benchmarks.measuring import Spread, spread
from benchmarks.results import Results, Section

BEGIN = "<!-- figures: made by `make bench` from benchmarks/results.json -->"
END = "<!-- figures: end -->"

#: What is wrong with a run in which a row ends like this.
FAILURES: tuple[Verdict, ...] = ("missed", "too few rounds")

HEAD = ("what", "goal", "median", "lowest to highest", "verdict")


def judged(results: Results, least_rounds: int) -> Iterator[tuple[Row, Spread | None, Verdict]]:
    """Every row of the sections that there are."""
    for row in ROWS:
        if row.section in results:
            found = measured(row, results[row.section].figures)
            yield row, found, verdict(row, found, least_rounds)


def failed(results: Results, least_rounds: int) -> list[str]:
    """The rows whose goal is missed."""
    return [row.what for row, _, ending in judged(results, least_rounds) if ending in FAILURES]


def table(results: Results, least_rounds: int) -> list[Sequence[str]]:
    """The rows as text."""
    lines: list[Sequence[str]] = [HEAD]
    for row, found, ending in judged(results, least_rounds):
        if found is None:
            lines.append((row.what, row.goal, "n/a", "", _why(row, results[row.section])))
        else:
            span = f"{number(found.low)} to {number(found.high)}"
            said = "" if ending == "no goal" else ending
            lines.append((row.what, row.goal, number(found.median), span, said))
    return lines


def _why(row: Row, section: Section) -> str:
    for name in (row.over, row.under or row.over):
        for absent, why in section.absent.items():
            if name == absent or name.startswith(f"{absent},"):
                return f"not measured: {why}"
    return "not measured: not part of this run"


def number(value: float) -> str:
    """Three digits, and no more zeros than a reader wants."""
    if value >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def absolutes(section: Section) -> list[Sequence[str]]:
    """Every figure of a section by itself."""
    lines: list[Sequence[str]] = [("figure", "median", "lowest to highest", "unit", "rounds")]
    for name, figure in section.figures.items():
        if figure.rounds:
            found = spread(figure)
            span = f"{number(found.low)} to {number(found.high)}"
            lines.append((name, number(found.median), span, figure.unit, str(found.rounds)))
    return lines


def terminal(lines: Sequence[Sequence[str]]) -> str:
    """Columns, as wide as they must be."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """A table for the page."""
    head, *body = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([head, "|" + " --- |" * len(lines[0]), *body])


def block(results: Results, least_rounds: int) -> str:
    """What stands between the marks of the page."""
    parts = [markdown(table(results, least_rounds))]
    for name, section in results.items():
        parts += [f"### {name}", taken(section), markdown(absolutes(section))]
    return "\n\n".join(parts)


def taken(section: Section) -> str:
    """With what a section was measured, in a sentence or two."""
    place = section.environment
    software = ", ".join(f"{name} {version}" for name, version in place["versions"].items())
    said = (
        f"Taken {place['taken']} with {place['python']} and OpenSSL {place['openssl']} on {place['cores']} cores of "
        f"{place['processor']} ({place['system']}); load before it began {place['load before']}. {software}."
    )
    if place.get("client"):
        said += f" Load from {place['client']}."
    if place.get("node"):
        said += (
            f" Node {place['node']}: "
            + ", ".join(f"{name} {each}" for name, each in place["express"].items())
            + "."
        )
    return said


def put(page: Path, text: str) -> None:
    """Put `text` between the marks of the page; raises `ValueError` where they are not there."""
    before, begun, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        raise ValueError(f"{page.name} lacks the marks {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
