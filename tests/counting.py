"""Work measured in calls, which are the same on every machine."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FrameType


def calls(work: Callable[[], object], most: float = 5_000_000, of: str | None = None) -> int:
    """Count the functions of Python and of C that are called; fail at once after `most`.

    The limit keeps squared work from taking minutes. With `of`, count only the Python functions
    with that name.
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
    gc.disable()  # the collector may call functions, too
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
