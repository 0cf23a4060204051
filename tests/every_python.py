"""Run the suite on each version of Python that is available: `make test-all` calls this program.

Every version is tried, also after one has failed. A table at the end says how each ended.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

CHECKOUT = Path(__file__).resolve().parent.parent
VERSIONS: Final = ("3.11", "3.12", "3.13", "3.14", "3.15")
#: Where `.ci/pythons` unpacks the versions that Debian's testing suite has.
UNPACKED: Final = Path(os.environ.get("UNPACKED_PYTHONS") or CHECKOUT / "build/pythons/usr/bin")
HOW_TO_GET: Final = "install it, or run .ci/pythons for 3.14 and 3.15"

#: The last line of pytest, such as `=== 3 passed, 1 skipped in 0.10s ===`, with or without colors.
_COUNTS = re.compile(r"(\d+ (?:passed|failed|error|skipped|deselected)[^=\x1b]* in [^=\x1b]*s)")
_COLOR = re.compile(r"\x1b\[[0-9;]*m")


class Result(NamedTuple):
    """How a version ended.

    Attributes:
        version: The version, such as "3.14".
        status: "passed", "failed" or "not tried".
        note: The counts of pytest, or what to do.
    """

    version: str
    status: str
    note: str


def candidates(version: str) -> Iterator[Path]:
    """Return the programs that may be this version, the best one first."""
    on_path = shutil.which(f"python{version}")
    if on_path is not None:
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python"), reverse=True)
    yield UNPACKED / f"python{version}"


def find(version: str) -> Path | None:
    """Return a program that starts, or None. A shim of pyenv may be there and not start."""
    for python in candidates(version):
        try:
            started = subprocess.run([python, "-c", ""], capture_output=True, check=False)
        except OSError:
            continue
        if started.returncode == 0:
            return python
    return None


def run(version: str, python: Path) -> Result:
    """Run `make pytest` in an environment of the version, and show what it prints."""
    print(f"== {version}: {python}", flush=True)
    make = [os.environ.get("MAKE") or "make", "pytest"]
    made = subprocess.Popen(
        [*make, f"VENV=.venv-{version}", f"PYTHON={python}"],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    counts = "pytest did not end"
    assert made.stdout is not None
    for line in made.stdout:
        print(line, end="", flush=True)
        found = _COUNTS.search(_COLOR.sub("", line))
        if found:
            counts = found[1].strip()
    if made.wait() == 0:
        return Result(version, "passed", counts)
    return Result(version, "failed", f"{counts}; make ended with status {made.returncode}")


def main(arguments: list[str]) -> int:
    """Return 0 if no version failed, and each that was asked for by name was tried."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("versions", nargs="*", help="such as 3.12; all that are found by default")
    wanted = parser.parse_args(arguments).versions
    results = []
    for version in wanted or VERSIONS:
        python = find(version)
        if python is None:
            results.append(Result(version, "not tried", f"there is none here: {HOW_TO_GET}"))
        else:
            results.append(run(version, python))
    print("\nPython  result     tests")
    for result in results:
        print(f"{result.version:<7} {result.status:<10} {result.note}")
    statuses = {result.status for result in results}
    if "failed" in statuses or "passed" not in statuses:
        return 1
    return 1 if wanted and "not tried" in statuses else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
