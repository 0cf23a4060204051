"""A policy as data: the same rules, written in TOML.

    default = "DENY"
    mounts = [""]

    [rules]
    "/api/public" = "PUBLIC"
    "GET /users/{id}" = 'claim("sub", path_param("id")) | scope("admin")'

A rule's value is the text of a requirement, as it is written in Python and as
`str(requirement)` prints it. Predicates have no text, so a file cannot contain them.
"""

import ast
import operator
import os
import tomllib
from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

from jwt_wsgi.policy.algebra import (
    AUTHENTICATED,
    DENY,
    MAX_CONDITIONS,
    MAX_DEPTH,
    OPTIONAL,
    PUBLIC,
    Requirement,
)
from jwt_wsgi.policy.authentication import acr, fresh, sender_constrained
from jwt_wsgi.policy.policy import Policy
from jwt_wsgi.policy.requirements import (
    claim,
    has,
    issued_by,
    path_param,
    permission,
    report_only,
    scope,
)

_CONSTANTS: dict[str, Requirement] = {
    str(requirement): requirement for requirement in (PUBLIC, OPTIONAL, AUTHENTICATED, DENY)
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "scope": scope,
    "permission": permission,
    "claim": claim,
    "has": has,
    "issued_by": issued_by,
    "acr": acr,
    "fresh": fresh,
    "sender_constrained": sender_constrained,
    "report_only": report_only,
    "path_param": path_param,
}
_NAMES = ", ".join([*_CONSTANTS, *(f"{name}(...)" for name in _FUNCTIONS)])

# The keys of a file besides its rules, each with its type. They are options of `Policy`.
_OPTIONS: dict[str, type] = {
    "default": str,
    "mounts": list,
    "allow_vhm_root": bool,
    "report_only": bool,
    "accept": list,
}

_MAX_QUOTED_CHARACTERS = 120


def read_policy(path: str | os.PathLike[str]) -> Policy:
    """Return the policy that a TOML file describes.

    Args:
        path: The file, in UTF-8.

    Raises:
        ValueError: The file cannot be read, or is not a policy. The text names the file, the key
            and the remedy.
    """
    name = f"policy file {os.fspath(path)}"
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise ValueError(f"{name}: cannot be read ({reason})") from None
    return parse_policy(text, name=name)


def parse_policy(text: str, *, name: str = "policy") -> Policy:
    """Return the policy that a TOML document describes.

    Args:
        text: The document.
        name: The document's name in error texts.

    Raises:
        ValueError: The document is not a policy. The text names the key and the remedy.
    """
    try:
        document = tomllib.loads(text)
        rules = document.pop("rules", None)
        if not isinstance(rules, dict):
            raise ValueError("write a table [rules] of paths and requirements")
        _check_options(document)
        return _make_policy(rules, document)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def parse_requirement(text: str) -> Requirement:
    """Return the requirement that a text describes, such as `scope("a") | claim("org", "acme")`.

    Args:
        text: The requirement, as it is written in Python. Nothing is executed.

    Raises:
        ValueError: The text is not a requirement.
    """
    try:
        expression = ast.parse(text.strip(), mode="eval").body
        requirement: Any = _evaluate(expression)
    except SyntaxError:
        raise ValueError(
            f"{_quote(text)} is not a requirement; combine with & and | what you need of {_NAMES}"
        ) from None
    except (RecursionError, MemoryError):
        raise ValueError(
            f"{_quote(text)} is too long; a requirement has at most {MAX_CONDITIONS:,} conditions, "
            f"nested at most {MAX_DEPTH} deep: write one condition on a list, such as has(...)"
        ) from None
    if not isinstance(requirement, Requirement):
        raise ValueError(
            f"{_quote(text)} is not a requirement by itself; use it in claim(...) or has(...)"
        )
    return requirement


def _check_options(options: Mapping[str, object]) -> None:
    for key, value in options.items():
        if key not in _OPTIONS:
            raise ValueError(f"{key}: no such key; choose from rules, {', '.join(_OPTIONS)}")
        expected_type = _OPTIONS[key]
        if type(value) is not expected_type:
            raise ValueError(f"{key}: {value!r} is not a {expected_type.__name__}")


def _make_policy(rules: Mapping[str, object], options: Mapping[str, Any]) -> Policy:
    default: Requirement = DENY
    if "default" in options:
        default = _requirement_at("default", options["default"])
    pairs = [(key, _requirement_at(f"rule {key!r}", value)) for key, value in rules.items()]
    return Policy(
        pairs,
        default=default,
        mounts=options.get("mounts", [""]),
        allow_vhm_root=options.get("allow_vhm_root", False),
        report_only=options.get("report_only", False),
        accept=options.get("accept", ()),
    )


def _requirement_at(where: str, text: object) -> Requirement:
    """Return the requirement at one place of the file; `where` begins the error text."""
    if not isinstance(text, str):
        raise ValueError(f"{where}: write the requirement as text, in quotes, not {text!r}")
    try:
        return parse_requirement(text)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _evaluate(node: ast.expr) -> Any:
    """Return the value of an expression; only the names of requirements are allowed in it."""
    match node:
        case ast.BinOp(op=ast.BitAnd()):
            return reduce(_both, map(_evaluate, _operands(node, ast.BitAnd)))
        case ast.BinOp(op=ast.BitOr()):
            return reduce(_either, map(_evaluate, _operands(node, ast.BitOr)))
        case ast.Name(name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.Call(ast.Name(name), arguments, []) if name in _FUNCTIONS:
            try:
                return _FUNCTIONS[name](*map(_evaluate_argument, arguments))
            except TypeError as error:
                raise ValueError(f"{_quote(ast.unparse(node))}: {error}") from None
    raise ValueError(f"{_quote(ast.unparse(node))} is not a requirement; choose from {_NAMES}")


def _operands(node: ast.expr, kind: type[ast.operator]) -> list[ast.expr]:
    """Return the operands of a chain of one operator, in order.

    The parser nests a chain as deep as it is long, so it is walked without recursion.
    """
    operands = []
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, ast.BinOp) and isinstance(current.op, kind):
            pending += [current.right, current.left]
        else:
            operands.append(current)
    return operands


def _both(left: Any, right: Any) -> Any:
    return _combine(operator.and_, "&", left, right)


def _either(left: Any, right: Any) -> Any:
    return _combine(operator.or_, "|", left, right)


def _combine(combine: Callable[[Any, Any], Any], sign: str, left: Any, right: Any) -> Any:
    try:
        return combine(left, right)
    except TypeError:
        raise ValueError(
            f"{_quote(f'{left!r} {sign} {right!r}')}: PUBLIC, OPTIONAL and DENY combine with "
            "nothing, report_only with & alone"
        ) from None


def _evaluate_argument(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return _evaluate(node)


def _quote(text: str) -> str:
    """Return a text in quotes, and cut where it is long."""
    if len(text) > _MAX_QUOTED_CHARACTERS:
        text = text[:_MAX_QUOTED_CHARACTERS] + "…"
    return repr(text)
