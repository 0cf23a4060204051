"""The process of a library, as the comparison controls it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent.parent


class Channel:
    """A worker process. A context manager.

    Args:
        python: The Python of the library's environment.
        adapter: The name of the adapter's module.
        log: The file that receives what the process prints.
    """

    def __init__(self, python: str, adapter: str, log: Path) -> None:
        self._log = log.open("a")
        command: Sequence[str] = [python, "-m", "benchmarks.comparison.worker", adapter]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
        self._log.close()

    def tell(self, order: str, **arguments: Any) -> Any:
        """Send an order and return its answer.

        Raises:
            RuntimeError: The process has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"order": order, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker ended at {order!r}: see {self._log.name}")
        return json.loads(line)
