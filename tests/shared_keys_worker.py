"""A worker of test_shared_keys_cluster.py: a key source that obeys its standard input.

`WorkerProcess` starts and controls it, with one JSON list per line: a command and its arguments.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from jwt_wsgi import KeysUnavailable, RemoteJWKS
from jwt_wsgi.stores import RedisStore

TESTS = Path(__file__).resolve().parent


class Commands:
    """What a worker can be told. Every answer is JSON."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.warnings: list[str] = []
        self.outcomes: list[str] = []
        self.source = RemoteJWKS(
            options.pop("uri"),
            store=RedisStore(options.pop("store")),
            sealing_keys=[options.pop("secret").encode()],
            on_fetch=lambda fetched: self.outcomes.append(fetched.outcome),
            **options,
        )
        logger = logging.getLogger("jwt_wsgi.jwks")
        handler = logging.Handler(logging.WARNING)
        handler.emit = lambda record: self.warnings.append(record.getMessage())  # type: ignore[method-assign]
        logger.addHandler(handler)

    def warm(self) -> bool:
        return self.source.warm_up().usable

    def find(self, kid: str) -> str:
        try:
            return "found" if self.source.find(kid, "ES256") else "unknown"
        except KeysUnavailable:
            return "unavailable"

    def revoke(self, kid: str) -> None:
        self.source.revoke(kid)

    def report(self) -> dict[str, list[str]]:
        return {"outcomes": self.outcomes, "warnings": self.warnings}


def main(options: dict[str, Any]) -> None:
    commands = Commands(options)
    print("ready", flush=True)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(getattr(commands, name)(*arguments)), flush=True)


class WorkerProcess:
    """The process, as tests control it. A context manager."""

    def __init__(self, **options: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        assert self._read() == "ready"
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)

    def tell(self, *command: str) -> None:
        """Send a command; `answer` returns its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        return json.loads(self._read())

    def ask(self, *command: str) -> Any:
        self.tell(*command)
        return self.answer()

    @property
    def outcomes(self) -> list[str]:
        reported: list[str] = self.ask("report")["outcomes"]
        return reported

    @property
    def warnings(self) -> list[str]:
        reported: list[str] = self.ask("report")["warnings"]
        return reported

    def _read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
