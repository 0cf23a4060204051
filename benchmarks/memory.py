"""The memory that accepted tokens occupy."""

from __future__ import annotations

import gc
import inspect
import os
import tracemalloc
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.stack import Requests
from jwt_wsgi.verifier import Verifier

#: Fewer bytes per token come from other causes, such as a list that grew: no token is cached.
NO_CACHE = 64


def bytes_per_token(requests: Requests, tokens: Sequence[str]) -> float:
    """Return the bytes that one token occupies after its request.

    The caller has started tracemalloc.
    """
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
    """Return the bytes by which the resident memory of this process grew with the tokens."""
    gc.collect()
    before = resident()
    for token in tokens:
        requests.prepare([token])()
        requests.check(1)
    gc.collect()
    return float(resident() - before)


def resident() -> int:
    """Return the bytes of memory that this process occupies (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def configured() -> int | None:
    """Return the default size of a `Verifier`'s cache in bytes, or None if it has no cache."""
    for name, parameter in inspect.signature(Verifier).parameters.items():
        if "bytes" in name and name != "max_token_bytes" and isinstance(parameter.default, int):
            return parameter.default
    return None
