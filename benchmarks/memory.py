"""What accepted tokens leave behind in memory."""

from __future__ import annotations

import gc
import inspect
import os
import tracemalloc
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.stack import Requests
from jwt_wsgi.verifier import Verifier

#: Below this many bytes a token, nothing of it is remembered: lists that grew, and the like.
NOTHING = 64


def kept(requests: Requests, tokens: Sequence[str]) -> float:
    """Bytes a token, by tracemalloc (started by the caller), the request itself long gone."""
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    for token in tokens:
        requests.prepare([token])()
        requests.check(1)
    requests.statuses.clear()
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    return (after - before) / len(tokens)


def growth(requests: Requests, tokens: Iterable[str]) -> float:
    """Bytes by which the resident memory of this process grew over all the tokens."""
    gc.collect()
    before = resident()
    for token in tokens:
        requests.prepare([token])()
        requests.check(1)
    gc.collect()
    return float(resident() - before)


def resident() -> int:
    """Bytes of memory that this process occupies (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def configured() -> int | None:
    """The bytes that a `Verifier` may remember by default; None where it remembers nothing."""
    for name, parameter in inspect.signature(Verifier).parameters.items():
        if "bytes" in name and name != "max_token_bytes" and isinstance(parameter.default, int):
            return parameter.default
    return None
