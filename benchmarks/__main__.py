"""`python -m benchmarks` (`make bench`): measure, keep the results, print the table, say whether the goals are met.

The exit status is 0 where every goal that was measured is met, 1 where one is
missed or time ran out, 2 for wrong arguments.
"""

from __future__ import annotations

import argparse
import importlib.util
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import clients, figures, loads, plots, results, sections
from benchmarks.goals import LEAST_ROUNDS
from benchmarks.measuring import Deadline
from benchmarks.scale import FULL, QUICK, Scale
from benchmarks.sections import OUT_OF_TIME

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
PAGE = HERE.parent / "docs" / "performance.md"
PLOTS = HERE.parent / "docs" / "performance"

Measure = Callable[[Scale, Deadline], sections.Found]
SECTIONS: Mapping[str, Measure] = {
    "stack": sections.stack,
    "scaling": sections.scaling,
    "concurrency": sections.concurrency,
    "imports": sections.imports,
    "servers": loads.servers,
    "memory": sections.memories,
}


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.partition("\n")[0]
    )
    names = ", ".join(SECTIONS)
    parser.add_argument(
        "--only", help=f"some of {names}, with commas between; the results of the others stay"
    )
    parser.add_argument(
        "--quick", action="store_true", help="one tiny round, to see that everything runs"
    )
    parser.add_argument(
        "--minutes", type=float, default=12.0, help="no round begins after so many (12)"
    )
    parser.add_argument(
        "--results",
        type=Path,
        help="another file than benchmarks/results.json; the page stays as it is",
    )
    parser.add_argument(
        "--page",
        action="store_true",
        help="measure nothing, make page and plots of the results again",
    )
    asked = parser.parse_args(words)
    asked.only = list(SECTIONS) if asked.only is None else asked.only.split(",")
    for name in asked.only:
        if name not in SECTIONS:
            parser.error(f"there is no section {name!r}: choose from {names}")
    if asked.quick and asked.results is None:
        parser.error("--quick measures nothing worth keeping: name another file with --results")
    return asked


def main(words: Sequence[str] | None = None) -> int:
    """Run what was asked for; the exit status."""
    asked = arguments(words)
    scale = QUICK if asked.quick else FULL
    path: Path = asked.results or RESULTS
    kept = results.read(path)
    least_rounds = min(LEAST_ROUNDS, scale.rounds)
    if not asked.page:
        _measure(asked, scale, kept, path)
        kept = results.read(
            path
        )  # as it was rounded, so that the page can be made again of the file
    print(figures.terminal(figures.table(kept, least_rounds)))
    if asked.results is None:
        _write_page(kept)
    missed = figures.failed({name: kept[name] for name in asked.only if name in kept}, least_rounds)
    late = [name for name in asked.only if _is_late(kept.get(name))]
    for what in (*missed, *(f"{name}: out of time" for name in late)):
        print(f"missed: {what}", file=sys.stderr)
    return 1 if missed or late else 0


def _measure(asked: argparse.Namespace, scale: Scale, kept: results.Results, path: Path) -> None:
    """Every section is written as soon as it is there, so that a run that is cut short leaves what it has."""
    deadline = Deadline(asked.minutes * 60)
    for name in asked.only:
        if deadline.passed:
            kept.pop(name, None)
            continue
        place = results.environment(clients.name(scale.seconds) if name == "servers" else None)
        started = time.monotonic()
        found = SECTIONS[name](scale, deadline)
        kept[name] = results.Section(place, found.figures, found.absent)
        ordered = {each: kept[each] for each in SECTIONS if each in kept}
        results.write(path, ordered)
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr)


def _is_late(section: results.Section | None) -> bool:
    return (
        section is None
        or (not section.figures and not section.absent)
        or OUT_OF_TIME in section.absent.values()
    )


def _write_page(kept: results.Results) -> None:
    ordered = {name: kept[name] for name in SECTIONS if name in kept}
    figures.put(PAGE, figures.block(ordered, LEAST_ROUNDS))
    if importlib.util.find_spec("matplotlib") is None:
        print("plots: matplotlib is not installed, they stay as they are", file=sys.stderr)
    else:
        plots.drawn(ordered, PLOTS)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    sys.exit(main())
