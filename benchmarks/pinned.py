"""`python -m benchmarks.pinned CORE COMMAND…`: become the command, on one core, and end with whoever started it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

#: prctl(2): the signal that this process gets when its parent ends. It outlives exec.
PR_SET_PDEATHSIG = 1


def cores() -> list[int]:
    """The cores that this process may use; empty where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def command(core: int | None, *words: str) -> list[str]:
    """The command line that runs `words` on `core` alone; wherever it is put, without one."""
    return [sys.executable, "-m", "benchmarks.pinned", "any" if core is None else str(core), *words]


def main(core: str, *words: str) -> None:
    """Never returns: the process becomes the command."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if core != "any":
        os.sched_setaffinity(0, {int(core)})
    os.execvp(words[0], words)


if __name__ == "__main__":
    main(*sys.argv[1:])
