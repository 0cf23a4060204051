"""The tables of a run, for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.goals import Row, Verdict, measured, verdict
from benchmarks.measuring import Spread, spread
from benchmarks.results import Results, Section
from benchmarks.rows import ROWS

BEGIN = "<!-- figures: made by `make bench` from benchmarks/results.json -->"
END = "<!-- figures: end -->"

#: The verdicts on a row that make a run fail.
FAILURES: tuple[Verdict, ...] = ("missed", "too few rounds")

HEAD = ("what", "goal", "median", "lowest to highest", "verdict")


class RowResult(NamedTuple):
    """A row of the table, its spread if it was measured, and the verdict on it."""

    row: Row
    spread: Spread | None
    verdict: Verdict


def row_results(results: Results, least_rounds: int) -> Iterator[RowResult]:
    """Yield the results of the rows whose section was measured."""
    for row in ROWS:
        if row.section in results:
            row_spread = measured(row, results[row.section].figures)
            yield RowResult(row, row_spread, verdict(row, row_spread, least_rounds))


def failed(results: Results, least_rounds: int) -> list[str]:
    """Return the titles of the rows whose goal is missed."""
    return [
        result.row.what
        for result in row_results(results, least_rounds)
        if result.verdict in FAILURES
    ]


def table(results: Results, least_rounds: int) -> list[Sequence[str]]:
    """Return the table of goals as text, line by line."""
    lines: list[Sequence[str]] = [HEAD]
    for result in row_results(results, least_rounds):
        row = result.row
        if result.spread is None:
            reason = _reason_of_absence(row, results[row.section])
            lines.append((row.what, row.goal, "n/a", "", reason))
        else:
            text = "" if result.verdict == "no goal" else result.verdict
            median = number(result.spread.median)
            lines.append((row.what, row.goal, median, _range(result.spread), text))
    return lines


def _range(values: Spread) -> str:
    return f"{number(values.low)} to {number(values.high)}"


def _reason_of_absence(row: Row, section: Section) -> str:
    for name in (row.over, row.under or row.over):
        for absent, reason in section.absent.items():
            if name == absent or name.startswith(f"{absent},"):
                return f"not measured: {reason}"
    return "not measured: not part of this run"


def number(value: float) -> str:
    """Return the number as text, with about three significant digits."""
    if value >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    if value >= 1:
        return f"{value:.2f}"
    return f"{value:.3f}"


def absolutes(section: Section) -> list[Sequence[str]]:
    """Return the table of a section's figures, line by line."""
    lines: list[Sequence[str]] = [("figure", "median", "lowest to highest", "unit", "rounds")]
    for name, figure in section.figures.items():
        if figure.rounds:
            values = spread(figure)
            median = number(values.median)
            lines.append((name, median, _range(values), figure.unit, str(values.rounds)))
    return lines


def terminal(lines: Sequence[Sequence[str]]) -> str:
    """Return a table for the terminal, with aligned columns."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """Return a table for the page."""
    head, *body = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([head, "|" + " --- |" * len(lines[0]), *body])


def block(results: Results, least_rounds: int) -> str:
    """Return the generated part of the page."""
    parts = [markdown(table(results, least_rounds))]
    for name, section in results.items():
        parts += [f"### {name}", description(section), markdown(absolutes(section))]
    return "\n\n".join(parts)


def description(section: Section) -> str:
    """Return sentences about the environment of a section."""
    environment = section.environment
    first = (
        f"Measured on {environment['taken']} with {environment['python']} and "
        f"OpenSSL {environment['openssl']} on {environment['cores']} cores of "
        f"{environment['processor']} ({environment['system']}); "
        f"the load average before it was {environment['load before']}."
    )
    sentences = [first, f"{_versions(environment['versions'])}."]
    if environment.get("seconds") is not None:
        sentences.append(f"It took {environment['seconds']} s.")
    if environment.get("client"):
        sentences.append(f"The load came from {environment['client']}.")
    if environment.get("node"):
        sentences.append(f"Node {environment['node']}: {_versions(environment['express'])}.")
    return " ".join(sentences)


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def put(page: Path, text: str, begin: str = BEGIN, end: str = END) -> None:
    """Replace a generated part of the page.

    Args:
        page: The file.
        text: The new text of the part.
        begin: The mark before the part.
        end: The mark after it.

    Raises:
        ValueError: The page lacks the marks around that part.
    """
    before, found_begin, rest = page.read_text(encoding="utf-8").partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f"{page.name} lacks the marks {begin} and {end}")
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")
