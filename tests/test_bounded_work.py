"""The work for a refused token is linear in its size, and constant above the cap.

Counted are the calls of Python and C functions (`sys.setprofile`) and the greatest number of bytes that
were held (`tracemalloc`), never the clock. Neither sees what happens inside one call of C: the steps of a
pattern, the digits of a number, the JSON scanner, the bytes that a C library takes past Python's allocator.
For these, the tests at the end show the construction: possessive patterns, a bound on an integer's digits,
one pass of the scanner. `test_strict_json.py` has the clock's part.
"""

from __future__ import annotations

import re
import sys
import tracemalloc
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from counting import calls

from jwt_wsgi import Issuer, StaticJWKS, Verifier
from jwt_wsgi.errors import InvalidToken
from jwt_wsgi.jose import strict_json
from jwt_wsgi.jose.compact import MAX_TOKEN_BYTES
from jwt_wsgi.jose.encoding import encode
from jwt_wsgi.jwks.source import report_accepted_token
from jwt_wsgi.middleware.authorization_header import parse_authorization
from jwt_wsgi.testing import LocalIssuer

KIB = 1024
SIZES = [1 * KIB, 2 * KIB, 4 * KIB, 8 * KIB, 16 * KIB]
HEADER = encode(b'{"alg":"RS256","kid":"k"}')


def in_header(text: Callable[[int], bytes]) -> Callable[[int], str]:
    """The header is `text(size)`, and the token `size` bytes long at most."""
    return lambda size: f"{encode(text(size * 3 // 4 - 8))}.e30.AAAA"


def in_payload(text: Callable[[int], bytes]) -> Callable[[int], str]:
    return lambda size: f"{HEADER}.{encode(text((size - len(HEADER) - 16) * 3 // 4))}.AAAA"


def nested(size: int) -> bytes:
    inner = (size - 6) // 2
    return b'{"a":' + b"[" * inner + b"]" * inner + b"}"


def objects(size: int) -> bytes:
    inner = (size - 2) // 6
    return b'{"a":' * inner + b"1" + b"}" * inner


def repeated(before: bytes, each: bytes, after: bytes) -> Callable[[int], bytes]:
    return lambda size: before + each * ((size - len(before) - len(after)) // len(each)) + after


#: JSON that costs a careless reader more than its length.
TEXTS: dict[str, Callable[[int], bytes]] = {
    "nested arrays": nested,
    "nested objects": objects,
    "openings alone": repeated(b'{"a":', b"[", b""),
    "many flat arrays": repeated(b'{"a":[0', b",[]", b"]}"),
    "many members": lambda size: (
        b"{%s}" % b",".join(b'"%06d":0' % number for number in range((size - 2) // 11))
    ),
    "one member again and again": repeated(b'{"a":0', b',"a":0', b"}"),
    "a huge integer": repeated(b'{"a":', b"9", b"}"),
    "a huge fraction": repeated(b'{"a":0.', b"9", b"}"),
    "a huge exponent": repeated(b'{"a":1e', b"9", b"}"),
    "many integers of 40 digits": repeated(b'{"a":[0', b"," + b"9" * 40, b"]}"),
    "escapes": repeated(b'{"a":"', b"\\u0041", b'"}'),
    "lone surrogates": repeated(b'{"a":"', b"\\ud800", b'"}'),
    "a name of escapes": repeated(b'{"', b"\\u0041", b'":0}'),
    "an open string": repeated(b'{"a":"', b"a", b""),
    "an open string of backslashes": repeated(b'{"a":[' + b"[]," * 40 + b'"', b"\\\\", b""),
    "an open string of quotes": repeated(b'{"a":[' + b"[]," * 40 + b'"', b'\\"', b""),
    "many open strings": repeated(b'{"a":[' + b"[]," * 40, b'"\\', b""),
    "white space": repeated(b"{", b" ", b"}"),
    "octets that are no UTF-8": repeated(b"{", b"\xff", b"}"),
}

TOKENS: dict[str, Callable[[int], str]] = {
    "dots": lambda size: "." * size,
    "one letter": lambda size: "A" * size,
    "one letter in three segments": lambda size: (
        f"{'A' * (size // 3 - 1)}.{'A' * (size // 3 - 1)}.{'A' * (size // 3)}"
    ),
    "a payload of one letter": lambda size: f"{HEADER}.{'A' * (size - len(HEADER) - 6)}.AAAA",
    "a long signature": lambda size: f"{HEADER}.e30.{'A' * ((size - len(HEADER) - 5) // 4 * 4)}",
    "padding": lambda size: f"{HEADER}.e30.{'=' * (size - len(HEADER) - 5)}",
    **{f"{name}, in the header": in_header(text) for name, text in TEXTS.items()},
    **{f"{name}, in the payload": in_payload(text) for name, text in TEXTS.items()},
}


@pytest.fixture(scope="module")
def verifier(local: LocalIssuer) -> Verifier:
    return Verifier(Issuer(local.issuer, audience=local.audience, keys=StaticJWKS(local.jwks)))


def refusal(verifier: Verifier, token: str) -> Callable[[], None]:
    """The whole way of a bad token, from the header's value to the verdict."""

    def refuse() -> None:
        found: Any = parse_authorization(f"Bearer {token}")
        with pytest.raises(InvalidToken):
            verifier.verify(found.token)

    refuse()  # What is imported or compiled at the first time is no work for this token.
    return refuse


def peak(work: Callable[[], None]) -> int:
    """The most bytes that were held at a time, beyond those held before."""
    tracing = tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if not tracing:
            tracemalloc.stop()


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
def test_the_work_for_a_refused_token_is_linear_in_its_size(
    verifier: Verifier, token: Callable[[int], str]
) -> None:
    works = {size: refusal(verifier, token(size)) for size in SIZES}
    counted = {size: calls(work) for size, work in works.items()}
    held = {size: peak(work) for size, work in works.items()}
    for size in SIZES:
        assert size * 0.8 < len(token(size)) <= size
        assert counted[size] <= counted[KIB] * size // KIB + 200, counted
        assert held[size] <= 40 * size + 32 * KIB, held


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
def test_a_token_above_the_cap_costs_the_same_whatever_its_size(
    verifier: Verifier, token: Callable[[int], str]
) -> None:
    texts = [token(64 * KIB), token(1024 * KIB)]
    assert min(map(len, texts)) > MAX_TOKEN_BYTES

    def refuse(text: str) -> Callable[[], None]:
        def work() -> None:
            with pytest.raises(InvalidToken, match="token_too_large"):
                verifier.verify(text)

        work()
        return work

    small, large = map(refuse, texts)
    assert calls(large) <= calls(small) + 20
    assert peak(large) <= 32 * KIB


def test_the_counter_counts_calls_of_python_and_of_c() -> None:
    assert calls(lambda: [len("") for _ in range(2 * KIB)].clear()) >= 2 * KIB
    assert peak(lambda: [bytes(KIB * KIB)].clear()) >= KIB * KIB


def test_the_pattern_of_the_depth_scan_does_not_backtrack() -> None:
    pattern = re.sub(r"\\.", "x", strict_json._BRACKETS.pattern)
    repetitions = re.sub(r"\[[^\]]*\]|\(\?:", "", pattern)
    # Every repetition is possessive, and the closing quote may be wanting.
    assert re.findall(r"[*+?{]+", repetitions) == ["++", "*+", "?"]


@pytest.mark.parametrize("digits", [5000, 12_000])
def test_an_integer_that_takes_squared_time_is_refused_unread(digits: int) -> None:
    # The interpreter itself refuses; were that switched off, this fails.
    assert 0 < sys.get_int_max_str_digits() <= 4300
    with pytest.raises(ValueError, match="limit"):
        strict_json.read_object(b'{"a":%s}' % (b"9" * digits))


def test_the_depth_is_checked_before_a_reader_recurses(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def reader(name: str) -> Callable[..., Any]:
        def noted(*_: object) -> Any:
            read.append(name)
            raise ValueError(name)

        return noted

    monkeypatch.setattr(strict_json, "loads", reader("the quick one"))
    monkeypatch.setattr(strict_json, "_SCAN", reader("the scanner"))
    monkeypatch.setattr(strict_json, "_DECODER", SimpleNamespace(decode=reader("the decoder")))
    for text in (nested(8 * KIB), b" " + nested(8 * KIB)):
        with pytest.raises(ValueError, match="nested too deeply"):
            strict_json.read_object(text)
    assert read == []
    # Each of them is a reader that a shallow text comes to.
    for text in (b'{"a":1}', b' {"a":1}'):
        with pytest.raises(ValueError, match="the "):
            strict_json.read_object(text)
    assert read == ["the quick one", "the scanner", "the decoder"]


@pytest.mark.counts_calls
def test_a_source_that_wants_no_news_of_accepted_tokens_costs_one_look(local: LocalIssuer) -> None:
    source = StaticJWKS(local.jwks)
    nothing = calls(lambda: None)
    assert calls(lambda: report_accepted_token(source, "k", "RS256")) == nothing + 2
