"""The one reader of JSON from outside: headers, claims, key sets, metadata.

It is stricter than `json.loads`: UTF-8, one object, unique members, bounded depth,
finite numbers, no lone surrogates (RFC 7515 §4, RFC 7519 §4, RFC 8259 §8).

Where orjson is installed, it reads most texts, and a round trip shows that it lost nothing: the
value is written again, and both texts are compared without their white space. This is enough:

- Outside strings, white space only separates tokens, so a text without it has the same tokens.
  orjson refuses `1 2` and `t rue`, in which removing a space would join two tokens.
- Inside a string, the only unescaped white space is U+0020, and none may follow a backslash. So
  removing it moves neither the end of a string nor an escape.
- Both texts therefore have equally many strings. orjson keeps the last of two equal members; the
  text that it writes then lacks at least the name of the first one.
- A number has the same characters in both texts. orjson writes integers digit by digit and floats
  with a point or an exponent, so it changed neither the value nor its type. A number that it
  spells differently (`1e2`, an integer over 64 bits) differs here.
- orjson writes `u` escapes for control characters alone, so no surrogate gets this far.

Every other text is read by the strict reader, which alone decides that a text is refused.
"""

import json
import math
import re
from codecs import BOM_UTF8
from collections.abc import Callable
from typing import Any, NoReturn

try:
    from orjson import dumps, loads
except ImportError:  # The library is part of the extra `speed`.
    loads = dumps = None  # type: ignore[assignment]

#: The white space of JSON (RFC 8259 §2).
_WHITE_SPACE = b" \t\n\r"

#: The number of objects and arrays inside each other; RFC 8259 §9 lets a reader limit it.
MAX_DEPTH = 32

# A string, an opening bracket, or a closing one. Brackets inside a string are part of it.
_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def read_object(octets: bytes) -> dict[str, Any]:
    """Return the JSON object that `octets` encode.

    Raises:
        ValueError: They are not one strict JSON object. The text quotes nothing of them.
    """
    if loads is not None:
        value = _read_quickly(octets)
        if value is not None:
            return value
    return _read_strictly(octets)


def read_document(octets: bytes) -> dict[str, Any]:
    """Return the JSON object of a document: a key set, metadata, or a response.

    One UTF-8 byte order mark in front of it is skipped, as RFC 8259 §8.1 allows. The segments
    of a token are no documents: `read_object` reads them and refuses the mark.

    Raises:
        ValueError: `octets` are not one strict JSON object. The text quotes nothing of them.
    """
    return read_object(octets.removeprefix(BOM_UTF8))


def _read_quickly(octets: bytes) -> dict[str, Any] | None:
    """Return the object if orjson writes it as the same text but for white space, otherwise None.

    The docstring of this module says why this is as strict as `_read_strictly`.
    """
    if octets[:1] != b"{" or octets.count(b"{") + octets.count(b"[") > MAX_DEPTH:
        return None
    try:
        value: dict[str, Any] = loads(octets)
    except ValueError:
        return None
    written = dumps(value)
    if written == octets:
        return value
    # orjson writes white space in strings only, and there every other one is an escape.
    if written.replace(b" ", b"") == octets.translate(None, _WHITE_SPACE):
        return value
    return None


def _read_strictly(octets: bytes) -> dict[str, Any]:
    try:
        text = octets.decode("utf-8")
        if text.count("{") + text.count("[") > MAX_DEPTH:
            _check_depth(text)
        value = _parse(text)
        if "\\u" in text:
            # Only an escape can make a lone surrogate, which has no UTF-8.
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


def _parse(text: str) -> Any:
    """Return the value of `text`, with the scanner alone where nothing surrounds the object."""
    if text[:1] == "{":
        try:
            value, end = _SCAN(text, 0)
        except StopIteration:
            raise ValueError("not JSON") from None
        if end == len(text):
            return value
    return _DECODER.decode(text)


def _check_depth(text: str) -> None:
    depth = 0
    for match in _BRACKETS.finditer(text):
        mark = match.group()
        if mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError("nested too deeply")
        elif mark in "]}":
            depth -= 1


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member twice")
    return members


def _finite_float(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError("a number beyond what a float holds")
    return value


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("NaN or Infinity")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_members, parse_float=_finite_float, parse_constant=_refuse_constant
)
_SCAN: Callable[[str, int], tuple[Any, int]] = _DECODER.scan_once  # type: ignore[attr-defined]
