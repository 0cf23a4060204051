"""Compare the licences of all runtime dependencies with those that release/licences.toml allows."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from release.declared import RUNTIME_EXTRAS

RULES = Path(__file__).with_name("licences.toml")


def main() -> int:
    packages = runtime_packages("jwt-wsgi", RUNTIME_EXTRAS)
    rules = tomllib.loads(RULES.read_text(encoding="utf-8"))
    problems = problems_of(packages, set(rules["allowed"]), rules["said"])
    print(*problems, sep="\n", end="\n" if problems else "")
    print(f"licences: {len(packages)} packages, {len(problems)} not allowed")
    return 1 if problems else 0


def runtime_packages(name: str, extras: tuple[str, ...]) -> dict[str, Distribution]:
    """Return what a package requires with these extras, and what that requires in turn."""
    found: dict[str, Distribution] = {}
    waiting = [(name, extras)]
    while waiting:
        name, extras = waiting.pop()
        package = distribution(name)
        found[canonicalize_name(name)] = package
        for text in package.requires or []:
            requirement = Requirement(text)
            if _applies(requirement, extras) and canonicalize_name(requirement.name) not in found:
                waiting.append((requirement.name, tuple(requirement.extras)))
    return found


def _applies(requirement: Requirement, extras: tuple[str, ...]) -> bool:
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))


def problems_of(
    packages: dict[str, Distribution], allowed: set[str], said: dict[str, str]
) -> list[str]:
    """Return a line for each package whose licence is not allowed or not known."""
    problems = []
    for name, package in sorted(packages.items()):
        text = stated_licence(package)
        expression = said.get(f"{name}: {text}", text)
        if not is_allowed(expression, allowed):
            problems.append(f"{name} {package.version}: {expression!r} is not in {RULES.name}")
    return problems


def stated_licence(package: Distribution) -> str:
    """Return the expression, or else the text or the classifiers of a package."""
    classifiers = [
        text.removeprefix("License :: OSI Approved :: ")
        for text in package.metadata.get_all("Classifier", [])
        if text.startswith("License ::")
    ]
    expression = _field(package, "License-Expression")
    if expression:
        return expression
    text = _field(package, "License").strip().partition("\n")[0]
    return text or "; ".join(classifiers)


def _field(package: Distribution, name: str) -> str:
    # A missing field read by its index is None, a warning or a KeyError: Python's versions differ.
    values: list[str] = package.metadata.get_all(name, [])
    return values[0] if values else ""


def is_allowed(expression: str, allowed: set[str]) -> bool:
    """Tell whether an SPDX expression is allowed: one side of an OR is enough."""
    names = set(re.split(r"\s+(?:AND|OR)\s+", re.sub(r"[()]", " ", expression).strip()))
    only_choices = " AND " not in expression and "(" not in expression
    return bool(names & allowed) if only_choices else names <= allowed


if __name__ == "__main__":
    sys.exit(main())
