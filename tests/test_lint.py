"""The linter: each code with rules that have the finding, and rules that do not."""

from __future__ import annotations

import logging
import operator
from functools import reduce
from typing import Any

import pytest
from counting import calls

from jwt_wsgi import (
    AUTHENTICATED,
    DENY,
    OPTIONAL,
    PUBLIC,
    Issuer,
    Policy,
    ScopeAuthorizer,
    StaticJWKS,
    acr,
    claim,
    has,
    issued_by,
    path_param,
    protect,
    report_only,
    scope,
    sender_constrained,
)
from jwt_wsgi.policy import implication
from jwt_wsgi.policy.algebra import MAX_CONDITIONS, MAX_DEPTH, Requirement
from jwt_wsgi.policy.implication import implies
from jwt_wsgi.testing import LocalIssuer

A, B, C = scope("a"), scope("b"), scope("c")
ACME, ONE = claim("org", "acme"), issued_by("https://one.test/")

BOUND, DPOP, MTLS = sender_constrained(), sender_constrained("dpop"), sender_constrained("mtls")

Doubts = set[tuple[str, str]]


def doubts(rules: dict[str, Any], *, issuers: int = 1, **options: Any) -> Doubts:
    return {
        (finding.code, finding.rule) for finding in Policy(rules, **options).lint(issuers=issuers)
    }


NONE: Doubts = set()
FINDINGS: list[Any] = [
    ("no finding about one rule", {"/a": A}, NONE),
    ("no finding about rules side by side", {"/a": A, "/b": PUBLIC, "/c/{x}": B}, NONE),
    ("weaker above: public", {"/": PUBLIC, "/admin": A}, {("weaker_above", "/admin")}),
    ("weaker above: any token, even a bad one", {"/": OPTIONAL, "/admin": A}, {("weaker_above", "/admin")}),
    ("weaker above: only a report", {"/": report_only(B), "/admin": A}, {("weaker_above", "/admin")}),
    ("F1 any token around a scope", {"/": AUTHENTICATED, "/admin": A}, NONE),
    ("F1 another scope around a scope", {"/": B, "/admin": A}, NONE),
    ("F1 one of two scopes around one", {"/": A | B, "/admin": A}, NONE),
    ("weaker above: DENY within PUBLIC", {"/": PUBLIC, "/admin": DENY}, {("weaker_above", "/admin")}),
    ("weaker above: everyone around a bound token", {"/": PUBLIC, "/pay": BOUND}, {("weaker_above", "/pay")}),
    ("weaker above: a bound token that is only reported", {"/": report_only(BOUND), "/pay": DPOP},
     {("weaker_above", "/pay")}),
    ("F1 any token around a bound one", {"/": AUTHENTICATED, "/pay": BOUND}, NONE),
    ("a tail behind a weaker binding that nobody wrote", {"/": BOUND, "/f/{path...}": DPOP},
     {("tail_stricter", "/f/{path...}")}),
    ("a tail behind a stricter binding that nobody wrote", {"/": DPOP, "/f/{path...}": BOUND}, NONE),
    ("as strict above", {"/": A, "/admin": A}, NONE),
    ("stricter above", {"/": A & B, "/public": A, "/open": PUBLIC}, NONE),
    ("denied above", {"/": DENY, "/admin": A}, NONE),
    ("only the nearest counts", {"/": PUBLIC, "/a": A & B, "/a/b": A}, {("weaker_above", "/a")}),
    ("a parameter above", {"/u/{id}": PUBLIC, "/u/root": A}, {("weaker_above", "/u/root")}),
    ("an exact rule is not around", {"/{$}": PUBLIC, "/admin": A}, NONE),
    ("F1 a scope and a report around a scope", {"/": A & report_only(B), "/b": B}, NONE),
    ("a report within is not stricter", {"/": A, "/b": A & report_only(B)}, NONE),
    ("weaker for one method", {"GET /": PUBLIC, "/": A, "GET /x": A, "/x": A}, {("weaker_above", "GET /x")}),
    ("weaker for a method that is not named within", {"GET /": PUBLIC, "/": A, "/x": A}, {("weaker_above", "/x")}),
    ("HEAD above is GET's", {"GET /": PUBLIC, "/": DENY, "HEAD /x": A, "/x": DENY},
     {("weaker_above", "HEAD /x"), ("weaker_above", "/x")}),
    ("a method that is denied above", {"GET /": A, "POST /x": B},
     {("method_hole", "POST /x")}),
    ("an exact rule under a weaker one", {"/": PUBLIC, "/a": A, "/a/{$}": A}, {("weaker_above", "/a")}),
    ("an exact rule, and nothing below", {"/": PUBLIC, "/a/{$}": A}, {("exact_stricter", "/a/{$}")}),
    ("an exact rule stricter than its subtree", {"/a": OPTIONAL, "/a/{$}": A & B}, {("exact_stricter", "/a/{$}")}),
    ("F1 an exact rule that asks for something else", {"/a/{$}": B, "/a/{x}": ACME}, NONE),
    ("F1 an exact rule that asks for more than its subtree", {"/a": A, "/a/{$}": A & B}, NONE),
    ("an exact rule weaker than its subtree", {"/a": A, "/a/{$}": PUBLIC}, NONE),
    ("an exact rule stricter than its items", {"/a/{$}": A, "/a/{x}": PUBLIC}, {("exact_stricter", "/a/{$}")}),
    ("an exact rule with strict items in a weak place", {"/": PUBLIC, "/a/{$}": A, "/a/{x}": A},
     {("weaker_above", "/a/{$}"), ("weaker_above", "/a/{x}")}),
    ("unreachable", {"/a": A, "/a/{$}": A, "/a/{x}": A}, {("unreachable", "/a")}),
    ("unreachable, whatever stands beside", {"/a": A, "/a/{$}": A, "/a/{x}": A, "/a/b": A}, {("unreachable", "/a")}),
    ("unreachable, level by level", {"/a": A, "/a/{$}": A, "/a/{x}/{$}": A, "/a/{x}/{y}": A}, {("unreachable", "/a")}),
    ("unreachable, at the root", {"/": A, "/{$}": A, "/{x}": A}, {("unreachable", "/")}),
    ("reachable: the path itself", {"/a": A, "/a/{x}": A}, NONE),
    ("reachable: what is deeper", {"/a": A, "/a/{$}": A, "/a/{x}/{$}": A}, NONE),
    ("reachable: other names", {"/a": A, "/a/{$}": A, "/a/b": A}, NONE),
    ("F1 some methods under the default", {"GET /a": A, "POST /b": A}, NONE),
    ("F1 some methods within a denied place", {"/": DENY, "POST /a": A}, NONE),
    ("F1 some methods within another rule", {"/": AUTHENTICATED, "GET /a": A, "POST /a": B}, NONE),
    ("F1 no reading where the rule around has it", {"/": AUTHENTICATED, "POST /a": A}, {("method_hole", "POST /a")}),
    ("F1 a public method alone", {"/": AUTHENTICATED, "POST /login": PUBLIC}, NONE),
    ("F1 reading as HEAD alone", {"/": AUTHENTICATED, "HEAD /a": A}, {("method_hole", "HEAD /a")}),
    ("F1 a hole at the path itself", {"GET /a": A, "POST /a/{$}": B}, {("method_hole", "POST /a/{$}")}),
    ("F1 all other methods at the path itself", {"/a": A, "GET /a/{$}": PUBLIC}, {("method_hole", "GET /a/{$}")}),
    ("F1 HEAD is in no hole beside GET", {"GET,HEAD /a": A, "GET /a/{$}": B}, NONE),
    ("one hole a place", {"/": A, "PUT /a": A, "POST /a": A}, {("method_hole", "PUT /a")}),
    ("no hole where the rest is said", {"GET /a": A, "/a": DENY}, NONE),
    ("one name for a parameter", {"/u/{id}": A, "/u/{id}/x": A, "/v/{user}": A}, NONE),
    ("two names at one place", {"GET /u/{id}": A, "/u/{user}": A}, {("parameter_names", "/u/{user}")}),
    ("two names on one way", {"/u/{id}": A, "/u/{user}/x": A}, {("parameter_names", "/u/{user}/x")}),
    ("two names, deeper", {"/{a}/{b}": A, "/{a}/{c}/x": A}, {("parameter_names", "/{a}/{c}/x")}),
    ("U28 a tail under a weaker rule", {"/": PUBLIC, "/t/{x...}": A}, {("tail_stricter", "/t/{x...}")}),
    ("U28 a tail below a weaker path", {"/t/{$}": PUBLIC, "/t/{x...}": A}, {("tail_stricter", "/t/{x...}")}),
    ("U28 a tail within a weaker place of its own", {"/t": PUBLIC, "/t/{x...}": A}, {("tail_stricter", "/t/{x...}")}),
    ("U28 a tail in a weak place, with its path", {"/": PUBLIC, "/t/{$}": A, "/t/{x...}": A},
     {("weaker_above", "/t/{$}"), ("weaker_above", "/t/{x...}")}),
    ("U28 a tail behind a parameter", {"/{a}": PUBLIC, "/{a}/{x...}": A}, {("tail_stricter", "/{a}/{x...}")}),
    ("U28 a tail of everything", {"/": PUBLIC, "/{x...}": A}, {("tail_stricter", "/{x...}")}),
    ("U28 a tail that another path precedes", {"/{a}/{x...}": A, "/b/{$}": PUBLIC, "/{a}/{$}": A}, NONE),
    ("U28 a tail under a stricter rule", {"/": A & B, "/t/{x...}": A}, NONE),
    ("U28 a tail beside its own path", {"/t/{$}": A, "/t/{x...}": A}, NONE),
    ("U28 an exact rule above a weaker tail", {"/t/{$}": A, "/t/{x...}": PUBLIC}, {("exact_stricter", "/t/{$}")}),
    ("U28 unreachable around a tail", {"/t": A, "/t/{$}": A, "/t/{x...}": A}, {("unreachable", "/t")}),
    ("U28 reachable: the path above a tail", {"/t": A, "/t/{x...}": A}, NONE),
    ("U28 a tail for some methods", {"/": A, "PUT /t/{x...}": A}, {("method_hole", "PUT /t/{x...}")}),
    ("F1 a tail whose path is in a place of any token", {"/": AUTHENTICATED, "/t/{x...}": A},
     {("tail_stricter", "/t/{x...}")}),
    ("F1 a tail whose path has a rule that asks for something else", {"/t/{$}": AUTHENTICATED, "/t/{x...}": A}, NONE),
    ("F1 a tail in a place of its own that asks for something else", {"/t": B, "/t/{x...}": A}, NONE),
    ("U28 two names before a tail", {"/{a}/{x...}": A, "/{b}/{$}": A}, {("parameter_names", "/{b}/{$}")}),
    ("U28 two names of one tail", {"GET /t/{x...}": A, "/t/{y...}": A}, NONE),
    ("U2 a method of no registry", {"GTE /a": A, "/a": A}, {("unknown_method", "GTE /a")}),
    ("U2 one of two methods", {"GET,PSOT /a": A, "/a": A}, {("unknown_method", "GET,PSOT /a")}),
    ("U2 any is not a method", {"ANY /a": A, "/a": A}, {("unknown_method", "ANY /a")}),
    ("U2 registered methods", {"GET,PROPFIND,VERSION-CONTROL,QUERY /a": A, "/a": A}, NONE),
    ("U30 a rule that allows COPY", {"COPY /a": A, "/a": A}, {("second_resource", "COPY /a")}),
    ("U30 a rule that allows MOVE to all", {"GET,MOVE /a": PUBLIC, "/a": A},
     {("second_resource", "GET,MOVE /a")}),
    ("U30 a report that allows COPY", {"COPY /a": report_only(DENY), "/a": A}, {("second_resource", "COPY /a")}),
    ("U30 COPY and MOVE denied", {"COPY,MOVE /a": DENY, "/a": A}, NONE),
    ("U1 decomposed text", {"/cafe\u0301": A}, {("decomposed_text", "/cafe\u0301")}),
    ("U1 composed text", {"/caf\xe9": A}, NONE),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "expected"), [pytest.param(*case, id=name) for name, *case in FINDINGS]
)
def test_rules_have_these_findings(rules: dict[str, Any], expected: Doubts) -> None:
    assert doubts(rules) == expected


def test_the_text_about_a_tail_names_the_rule_to_write_u28() -> None:
    [finding] = Policy({"/": PUBLIC, "/t/{id}/{x...}": A}).lint()
    assert str(finding) == (
        "tail_stricter: rule '/t/{id}/{x...}' covers what is below its path, and the path itself "
        "asks for something else, PUBLIC; write a rule '/t/{id}' that asks for as much, because "
        "some applications take it for an empty tail"
    )
    [root] = Policy({"/": PUBLIC, "GET,POST /{x...}": A, "/{x...}": DENY}, default=PUBLIC).lint()[
        :1
    ]
    assert "write a rule '/' that asks for as much" in root.remedy


def test_the_texts_about_keys_name_the_methods_and_the_remedy_u2_u30() -> None:
    key = "GTE,COPY,PSOT /cafe\u0301"
    found = Policy({key: A, "/cafe\u0301": A}).lint()
    texts = {finding.code: str(finding) for finding in found if finding.rule == key}
    assert texts == {
        "unknown_method": (
            f"unknown_method: rule {key!r} names GTE, PSOT, which no HTTP method of the IANA "
            "registry is called; write the methods as clients send them, and none where all are meant"
        ),
        "second_resource": (
            f"second_resource: rule {key!r} allows COPY, which names a second path, and a policy "
            "judges one; the application has to ask the policy for the second path too: "
            "see 'One request, two resources' in the documentation"
        ),
        "decomposed_text": (
            f"decomposed_text: rule {key!r} is written in decomposed Unicode, and most clients "
            "send composed text (NFC); write 'GTE,COPY,PSOT /caf\xe9', or a rule for each"
        ),
    }


@pytest.mark.parametrize(
    ("default", "expected"),
    [
        (PUBLIC, {("weaker_above", "/a")}),
        (OPTIONAL, {("weaker_above", "/a")}),
        (A, NONE),
        (DENY, NONE),
    ],
    ids=str,
)
def test_the_default_lies_above_everything(default: Any, expected: Doubts) -> None:
    assert doubts({"/a": A}, default=default) == expected


ANY_ISSUER = {("any_issuer", "/a")}


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        (A, ANY_ISSUER),
        (A & ONE, NONE),
        (ONE & (A | B), NONE),
        (A | ONE, ANY_ISSUER),
        ((A & ONE) | B, ANY_ISSUER),
        ((A & ONE) | (B & ONE), NONE),
        (A & report_only(ONE), ANY_ISSUER),
        (AUTHENTICATED, NONE),
        (ACME, NONE),
        (PUBLIC, NONE),
        (DENY, NONE),
    ],
    ids=str,
)
def test_a_scope_that_any_of_several_issuers_can_grant(requirement: Any, expected: Doubts) -> None:
    assert doubts({"/a": requirement}, issuers=2) == expected
    assert doubts({"/a": requirement}, issuers=1) == NONE


@pytest.mark.parametrize("join", [operator.and_, operator.or_], ids=["U25 all", "U25 any"])
def test_the_largest_combinations_are_checked(join: Any) -> None:
    longest = reduce(join, (scope(f"s{number}") for number in range(MAX_CONDITIONS)))
    other = reduce(join, (scope(f"t{number}") for number in range(MAX_CONDITIONS)))
    assert doubts({"/": longest, "/a": longest}, issuers=2) == ANY_ISSUER | {("any_issuer", "/")}
    tail = {"/": longest, "/a/{rest...}": other}
    assert ("tail_stricter", "/a/{rest...}") in doubts(tail)


def test_the_deepest_combinations_are_compared_once_for_each_pair_of_parts_u25() -> None:
    def deepest(name: str) -> Any:
        condition: Any = scope(name)
        for level in range(MAX_DEPTH):
            join = operator.and_ if level % 2 else operator.or_
            condition = join(condition, scope(f"{name}{level}"))
        return condition

    one, other = deepest("a"), deepest("b")
    assert calls(lambda: implies(one, other), most=20_000) > 1
    assert not implies(one, other)
    assert implies(one, deepest("a"))


def test_a_long_combination_is_checked_quickly() -> None:
    long = A
    for number in range(200):
        long = long & (scope(f"x{number}") | ONE)
    assert doubts({"/a": long}, issuers=2) == ANY_ISSUER


def test_two_long_combinations_are_compared_once_for_each_pair(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    every, other = A, C
    for number in range(60):
        every, other = every & scope(f"x{number}"), other | scope(f"y{number}")
    asked = 0
    compare = implication._simple_implies

    def counted(*compared: Any) -> bool:
        nonlocal asked
        asked += 1
        return compare(*compared)

    monkeypatch.setattr(implication, "_simple_implies", counted)
    assert not implies(every, other)
    assert asked == 61 * 61


#: Weakest first; each is implied by those that it does not stand before.
IMPLIED = [
    (A, A, True), (A, AUTHENTICATED, True), (AUTHENTICATED, A, False), (A & B, A, True), (A & B, scope("b", "a"), True),
    (scope("a", "b"), A, True), (scope("a", "b"), A & B, True), (A, scope("a", "b"), False), (A, A | B, True),
    (A | B, A, False), (A | B, B | A, True), (A | B, C, False), ((A & C) | (B & C), C, True), (A & (B | C), A, True),
    (ACME, ACME, True), (ACME, claim("org", "else"), False), (has("r", "a"), ACME, False), (ONE, AUTHENTICATED, True),
    (claim("n", len), claim("n", len), True), (claim("n", lambda n: n), claim("n", lambda n: not n), False),
    (claim("sub", path_param("a")), claim("sub", path_param("b")), False), (acr("x"), acr("x"), True),
    (acr("x"), A, False), (DENY, A, True), (A, DENY, False), (DENY, DENY, True), (A, PUBLIC, True), (PUBLIC, A, False),
    (PUBLIC, OPTIONAL, True), (OPTIONAL, PUBLIC, True), (DENY, PUBLIC, True), (PUBLIC, DENY, False),
    (BOUND, BOUND, True), (DPOP, BOUND, True), (MTLS, BOUND, True), (BOUND, DPOP, False), (DPOP, MTLS, False),
    (DPOP, DPOP, True), (DPOP & MTLS, BOUND, True), (DPOP | MTLS, BOUND, True), (DPOP | A, BOUND, False),
    (A & DPOP, A & BOUND, True), (A & BOUND, A & DPOP, False), (BOUND, AUTHENTICATED, True), (AUTHENTICATED, BOUND, False),
    (A, BOUND, False), (BOUND, A, False), (DENY, BOUND, True), (BOUND, PUBLIC, True), (DPOP, A | BOUND, True),
    (report_only(DPOP), BOUND, False), (DPOP & report_only(A), BOUND, True),
    (report_only(A), A, False), (A & report_only(B), A, True), (A, report_only(B), True),
]  # fmt: skip


class _Own(Requirement):
    """A custom requirement, of which the linter knows nothing."""

    def __repr__(self) -> str:
        return "own"


OWN = _Own()
IMPLIED += [
    (OWN, OWN, True),
    (OWN, A, False),
    (A, OWN, False),
    (OWN, AUTHENTICATED, False),
    (DENY, OWN, True),
]


@pytest.mark.parametrize(("one", "other", "expected"), IMPLIED, ids=str)
def test_one_requirement_implies_another(one: Any, other: Any, expected: bool) -> None:
    assert implies(one, other) is expected


def test_a_finding_says_what_where_and_what_to_do() -> None:
    policy = Policy(
        {
            "/": PUBLIC,
            "PUT /admin": A,
            "/a": OPTIONAL,
            "/a/{$}": A & B,
            "/u/{id}": DENY,
            "/u/{x}/y": DENY,
        }
    )
    texts = {finding.code: str(finding) for finding in policy.lint(issuers=2)}
    assert texts == {
        "weaker_above": (
            "weaker_above: rule 'PUT /admin' lies within a place that lets everyone in, PUBLIC; "
            "a spelling that only the application takes for this path gets there; require a token "
            "around it, and open only the paths that are public"
        ),
        "method_hole": (
            "method_hole: rule 'PUT /admin' names PUT, and GET is denied there, although PUBLIC holds "
            "around it; write a rule '/admin' for the others, DENY if that is intended"
        ),
        "exact_stricter": (
            "exact_stricter: rule '/a/{$}' covers its path alone, and the paths below it let everyone in, OPTIONAL; "
            "leave {$} out, or write a rule for the paths below"
        ),
        "parameter_names": "parameter_names: rule '/u/{x}/y' calls {x} what '/u/{id}' calls {id}; use one name",
        "any_issuer": (
            "any_issuer: rule '/a/{$}' asks for a scope that any of the trusted issuers can grant; "
            "add & issued_by(...) where only one of them may"
        ),
    } | {code: texts[code] for code in ("weaker_above", "any_issuer")}
    assert texts["weaker_above"].endswith("open only the paths that are public")
    [unreachable] = Policy({"/a": A, "/a/{$}": A, "/a/{x}": A}).lint()
    assert (
        str(unreachable)
        == "unreachable: rule '/a' never decides: other rules cover all of it; leave it out"
    )


def test_one_finding_of_a_code_for_each_rule() -> None:
    found = Policy({"DELETE,POST,PUT /a": A, "/": PUBLIC}).lint()
    assert [(finding.code, finding.rule) for finding in found] == [
        ("method_hole", "DELETE,POST,PUT /a"),
        ("weaker_above", "DELETE,POST,PUT /a"),
    ]


def app(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return []


def test_findings_are_logged_once_at_start_up_and_not_for_requests(
    caplog: pytest.LogCaptureFixture,
) -> None:
    policy = Policy({"/": PUBLIC, "/admin": A})
    with caplog.at_level(logging.WARNING, "jwt_wsgi.policy"):
        protected = ScopeAuthorizer(app, policy)
        for path in ("/", "/x"):
            protected({"REQUEST_METHOD": "GET", "PATH_INFO": path}, lambda *_: None)  # type: ignore[arg-type]
    assert caplog.record_tuples == [("jwt_wsgi.policy", logging.WARNING, str(*policy.lint()))]


def test_protect_knows_how_many_issuers_there_are(caplog: pytest.LogCaptureFixture) -> None:
    keys = StaticJWKS(LocalIssuer().jwks)
    one, two = (Issuer(f"https://{name}.test/", audience="x", keys=keys) for name in ("one", "two"))
    with caplog.at_level(logging.WARNING, "jwt_wsgi.policy"):
        protect(app, issuer=one, rules={"/a": A})
        assert caplog.text == ""
        protect(app, issuer=[one, two], rules={"/a": A})
    assert "any_issuer: rule '/a'" in caplog.text


# --- accepted findings

PUBLIC_ROOT: dict[str, Any] = {"/": PUBLIC, "/admin": A, "/b": B}


def test_an_accepted_finding_is_neither_returned_nor_logged_f1(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert doubts(PUBLIC_ROOT) == {("weaker_above", "/admin"), ("weaker_above", "/b")}
    accept = [("weaker_above", "/admin")]
    assert doubts(PUBLIC_ROOT, accept=accept) == {("weaker_above", "/b")}
    with caplog.at_level(logging.WARNING, "jwt_wsgi.policy"):
        ScopeAuthorizer(app, Policy(PUBLIC_ROOT, accept=[*accept, ("weaker_above", "/b")]))
    assert caplog.text == ""


def test_a_stale_acceptance_is_a_finding_with_the_remedy_f1() -> None:
    policy = Policy({"/": A, "/admin": B}, accept=[("weaker_above", "/admin")])
    [finding] = policy.lint()
    assert str(finding) == (
        "stale_acceptance: rule '/admin' has no finding 'weaker_above', which accept names; "
        "remove ('weaker_above', '/admin') from accept"
    )


def test_several_stale_acceptances_of_one_rule_are_all_named_f1() -> None:
    accept = [("weaker_above", "/a"), ("method_hole", "/a"), ("weaker_above", "/a")]
    found = Policy({"/a": A}, accept=accept).lint()
    assert [finding.problem.split("'")[1] for finding in found] == ["weaker_above", "method_hole"]


def test_a_finding_of_several_issuers_can_be_accepted_before_there_are_several_f1() -> None:
    accept = [("any_issuer", "/a")]
    for issuers in (1, 2, 3):
        assert doubts({"/a": A}, accept=accept, issuers=issuers) == NONE
        stale = {("stale_acceptance", "/a")}
        assert doubts({"/a": A & ONE}, accept=accept, issuers=issuers) == stale
