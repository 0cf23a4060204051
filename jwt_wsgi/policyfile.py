"""A policy as data: the same rules, written in TOML.

    default = "DENY"
    mounts = [""]

    [rules]
    "/api/public" = "PUBLIC"
    "GET /users/{id}" = 'claim("sub", path_param("id")) | scope("admin")'

A rule's value is the text of a requirement, as it is written in Python and as
`str(requirement)` prints it; predicates alone have no text.
"""

import ast
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jwt_wsgi.options import must
from jwt_wsgi.policy.algebra import AUTHENTICATED, DENY, OPTIONAL, PUBLIC, Requirement
from jwt_wsgi.policy.policy import Policy
from jwt_wsgi.policy.requirements import (
    acr,
    claim,
    fresh,
    has,
    issued_by,
    path_param,
    permission,
    report_only,
    scope,
)

_CONSTANTS: dict[str, Requirement] = {
    str(each): each for each in (PUBLIC, OPTIONAL, AUTHENTICATED, DENY)
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (scope, permission, claim, has, issued_by, acr, fresh, report_only, path_param)
}  # fmt: skip
_NAMES = ", ".join((*_CONSTANTS, *(f"{name}(...)" for name in _FUNCTIONS)))

# What a file may say besides its rules, and of which type.
_OPTIONS: dict[str, type] = {
    "default": str,
    "mounts": list,
    "allow_vhm_root": bool,
    "report_only": bool,
}


def read_policy(path: str | os.PathLike[str]) -> Policy:
    """The policy in a file. Raises `ValueError` that names the file, the key and the remedy."""
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise ValueError(f"policy file {os.fspath(path)}: cannot be read ({reason})") from None
    return parse_policy(text, name=f"policy file {os.fspath(path)}")


def parse_policy(text: str, *, name: str = "policy") -> Policy:
    """The policy that a TOML document says; `name` is what its errors call it. Raises `ValueError`."""
    try:
        document = tomllib.loads(text)
        rules = document.pop("rules", None)
        must(isinstance(rules, dict), "write a table [rules] of paths and requirements")
        for key, value in document.items():
            wanted = _OPTIONS.get(key)
            must(
                wanted is not None, f"{key}: no such key; choose from rules, {', '.join(_OPTIONS)}"
            )
            must(type(value) is wanted, f"{key}: {value!r} is no {wanted and wanted.__name__}")
        if "default" in document:
            document["default"] = _requirement_at("default", document["default"])
        return Policy(
            [(key, _requirement_at(f"rule {key!r}", value)) for key, value in rules.items()],
            **document,
        )
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def parse_requirement(text: str) -> Requirement:
    """The requirement that `text` says, such as `scope("a") | claim("org", "acme")`. Raises `ValueError`."""
    try:
        requirement: Any = _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, RecursionError, MemoryError):
        raise ValueError(
            f"{_cut(text)} is no requirement; combine with & and | what you need of {_NAMES}"
        ) from None
    if not isinstance(requirement, Requirement):
        raise ValueError(
            f"{_cut(text)} is no requirement by itself; use it in claim(...) or has(...)"
        )
    return requirement


def _requirement_at(where: str, text: object) -> Requirement:
    must(isinstance(text, str), f"{where}: write the requirement as text, in quotes, not {text!r}")
    try:
        return parse_requirement(str(text))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _value(node: ast.expr) -> Any:
    try:
        match node:
            case ast.BinOp(left, ast.BitAnd(), right):
                return _value(left) & _value(right)
            case ast.BinOp(left, ast.BitOr(), right):
                return _value(left) | _value(right)
            case ast.Name(name) if name in _CONSTANTS:
                return _CONSTANTS[name]
            case ast.Call(ast.Name(name), arguments, []) if name in _FUNCTIONS:
                return _FUNCTIONS[name](*map(_argument, arguments))
    except TypeError as error:
        combined = isinstance(node, ast.BinOp)
        why = (
            "PUBLIC, OPTIONAL and DENY combine with nothing, report_only with & alone"
            if combined
            else error
        )
        raise ValueError(f"{_cut(ast.unparse(node))}: {why}") from None
    raise ValueError(f"{_cut(ast.unparse(node))} is no requirement; choose from {_NAMES}")


def _argument(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return _value(node)


def _cut(text: str) -> str:
    return repr(text if len(text) <= 120 else text[:120] + "…")
