"""The claim `cnf`: which keys a token is bound to, and which claims bind it to nothing known."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwt_wsgi.bindings import DPOP, MTLS
from jwt_wsgi.errors import InvalidToken
from jwt_wsgi.possession.confirmation import read_confirmation, scheme_of

X5T = "x5t#S256"
Members = tuple[str | None, str | None]
UNDERSTOOD: dict[str, tuple[dict[str, Any], Members, set[str], str]] = {
    "a key": ({"jkt": "a"}, ("a", None), {DPOP}, "DPoP"),
    "a certificate": ({X5T: "b"}, (None, "b"), {MTLS}, "Bearer"),
    "both": ({X5T: "b", "jkt": "a"}, ("a", "b"), {DPOP, MTLS}, "DPoP"),
    "a key and others": ({"jkt": "a", "kid": 1, "x": None}, ("a", None), {DPOP}, "DPoP"),
    "a certificate and jwk": ({X5T: "b", "jwk": {}}, (None, "b"), {MTLS}, "Bearer"),
}


@pytest.mark.parametrize(
    ("cnf", "expected", "bindings", "scheme"), UNDERSTOOD.values(), ids=UNDERSTOOD
)
def test_the_understood_members_are_read_and_others_ignored(
    cnf: dict[str, Any], expected: Members, bindings: set[str], scheme: str
) -> None:
    confirmation = read_confirmation({"cnf": cnf})
    assert confirmation is not None
    assert (confirmation.jkt, confirmation.x5t) == expected
    assert confirmation.bindings == bindings
    assert confirmation.scheme == scheme == scheme_of({"cnf": cnf})


@pytest.mark.parametrize("claims", [{}, {"sub": "1"}, {"CNF": {"jkt": "a"}}], ids=str)
def test_a_token_without_cnf_is_not_bound(claims: dict[str, Any]) -> None:
    assert read_confirmation(claims) is None
    assert scheme_of(claims) is None


REFUSED: dict[str, Any] = {
    "null": None,
    "no members": {},
    "a text": "jkt",
    "a list": ["jkt"],
    "a list of objects": [{"jkt": "a"}],
    "a number": 1,
    "true": True,
    "false": False,
    "an unknown member": {"kid": "1"},
    "a key itself": {"jwk": {"kty": "EC"}},
    "another case": {"JKT": "a"},
    "another hash": {"x5t": "b"},
    "a certificate's hash in another case": {"x5t#s256": "b"},
    "jkt null": {"jkt": None},
    "jkt empty": {"jkt": ""},
    "jkt a list": {"jkt": ["a"]},
    "jkt a number": {"jkt": 1},
    "jkt true": {"jkt": True},
    "x5t null": {X5T: None},
    "x5t empty": {X5T: ""},
    "x5t an object": {X5T: {}},
    "jkt null beside a certificate": {"jkt": None, X5T: "b"},
    "x5t null beside a key": {"jkt": "a", X5T: None},
}


@pytest.mark.parametrize("cnf", REFUSED.values(), ids=REFUSED)
def test_a_token_that_is_bound_in_another_way_is_refused(cnf: object) -> None:
    with pytest.raises(InvalidToken) as caught:
        read_confirmation({"cnf": cnf})
    assert caught.value.reason == "token_bound"
    assert scheme_of({"cnf": cnf}) is None


_values = st.none() | st.text(max_size=3) | st.integers() | st.booleans() | st.just([])
_cnf = st.dictionaries(st.sampled_from(["jkt", X5T, "kid", "jwk"]), _values) | _values


@given(_cnf)
def test_cnf_is_understood_or_refused_and_never_ignored(cnf: object) -> None:
    try:
        confirmation = read_confirmation({"cnf": cnf})
    except InvalidToken:
        return
    assert isinstance(cnf, dict)
    assert confirmation is not None
    assert (confirmation.jkt, confirmation.x5t) == (cnf.get("jkt"), cnf.get(X5T))
    assert (DPOP in confirmation.bindings) is ("jkt" in cnf)
    assert (MTLS in confirmation.bindings) is (X5T in cnf)
