"""Work in calls instead of seconds, which are the same on every machine."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable


def calls(work: Callable[[], object], most: float = 5_000_000) -> int:
    """How many functions, of Python and of C, are called; fails at once after `most`.

    What is squared would take minutes otherwise.
    """
    counted = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")
        assert counted <= most, f"more than {most} calls"

    before = sys.getprofile()
    gc.disable()  # what is collected now may call, too
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
        gc.enable()
    return counted
