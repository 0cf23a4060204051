"""What an installed distribution says of itself, and what its files hold."""

from __future__ import annotations

import importlib
import importlib.metadata as metadata
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.comparison.peers import OWN

#: Bytes of a megabyte.
MEGABYTE = 1_000_000


def describe(
    distribution: str, extra: str, names: Iterable[str], words: Mapping[str, str]
) -> dict[str, Any]:
    """Describe a distribution, which is installed.

    Args:
        distribution: Its name.
        extra: The extra that its documentation recommends for public keys, or "".
        names: Objects, written `module:attribute`; the result lists those that exist.
        words: Regular expressions by name; the result lists those that occur in its Python files.
    """
    installed = metadata.distribution(distribution)
    needed = _closure(distribution, extra)
    return {
        "version": installed.version,
        "licence": _licence(installed.metadata),
        "typed": any(path.name == "py.typed" for path in _paths(installed)),
        "python": installed.metadata["Requires-Python"],
        "distributions": len(needed),
        "megabytes": round(sum(_size(name) for name in needed) / MEGABYTE, 1),
        "names": [name for name in names if _exists(name)],
        "words": _occurring(installed, words),
        "on": f"{sys.implementation.name} {sys.version.split()[0]}",
    }


def _closure(distribution: str, extra: str) -> list[str]:
    """Return the distributions that pip installs for this one, itself included."""
    from pip._vendor.packaging.requirements import Requirement
    from pip._vendor.packaging.utils import canonicalize_name

    queue = [(distribution, extra)]
    seen: set[tuple[str, str]] = set()
    while queue:
        name, wanted = queue.pop()
        key = (canonicalize_name(name), wanted)
        if key in seen:
            continue
        seen.add(key)
        for text in metadata.distribution(name).requires or ():
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or marker.evaluate({"extra": wanted}):
                queue.append((requirement.name, ""))
                queue += [(requirement.name, more) for more in requirement.extras]
    return sorted({name for name, _ in seen})


def _size(name: str) -> int:
    paths = _paths(metadata.distribution(name))
    return sum(path.stat().st_size for path in paths if path.suffix != ".pyc")


def _paths(installed: metadata.Distribution) -> list[Path]:
    """Return the files of a distribution; of jwt-wsgi, which is editable, those of its package."""
    if installed.name == OWN:
        package = Path(importlib.import_module("jwt_wsgi").__path__[0])
        return [path for path in package.rglob("*") if path.is_file()]
    paths = [Path(str(file.locate())) for file in installed.files or ()]
    return [path for path in paths if path.is_file()]


def _licence(fields: Any) -> str:
    expression = fields.get("License-Expression") or fields.get("License") or ""
    if expression and len(expression) < 40:
        return str(expression)
    for classifier in fields.get_all("Classifier") or ():
        if classifier.startswith("License :: OSI Approved :: "):
            return str(classifier.rpartition(" :: ")[2])
    return "not stated"


def _exists(name: str) -> bool:
    module, _, attribute = name.partition(":")
    try:
        value: Any = importlib.import_module(module)
    except ImportError:
        return False
    for part in attribute.split("."):
        if not hasattr(value, part):
            return False
        value = getattr(value, part)
    return True


def _occurring(installed: metadata.Distribution, words: Mapping[str, str]) -> list[str]:
    texts = [path.read_text(encoding="utf-8") for path in _paths(installed) if path.suffix == ".py"]
    return [
        name
        for name, pattern in words.items()
        if any(re.search(pattern, text, re.IGNORECASE) for text in texts)
    ]
