"""`python -m benchmarks.comparison` (`make compare`): compare, save the results, write the page.

The exit status is 0 if jwt-wsgi has the right answer to every case, 1 if it has not, and 2 for wrong
arguments.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.comparison import page, scores
from benchmarks.comparison.peers import OWN, PEERS

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
PAGE = HERE.parent.parent / "docs" / "comparison.md"


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; `only` becomes a list of distributions."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.comparison", description=__doc__.partition("\n")[0]
    )
    choices = ", ".join(PEERS)
    parser.add_argument(
        "--only", help=f"distributions, separated by commas ({choices}); others stay as they are"
    )
    parser.add_argument("--rounds", type=int, default=7, help="rounds of the speed; 0 for none (7)")
    parser.add_argument(
        "--page", action="store_true", help="compare nothing; write the page from the results"
    )
    options = parser.parse_args(words)
    options.only = list(PEERS) if options.only is None else options.only.split(",")
    for name in options.only:
        if name not in PEERS:
            parser.error(f"there is no library {name!r}: choose from {choices}")
    return options


def main(words: Sequence[str] | None = None) -> int:
    """Run the command and return the exit status."""
    options = arguments(words)
    if not options.page:
        _compare(options.only, options.rounds)
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    PAGE.write_text(page.render(results), encoding="utf-8")
    for line in page.summary(results):
        print(line)
    wrong = scores.deviations(results, OWN)
    for title in wrong:
        print(f"jwt-wsgi has the wrong answer: {title}", file=sys.stderr)
    return 1 if wrong else 0


def _compare(names: Sequence[str], rounds: int) -> None:
    from benchmarks import results as measured
    from benchmarks.comparison import running

    environment = measured.environment()
    del environment["versions"]
    tables, observed = running.run(names, rounds)
    kept = _kept()
    libraries = {**kept, **{name: _with_speed(kept, name, observed[name]) for name in names}}
    document = {
        "environment": environment,
        **tables,
        "libraries": {name: libraries[name] for name in PEERS if name in libraries},
    }
    text = json.dumps(document, indent=1, ensure_ascii=False)
    RESULTS.write_text(text + "\n", encoding="utf-8")


def _kept() -> dict[str, Any]:
    if not RESULTS.exists():
        return {}
    libraries: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))["libraries"]
    return libraries


def _with_speed(kept: Mapping[str, Any], name: str, observed: dict[str, Any]) -> dict[str, Any]:
    """Keep the speed of an earlier run where this one measured none."""
    if "speed" not in observed and "speed" in kept.get(name, {}):
        observed["speed"] = kept[name]["speed"]
    return observed


if __name__ == "__main__":
    sys.exit(main())
