"""The shape of a token decides who is asked about it."""

from __future__ import annotations

import base64
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwt_wsgi.introspection.shapes import Shape, classify
from jwt_wsgi.testing import LocalIssuer

OPAQUE = Shape(is_b64token=True)
NOTHING = Shape()


def segment(value: object) -> str:
    octets = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


HEADER = segment({"alg": "RS256"})
CLAIMS = segment({"iss": "https://a.example.com/"})
TWICE = segment(b'{"alg": 1, "alg": 2}')
JWT = Shape(True, True, "https://a.example.com/")
NAMELESS = Shape(True, True, None)


@pytest.mark.parametrize(
    ("token", "shape"),
    [
        pytest.param(f"{HEADER}.{CLAIMS}.c2ln", JWT, id="a JWT"),
        pytest.param(f"{HEADER}.{CLAIMS}.", JWT, id="a JWT without a signature"),
        pytest.param(f"{HEADER}.{CLAIMS}.c2lo", JWT, id="stray bits in a signature"),
        pytest.param(f"{segment({'alg': 1})}.{CLAIMS}.c2ln", JWT, id="alg of another type"),
        pytest.param(f"{segment({'alg': 'none'})}.{CLAIMS}.c2ln", JWT, id="alg none"),
        pytest.param(f"{TWICE}.{CLAIMS}.c2ln", JWT, id="a member twice"),
        pytest.param(f"{HEADER}==.{CLAIMS}.c2ln=", Shape(True, False, JWT.issuer), id="padded"),
        pytest.param(f"{HEADER}.bm90IEpTT04.c2ln", NAMELESS, id="claims that are not JSON"),
        pytest.param(f"{HEADER}.{segment([1])}.c2ln", NAMELESS, id="claims that are a list"),
        pytest.param(f"{HEADER}.{segment({'iss': ['a']})}.c2ln", NAMELESS, id="iss a list"),
        pytest.param(f"{HEADER}.a.c2ln", NAMELESS, id="claims of one character"),
        pytest.param(f"{HEADER}..c2ln", NAMELESS, id="no claims"),
        pytest.param(f"{segment({'typ': 'JWT'})}.{CLAIMS}.c2ln", OPAQUE, id="a header without alg"),
        pytest.param(f"{segment(['alg'])}.{CLAIMS}.c2ln", OPAQUE, id="a header that is a list"),
        pytest.param(f"a.{CLAIMS}.c2ln", OPAQUE, id="a header of one character"),
        pytest.param(f"{segment(b'[' * 9000)}.{CLAIMS}.c2ln", OPAQUE, id="a header too deep"),
        pytest.param(f"{segment(b'1' * 9000)}.{CLAIMS}.c2ln", OPAQUE, id="a number too long"),
        pytest.param("2YotnFZFEjr1zCsicMWpAA", OPAQUE, id="the example of RFC 6749"),
        pytest.param("v1.local.abc", OPAQUE, id="three segments that are no JWT"),
        pytest.param(f"{HEADER}.{CLAIMS}", OPAQUE, id="two segments"),
        pytest.param(f"{HEADER}.{CLAIMS}.a.b.c", OPAQUE, id="five segments"),
        pytest.param(f"{HEADER}.{CLAIMS}.c2l+", OPAQUE, id="base64 in place of base64url"),
        pytest.param("a-._~+/=", OPAQUE, id="every mark of a b64token"),
        pytest.param("", NOTHING, id="nothing"),
        pytest.param("=", NOTHING, id="padding alone"),
        pytest.param("a=b", NOTHING, id="padding inside"),
        pytest.param("a b", NOTHING, id="a space"),
        pytest.param("abc\n", NOTHING, id="a line break at the end"),
        pytest.param("a,b", NOTHING, id="a comma"),
        pytest.param("é", NOTHING, id="beyond ASCII"),
        pytest.param(f"{HEADER}.{CLAIMS}.c2 ln", NOTHING, id="a JWT with a space in it"),
    ],
)
def test_the_shape_of_a_text(token: str, shape: Shape) -> None:
    assert classify(token) == shape


@given(st.text() | st.text("ab.=_-+/~ \n"))
def test_every_text_has_a_shape_and_b64tokens_are_those_of_rfc_6750(text: str) -> None:
    shape = classify(text)
    assert shape.is_b64token == bool(re.fullmatch(r"(?a:[\w.~+/-])+=*", text))
    assert shape.is_jwt <= (text.count(".") == 2)


@given(st.binary(), st.binary(), st.binary())
def test_every_three_segments_have_a_shape(header: bytes, payload: bytes, end: bytes) -> None:
    shape = classify(f"{segment(header)}.{segment(payload)}.{segment(end)}")
    assert shape.is_b64token
    if shape.is_jwt:
        assert "alg" in json.loads(header)


def test_tokens_of_every_algorithm_are_jwts(every_algorithm: LocalIssuer) -> None:
    for name in every_algorithm.algorithms:
        shape = classify(every_algorithm.token(algorithm=name))
        assert shape == Shape(True, True, every_algorithm.issuer)
