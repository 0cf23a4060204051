"""Makers of DPoP proofs: programs of tests/foreign_dpop, which use libraries of others, and `DPoPKey`."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from jwt_wsgi.testing import DPoPKey

FOLDER = Path(__file__).resolve().parent / "foreign_dpop"


class ProofMaker(Protocol):
    """A client with one key for each algorithm."""

    def thumbprint(self, algorithm: str = "ES256") -> str:
        """Return the thumbprint of the algorithm's key, for a token's `cnf`."""

    def proof(
        self, method: str, url: str, token: str, nonce: str | None = None, algorithm: str = "ES256"
    ) -> str:
        """Return a new proof for one request."""


class Program(NamedTuple):
    """A program that makes proofs.

    Attributes:
        library: The library that it uses.
        algorithms: The algorithms of its proofs, as their headers name them.
        command: The command that starts it.
        missing: Returns why it cannot run here, or None.
    """

    library: str
    algorithms: tuple[str, ...]
    command: list[str]
    missing: Callable[[], str | None]

    def __str__(self) -> str:
        return self.library


def _node_missing() -> str | None:
    if shutil.which("node") is None:
        return "needs Node: .ci/node"
    if not (FOLDER / "node_modules" / "oauth4webapi").is_dir():
        return "needs oauth4webapi: make tests/foreign_dpop/node_modules/.made"
    return None


def _pydpop_missing() -> str | None:
    if importlib.util.find_spec("pydpop") is None:
        return "needs pydpop: pip install -e '.[test]'"
    return None


#: The programs that make proofs with a library that this project did not write.
PROGRAMS = (
    Program(
        "oauth4webapi",
        (
            "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512", "Ed25519",
        ),
        ["node", str(FOLDER / "oauth4webapi_proofs.mjs")],
        _node_missing,
    ),
    Program(
        "pydpop", ("ES256",), [sys.executable, str(FOLDER / "pydpop_proofs.py")], _pydpop_missing
    ),
)  # fmt: skip


class _RunningProgram:
    """A program that was started. It answers each line with a line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def thumbprint(self, algorithm: str = "ES256") -> str:
        return self._ask({"algorithm": algorithm})["thumbprint"]

    def proof(
        self, method: str, url: str, token: str, nonce: str | None = None, algorithm: str = "ES256"
    ) -> str:
        request = {"method": method, "url": url, "token": token, "nonce": nonce}
        return self._ask({"algorithm": algorithm, **request})["proof"]

    def _ask(self, request: dict[str, Any]) -> dict[str, str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        answer: dict[str, str] = json.loads(line) if line else {"error": "the program ended"}
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer


@contextmanager
def running(program: Program) -> Iterator[ProofMaker]:
    """Start a program, and end it with the block. Its keys are new.

    Args:
        program: One of `PROGRAMS`, which is not missing.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(program.command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield _RunningProgram(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(10)


class OwnKeys:
    """`DPoPKey` with the methods of the others."""

    def __init__(self) -> None:
        self._keys: dict[str, DPoPKey] = {}

    def thumbprint(self, algorithm: str = "ES256") -> str:
        return self._key(algorithm).thumbprint

    def proof(
        self, method: str, url: str, token: str, nonce: str | None = None, algorithm: str = "ES256"
    ) -> str:
        return self._key(algorithm).proof(method, url, token, nonce)

    def _key(self, algorithm: str) -> DPoPKey:
        if algorithm not in self._keys:
            self._keys[algorithm] = DPoPKey(algorithm)
        return self._keys[algorithm]
