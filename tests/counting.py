"""Work in calls instead of seconds, which are the same on every machine."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FrameType


def calls(work: Callable[[], object], most: float = 5_000_000, of: str | None = None) -> int:
    """How many functions, of Python and of C, are called; fails at once after `most`.

    What is squared would take minutes otherwise. With `of`, those of Python with that name alone.
    """
    counted = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal counted
        counted += (
            event in ("call", "c_call")
            if of is None
            else event == "call" and frame.f_code.co_name == of
        )
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


class ForbiddenLock:
    """A lock that nobody may take."""

    def __enter__(self) -> None:
        raise AssertionError("a lock was taken")

    def __exit__(self, *_: object) -> None: ...
