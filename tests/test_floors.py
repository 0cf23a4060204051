"""Every module of the package stands in each list of modules that pyproject.toml and the Makefile hold."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
PACKAGE = CHECKOUT / "jwt_wsgi"

#: The modules that a contract leaves out, each with its reason. A module in neither place fails the test.
EXCEPTIONS = {
    "Only jose uses the cryptographic libraries": {
        "jwt_wsgi.jose": "it is the floor of the cryptographic libraries",
        "jwt_wsgi.testing": "it signs tokens",
    },
    "Only http talks to the network": {
        "jwt_wsgi.http": "it is the floor of the network",
        "jwt_wsgi.cli": "`jwt-wsgi issuer` is a server",
        "jwt_wsgi.testing": "`LocalIssuer.serve` is a server",
    },
    "Only stores uses a client of Redis or Valkey": {
        "jwt_wsgi.stores": "it is the floor of these clients"
    },
    "The pure code knows neither WSGI nor a clock": {
        "jwt_wsgi.__main__": "it reads the arguments of the process",
        "jwt_wsgi.cache": "it takes a lock",
        "jwt_wsgi.cli": "it is a program",
        "jwt_wsgi.client_certificates": "it reads what WSGI servers leave in an environ",
        "jwt_wsgi.coverage": "it reads applications of frameworks",
        "jwt_wsgi.explain": "it answers as the layers do",
        "jwt_wsgi.http": "it talks to the network",
        "jwt_wsgi.introspection": "it calls an endpoint; gate, judgement and shapes alone are pure",
        "jwt_wsgi.issuer": "its key sources read files and fetch",
        "jwt_wsgi.issuer_registry": "it takes a lock",
        "jwt_wsgi.jwks": "its sources have a clock and threads; the schedule alone is pure",
        "jwt_wsgi.mcp": "it is a layer; messages, mirrored_headers, place and tool_rules alone are pure",
        "jwt_wsgi.metrics": "it counts for libraries that have locks",
        "jwt_wsgi.middleware": "it is the WSGI",
        "jwt_wsgi.paste": "it is for WSGI servers",
        "jwt_wsgi.policyfile": "it reads files",
        "jwt_wsgi.presets": "it makes issuers, whose key sources fetch",
        "jwt_wsgi.revocation": "it is a WSGI application, and has a clock",
        "jwt_wsgi.stores": "its stores have clocks and locks",
        "jwt_wsgi.testing": "it has a clock and servers",
        "jwt_wsgi.verifier": "it has a clock",
    },
}
#: The modules in which a branch may stay untried, each with its reason.
NOT_PURE = {
    "__main__.py": "one of its branches is that an extra is not installed",
    "cli": "it is a program; its answers are tested, not each of its branches",
    "coverage": "frameworks in more versions than the tests have",
    "http": "what a network does is not all under the tests' control",
    "jwks": "threads race there; the schedule alone is held to every branch",
    "nesting.py": "frameworks in more versions than the tests have",
    "metrics": "libraries in more versions than the tests have",
    "paste": "a way in, over what is held to every branch",
    "policyfile.py": "a way in, over what is held to every branch",
    "presets": "a way in, over what is held to every branch",
    "testing": "it is for tests",
}


def contracts() -> list[dict[str, Any]]:
    read = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))
    listed: list[dict[str, Any]] = read["tool"]["importlinter"]["contracts"]
    return listed


def members(folder: Path) -> set[str]:
    """Return the modules and packages that stand in a package, by their file names."""
    modules = {path.name for path in folder.glob("*.py") if path.name != "__init__.py"}
    return modules | {path.parent.name for path in folder.glob("*/__init__.py")}


def dotted(names: set[str], package: str = "jwt_wsgi") -> set[str]:
    return {f"{package}.{name.removesuffix('.py')}" for name in names}


TOP = dotted(members(PACKAGE))
LAYERS = dotted(members(PACKAGE / "middleware"), "jwt_wsgi.middleware")


def test_every_module_has_one_floor() -> None:
    [floors] = [contract for contract in contracts() if contract["type"] == "layers"]
    listed = [name for floor in floors["layers"] for name in floor.split(" | ")]
    assert sorted(listed) == sorted((TOP - {"jwt_wsgi.middleware"}) | LAYERS)


def forbidden(begin: str) -> set[str]:
    [contract] = [each for each in contracts() if each["name"].startswith(begin)]
    assert contract["type"] == "forbidden"
    return set(contract["source_modules"])


@pytest.mark.parametrize("begin", EXCEPTIONS)
def test_every_module_is_listed_or_a_documented_exception(begin: str) -> None:
    # A module inside a package may be listed where its package is an exception.
    top = {".".join(name.split(".")[:2]): name for name in forbidden(begin)}
    listed = {name for package, name in top.items() if package == name}
    assert listed | EXCEPTIONS[begin].keys() == TOP
    assert listed.isdisjoint(EXCEPTIONS[begin])


def test_no_other_contract_names_modules() -> None:
    kinds = [contract["type"] for contract in contracts()]
    assert sorted(kinds) == ["forbidden"] * len(EXCEPTIONS) + ["layers"]


def pure() -> list[str]:
    """Return the patterns of the Makefile's list PURE, below the package."""
    text = (CHECKOUT / "Makefile").read_text("utf-8").replace("$\\\n", "")
    found = re.search(r"^PURE := (.*)$", text, re.MULTILINE)
    assert found is not None
    return [pattern.strip().removeprefix("jwt_wsgi/") for pattern in found[1].split(",")]


def test_the_pure_code_and_the_layers_are_all_held_to_every_branch() -> None:
    listed = {pattern.removesuffix("/*") for pattern in pure()}
    inside = {name for name in listed if "/" in name}
    assert (listed - inside) | NOT_PURE.keys() == members(PACKAGE)
    assert inside == {"jwks/burst.py", "jwks/kid_cache.py", "jwks/schedule.py", "jwks/sealed.py"}
    assert listed.isdisjoint(NOT_PURE)


def test_every_pattern_of_the_list_matches_a_file() -> None:
    for pattern in pure():
        assert list(PACKAGE.glob(pattern)), pattern
