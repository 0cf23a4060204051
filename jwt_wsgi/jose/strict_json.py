"""The one reader of JSON from outside: headers, claims, key sets, metadata.

Stricter than `json.loads`: UTF-8, one object, unique members, bounded depth,
finite numbers, no lone surrogates (RFC 7515 §4, RFC 7519 §4, RFC 8259 §8).
"""

import json
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn

try:
    from orjson import dumps, loads
except ImportError:  # it comes with the extra `speed`
    loads = dumps = None  # type: ignore[assignment]

#: Objects and arrays within each other; RFC 8259 §9 leaves the limit to the reader.
MAX_DEPTH = 32

_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def read_object(text: bytes) -> dict[str, Any]:
    """The JSON object that `text` is. Raises `ValueError`, which quotes nothing of it."""
    if loads is not None and (quick := _quick_object(text)) is not None:
        return quick
    try:
        characters = text.decode("utf-8")
        if characters.count("{") + characters.count("[") > MAX_DEPTH:
            _check_depth(characters)
        value = _scanned(characters)
        if "\\u" in characters:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        raise ValueError("not UTF-8, or a lone surrogate") from None
    except json.JSONDecodeError:
        raise ValueError("not JSON") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def _quick_object(text: bytes) -> dict[str, Any] | None:
    """The object, where writing it again makes the very same text: no member was dropped, no number changed."""
    if text[:1] != b"{" or text.count(b"{") + text.count(b"[") > MAX_DEPTH:
        return None
    try:
        value: dict[str, Any] = loads(text)
    except ValueError:
        return None
    return value if dumps(value) == text else None


def _scanned(characters: str) -> Any:
    if characters[:1] == "{":
        try:
            value, end = _SCAN(characters, 0)
        except StopIteration:
            raise ValueError("not JSON") from None
        if end == len(characters):
            return value
    return _DECODER.decode(characters)


def _check_depth(characters: str) -> None:
    depth = 0
    for match in _BRACKETS.finditer(characters):
        mark = match.group()
        if mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError("nested too deeply")
        elif mark in "]}":
            depth -= 1


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member twice")
    return members


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError("a number beyond what a float holds")
    return value


def _no_constant(_: str) -> NoReturn:
    raise ValueError("NaN or Infinity")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant
)
_SCAN: Callable[[str, int], tuple[Any, int]] = _DECODER.scan_once  # type: ignore[attr-defined]
