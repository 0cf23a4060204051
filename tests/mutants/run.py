"""Apply the mutants to copies of the checkout, one by one; the test that each names must fail.

`python tests/mutants/run.py` runs all of them, or those whose names it is given. It exits with 1
if one survives or cannot be judged.
"""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name("mutants.toml")
AT_ONCE = 2
TIMEOUT = 120  # seconds, for one mutant's test

KILLED = "killed"
# pytest's exit codes. Only a failing test kills; an error of the collection proves nothing.
_OUTCOMES = {0: "SURVIVED", 1: KILLED}


class Mutant(NamedTuple):
    """One mistake: in `file`, the text `replace` becomes `by`, and the test `killed_by` must fail."""

    name: str
    file: str
    mistake: str
    replace: str
    by: str
    killed_by: str

    def applied(self, source: str) -> str | None:
        """Return the source with the mistake, or None unless its text stands there exactly once."""
        return source.replace(self.replace, self.by) if source.count(self.replace) == 1 else None


def mutants(table: Path = TABLE) -> list[Mutant]:
    """Return the mutants of the table, in its order."""
    read = tomllib.loads(table.read_text("utf-8"))
    return [Mutant(name, by=row.pop("with"), **row) for name, row in read.items()]


def copied(checkout: Path, folder: Path) -> Path:
    """Copy what the tests need.

    Compiled files are left out, because a mutant may have the size and the second of its original.
    """
    left_out = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info")
    shutil.copytree(checkout, folder, ignore=left_out)
    return folder


def tested(copy: Path, tests: Iterable[str]) -> int | None:
    """Run tests in the copy and return the exit code of pytest, or None after a time-out."""
    command = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests)
    environ = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        ended = subprocess.run(
            command, cwd=copy, env=environ, capture_output=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    return ended.returncode


def judged(mutant: Mutant, copy: Path) -> str:
    """Try one mutant in the copy, restore the copy, and return the outcome."""
    path = copy / mutant.file
    source = path.read_text("utf-8")
    mutated = mutant.applied(source)
    if mutated is None:
        return "NOT APPLICABLE"
    path.write_text(mutated, "utf-8")
    try:
        code = tested(copy, [mutant.killed_by])
    finally:
        path.write_text(source, "utf-8")
    return "HUNG" if code is None else _OUTCOMES.get(code, f"NOT RUN (pytest: {code})")


def verdicts(chosen: list[Mutant], checkout: Path = CHECKOUT) -> Iterable[tuple[Mutant, str]]:
    """Yield each mutant with its outcome; raise `SystemExit` if the tests fail without mutants."""
    with tempfile.TemporaryDirectory() as folder:
        copies: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(AT_ONCE):
            copies.put(copied(checkout, Path(folder) / str(number)))

        def in_a_copy(mutant: Mutant) -> str:
            copy = copies.get()
            try:
                return judged(mutant, copy)
            finally:
                copies.put(copy)

        unharmed = copies.get()
        if tested(unharmed, sorted({mutant.killed_by for mutant in chosen})) != 0:
            raise SystemExit(
                "the tests that should kill do not pass without a mutant, so they prove nothing"
            )
        copies.put(unharmed)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield from zip(chosen, pool.map(in_a_copy, chosen), strict=True)


def main(names: list[str]) -> int:
    """Try the named mutants, or all, print a line for each, and return 0 if all were killed."""
    every = mutants()
    chosen = [mutant for mutant in every if not names or mutant.name in names]
    if unknown := set(names) - {mutant.name for mutant in chosen}:
        raise SystemExit(f"no such mutant: {', '.join(sorted(unknown))}")
    alive = 0
    for mutant, outcome in verdicts(chosen):
        print(f"{outcome:<14} {mutant.name:<36} {mutant.killed_by}", flush=True)
        if outcome != KILLED:
            alive += 1
            print(f"{'':<14} {mutant.file}: {mutant.mistake}", flush=True)
    print(f"{len(chosen) - alive} of {len(chosen)} killed")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
