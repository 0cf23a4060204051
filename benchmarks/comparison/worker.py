"""`python -m benchmarks.comparison.worker ADAPTER`: run one library in its environment.

Orders come as lines of JSON, and each is answered by one line. `ORDERS` lists them.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

#: The parts of a token that nobody may log are longer than this.
SHORTEST_SECRET = 20


class MovedClock:
    """The clocks of the process, which an order moves forward. Tokens outlive every move."""

    def __init__(self) -> None:
        self._moved = 0.0
        for name in ("time", "monotonic"):
            setattr(time, name, self._moving(getattr(time, name)))

    def _moving(self, clock: Callable[[], float]) -> Callable[[], float]:
        return lambda: clock() + self._moved

    def advance(self, seconds: float) -> None:
        self._moved += seconds


class Log(logging.Handler):
    """Everything that is logged, at every level."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class Worker:
    """The adapter and its orders. The clock moves before a library is imported, which may hold it."""

    def __init__(self, adapter: str, clock: MovedClock) -> None:
        module = importlib.import_module(f"benchmarks.comparison.adapters.{adapter}")
        from benchmarks.comparison.adapters import base

        self._base = base
        self._adapter: Any = module.ADAPTER()
        self._clock = clock
        self._log = Log()
        logging.getLogger().addHandler(self._log)
        logging.getLogger().setLevel(logging.DEBUG)

    def prepare(self, profile: Mapping[str, Any]) -> dict[str, Any]:
        """Set the library up for an issuer; say which frameworks it protects."""
        try:
            self._adapter.prepare(self._base.Profile(**profile))
        except self._base.NotOffered as error:
            return {"offered": False, "reason": str(error)}
        return {"offered": True, "frameworks": list(self._adapter.frameworks)}

    def advance(self, seconds: float) -> None:
        """Move the clocks forward."""
        self._clock.advance(seconds)

    def verify(self, token: str) -> dict[str, Any]:
        """Give the outcome for a token: accepted, refused, unavailable, or crashed."""
        started = time.perf_counter()
        outcome = self._outcome(token)
        return {**outcome, "seconds": round(time.perf_counter() - started, 3)}

    def _outcome(self, token: str) -> dict[str, str]:
        adapter = self._adapter
        try:
            adapter.verify(token)
        except self._base.NotOffered:
            return {"outcome": "not offered"}
        except Exception as error:  # noqa: BLE001 (which errors there are is the question)
            name = type(error).__name__
            if isinstance(error, adapter.no_keys):
                return {"outcome": "unavailable", "error": name}
            if isinstance(error, adapter.own_errors):
                return {"outcome": "refused", "error": name}
            return {"outcome": "crashed", "error": name}
        return {"outcome": "accepted"}

    def respond(self, framework: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request, and say whether parts of the token reached the log or the answer."""
        return self._answer(request, lambda: self._adapter.respond(framework, request))

    def respond_with_proofs(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request to the application that DPoP protects."""
        return self._answer(request, lambda: self._adapter.respond_with_proofs(request))

    def _answer(self, request: Mapping[str, Any], respond: Callable[[], Any]) -> dict[str, Any]:
        self._log.lines.clear()
        try:
            answer = respond()
        except self._base.NotOffered:
            return {"offered": False}
        secrets = _secrets(request)
        heads = " ".join(f"{name}: {value}" for name, value in answer.headers)
        return {
            "offered": True,
            "status": answer.status,
            "headers": list(answer.headers),
            "body": answer.body[:500],
            "leaks": _holds(f"{heads} {answer.body}", secrets),
            "logs": _holds("\n".join(self._log.lines), secrets),
        }

    def measure(self, scope: str, pem: str, fresh: list[str], seen: str, batches: int) -> Any:
        """Return the nanoseconds of one token: the bare signature, fresh tokens, one token again."""
        from benchmarks.bare import bare
        from benchmarks.measuring import Contender, alternate

        def decode(tokens: Any) -> Callable[[], None]:
            return lambda: self._adapter.verify_all(tokens, scope)

        logging.getLogger().setLevel(logging.WARNING)
        self._adapter.verify_all([seen], scope)
        return alternate(
            {
                "bare": Contender(bare(pem, "RS256"), fresh),
                "fresh": Contender(decode, fresh),
                "seen": Contender(decode, [seen] * len(fresh)),
            },
            batches=batches,
        )

    def inspect(self, **question: Any) -> Any:
        """Describe the installed distribution: see `inspection.describe`."""
        from benchmarks.comparison import inspection

        return inspection.describe(**question)


#: The orders: methods of `Worker`.
ORDERS = ("prepare", "advance", "verify", "respond", "respond_with_proofs", "measure", "inspect")


def _secrets(request: Mapping[str, Any]) -> list[str]:
    texts = [value.split(" ")[-1] for _, value in request.get("headers", ())]
    segments = [segment for text in texts for segment in text.split(".")]
    return [segment for segment in segments if len(segment) > SHORTEST_SECRET]


def _holds(text: str, secrets: list[str]) -> bool:
    return any(secret in text for secret in secrets)


def main(adapter: str) -> None:
    """Obey orders until the input ends. The adapter "none" has no library."""
    # What the library prints must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    worker = Worker(adapter, MovedClock())
    for line in sys.stdin:
        order = json.loads(line)
        name = order.pop("order")
        if name not in ORDERS:
            raise ValueError(f"order={name!r}: choose from {', '.join(ORDERS)}")
        answers.write(json.dumps(getattr(worker, name)(**order)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
