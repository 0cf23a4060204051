"""Required members of a token's header: `Issuer(header=...)`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from refusals import reason

from jwt_wsgi import InvalidToken, Issuer, StaticJWKS, Verifier
from jwt_wsgi.explain import Explainer
from jwt_wsgi.jose.header_members import parse_members
from jwt_wsgi.policy.algebra import AUTHENTICATED
from jwt_wsgi.policy.policy import Policy
from jwt_wsgi.testing import LocalIssuer

LOCAL = LocalIssuer(algorithms=("ES256",), audience="api")


def trusted(header: Any) -> Issuer:
    keys = StaticJWKS(LOCAL.jwks)
    return Issuer(LOCAL.issuer, audience="api", keys=keys, algorithms=["ES256"], header=header)


def raises(_: object) -> bool:
    raise RuntimeError("a callback of the user")


#: What is required, what the token's header has, and the reason of the refusal.
ROWS = [
    pytest.param({"signer": "a"}, {"signer": "a"}, None, id="the value"),
    pytest.param({"signer": "a"}, {"signer": "b"}, "claim_mismatch", id="another value"),
    pytest.param({"signer": "a"}, {"signer": "A"}, "claim_mismatch", id="another case"),
    pytest.param({"signer": "a"}, {"signer": ["a"]}, "claim_mismatch", id="a list of it"),
    pytest.param({"signer": "a"}, {}, "claim_missing", id="absent"),
    pytest.param({"v": 1}, {"v": 1}, None, id="a number"),
    pytest.param({"v": 1}, {"v": True}, "claim_mismatch", id="true for 1"),
    pytest.param({"v": 1}, {"v": 1.0}, "claim_mismatch", id="1.0 for 1"),
    pytest.param({"v": ...}, {"v": False}, None, id="presence"),
    pytest.param({"v": ...}, {}, "claim_missing", id="presence of what is absent"),
    pytest.param({("a", "b"): "c"}, {"a": {"b": "c"}}, None, id="a path"),
    pytest.param({("a", "b"): "c"}, {"a": "b"}, "claim_missing", id="a path that ends early"),
    pytest.param({"v": "ab".__contains__}, {"v": "a"}, None, id="a predicate"),
    pytest.param({"v": "ab".__contains__}, {"v": "c"}, "claim_mismatch", id="a predicate says no"),
    pytest.param({"v": "ab".__contains__}, {}, "claim_missing", id="a predicate of what is absent"),
    pytest.param({"v": "ab".__contains__}, {"v": 5}, "claim_mismatch", id="a predicate raises"),
    pytest.param({"v": raises}, {"v": "a"}, "claim_mismatch", id="a predicate raises always"),
    pytest.param({"a": "1", "b": "2"}, {"a": "1"}, "claim_missing", id="one of two"),
    pytest.param({}, {}, None, id="nothing required"),
    pytest.param(None, {}, None, id="none"),
]  # fmt: skip


@pytest.mark.parametrize(("required", "found", "expected"), ROWS)
def test_members_of_the_header_must_have_the_required_values(
    required: Any, found: dict[str, Any], expected: str | None
) -> None:
    verifier = Verifier(trusted(required))
    text = LOCAL.token(header=found)
    assert [reason(verifier, text) for _ in range(2)] == [expected] * 2


def test_a_claim_does_not_stand_in_for_a_member_of_the_header() -> None:
    assert reason(Verifier(trusted({"signer": "a"})), LOCAL.token(signer="a")) == "claim_missing"


def test_the_header_is_judged_after_the_signature() -> None:
    text = LOCAL.token(header={"signer": "b"})
    forged = text[:-8] + "AAAAAAAA"
    assert reason(Verifier(trusted({"signer": "a"})), forged) == "signature_invalid"


def test_a_predicate_is_asked_for_each_request_and_a_value_is_not_judged_again() -> None:
    allowed = {"a"}
    verifier = Verifier(trusted({"v": allowed.__contains__, "w": "x"}))
    text = LOCAL.token(header={"v": "a", "w": "x"})
    assert [reason(verifier, text) for _ in range(3)] == [None] * 3
    allowed.clear()
    assert reason(verifier, text) == "claim_mismatch"
    allowed.add("a")
    assert reason(verifier, text) is None


@pytest.mark.parametrize(
    ("member", "shown"), [("signer", True), ("client", True), ("email", False)], ids=str
)
@pytest.mark.parametrize("is_predicate", [True, False], ids=["predicate", "value"])
def test_the_log_shows_machines_and_clients_and_no_other_value(
    member: str, shown: bool, is_predicate: bool
) -> None:
    required = "ab".__contains__ if is_predicate else "a"
    with pytest.raises(InvalidToken) as raised:
        Verifier(trusted({member: required})).verify(LOCAL.token(header={member: "found"}))
    assert raised.value.found == ("found" if shown else "withheld")
    assert member in str(raised.value.expected)


def test_the_required_value_is_copied() -> None:
    required = {"v": ["a"]}
    verifier = Verifier(trusted(required))
    required["v"].append("b")
    assert reason(verifier, LOCAL.token(header={"v": ["a"]})) is None


async def later(_: object) -> bool:
    return True


def generator(_: object) -> Iterator[bool]:
    yield True


WRONG = [
    pytest.param("signer", "header=", id="a text"),
    pytest.param(["signer"], "header=", id="a list"),
    pytest.param({"": "a"}, "header", id="no name"),
    pytest.param({5: "a"}, "header", id="a number as a name"),
    pytest.param({(): "a"}, "header", id="an empty path"),
    pytest.param({"v": later}, "coroutine function", id="a coroutine function"),
    pytest.param({"v": generator}, "generator function", id="a generator function"),
    pytest.param({"alg": "ES256"}, "algorithms=", id="alg"),
    pytest.param({"kid": "a"}, "StaticJWKS", id="kid"),
    pytest.param({"typ": "JWT"}, "types=", id="typ"),
    pytest.param({"typ": {"JWT"}.__contains__}, "types=", id="a predicate of typ"),
    pytest.param({("typ", "x"): "JWT"}, "types=", id="a path into typ"),
    pytest.param({"crit": ...}, "leave it out", id="crit"),
    pytest.param({"b64": ...}, "leave it out", id="b64"),
    pytest.param({"zip": ...}, "leave it out", id="zip"),
]


@pytest.mark.parametrize(("header", "message"), WRONG)
def test_an_invalid_requirement_is_refused_at_construction(header: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trusted(header)


@pytest.mark.parametrize(
    ("required", "step"), [({"v": "a"}, "claims"), ({"v": raises}, "predicates")], ids=["value", "predicate"]
)  # fmt: skip
def test_an_explanation_shows_the_step_that_the_header_fails(required: Any, step: str) -> None:
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/"}
    text = LOCAL.token(header={"v": "b"})
    explainer = Explainer(trusted(required), Policy({"/": AUTHENTICATED}))
    explanation = explainer.explain({**environ, "HTTP_AUTHORIZATION": f"Bearer {text}"})
    [failed, *_] = [each for each in explanation.steps if each.passed is False]
    assert failed.name == step
    assert "header" in str(failed.expected)


def test_members_are_written_as_text() -> None:
    words = ["signer=arn:aws:a=b", "client=c"]
    assert parse_members(words) == {"signer": "arn:aws:a=b", "client": "c"}


@pytest.mark.parametrize("words", [["a"], ["=b"], ["a="], [""], ["a=b", "a=c"]], ids=repr)
def test_a_text_of_another_form_is_refused(words: list[str]) -> None:
    with pytest.raises(ValueError, match=repr(words[-1])):
        parse_members(words)
