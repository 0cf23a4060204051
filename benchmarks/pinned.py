"""`python -m benchmarks.pinned CORE COMMAND…`: run the command on one core.

The process becomes the command, and ends when its parent ends.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

#: prctl(2): sets the signal that this process gets when its parent ends. exec preserves it.
PR_SET_PDEATHSIG = 1


def cores() -> list[int]:
    """Return the cores that this process may use, or none if the system does not name them."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return []


def command(core: int | None, *words: str) -> list[str]:
    """Return the command line that runs `words` on one core, or on any if `core` is None."""
    argument = "any" if core is None else str(core)
    return [sys.executable, "-m", "benchmarks.pinned", argument, *words]


def main(core: str, *words: str) -> None:
    """Replace this process by the command. This function does not return."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if core != "any":
        os.sched_setaffinity(0, {int(core)})
    os.execvp(words[0], words)


if __name__ == "__main__":
    main(*sys.argv[1:])
