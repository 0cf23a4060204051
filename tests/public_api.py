"""The public API as text: names, parameters, attributes, reasons, options of the command line.

`python tests/public_api.py` prints it, and `python tests/public_api.py --write` writes it to
tests/public_api.txt, with which tests/test_public_api.py compares the code. The documentation says
what is public: the names on the pages of docs/reference, and the keys of the environ in README.md.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, get_origin

import click
from public_signatures import callable_lines, class_lines, methods_of, type_text

import jwt_wsgi

CHECKOUT = Path(__file__).resolve().parent.parent
LISTING = Path(__file__).with_suffix(".txt")
REFERENCE = CHECKOUT / "docs" / "reference"

#: Public names without an entry on a page of the reference. Another page describes each of them.
ELSEWHERE = (
    "jwt_wsgi.paste.filter_app_factory",
    "jwt_wsgi.paste.filter_factory",
    "jwt_wsgi.sources.bearer",
    "jwt_wsgi.testing.django.Client",
    "pytest_jwt_wsgi.jwt_clock",
    "pytest_jwt_wsgi.jwt_issuer",
    "pytest_jwt_wsgi.jwt_key",
)

#: The name of an entry, and its lines.
Listing = dict[str, list[str]]


def collect() -> Listing:
    """Return the public API of the code as it is."""
    listing: Listing = {}
    seen: dict[int, str] = {}
    for name, thing in public_names():
        if callable(thing) and id(thing) in seen:
            listing[name] = [f"same as {seen[id(thing)]}"]
            continue
        seen[id(thing)] = name
        listing.update(entries(name, thing))
    listing["names that jwt_wsgi exports"] = sorted(jwt_wsgi.__all__)
    listing["reasons of refusals"] = sorted(_reasons())
    listing["codes of the linter"] = sorted(_lint_codes())
    listing["keys of the environ"] = sorted(_environ_keys())
    listing["settings of PasteDeploy"] = sorted(_paste_settings())
    listing.update(_commands())
    return listing


def entries(name: str, thing: Any) -> Listing:
    """Return the entry of a class with those of its methods, of a function or of a constant."""
    if inspect.isclass(thing):
        methods = methods_of(thing).items()
        found = {f"{name}.{method}": callable_lines(each) for method, each in methods}
        return {name: class_lines(thing), **found}
    if get_origin(thing) is not None:
        return {name: [f"type {type_text(thing)}"]}
    if callable(thing) and hasattr(thing, "__name__"):
        return {name: callable_lines(thing)}
    return {name: [f"constant of the type {type(thing).__name__}"]}


# --- the names


def public_names() -> Iterator[tuple[str, Any]]:
    """Yield each public name with its value: the shortest name of a thing comes first."""
    names = set(ELSEWHERE)
    for target in _documented():
        module, attribute = _resolve(target)
        if not attribute:
            names |= {f"{target}.{name}" for name in _members(module)}
            continue
        names.add(target)
        names |= {f"{module.__name__}.{name}" for name in getattr(module, "__all__", ())}
    for name in sorted(names, key=lambda name: (name.count("."), name)):
        module, attribute = _resolve(name)
        yield name, getattr(module, attribute)


def _documented() -> list[str]:
    pages = (page.read_text("utf-8") for page in sorted(REFERENCE.glob("*.md")))
    return re.findall(r"^::: ([\w.]+)$", "\n".join(pages), re.MULTILINE)


def _resolve(name: str) -> tuple[ModuleType, str]:
    """Return the module of a name, and the name in it; "" for a module."""
    try:
        return importlib.import_module(name), ""
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        return importlib.import_module(module), attribute


def _members(module: ModuleType) -> Iterable[str]:
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return listed
    return [
        name
        for name, thing in vars(module).items()
        if not name.startswith("_") and getattr(thing, "__module__", None) == module.__name__
    ]


# --- what is not a name of Python


def _reasons() -> Iterable[str]:
    from jwt_wsgi.errors import REASONS

    return REASONS


def _lint_codes() -> Iterable[str]:
    from jwt_wsgi.policy.findings import CODES

    return CODES


def _environ_keys() -> Iterable[str]:
    from jwt_wsgi import auth

    documented = re.findall(
        r"^\| `(jwt_wsgi\.\w+)` \|", (CHECKOUT / "README.md").read_text("utf-8"), re.MULTILINE
    )
    existing = {value for name, value in vars(auth).items() if name.endswith("_KEY")}
    return existing.intersection(documented)


def _paste_settings() -> Iterable[str]:
    from jwt_wsgi.paste.settings import SETTINGS

    return SETTINGS


def _commands() -> Listing:
    from jwt_wsgi.cli.program import program

    return {
        f"command jwt-wsgi {name}": sorted(_parameter_lines(command))
        for name, command in sorted(program.commands.items())
    }


def _parameter_lines(command: click.Command) -> Iterator[str]:
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            yield f"argument {parameter.human_readable_name}{_traits(parameter)}"
        elif isinstance(parameter, click.Option) and not parameter.hidden:
            names = ", ".join([*parameter.opts, *parameter.secondary_opts])
            yield f"option {names}{_traits(parameter)}"


def _traits(parameter: click.Parameter) -> str:
    traits = []
    if isinstance(parameter, click.Option) and parameter.is_flag:
        traits.append("a flag")
    if parameter.required:
        traits.append("required")
    if parameter.multiple if isinstance(parameter, click.Option) else parameter.nargs != 1:
        traits.append("more than once")
    if parameter.envvar:
        traits.append(f"from {parameter.envvar}")
    if isinstance(parameter.type, click.Choice):
        traits.append(f"one of {', '.join(map(str, parameter.type.choices))}")
    return "".join(f"; {trait}" for trait in traits)


# --- the file

HEAD = """# The public API. Written by: python tests/public_api.py --write
# A number counts the arguments that may be given by position; "keyword" is by name alone.
"""


def written(listing: Listing) -> str:
    """Return the text of the file for a listing."""
    blocks = ("\n    ".join([name, *lines]) for name, lines in sorted(listing.items()))
    return HEAD + "".join(f"\n{block}\n" for block in blocks)


def read(text: str) -> Listing:
    """Return the listing of a file's text."""
    blocks = [block.splitlines() for block in text.removeprefix(HEAD).split("\n\n")]
    whole = [[line for line in block if line] for block in blocks]
    return {block[0]: [line.strip() for line in block[1:]] for block in whole if block}


def differences(before: Mapping[str, list[str]], now: Mapping[str, list[str]]) -> list[str]:
    """Return a line for each entry that was removed or is new, and for each line that changed."""
    changes = [f"{name}: removed" for name in sorted(before.keys() - now.keys())]
    changes += [f"{name}: new" for name in sorted(now.keys() - before.keys())]
    for name in sorted(before.keys() & now.keys()):
        changes += [f"{name}: - {line}" for line in before[name] if line not in now[name]]
        changes += [f"{name}: + {line}" for line in now[name] if line not in before[name]]
    return changes


if __name__ == "__main__":
    text = written(collect())
    if sys.argv[1:] == ["--write"]:
        LISTING.write_text(text, "utf-8")
    else:
        sys.stdout.write(text)
