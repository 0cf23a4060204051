"""The strict JSON reader: the objects that it accepts, and everything that it refuses."""

from __future__ import annotations

import itertools
import json
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jwt_wsgi.jose import strict_json
from jwt_wsgi.jose.strict_json import MAX_DEPTH, read_object

GOOD = {
    "empty": (b"{}", {}),
    "white space everywhere": (b' \t\r\n{ "a" :\n1 } ', {"a": 1}),
    "every kind of value": (
        b'{"s": "x", "i": -3, "f": 1.5e2, "t": true, "n": null, "l": [1], "o": {"a": 1}}',
        {"s": "x", "i": -3, "f": 150.0, "t": True, "n": None, "l": [1], "o": {"a": 1}},
    ),
    "UTF-8 as it is": ('{"a": "é😀"}'.encode(), {"a": "é😀"}),
    "a surrogate pair": (b'{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
    "an escaped backslash before ud800": (b'{"a": "\\\\ud800"}', {"a": "\\ud800"}),
    "the largest float": (b'{"a": 1.7976931348623157e308}', {"a": 1.7976931348623157e308}),
    "an integer of 400 digits": (b'{"a": %s}' % (b"9" * 400), {"a": 10**400 - 1}),
    "one name at two depths": (b'{"a": {"a": 1}}', {"a": {"a": 1}}),
    "names that differ in case": (b'{"a": 1, "A": 2}', {"a": 1, "A": 2}),
}

BAD = {
    "not UTF-8": b'{"a": "\xff"}',
    "overlong UTF-8": b'{"a": "\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"a": "\xed\xa0\x80"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "nothing": b"",
    "an array": b"[]",
    "a string": b'"{}"',
    "null": b"null",
    "a number": b"1",
    "two objects": b"{}{}",
    "text behind": b"{} x",
    "cut off": b'{"a": ',
    "an open string": b'{"a": "',
    "single quotes": b"{'a': 1}",
    "a trailing comma": b'{"a": 1,}',
    "a comment": b'{"a": 1 /* one */}',
    "a name that is no string": b"{1: 1}",
    "a control character": b'{"a": "\n"}',
    "a NUL behind": b"{}\x00",
    "a leading zero": b'{"a": 01}',
    "a plus sign": b'{"a": +1}',
    "a hexadecimal number": b'{"a": 0x10}',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": Infinity}',
    "-Infinity": b'{"a": -Infinity}',
    "1e999 is infinite too": b'{"a": 1e999}',
    "-1e999": b'{"a": -1e999}',
    "a member twice": b'{"a": 1, "a": 1}',
    "a member twice, once escaped": b'{"a": 1, "\\u0061": 2}',
    "a member twice, deeper": b'{"a": [{"b": 1, "b": 2}]}',
    "a lone high surrogate": b'{"a": "\\ud800"}',
    "a lone low surrogate": b'{"a": "\\uDC00"}',
    "surrogates the wrong way round": b'{"a": "\\ude00\\ud83d"}',
    "a lone surrogate in a name": b'{"\\ud800": 1}',
    "a lone surrogate, deeper": b'{"a": [{"b": ["\\udfff"]}]}',
}


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    """Return an object that is `depth` levels deep."""
    inner = opening * (depth - 1)
    return b'{"a": %s1%s}' % (inner, closing * (depth - 1))


def raises_at_the_end_of_the_stack(call: Callable[[], Any]) -> Any:
    """Run `call` where the stack has room to enter it, but not for its own calls."""
    try:
        return raises_at_the_end_of_the_stack(call)
    except RecursionError:
        return call()


@pytest.mark.parametrize(("text", "value"), GOOD.values(), ids=GOOD)
def test_a_json_object_is_read(text: bytes, value: dict[str, Any]) -> None:
    assert read_object(text) == value


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_everything_else_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_object(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"secret", id="not JSON"),
        pytest.param(b'"secret"', id="not an object"),
        pytest.param(b'{"secret": \xff}', id="not UTF-8"),
        pytest.param(b'{"secret": 1, "secret": 2}', id="a member twice"),
        pytest.param(b'{"secret": NaN}', id="NaN"),
        pytest.param(b'{"secret": 1e999}', id="infinite"),
        pytest.param(b'{"secret\\ud800": 1}', id="a surrogate"),
        pytest.param(b'{"secret": %s}' % (b"[" * 100), id="depth"),
    ],
)
def test_the_error_quotes_nothing(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w") as raised:
        read_object(text)
    shown = "".join(traceback.format_exception_only(raised.value)) + repr(raised.value)
    assert "secret" not in shown
    # A subclass such as `JSONDecodeError` would hold the whole text.
    assert type(raised.value) is ValueError


@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"b":', b"}")], ids=["arrays", "objects"])
def test_depth_is_bounded(brackets: tuple[bytes, bytes]) -> None:
    assert read_object(nested(MAX_DEPTH, *brackets))
    for depth in (MAX_DEPTH + 1, 5000, 100_000):
        with pytest.raises(ValueError, match="nested too deeply"):
            read_object(nested(depth, *brackets))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b'{"a": [%s]}' % b",".join([b"[]"] * 100), id="side by side"),
        pytest.param(nested(MAX_DEPTH)[:-1] + b', "b": [[]], "c": {}}', id="beside the deepest"),
        pytest.param(b'{"a": "%s"}' % (b"[{" * 100), id="in a string"),
        pytest.param(b'{"a": "%s"}' % (b'\\"[' * 100), id="in a string, behind escaped quotes"),
        pytest.param(b'{"a\\\\": "%s"}' % (b"[" * 100), id="behind an escaped backslash"),
    ],
)
def test_many_brackets_are_not_depth(text: bytes) -> None:
    assert read_object(text)


def test_closed_brackets_do_not_hide_depth() -> None:
    beside = b"[], " * 40
    assert read_object(b'{"a": [%s %s]}' % (beside, b"[" * 30 + b"]" * 30))
    with pytest.raises(ValueError, match="nested too deeply"):
        read_object(b'{"a": [%s %s]}' % (beside, b"[" * 31 + b"]" * 31))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(b'{"a": NaN}', "NaN or Infinity", id="no number"),
        pytest.param(b'{"a": 1e999}', "a number beyond what a float holds", id="too large"),
        pytest.param(b'{"a": {"b": 1, "b": 2}}', "a member twice", id="twice"),
        pytest.param(b'{"a": "\\ud800"}', "not UTF-8, or a lone surrogate", id="half a pair"),
        pytest.param(b'{"a": "\xff"}', "not UTF-8, or a lone surrogate", id="not UTF-8"),
        pytest.param(b'{"a": ', "not JSON", id="cut off"),
        pytest.param(b"{", "not JSON", id="cut off at once"),
        pytest.param(b" {", "not JSON", id="cut off at once, behind a space"),
        pytest.param(b"[]", "not a JSON object", id="an array"),
        pytest.param(nested(MAX_DEPTH + 1), "nested too deeply", id="too deep"),
        # Brackets in a string are not depth. A line end in a string is not JSON.
        pytest.param(
            b'{"a": "\\\n%s"}' % (b"[" * 100), "not JSON", id="brackets behind an escaped line end"
        ),
    ],
)
def test_the_error_names_the_problem(text: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as raised:
        read_object(text)
    assert str(raised.value) == said


def test_brackets_in_a_string_do_not_hide_depth() -> None:
    closings = b'"%s"' % (b"]" * 100)
    with pytest.raises(ValueError, match="nested too deeply"):
        read_object(b'{"a": [%s, %s]}' % (closings, b"[" * 32 + b"]" * 32))


def test_a_nearly_full_stack_is_a_value_error() -> None:
    def read() -> None:
        # A number that orjson would spell differently, so that the strict reader is needed.
        read_object(b'{"a": {"b": 1e5}}')

    with pytest.raises(ValueError, match=r"^nested too deeply$"):
        raises_at_the_end_of_the_stack(read)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b'{"a":' + b"[]," * 40 + b'"' + b'\\"' * 6000, id="an open string of quotes"),
        pytest.param(b'{"a":' + b"[]," * 40 + b'"' + b"\\\\" * 6000, id="of backslashes"),
        pytest.param(b'{"a":' + b"[" * 12_000, id="openings alone"),
        pytest.param(b'{"a":' + b"9" * 12_000, id="digits alone"),
        pytest.param(b'{"a":' + b"9" * 12_000 + b".5}", id="digits before a point"),
        pytest.param(b'{"a":"' + b"\\ud800" * 2000 + b'"}', id="surrogates alone"),
    ],
)
def test_a_crafted_header_costs_no_more_than_its_length(text: bytes) -> None:
    # An honest header of this size takes well under a millisecond.
    spent = []
    for _ in range(3):
        began = time.thread_time()
        with pytest.raises(ValueError, match=r"\w"):
            read_object(text)
        spent.append(time.thread_time() - began)
    assert min(spent) < 0.05


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@settings(deadline=None, max_examples=100)
@given(value=st.dictionaries(st.text(), VALUES, max_size=4), ascii_only=st.booleans())
def test_the_output_of_json_dumps_is_read_back(value: dict[str, Any], ascii_only: bool) -> None:
    assert read_object(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@settings(deadline=None, max_examples=200)
@given(
    octets=st.binary(max_size=60)
    | st.text(st.sampled_from('{}[]":,\\u d8019eEN-.')).map(str.encode)
)
@example(octets=b"[" * 200_000)
def test_any_octets_are_an_object_or_a_value_error(octets: bytes) -> None:
    try:
        value = read_object(octets)
    except ValueError:
        return
    assert isinstance(value, dict)


def typed(value: Any) -> Any:
    """Return a value with the types and the order that `==` does not compare."""
    if isinstance(value, dict):
        return [(name, typed(member)) for name, member in value.items()]
    if isinstance(value, list):
        return tuple(map(typed, value))
    return type(value), repr(value)


def verdict(text: bytes) -> Any:
    """Return what the text means, or the refusal."""
    try:
        return typed(read_object(text))
    except ValueError as refusal:
        return str(refusal)


def verdict_without_orjson(text: bytes) -> Any:
    """Return the verdict of the strict reader alone."""
    with patch.object(strict_json, "loads", None):
        return verdict(text)


#: All texts of some tokens, up to a number of them, between a beginning and an end.
EXHAUSTIVE: dict[str, tuple[bytes, tuple[bytes, ...], bytes, int]] = {
    "characters": (b"{", (b'"', b":", b",", b"0", b" ", b"\\", b"{", b"}"), b"}", 5),
    "members": (b"{", (b'"a"', b'"a "', b'"\\u0061"', b":", b",", b"0", b" "), b"}", 5),
    "values": (b'{"a":', (b"[", b"]", b",", b"1", b"true", b"null", b"\n", b"{}"), b"}", 5),
    "numbers": (b'{"a":', (b"0", b"1", b"-", b".", b"e", b"+", b" "), b"}", 5),
    "strings": (b'{"a":"', (b"\\", b"u", b"d8", b"00", b" ", b"n", b'"', b"\t"), b'"}', 5),
    "two numbers": (b"{", (b'"a":', b'"b":', b"-0", b"1.000", b"9" * 20, b", "), b"}", 5),
    "around": (b"", (b"{", b"}", b" ", b"\r", b"\f", b"\xef\xbb\xbf", b"\x00"), b"", 5),
}


def every_text(
    beginning: bytes, tokens: tuple[bytes, ...], end: bytes, most: int
) -> Iterator[bytes]:
    for length in range(most + 1):
        for chosen in itertools.product(tokens, repeat=length):
            yield beginning + b"".join(chosen) + end


@pytest.mark.parametrize("texts", EXHAUSTIVE.values(), ids=EXHAUSTIVE)
def test_every_short_text_has_the_verdict_of_the_strict_reader(
    texts: tuple[bytes, tuple[bytes, ...], bytes, int],
) -> None:
    verdicts = {text: verdict(text) for text in every_text(*texts)}
    with patch.object(strict_json, "loads", None):
        different = [text for text, found in verdicts.items() if found != verdict(text)]
    assert different == []
    # Some are objects and some are not, so that neither verdict is the only one.
    assert {type(found) for found in verdicts.values()} == {str, list}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b'{"a": 1, "a": 1}', id="a member twice"),
        pytest.param(b'{"a": 1, "b": {"c": 1, "c": 1}}', id="a member twice, deeper"),
        pytest.param(b'{"a b": 1, "a b": 1}', id="a member twice, with a space in its name"),
        pytest.param(b'{"a": 1, "a ": 1}', id="names that differ in a space"),
        pytest.param(b'{"a": " x  y "}', id="spaces in a string"),
        pytest.param(b'{"a": "x\ty"}', id="a tab in a string"),
        pytest.param(b'{"a": "x\\ y"}', id="a space behind a backslash"),
        pytest.param(b'{"a": "\\" ", "b": "\\" "}', id="escaped quotes"),
        pytest.param(b'{"a": 1 2}', id="a space in an integer"),
        pytest.param(b'{"a": - 1}', id="a space behind a sign"),
        pytest.param(b'{"a": 1. 5}', id="a space in a fraction"),
        pytest.param(b'{"a": t rue}', id="a space in a word"),
        pytest.param(b'{"a": -0}', id="minus nought"),
        pytest.param(b'{"a": -0.0}', id="minus nought, a float"),
        pytest.param(
            b'{"a": 18446744073709551616, "b": 1.000}', id="spellings of the same length in all"
        ),
        pytest.param(b'{"a": 9223372036854775808}', id="64 bits"),
        pytest.param(b'{"a": 18446744073709551616}', id="beyond 64 bits"),
        pytest.param(b'{"a": -9223372036854775809}', id="beyond 64 bits, negative"),
        pytest.param(b'{"a": 1e22}', id="an exponent"),
        pytest.param(b'{"a": 1E400}', id="beyond a float"),
        pytest.param(b'{"a": 0.1}', id="a fraction"),
        pytest.param(b'{"a": 5e-324}', id="the smallest float"),
        pytest.param(b'{"a": "\xed\xa0\x80"}', id="a surrogate in UTF-8"),
        pytest.param(b'{"a": "\\ud800"}', id="a lone surrogate"),
        pytest.param(b'{\x0c"a": 1}', id="a form feed"),
        pytest.param(b'{\xc2\xa0"a": 1}', id="a no-break space"),
        pytest.param(b'\xef\xbb\xbf{"a": 1}', id="a byte order mark"),
        pytest.param(b'{\r\n\t"a" : [ 1 ,\n 2 ] }\n', id="white space of every kind"),
    ],
)
def test_white_space_changes_no_verdict(text: bytes) -> None:
    assert verdict(text) == verdict_without_orjson(text)


SPELLINGS = st.sampled_from(
    ["0", "-0", "-0.0", "1", "1.0", "1.00", "1e2", "1E+2", "1e400", "0.1", "1e-7", "1e16", "NaN"]
) | st.sampled_from(
    ["9007199254740993", "18446744073709551615", "18446744073709551616", "01", "1.", ".5", "+1"]
)
STRINGS = (
    st.text(st.sampled_from('a "\\ué\u2028{}[]:,\t')).map(partial(json.dumps, ensure_ascii=False))
    | st.text(st.sampled_from("a \u00e9\ud800\U0001f600")).map(json.dumps)
    | st.sampled_from(['"a"', '"a "', '"\\u0061"', '" "', '"a\\\\"', '"\\/"', '"\t"', '"\\ "'])
)
SPACES = st.text(st.sampled_from(" \n\t\r"), max_size=2)


@st.composite
def spelled_objects(draw: st.DrawFn, depth: int = 0) -> str:
    """Draw an object, in which names may repeat and each token has a spelling of its own."""

    def spaced(text: str) -> str:
        return draw(SPACES) + text + draw(SPACES)

    members = []
    for _ in range(draw(st.integers(0, 3))):
        value = draw(SPELLINGS | STRINGS | st.sampled_from(["true", "null", "[]"]))
        if depth < 3 and draw(st.booleans()):
            value = draw(spelled_objects(depth + 1))
            value = f"[{spaced(value)}]" if draw(st.booleans()) else value
        members.append(f"{spaced(draw(STRINGS))}:{spaced(value)}")
    return spaced("{" + ",".join(members) + "}")


@settings(deadline=None, max_examples=400)
@given(text=spelled_objects())
def test_a_spelled_object_has_the_verdict_of_the_strict_reader(text: str) -> None:
    octets = text.encode()
    assert verdict(octets) == verdict_without_orjson(octets)


@settings(deadline=None, max_examples=100)
@given(value=st.dictionaries(st.text(), VALUES, max_size=4), indent=st.none() | st.integers(0, 3))
def test_a_text_and_its_compact_form_have_one_value(
    value: dict[str, Any], indent: int | None
) -> None:
    spaced = json.dumps(value, ensure_ascii=False, indent=indent).encode()
    compact = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    assert verdict(spaced) == verdict(compact) == typed(value)
