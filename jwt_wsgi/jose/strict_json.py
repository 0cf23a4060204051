"""The one reader of JSON from outside: headers, claims, key sets, metadata.

Stricter than `json.loads`: UTF-8, one object, unique members, bounded depth,
finite numbers, no lone surrogates (RFC 7515 §4, RFC 7519 §4, RFC 8259 §8).
"""

import json
import math
import re
from typing import Any, NoReturn

#: Objects and arrays within each other; RFC 8259 §9 leaves the limit to the reader.
MAX_DEPTH = 32

_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def read_object(text: bytes) -> dict[str, Any]:
    """The JSON object that `text` is. Raises `ValueError`, which quotes nothing of it."""
    try:
        characters = text.decode("utf-8")
        if characters.count("{") + characters.count("[") > MAX_DEPTH:
            _check_depth(characters)
        value = _DECODER.decode(characters)
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


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant)
