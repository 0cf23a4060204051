"""What it costs to import the package, over importing what it is built on."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jwt_wsgi

PACKAGE = Path(jwt_wsgi.__file__).parent

#: The distributions of `install_requires`, as they are imported.
DEPENDENCIES = ("josepy", "cryptography", "urllib3")

#: What is imported with the first keys that have to be fetched, and brings urllib3 along.
CLIENT = "jwt_wsgi.http.client"

#: Milliseconds of processor time; another process for each, since a module is imported once.
PROGRAM = """
import importlib, sys, time
names = sys.argv[1:]
started = time.process_time_ns()
for name in names:
    importlib.import_module(name)
print((time.process_time_ns() - started) / 1e6)
"""


def built_on() -> list[str]:
    """The modules of the dependencies that the package's own sources import, those for test suites left out."""
    found: set[str] = set()
    for source in PACKAGE.rglob("*.py"):
        if source.relative_to(PACKAGE).parts[0] != "testing":
            found.update(_imported(ast.parse(source.read_text(encoding="utf-8"))))
    return sorted(
        name for name in found if name.partition(".")[0] in DEPENDENCIES and _is_module(name)
    )


def _imported(tree: ast.Module) -> Iterator[str]:
    """What may be a module: `from package import name` may name one, or something in the package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)


def _is_module(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True


def spent(*names: str) -> float:
    """Milliseconds that a fresh process takes to import these modules."""
    command = [sys.executable, "-c", PROGRAM, *names]
    ended = subprocess.run(
        command, cwd=PACKAGE.parent, capture_output=True, text=True, timeout=60, check=True
    )
    return float(ended.stdout)
