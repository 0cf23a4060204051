"""Requirements: who passes, what a refusal names, and which arguments are invalid."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from callers import ISSUER, auth

from jwt_wsgi import (
    AUTHENTICATED,
    DENY,
    OPTIONAL,
    PUBLIC,
    Auth,
    Forbidden,
    InsufficientScope,
    MissingToken,
    claim,
    has,
    issued_by,
    permission,
    scope,
)
from jwt_wsgi.jose.claim_lookup import ABSENT
from jwt_wsgi.policy.algebra import Condition, Request, Requirement

A, B, C = scope("a"), scope("b"), scope("c")
ACME, GOLD = claim("org", "acme"), claim("plan", "gold")

Refusal = tuple[str, tuple[str, ...]] | None


def refusal(requirement: Requirement, caller: Auth | None) -> Refusal:
    """The reason and the scopes that a refusal names, or None."""
    error = requirement.refusal(caller, Request())
    return None if error is None else (error.reason, error.scopes)


def passes(requirement: Requirement, **claims: Any) -> bool:
    return refusal(requirement, auth(**claims)) is None


ANYONE, MISSING = None, ("missing_token", ())


@pytest.mark.parametrize(
    ("requirement", "anonymous", "authenticated"),
    [
        (PUBLIC, ANYONE, ANYONE),
        (OPTIONAL, ANYONE, ANYONE),
        (AUTHENTICATED, MISSING, ANYONE),
        (DENY, MISSING, ("denied", ())),
    ],
    ids=repr,
)
def test_each_constant_passes_or_refuses_every_caller(
    requirement: Requirement, anonymous: Refusal, authenticated: Refusal
) -> None:
    assert refusal(requirement, None) == anonymous
    assert refusal(requirement, auth()) == authenticated


NAMED_BY_401 = [
    (A, "a"),
    (scope("a", "b"), "a b"),
    (scope("a", "b", "a"), "a b"),
    (A & B, "a b"),
    (A & B & A, "a b"),
    (A | B, "a"),
    (AUTHENTICATED | A, ""),
    (AUTHENTICATED & A, "a"),
    (ACME, ""),
    (ACME | GOLD, ""),
    (ACME | A, "a"),
    (A & ACME, "a"),
    ((A & ACME) | B, "b"),
    (ACME | (A & GOLD), "a"),
    ((A & ACME) | (B & GOLD), "a"),
    (C & (A | B), "c a"),
    (C & (ACME | B), "c b"),
    (C & (ACME | (B & GOLD)), "c b"),
    (ACME | (GOLD | (A & (B | C))), "a b"),
]


@pytest.mark.parametrize(("requirement", "scopes"), NAMED_BY_401, ids=repr)
def test_a_401_names_the_scopes_of_the_nearest_alternative(
    requirement: Condition, scopes: str
) -> None:
    assert refusal(requirement, None) == ("missing_token", tuple(scopes.split()))
    assert isinstance(requirement.refusal(None, Request()), MissingToken)


LACKS, FORBIDS = "insufficient_scope", "claim_forbidden"
NAMED_BY_403 = [
    (A, {}, (LACKS, "a")),
    (A, {"scopes": "A aa a:b"}, (LACKS, "a")),
    (scope("a", "b"), {"scopes": "b"}, (LACKS, "a b")),
    (A & B, {"scopes": "b"}, (LACKS, "a b")),
    (A | B, {"scopes": "c"}, (LACKS, "a")),
    (A & ACME, {"org": "acme"}, (LACKS, "a")),
    (A & ACME, {}, (FORBIDS, "")),
    (A & ACME, {"scopes": "a"}, (FORBIDS, "")),
    (ACME, {"scopes": "a"}, (FORBIDS, "")),
    (ACME | A, {}, (LACKS, "a")),
    ((A & ACME) | B, {}, (LACKS, "b")),
    ((A & ACME) | B, {"org": "acme"}, (LACKS, "a")),
    ((A & ACME) | (B & GOLD), {}, (FORBIDS, "")),
    ((A & ACME) | (B & GOLD), {"plan": "gold"}, (LACKS, "b")),
    (C & (A | B), {"scopes": "c"}, (LACKS, "c a")),
    (C & (A | B), {"scopes": "b"}, (LACKS, "c b")),
    (C & (ACME | A), {"org": "acme"}, (LACKS, "c")),
    (C & (ACME | A), {}, (LACKS, "c a")),
    (C & (ACME | GOLD), {"scopes": "c"}, (FORBIDS, "")),
    (issued_by("https://other.test/") & A, {"scopes": "a"}, (FORBIDS, "")),
    (issued_by(ISSUER) & A, {}, (LACKS, "a")),
]


@pytest.mark.parametrize(("requirement", "caller", "expected"), NAMED_BY_403, ids=repr)
def test_a_403_names_scopes_only_where_they_would_help(
    requirement: Condition, caller: dict[str, Any], expected: tuple[str, str]
) -> None:
    reason, scopes = expected
    error = requirement.refusal(auth(**caller), Request())
    assert isinstance(error, Forbidden)
    assert isinstance(error, InsufficientScope) is (reason == LACKS)
    assert (error.reason, error.scopes) == (reason, tuple(scopes.split()))
    assert error.expected == str(requirement)


@pytest.mark.parametrize(
    ("requirement", "caller"),
    [
        (A, {"scopes": "b a"}),
        (scope("a", "b"), {"scopes": "c b a"}),
        (A & B, {"scopes": "a b"}),
        (A | B, {"scopes": "b"}),
        (AUTHENTICATED | A, {}),
        (AUTHENTICATED & A, {"scopes": "a"}),
        ((A & ACME) | (B & GOLD), {"scopes": "b", "plan": "gold"}),
        (C & (ACME | A), {"scopes": "c", "org": "acme"}),
        (issued_by(ISSUER), {}),
    ],
    ids=repr,
)
def test_a_token_that_satisfies_the_condition_passes(
    requirement: Condition, caller: dict[str, Any]
) -> None:
    assert refusal(requirement, auth(**caller)) is None


VALUES: list[Any] = [None, False, True, 0, 1, 1.0, "", "1", [], [1], [True], {}, {"a": 1}]


@pytest.mark.parametrize("wanted", VALUES, ids=repr)
def test_a_claim_is_compared_with_its_type(wanted: Any) -> None:
    satisfying = [value for value in VALUES if passes(claim("x", wanted), x=value)]
    assert [repr(value) for value in satisfying] == [repr(wanted)]
    in_a_list = [value for value in VALUES if passes(has("x", wanted), x=["other", value])]
    assert [repr(value) for value in in_a_list] == [repr(wanted)]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [({"a": 1}, {"a": True}), ([1, [2]], [1, [2.0]]), ({"a": 1}, {"a": 1, "b": 2}), ([1], [1, 1])],
    ids=repr,
)
def test_the_type_counts_inside_lists_and_objects_too(wanted: Any, found: Any) -> None:
    assert passes(claim("x", wanted), x=wanted)
    assert not passes(claim("x", wanted), x=found)


ADMIN = {"realm_access": {"roles": ["admin", "user"]}}


@pytest.mark.parametrize(
    ("requirement", "claims", "expected"),
    [
        pytest.param(claim("x", None), {}, False, id="absent is not null"),
        pytest.param(claim(("a", "x"), None), {"a": {}}, False, id="absent at a path is not null"),
        pytest.param(claim("a.b", 1), {"a.b": 1}, True, id="dots belong to the name"),
        pytest.param(claim("a.b", 1), {"a": {"b": 1}}, False, id="dots are no path"),
        pytest.param(claim(("a", "b"), 1), {"a": {"b": 1}}, True, id="a tuple is a path"),
        pytest.param(claim(("a", "b"), 1), {"a": [{"b": 1}]}, False, id="no path into a list"),
        pytest.param(claim(("a", "0"), "x"), {"a": "x"}, False, id="no path into a string"),
        pytest.param(has(("realm_access", "roles"), "admin"), ADMIN, True, id="list at a path"),
        pytest.param(has("r", "a"), {}, False, id="absent list"),
        pytest.param(has("r", "a", "b"), {"r": ["b", "c", "a"]}, True, id="all in a list"),
        pytest.param(has("r", "a", "b"), {"r": ["a"]}, False, id="one of two in a list"),
        pytest.param(has("r", "a", "b"), {"r": "b a"}, True, id="all in a string"),
        pytest.param(has("r", "a"), {"r": "ab"}, False, id="part of a word"),
        pytest.param(has("r", "a"), {"r": "b\ta"}, False, id="split at spaces only"),
        pytest.param(has("r", "a b"), {"r": "a b"}, False, id="no word holds a space"),
        pytest.param(has("r", "a b"), {"r": ["a b"]}, True, id="a list's value may"),
        pytest.param(has("r", 1), {"r": "1"}, False, id="a word is not a number"),
        pytest.param(has("r", "a"), {"r": {"a": True}}, False, id="keys of an object"),
        pytest.param(has("r", "a"), {"r": [["a"]]}, False, id="a list in the list"),
        pytest.param(has("r", "a"), {"r": None}, False, id="null"),
        pytest.param(has("r", True), {"r": True}, False, id="a bare value"),
        pytest.param(permission("a"), {"permissions": ["b", "a"]}, True, id="permission"),
        pytest.param(permission("a", "b"), {"permissions": ["a"]}, False, id="permissions lack"),
        pytest.param(permission("a"), {"scope": "a"}, False, id="permission is not a scope"),
        pytest.param(claim("n", lambda n: n > 3), {"n": 4}, True, id="predicate says yes"),
        pytest.param(claim("n", lambda n: n > 3), {"n": 3}, False, id="predicate says no"),
        pytest.param(claim("n", lambda n: True), {}, False, id="absent is not asked about"),
        pytest.param(issued_by(ISSUER), {"iss": "x"}, True, id="the trusted issuer counts"),
        pytest.param(issued_by(ISSUER + "x"), {"iss": ISSUER + "x"}, False, id="not the claim"),
        pytest.param(issued_by(ISSUER[:-1]), {}, False, id="issuers are compared exactly"),
    ],
)
def test_odd_shapes_and_absent_claims_never_satisfy(
    requirement: Condition, claims: dict[str, Any], expected: bool
) -> None:
    assert passes(requirement, **claims) is expected
    assert refusal(requirement, None) is not None


class _NoTruth:
    def __bool__(self) -> bool:
        raise RuntimeError("s3cret")


@pytest.mark.parametrize(
    "predicate",
    [
        pytest.param(lambda value: value["s3cret"], id="raises"),
        pytest.param(lambda value: _NoTruth(), id="answers without a truth value"),
    ],
)
def test_a_predicate_that_raises_refuses_and_is_logged_without_the_claim(
    predicate: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert refusal(claim("x", predicate), auth(x={})) == ("claim_forbidden", ())
    assert "predicate raised" in caplog.text
    assert "s3cret" not in caplog.text


class _Owner(Condition):
    """The token's subject is the `id` of the path."""

    def shortfall(self, caller: Auth | None, request: Request) -> Any:
        met = caller is not None and caller.subject == request.params.get("id")
        return (AUTHENTICATED if met else claim("sub", None)).shortfall(caller, request)


def test_a_custom_condition_sees_the_path_parameters_and_combines() -> None:
    either = _Owner() | scope("admin")
    caller = auth(sub="user-1")
    assert either.refusal(caller, Request({"id": "user-1"})) is None
    error = either.refusal(caller, Request({"id": "user-2"}))
    assert error is not None
    assert error.scopes == ("admin",)


ALL = [PUBLIC, OPTIONAL, AUTHENTICATED, DENY, A, ACME, has("r", 1), issued_by(ISSUER), A & B, A | B]


@pytest.mark.parametrize("requirement", ALL, ids=repr)
def test_a_requirement_has_no_truth_value(requirement: Requirement) -> None:
    for use in (bool, lambda r: not r, lambda r: r and A, lambda r: r or A):
        with pytest.raises(TypeError, match=r"has no truth value: combine with & and \|"):
            use(requirement)


@pytest.mark.parametrize("alone", [PUBLIC, OPTIONAL, DENY, "read:a", None, True], ids=repr)
def test_constants_and_other_values_do_not_combine_with_conditions(alone: Any) -> None:
    for combine in (lambda: alone & A, lambda: A & alone, lambda: alone | A, lambda: A | alone):
        with pytest.raises(TypeError, match="unsupported operand"):
            combine()


@pytest.mark.parametrize("alone", [PUBLIC, OPTIONAL, DENY], ids=repr)
def test_two_constants_do_not_combine(alone: Any) -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        alone | alone


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: scope(), r"scope\(\) names no scope; AUTHENTICATED asks"),
        (lambda: scope("a b"), r"scope\('a b'\): one scope is .*; write scope\('a', 'b'\)"),
        (lambda: scope("a", ""), r"scope\(''\): one scope is printable ASCII"),
        (lambda: scope('a"'), "without space, quote or backslash"),
        (lambda: scope("a\\"), "without space, quote or backslash"),
        (lambda: scope("é"), "printable ASCII"),
        (lambda: scope("a\n"), "printable ASCII"),
        (lambda: scope(["a"]), r"scope\(\['a'\]\): one scope is"),  # type: ignore[arg-type]
        (lambda: permission(), r"has\('permissions'\) names no value"),
        (lambda: has("roles"), r"has\('roles'\) names no value; write at least one"),
        (lambda: has("", 1), r"has\(\): a claim's name is a string, or a tuple of them, not ''"),
        (
            lambda: claim("", 1),
            r"claim\(\): a claim's name is a string, or a tuple of them, not ''",
        ),
        (lambda: claim((), 1), r"claim\(\): a claim's name is .*, not \(\)"),
        (lambda: claim(("a", ""), 1), "a claim's name"),
        (lambda: claim(["a"], 1), "a claim's name"),  # type: ignore[arg-type]
        (lambda: claim(("a", 1), 1), "a claim's name"),  # type: ignore[arg-type]
        (lambda: issued_by(""), r"issued_by\(''\): write the issuer's exact text"),
        (lambda: issued_by(None), "write the issuer's exact text"),  # type: ignore[arg-type]
    ],
)
def test_missing_or_invalid_arguments_are_a_value_error(write: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write()


def is_even(number: int) -> bool:
    return number % 2 == 0


class _Predicate:
    def __call__(self, value: object) -> bool:
        return True


@pytest.mark.parametrize(
    ("requirement", "text"),
    [
        (PUBLIC, "PUBLIC"),
        (OPTIONAL, "OPTIONAL"),
        (AUTHENTICATED, "AUTHENTICATED"),
        (DENY, "DENY"),
        (scope("a", "b", "a"), "scope('a', 'b')"),
        (permission("a"), "has('permissions', 'a')"),
        (has(("r", "s"), 1, "b"), "has(('r', 's'), 1, 'b')"),
        (claim("org", "acme"), "claim('org', 'acme')"),
        (claim("n", is_even), "claim('n', is_even)"),
        (claim("n", _Predicate()), "claim('n', …)"),
        (issued_by(ISSUER), f"issued_by('{ISSUER}')"),
        (A & B & C, "scope('a') & scope('b') & scope('c')"),
        (A | (B | C), "scope('a') | scope('b') | scope('c')"),
        (A & (B | C), "scope('a') & (scope('b') | scope('c'))"),
        (A | B & C, "scope('a') | scope('b') & scope('c')"),
    ],
    ids=str,
)
def test_a_requirement_prints_as_it_is_written(requirement: Requirement, text: str) -> None:
    assert repr(requirement) == str(requirement) == text


@pytest.mark.parametrize("value", [("a", "b"), {"a"}, ..., b"a"], ids=repr)
def test_a_value_that_no_claim_can_have_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="write a value that JSON has, or a predicate"):
        claim("x", value)


@pytest.mark.parametrize("found", ["", " ", "a  b"])
def test_an_empty_word_is_not_in_a_string_claim(found: str) -> None:
    assert has("x", "").refusal(auth(x=found), Request()) is not None


# --- the refusal says which claims were compared (D5): personal values are withheld

COMPARED = [
    ("a claim", claim("org", "acme"), {"org": "withheld"}),
    ("an absent claim", claim("absent", 1), {"absent": ABSENT}),
    ("a predicate", claim("org", lambda value: False), {"org": "withheld"}),
    ("a list", has("groups", "admins"), {"groups": "withheld"}),
    ("a permission", permission("write"), {"permissions": ABSENT}),
    ("a nested claim", claim(("realm", "name"), "x"), {"realm.name": "withheld"}),
    ("a client", claim("azp", "client-2"), {"azp": "client-1"}),
    ("an issuer", issued_by("https://b.test/"), {"iss": ISSUER}),
    ("both", scope("a") & claim("org", "acme"), {"org": "withheld"}),
    ("either", claim("org", "acme") | claim("azp", "c"), {"org": "withheld", "azp": "client-1"}),
]


@pytest.mark.parametrize(
    ("requirement", "compared"), [pytest.param(*row[1:], id=row[0]) for row in COMPARED]
)
def test_a_refusal_names_the_claims_that_were_compared_d5(
    requirement: Condition, compared: dict[str, Any]
) -> None:
    token = auth("a", iss=ISSUER, org="other", groups=["x"], realm={"name": "y"}, azp="client-1")
    error = requirement.refusal(token, Request())
    assert error is not None
    assert (error.reason, error.found) == ("claim_forbidden", compared)
