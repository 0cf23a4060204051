"""`python -m benchmarks` (`make bench`): measure, save the results and print the table of goals.

The exit status is 0 if every measured goal is met, 1 if a goal is missed or time ran out, and 2 for
wrong arguments.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import (
    clients,
    concurrency,
    figures,
    headline,
    importing,
    loads,
    memory_use,
    plots,
    results,
    scaling,
    sections,
    stack_costs,
    view_costs,
    view_loads,
)
from benchmarks.goals import LEAST_ROUNDS
from benchmarks.measuring import Deadline
from benchmarks.scale import FULL, QUICK, Scale
from benchmarks.sections import OUT_OF_TIME

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
PAGE = HERE.parent / "docs" / "performance.md"
PLOTS = HERE.parent / "docs" / "performance"

Measure = Callable[[Scale, Deadline], sections.Measurements]
SECTIONS: Mapping[str, Measure] = {
    "view": view_costs.view,
    "stack": stack_costs.stack,
    "claims": stack_costs.claims,
    "scaling": scaling.scaling,
    "concurrency": concurrency.concurrency,
    "free-threaded": concurrency.free_threaded,
    "imports": importing.imports,
    "requests": view_loads.requests,
    "servers": loads.servers,
    "memory": memory_use.memories,
}

#: The sections whose load comes from a client.
LOADED = ("requests", "servers")


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; `only` becomes a list of sections."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.partition("\n")[0]
    )
    choices = ", ".join(SECTIONS)
    parser.add_argument(
        "--only",
        help=f"sections to measure, separated by commas ({choices}); others stay as they are",
    )
    parser.add_argument(
        "--quick", action="store_true", help="one tiny round, to check that everything runs"
    )
    parser.add_argument(
        "--minutes", type=float, default=30.0, help="start no round after this time (30)"
    )
    parser.add_argument(
        "--results",
        type=Path,
        help="use another file than benchmarks/results.json, and leave the page as it is",
    )
    parser.add_argument(
        "--page",
        action="store_true",
        help="measure nothing; generate the page and the plots from the results",
    )
    options = parser.parse_args(words)
    options.only = list(SECTIONS) if options.only is None else options.only.split(",")
    for name in options.only:
        if name not in SECTIONS:
            parser.error(f"there is no section {name!r}: choose from {choices}")
    if options.quick and options.results is None:
        parser.error("--quick measures nothing worth saving: name another file with --results")
    return options


def main(words: Sequence[str] | None = None) -> int:
    """Run the command and return the exit status."""
    options = arguments(words)
    scale = QUICK if options.quick else FULL
    path: Path = options.results or RESULTS
    all_results = results.read(path)
    least_rounds = min(LEAST_ROUNDS, scale.rounds)
    if not options.page:
        _measure(options, scale, all_results, path)
        # The file holds rounded values; the table and the page must show the same ones.
        all_results = results.read(path)
    print(figures.terminal(figures.table(all_results, least_rounds)))
    if options.results is None:
        _write_page(all_results)
    section_names = list(all_results) if options.page else options.only
    return _report_misses(section_names, all_results, least_rounds)


def _report_misses(
    section_names: Sequence[str], all_results: results.Results, least_rounds: int
) -> int:
    measured = {name: all_results[name] for name in section_names if name in all_results}
    misses = figures.failed(measured, least_rounds)
    misses += [f"{name}: out of time" for name in section_names if _is_late(measured.get(name))]
    for miss in misses:
        print(f"missed: {miss}", file=sys.stderr)
    return 1 if misses else 0


def _measure(
    options: argparse.Namespace, scale: Scale, all_results: results.Results, path: Path
) -> None:
    """Measure the sections; save each one at once, so that an interrupted run loses none."""
    deadline = Deadline(options.minutes * 60)
    for name in options.only:
        if deadline.passed:
            all_results.pop(name, None)
            continue
        client = clients.name(scale.seconds) if name in LOADED else None
        environment = results.environment(client)
        started = time.monotonic()
        measurements = SECTIONS[name](scale, deadline)
        environment["seconds"] = round(time.monotonic() - started)
        all_results[name] = results.Section(environment, measurements.figures, measurements.absent)
        results.write(path, _in_order(all_results))
        print(f"{name}: {environment['seconds']} s", file=sys.stderr)


def _in_order(all_results: results.Results) -> results.Results:
    return {name: all_results[name] for name in SECTIONS if name in all_results}


def _is_late(section: results.Section | None) -> bool:
    if section is None:
        return True
    if not section.figures and not section.absent:
        return True
    return OUT_OF_TIME in section.absent.values()


def _write_page(all_results: results.Results) -> None:
    figures.put(PAGE, headline.block(all_results), headline.BEGIN, headline.END)
    figures.put(PAGE, figures.block(_in_order(all_results), LEAST_ROUNDS))
    if importlib.util.find_spec("matplotlib") is None:
        print("plots: matplotlib is not installed, the plots stay as they are", file=sys.stderr)
        return
    plots.draw(all_results, PLOTS)


if __name__ == "__main__":
    # Measured processes import compiled modules, as installed ones do.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # A normal exit ends the processes that were started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
