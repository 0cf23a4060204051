"""The section `imports`: the cost of importing the package, and its dependencies."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jwt_wsgi
from benchmarks.measuring import Deadline, rotated
from benchmarks.scale import Scale
from benchmarks.sections import Measurements

PACKAGE = Path(jwt_wsgi.__file__).parent

#: The import names of the distributions in `install_requires`.
DEPENDENCIES = ("josepy", "cryptography", "urllib3")

#: The module that imports urllib3. The first key source that fetches imports it.
CLIENT = "jwt_wsgi.http.client"

#: Prints milliseconds of processor time. Each measurement needs a fresh process, because a process
#: imports a module once.
PROGRAM = """
import importlib, sys, time
names = sys.argv[1:]
started = time.process_time_ns()
for name in names:
    importlib.import_module(name)
print((time.process_time_ns() - started) / 1e6)
"""


def imports(scale: Scale, deadline: Deadline) -> Measurements:
    """Measure the import of the package and of its dependencies."""
    measurements = Measurements()
    modules = {
        "dependencies": imported_dependencies(),
        "jwt_wsgi": ["jwt_wsgi"],
        "jwt_wsgi and its HTTP client": ["jwt_wsgi", CLIENT],
    }
    for names in modules.values():
        # The first import compiles the modules and fills the page cache.
        import_time(*names)
    for turn in deadline.rounds(scale.rounds * 2 + 1):
        for name in rotated(list(modules), turn):
            measurements.add("ms", {f"import {name}": import_time(*modules[name])})
    return measurements


def imported_dependencies() -> list[str]:
    """Return the modules of the dependencies that the package imports, except in `testing`."""
    names: set[str] = set()
    for source in PACKAGE.rglob("*.py"):
        if source.relative_to(PACKAGE).parts[0] != "testing":
            names.update(_imported_names(ast.parse(source.read_text(encoding="utf-8"))))
    return sorted(
        name for name in names if name.partition(".")[0] in DEPENDENCIES and _is_module(name)
    )


def _imported_names(tree: ast.Module) -> Iterator[str]:
    """Yield names that may be modules; `from package import name` may import one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_module(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True


def import_time(*names: str) -> float:
    """Return the milliseconds in which a fresh process imports the modules."""
    command = [sys.executable, "-c", PROGRAM, *names]
    process = subprocess.run(
        command, cwd=PACKAGE.parent, capture_output=True, text=True, timeout=60, check=True
    )
    return float(process.stdout)
