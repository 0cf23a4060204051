"""Signatures as text that is the same on every version of Python, for tests/public_api.py."""

from __future__ import annotations

import ast
import enum
import functools
import inspect
import re
import textwrap
import types
from collections.abc import Callable, Iterator
from typing import Any, Literal, Union, Unpack, get_args, get_origin, get_type_hints

PACKAGE = "jwt_wsgi"
#: The methods of Python's own protocols that users call by an operator, or by calling the object.
OPERATORS = {"__and__", "__bool__", "__call__", "__contains__", "__iter__", "__len__", "__or__"}
_POSITIONAL = {
    inspect.Parameter.POSITIONAL_ONLY: "{number} (by position only)",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "{number}",
    inspect.Parameter.KEYWORD_ONLY: "keyword",
    inspect.Parameter.VAR_POSITIONAL: "any number *",
    inspect.Parameter.VAR_KEYWORD: "any keywords **",
}
_METHODS = (types.FunctionType, classmethod, staticmethod)


# --- callables


def callable_lines(function: Callable[..., Any]) -> list[str]:
    """Return a line for each parameter of a function, and one for what it returns.

    Parameters that are given by name are sorted, because their order means nothing.
    """
    signature = inspect.signature(function)
    result = signature.return_annotation
    lines = list(_parameters(signature))
    return lines if result is signature.empty else [*lines, f"returns {type_text(result)}"]


def _parameters(signature: inspect.Signature) -> Iterator[str]:
    by_name = []
    for number, parameter in enumerate(signature.parameters.values(), 1):
        if parameter.kind is parameter.KEYWORD_ONLY:
            by_name.append(_parameter(parameter, number))
        elif get_origin(parameter.annotation) is Unpack:
            by_name += _unpacked(*get_args(parameter.annotation))
        else:
            yield _parameter(parameter, number)
    yield from sorted(by_name)


def _parameter(parameter: inspect.Parameter, number: int) -> str:
    text = f"{_POSITIONAL[parameter.kind].format(number=number)} {parameter.name}"
    if parameter.annotation is not parameter.empty:
        text += f": {type_text(parameter.annotation)}"
    if parameter.default is parameter.empty:
        return text
    return f"{text} = {value_text(parameter.default)}"


def _unpacked(options: type) -> list[str]:
    """Return the lines of the options that a `TypedDict` names."""
    return [
        f"keyword {name}: {type_text(each)} = ..." for name, each in get_type_hints(options).items()
    ]


# --- classes


def class_lines(kind: type) -> list[str]:
    """Return the bases of a class, the parameters of its constructor, and its attributes."""
    lines = [f"class {kind.__name__}"]
    lines += [f"is a {base.__name__}" for base in kind.__mro__[1:] if _is_told(base)]
    if _has_constructor(kind):
        lines += _parameters(inspect.signature(kind))
    return lines + sorted(f"attribute {text}" for text in _attributes(kind).values())


def _has_constructor(kind: type) -> bool:
    if getattr(kind, "_is_protocol", False) or issubclass(kind, enum.Enum):
        return False
    return any({"__init__", "__new__"} & vars(each).keys() for each in _own_classes(kind))


def _is_told(base: type) -> bool:
    if base in (object, BaseException):
        return False
    return base.__module__ in ("builtins", f"{PACKAGE}.errors")


def _own_classes(kind: type) -> list[type]:
    """Return the class and its bases of the package, the base first."""
    return [each for each in reversed(kind.__mro__) if each.__module__.startswith(PACKAGE)]


def methods_of(kind: type) -> dict[str, Callable[..., Any]]:
    """Return the documented methods of a class, as its instances or the class itself have them.

    The reference pages show the methods that have a docstring.
    """
    names = {
        name
        for each in _own_classes(kind)
        for name, thing in vars(each).items()
        if isinstance(thing, _METHODS) and _is_documented(name, thing)
    }
    return {name: _without_self(kind, name) for name in sorted(names)}


def _is_documented(name: str, thing: Any) -> bool:
    return name in OPERATORS or (not name.startswith("_") and bool(thing.__doc__))


def _without_self(kind: type, name: str) -> Callable[..., Any]:
    thing = inspect.getattr_static(kind, name)
    found: Callable[..., Any] = getattr(kind, name)
    if isinstance(thing, types.FunctionType):
        return functools.partial(thing, None)
    return found


def _attributes(kind: type) -> dict[str, str]:
    texts: dict[str, str] = {}
    for each in _own_classes(kind):
        texts.update({name: name for name in _assigned(each) if name not in texts})
        for name, thing in vars(each).items():
            if not name.startswith("_") and not isinstance(thing, _METHODS):
                texts[name] = _attribute(name, thing)
        for name, annotation in inspect.get_annotations(each).items():
            if not name.startswith("_"):
                value = _constant(vars(each).get(name, ...))
                texts[name] = f"{name}: {type_text(annotation)}{value}"
    return texts


def _attribute(name: str, thing: Any) -> str:
    function = getattr(thing, "fget", getattr(thing, "func", None))
    if function is None:
        return name + _constant(thing)
    return f"{name}: {type_text(inspect.signature(function).return_annotation)}"


def _constant(value: Any) -> str:
    if isinstance(value, enum.Enum):
        return f" = {value.value!r}"
    is_plain = value is None or isinstance(value, (bool, int, float, str, bytes))
    return f" = {value!r}" if is_plain else ""


def _assigned(kind: type) -> set[str]:
    """Return the attributes that the class's methods set on `self`, and that its docstring names."""
    named = set(re.findall(r"\w+", kind.__doc__ or ""))
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    targets = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    return {
        node.attr
        for node in targets
        if isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
        and not node.attr.startswith("_")
        and node.attr in named
    }


# --- types and values


def type_text(annotation: Any) -> str:
    """Return a type as one writes it, without the modules of its names."""
    if annotation in (None, type(None)):
        return "None"
    if annotation is ...:
        return "..."
    if isinstance(annotation, list):
        return f"[{', '.join(map(type_text, annotation))}]"
    origin = get_origin(annotation)
    arguments = get_args(annotation)
    if origin is None or not arguments:
        return _name(annotation)
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    if origin in (Union, types.UnionType):
        return " | ".join(
            sorted(map(type_text, arguments), key=lambda text: (text == "None", text))
        )
    return f"{_name(origin)}[{', '.join(map(type_text, arguments))}]"


def _name(annotation: Any) -> str:
    if isinstance(annotation, str):
        return annotation
    name = getattr(annotation, "__forward_arg__", getattr(annotation, "__name__", None))
    return name or str(annotation).removeprefix("typing.")


def value_text(value: Any) -> str:
    """Return a default as one writes it: the name of a function, the type of an object."""
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return repr(value)
    if type(value) in (frozenset, set):
        return f"{{{', '.join(sorted(map(value_text, value)))}}}"
    if type(value) in (tuple, list):
        return f"({', '.join(map(value_text, value))})"
    if type(value) is dict or isinstance(value, types.MappingProxyType):
        pairs = (f"{value_text(name)}: {value_text(each)}" for name, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return f"an object of the type {type(value).__name__}"
