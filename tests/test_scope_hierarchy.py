"""Scopes that imply others: in rules and handlers, for one issuer alone, transitive and bounded."""

from __future__ import annotations

import logging
import operator
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from itertools import count, pairwise
from typing import Any

import pytest
from callers import auth as caller
from counting import calls
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import reason
from webob import Request, Response
from webob.dec import wsgify
from webtest import TestApp

from jwt_wsgi import (
    AUTHENTICATED,
    PUBLIC,
    Auth,
    InsufficientScope,
    Issuer,
    Policy,
    ScopeAuthorizer,
    TokenExtractor,
    TokenVerifier,
    Verifier,
    acr,
    get_auth,
    guard,
    issued_by,
    presets,
    protect,
    report_only,
    require,
    scope,
)
from jwt_wsgi.cache import TokenCache
from jwt_wsgi.explain import Explainer
from jwt_wsgi.introspection import ClientSecretBasic, Introspection
from jwt_wsgi.policy.algebra import Request as PolicyRequest
from jwt_wsgi.policy.algebra import Requirement
from jwt_wsgi.policy.implication import implies
from jwt_wsgi.scope_hierarchy import (
    MAX_IMPLICATIONS,
    NO_HIERARCHY,
    common_hierarchy,
    parse_scope_implies,
    read_hierarchies,
    read_hierarchy,
)
from jwt_wsgi.testing import LocalIssuer

IMPLIES = {"admin": ["write"], "write": ["read", "list"]}
RULES: dict[str, Requirement] = {
    "/read": scope("read"),
    "/list": scope("list"),
    "/write": scope("write"),
    "/admin": scope("admin"),
    "/all": scope("read", "write", "admin"),
    "/both": scope("write") & scope("other"),
    "/either": scope("other") | scope("list"),
    "/in": AUTHENTICATED,
}


@pytest.fixture(scope="module")
def local() -> LocalIssuer:
    return LocalIssuer()


@pytest.fixture(scope="module")
def another() -> LocalIssuer:
    return LocalIssuer("https://another.test/")


@wsgify
def app(request: Request) -> Response:
    """Answers the scopes that the token has; `/in` asks for more with `require`."""
    if request.path_info == "/in":
        require(request, scope("read"))
    auth = get_auth(request)
    return Response(text=" ".join(sorted(auth.scopes)) if auth else "", content_type="text/plain")


def statuses(stack: Any, token: str, paths: Iterable[str] = RULES) -> set[str]:
    """Return the paths that a token opens; the others are refused for its scopes."""
    client = TestApp(stack)
    opened = set()
    for path in paths:
        answer = client.get(path, headers={"Authorization": f"Bearer {token}"}, expect_errors=True)
        if answer.status_int == 200:
            opened.add(path)
        else:
            assert (answer.status_int, answer.json["reason"]) == (403, "insufficient_scope")
    return opened


OPENED = [
    pytest.param("admin", {*RULES} - {"/both"}, id="the highest"),
    pytest.param("write", {"/read", "/list", "/write", "/either", "/in"}, id="the one between"),
    pytest.param("read", {"/read", "/in"}, id="the lowest implies nothing"),
    pytest.param("other", {"/either"}, id="a scope outside of the hierarchy"),
    pytest.param("admin other", {*RULES}, id="with a scope from outside"),
    pytest.param("", set(), id="no scope"),
]


@pytest.mark.parametrize(("scopes", "opened"), OPENED)
def test_a_scope_opens_what_it_implies_whether_the_token_is_cached_or_not(
    local: LocalIssuer, scopes: str, opened: set[str]
) -> None:
    stack = protect(app, issuer=local.trusted(scope_implies=IMPLIES), rules=RULES)
    token = local.token(scopes)
    assert statuses(stack, token) == statuses(stack, token) == opened


@pytest.mark.parametrize(("scopes", "opened"), OPENED)
def test_opaque_tokens_open_the_same_from_the_endpoint_and_from_the_cache(
    local: LocalIssuer, scopes: str, opened: set[str]
) -> None:
    introspection = local.introspection(scope_implies=IMPLIES)
    stack = protect(app, issuer=introspection, rules=RULES)
    token = local.opaque_token(scopes)
    assert statuses(stack, token) == statuses(stack, token) == opened


def test_without_the_option_a_scope_opens_itself_alone(local: LocalIssuer) -> None:
    for options in ({}, {"scope_implies": None}, {"scope_implies": {}}):
        stack = protect(app, issuer=local.trusted(**options), rules=RULES)
        assert statuses(stack, local.token("admin")) == {"/admin"}


def test_a_token_says_what_it_says_and_has_what_is_implied(local: LocalIssuer) -> None:
    verifier = Verifier(local.trusted(scope_implies=IMPLIES))
    token = local.token("write other")
    for _ in ("verified", "cached"):
        auth = verifier.verify(token)
        assert auth.scopes == {"write", "other"}
        assert auth.effective_scopes == {"write", "other", "read", "list"}
        assert [auth.has_scope(name) for name in ("read", "write", "other")] == [True] * 3
        assert [auth.has_scope(name) for name in ("admin", "", "read write", "Read")] == [False] * 4
        assert "list" not in repr(auth)


def test_guard_asks_for_the_effective_scopes(local: LocalIssuer) -> None:
    guarded = guard(scope("read"))(app)
    stack = protect(
        guarded, issuer=local.trusted(scope_implies=IMPLIES), rules={"/write": AUTHENTICATED}
    )
    assert statuses(stack, local.token("admin"), ["/write"]) == {"/write"}
    assert statuses(stack, local.token("other"), ["/write"]) == set()


def test_the_challenge_names_the_scope_that_the_rule_asks_for(local: LocalIssuer) -> None:
    client = TestApp(protect(app, issuer=local.trusted(scope_implies=IMPLIES), rules=RULES))
    for headers in ({}, local.headers("other")):
        answer = client.get("/read", headers=headers, expect_errors=True)
        assert 'scope="read"' in answer.headers["WWW-Authenticate"]
    both = client.get("/both", headers=local.headers("admin"), status=403)
    assert 'scope="write other"' in both.headers["WWW-Authenticate"]


def test_scopes_that_a_callback_sets_are_all_that_the_caller_has(local: LocalIssuer) -> None:
    def restrict(auth: Auth) -> bool:
        auth.scopes = auth.scopes - {"admin"}
        return False

    issuer = local.trusted(scope_implies=IMPLIES)
    stack = protect(app, issuer=issuer, rules=RULES, is_revoked=restrict)
    assert statuses(stack, local.token("admin other")) == {"/either"}


# --- the hierarchy is that of one issuer


def by_list(one: Issuer, other: Issuer) -> Any:
    return [one, other]


def by_resolver(one: Issuer, other: Issuer) -> Any:
    return {one.issuer: one, other.issuer: other}.get


def half_by_resolver(one: Issuer, other: Issuer) -> Any:
    return [one, {other.issuer: other}.get]


@pytest.mark.parametrize("trust", [by_list, by_resolver, half_by_resolver])
def test_one_issuers_hierarchy_says_nothing_about_anothers_scopes(
    local: LocalIssuer, another: LocalIssuer, trust: Callable[..., Any]
) -> None:
    other_way = {"read": ["write"], "write": ["admin"]}
    one, two = local.trusted(scope_implies=IMPLIES), another.trusted(scope_implies=other_way)
    plain = another.trusted()
    stack = protect(app, issuer=trust(one, plain), rules=RULES)
    turned = protect(app, issuer=trust(two, local.trusted()), rules=RULES)
    opposite = protect(app, issuer=trust(one, two), rules=RULES)
    for _ in ("verified", "cached"):
        assert statuses(stack, local.token("admin")) == {*RULES} - {"/both"}
        assert statuses(stack, another.token("admin")) == {"/admin"}
        assert statuses(turned, local.token("admin")) == {"/admin"}
        assert statuses(opposite, another.token("admin")) == {"/admin"}
        assert "/admin" in statuses(opposite, another.token("read"))
        assert "/admin" not in statuses(opposite, local.token("read"))


def test_jwts_and_opaque_tokens_of_one_name_have_hierarchies_of_their_own(
    local: LocalIssuer,
) -> None:
    jwts, opaque = local.trusted(scope_implies=IMPLIES), local.introspection()
    stack = protect(app, issuer=[jwts, opaque], rules=RULES)
    assert statuses(stack, local.token("admin"), ["/admin", "/read"]) == {"/admin", "/read"}
    assert statuses(stack, local.opaque_token("admin"), ["/admin", "/read"]) == {"/admin"}
    jwts, opaque = local.trusted(), local.introspection(scope_implies=IMPLIES)
    stack = protect(app, issuer=[jwts, opaque], rules=RULES)
    assert statuses(stack, local.token("admin"), ["/admin", "/read"]) == {"/admin"}
    assert statuses(stack, local.opaque_token("admin"), ["/admin", "/read"]) == {"/admin", "/read"}


def test_an_endpoint_that_is_asked_as_well_adds_no_hierarchy(local: LocalIssuer) -> None:
    issuer = local.trusted(introspect=local.introspection(scope_implies=IMPLIES))
    stack = protect(app, issuer=issuer, rules=RULES)
    assert statuses(stack, local.token("admin"), ["/admin", "/read"]) == {"/admin"}


# --- the option


def endless() -> Iterator[str]:
    return (f"s{number}" for number in count())


WRONG = [
    pytest.param("admin", "write a mapping", id="text"),
    pytest.param([("admin", ["write"])], "write a mapping", id="a list of pairs"),
    pytest.param(
        {"admin": "write"}, r"scope_implies\['admin'\]='write': write a list", id="text for a list"
    ),
    pytest.param({"admin": {"write": 1}}, "write a list", id="a mapping for a list"),
    pytest.param({"admin": None}, "write a list", id="None for a list"),
    pytest.param({"admin": 7}, "write a list", id="a number for a list"),
    pytest.param({"admin": []}, "or leave it out", id="an empty list"),
    pytest.param({"admin": iter(())}, "or leave it out", id="an empty iterator"),
    pytest.param({"admin": ["read write"]}, "one scope is printable ASCII", id="two in one text"),
    pytest.param({"admin": [""]}, "one scope is", id="an empty name"),
    pytest.param({"admin": [None]}, "one scope is", id="None for a name"),
    pytest.param({"admin": [["write"]]}, "one scope is", id="a list for a name"),
    pytest.param({'a"b': ["write"]}, "one scope is", id="a quote"),
    pytest.param({"é": ["write"]}, "one scope is", id="not ASCII"),
    pytest.param({"a\n": ["write"]}, "one scope is", id="a line break"),
    pytest.param({7: ["write"]}, "one scope is", id="a number for a name"),
    pytest.param({("a", "b"): ["write"]}, "one scope is", id="a tuple for a name"),
    pytest.param({"admin": ["write", "admin"]}, "every scope implies itself", id="itself"),
    pytest.param(
        {"a": ["b"], "b": ["a"]},
        "'a' implies 'b' implies 'a'|'b' implies 'a' implies 'b'",
        id="a cycle",
    ),
    pytest.param(
        {"x": ["a"], "a": ["b", "z"], "b": ["c"], "c": ["a"]},
        "'a' implies 'b' implies 'c' implies 'a'|'b' implies 'c' implies 'a'|'c' implies 'a' implies 'b'",
        id="a longer cycle",
    ),
    pytest.param({"admin": endless()}, "more than 10,000", id="an endless list"),
    pytest.param(
        {f"a{number}": [f"b{number}"] for number in range(MAX_IMPLICATIONS + 1)},
        "more than 10,000",
        id="too many scopes",
    ),
    pytest.param(
        {f"s{number}": [f"s{number + 1}"] for number in range(142)},
        "more than 10,000",
        id="too many that follow",
    ),
]


@pytest.mark.parametrize(("value", "text"), WRONG)
def test_a_wrong_hierarchy_is_refused_at_construction_with_the_remedy(
    value: Any, text: str
) -> None:
    kept = dict(value) if isinstance(value, dict) else value
    for make in (
        lambda wrong: Issuer("https://a.test/", audience="a", scope_implies=wrong),
        lambda wrong: protect(
            app, issuer="https://a.test/", audience="a", rules={}, scope_implies=wrong
        ),
        lambda wrong: Introspection(
            "https://a.test/i",
            issuer="https://a.test/",
            audience="a",
            client_auth=ClientSecretBasic("api", "secret-of-the-api"),
            scope_implies=wrong,
        ),
    ):
        with pytest.raises(ValueError, match=text) as refused:
            make(kept)
        assert str(refused.value).startswith("scope_implies")
        assert len(str(refused.value)) < 900


def test_the_largest_hierarchies_are_accepted() -> None:
    chain = read_hierarchy({f"s{number}": [f"s{number + 1}"] for number in range(140)})
    assert chain.effective_scopes(frozenset({"s0"})) == {f"s{number}" for number in range(141)}
    flat = read_hierarchy({"admin": [f"s{number}" for number in range(MAX_IMPLICATIONS)]})
    assert len(flat.effective_scopes(frozenset({"admin"}))) == MAX_IMPLICATIONS + 1


def test_scopes_with_every_character_and_repeats_are_accepted() -> None:
    name = "!#$%&'()*+,-./:;<=>?@[]^_`{|}~09azAZ"
    hierarchy = read_hierarchy({name: ("read", "read"), "https://a.test/x": {name}})
    assert hierarchy.implied_scopes == {name: {"read"}, "https://a.test/x": {name, "read"}}
    assert hierarchy.implying_scopes("read") == (name, "https://a.test/x")
    assert "read" in repr(hierarchy)


def test_a_set_that_implies_nothing_more_is_the_same_object() -> None:
    hierarchy = read_hierarchy(IMPLIES)
    for scopes in ({"read"}, {"other"}, set(), {"write", "read", "list"}):
        granted = frozenset(scopes)
        assert hierarchy.effective_scopes(granted) is granted
        assert NO_HIERARCHY.effective_scopes(granted) is granted


def test_the_option_is_copied_so_that_later_changes_do_not_count(local: LocalIssuer) -> None:
    option = {"admin": ["write"]}
    verifier = Verifier(local.trusted(scope_implies=option))
    option["admin"].append("read")
    option["other"] = ["read"]
    assert verifier.verify(local.token("admin other")).effective_scopes == {
        "admin",
        "other",
        "write",
    }


# --- protect and presets


BESIDE = [
    pytest.param(lambda issuer: issuer, id="Issuer"),
    pytest.param(lambda issuer: [issuer], id="a list of them"),
    pytest.param(lambda issuer: {issuer.issuer: issuer}.get, id="resolver"),
    pytest.param(Verifier, id="Verifier"),
]


@pytest.mark.parametrize("value", [IMPLIES, {}], ids=["a hierarchy", "an empty one"])
@pytest.mark.parametrize("trust", BESIDE)
def test_protect_refuses_the_option_where_issuers_have_their_own(
    local: LocalIssuer, trust: Callable[[Issuer], Any], value: Any
) -> None:
    with pytest.raises(
        ValueError, match=r"^scope_implies=.* beside an? (Issuer|Verifier): say it on"
    ):
        protect(app, issuer=trust(local.trusted()), rules=RULES, scope_implies=value)


def test_protect_refuses_the_option_beside_an_introspection_alone(local: LocalIssuer) -> None:
    with pytest.raises(ValueError, match=r"^scope_implies="):
        protect(app, issuer=local.introspection(), rules=RULES, scope_implies=IMPLIES)


def test_protect_gives_the_option_to_every_url_and_to_no_other_issuer(local: LocalIssuer) -> None:
    once = {"admin": iter(["write"]), "write": (name for name in ["read"])}
    urls = ["https://a.test/", "https://b.test/"]
    stack: Any = protect(
        app, issuer=[*urls, local.trusted()], audience="a", rules=RULES, scope_implies=once
    )
    hierarchies = stack.app.verifier.scope_hierarchies
    expected = {"admin": {"write", "read"}, "write": {"read"}}
    assert [each.implied_scopes for each in hierarchies] == [expected, expected, {}]


def test_every_preset_and_every_tenant_takes_the_option() -> None:
    tenants = [presets.CONSUMERS, "72f988bf-86f1-41af-91ab-2d7cd011db47"]
    once = {"admin": (name for name in ["write"]), "write": ["read"]}
    issuers = presets.entra(tenants, audience="a", scope_implies=once)
    resolve = presets.entra(presets.ANY_TENANT, audience="a", scope_implies=IMPLIES)
    resolved = [resolve(issuer.issuer) for issuer in issuers]
    one = presets.okta("org.okta.com", audience="a", scope_implies=IMPLIES)
    for issuer in (*issuers, *resolved, one):
        assert issuer is not None
        assert issuer.scope_hierarchy.effective_scopes(frozenset({"admin"})) > {"read", "write"}


# --- cost


def test_a_cached_token_costs_no_call_more_with_a_large_hierarchy(local: LocalIssuer) -> None:
    large = {f"s{number}": [f"s{number + 1}"] for number in range(100)}
    rule = RULES["/list"]
    costs = []
    for implied in ({}, {**large, "s100": ["list"]}):
        verifier = Verifier(local.trusted(scope_implies=implied))
        token = local.token("s0 list")
        # The first one fetches the keys, and only the second one is cached.
        [_, auth] = [verifier.verify(token) for _ in range(2)]
        assert rule.refusal(auth, PolicyRequest()) is None
        costs.append(
            calls(lambda: rule.refusal(verifier.verify(token), PolicyRequest()), most=1000)  # noqa: B023
        )
    assert costs[0] == costs[1]


def test_tokens_share_one_effective_set_as_they_share_their_scopes(local: LocalIssuer) -> None:
    verifier = Verifier(local.trusted(scope_implies=IMPLIES))
    introspection = Verifier(local.introspection(scope_implies=IMPLIES))
    plain = Verifier(local.trusted())
    for judge, make in ((verifier, local.token), (introspection, local.opaque_token)):
        tokens = [make("admin x"), make("admin x")]
        # The first one fetches the keys, and is not cached.
        *_, first, second = (judge.verify(token) for token in (*tokens, *tokens, *tokens))
        assert first.scopes is second.scopes
        assert first.effective_scopes is second.effective_scopes
        assert first.effective_scopes == {"admin", "x", "write", "read", "list"}
    for judge in (plain, verifier):
        auth = judge.verify(local.token("read x"))
        assert auth.effective_scopes is auth.scopes


def effective_of(number: int, size: int) -> frozenset[str]:
    return frozenset(f"scope-{number}:{each}" for each in range(size))


@pytest.mark.parametrize("size", [1, 22, 350, 3750])
def test_effective_sets_count_into_the_bytes_of_the_cache(size: int) -> None:
    cache: TokenCache[object] = TokenCache(10**6, 2**22)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(max(40, 40_000 // size)):
            scopes, effective = frozenset({f"{number}"}), effective_of(number, size)
            cache.put(f"{number:0400}", (scopes, effective), (scopes, effective))
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 0 < held <= 1.5 * 2**22


def test_an_effective_set_that_is_shared_is_counted_once() -> None:
    cache: TokenCache[object] = TokenCache(10**6, 2**20)
    scopes, effective = frozenset({"admin"}), effective_of(0, 1000)
    for number in range(100):
        cache.put(f"t{number}", number, (scopes, effective))
    assert [cache.get(f"t{number}") for number in range(100)] == list(range(100))
    assert cache.shared(effective_of(0, 1000)) is effective


# --- an oracle that shares no code


NAMES = [f"n{number}" for number in range(8)]


@st.composite
def hierarchies(draw: Any) -> dict[str, list[str]]:
    """Return a random hierarchy without a cycle: later names of a random order are implied."""
    order = draw(st.permutations(NAMES))
    drawn: dict[str, list[str]] = {}
    for number, name in enumerate(order[:-1]):
        implied = draw(st.lists(st.sampled_from(order[number + 1 :]), max_size=3))
        if implied:
            drawn[name] = implied
    return drawn


def reachable(edges: dict[str, list[str]], scopes: set[str]) -> set[str]:
    """Return the scopes that are reached from these, one step at a time."""
    reached = set(scopes)
    while further := {to for name in reached for to in edges.get(name, [])} - reached:
        reached |= further
    return reached


#: A rule as nested lists: `["scope", names]`, `["&", rules]` or `["|", rules]`.
asked_scopes = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(
    lambda names: ("scope", names)
)
rules = st.recursive(
    asked_scopes,
    lambda inner: st.tuples(st.sampled_from("&|"), st.lists(inner, min_size=2, max_size=3)),
    max_leaves=6,
)


def requirement_of(rule: Any) -> Any:
    operator, parts = rule
    if operator == "scope":
        return scope(*parts)
    first, *others = map(requirement_of, parts)
    for other in others:
        first = first & other if operator == "&" else first | other
    return first


def verdict(rule: Any, held: set[str]) -> bool:
    operator, parts = rule
    if operator == "scope":
        return held.issuperset(parts)
    verdicts = [verdict(part, held) for part in parts]
    return all(verdicts) if operator == "&" else any(verdicts)


SIGNED = LocalIssuer()


@settings(max_examples=150, deadline=None)
@given(hierarchies(), st.sets(st.sampled_from([*NAMES, "x"]), max_size=4), rules)
def test_the_verdict_is_that_of_reachability(
    edges: dict[str, list[str]], scopes: set[str], rule: Any
) -> None:
    verifier = Verifier(SIGNED.trusted(scope_implies=edges))
    token = SIGNED.token(" ".join(sorted(scopes)))
    held = reachable(edges, scopes)
    for _ in ("verified", "cached"):
        auth = verifier.verify(token)
        assert auth.scopes == scopes
        assert auth.effective_scopes == held
        refusal = requirement_of(rule).refusal(auth, PolicyRequest())
        assert (refusal is None) is verdict(rule, held)
        assert {name for name in [*NAMES, "x"] if auth.has_scope(name)} == held


@settings(max_examples=150, deadline=None)
@given(hierarchies(), hierarchies(), st.sets(st.sampled_from(NAMES), min_size=1, max_size=3))
def test_what_is_common_to_two_issuers_is_implied_by_both(
    one: dict[str, list[str]], other: dict[str, list[str]], scopes: set[str]
) -> None:
    common = common_hierarchy([read_hierarchy(one), read_hierarchy(other)])
    for name in scopes:
        both = reachable(one, {name}) & reachable(other, {name})
        assert common.effective_scopes(frozenset({name})) == both
    asked = ("scope", sorted(scopes))
    for name in NAMES:
        expected = all(verdict(asked, reachable(edges, {name})) for edges in (one, other))
        assert implies(scope(name), requirement_of(asked), common) is expected


# --- the linter


def doubts(
    rules: dict[str, Any], scope_implies: Any = IMPLIES, **options: Any
) -> set[tuple[str, str]]:
    policy = Policy(rules, **options)
    return {(each.code, each.rule) for each in policy.lint(scope_implies=scope_implies)}


R, W, X = scope("read"), scope("write"), scope("admin")
NAMED = {"/r": R, "/l": scope("list")}
REDUNDANT, NEEDLESS = {("redundant_scope", "/a")}, {("needless_alternative", "/a")}
NONE: set[tuple[str, str]] = set()
UNNAMED = {("unnamed_scope", "scope_implies")}


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        pytest.param(X & R, REDUNDANT, id="all of two"),
        pytest.param(R & X, REDUNDANT, id="in the other order"),
        pytest.param(scope("admin", "read"), REDUNDANT, id="two in one call"),
        pytest.param(scope("x", "admin") & scope("y", "read"), REDUNDANT, id="among others"),
        pytest.param(AUTHENTICATED & X & acr("a") & W, REDUNDANT, id="beside other conditions"),
        pytest.param(scope("x") | (X & W), REDUNDANT, id="inside an alternative"),
        pytest.param(X & R & report_only(scope("x")), REDUNDANT, id="beside a report"),
        pytest.param(X & scope("x"), NONE, id="all of two that are apart"),
        pytest.param(R & scope("list"), NONE, id="two that one implies"),
        pytest.param(X, NONE, id="one scope"),
        pytest.param(X | R, NEEDLESS, id="either of two"),
        pytest.param(R | scope("x") | X, NEEDLESS, id="in the other order, among others"),
        pytest.param(X | scope("read", "list"), NEEDLESS, id="implies both of an alternative"),
        pytest.param(X | scope("read", "x"), NONE, id="implies one of two"),
        pytest.param((X & acr("a")) | R, NONE, id="an alternative with another condition"),
        pytest.param(scope("x") & (X | R), NEEDLESS, id="either of two inside"),
        pytest.param(R | scope("read", "list"), NONE, id="without a hierarchy, too"),
        pytest.param(R | scope("x"), NONE, id="either of two that are apart"),
        pytest.param(AUTHENTICATED, NONE, id="no scope"),
    ],
)
def test_scopes_beside_those_that_imply_them_are_findings(
    requirement: Any, expected: set[tuple[str, str]]
) -> None:
    found = doubts({"/a": requirement, **NAMED})
    assert found == expected
    assert doubts({"/a": requirement, **NAMED}, None) == NONE
    assert doubts({"/a": requirement, **NAMED}, [IMPLIES, IMPLIES]) == expected
    # For the tokens of the other issuer, both scopes count.
    assert doubts({"/a": requirement, **NAMED}, [IMPLIES, {}]) == NONE


@pytest.mark.parametrize(
    ("implied", "expected"),
    [
        pytest.param({"admin": ["write"], "write": ["read"]}, NONE, id="each is named"),
        pytest.param({"root": ["group"], "group": ["read"]}, NONE, id="what it implies is named"),
        pytest.param({"admin": ["raed"]}, UNNAMED, id="a wrong spelling"),
        pytest.param({"admin": ["read", "raed"]}, UNNAMED, id="one of two"),
        pytest.param({"admin": ["group"], "group": ["raed"]}, UNNAMED, id="at the end of a chain"),
        pytest.param([{}, {"admin": ["raed"]}], UNNAMED, id="of one of two issuers"),
        pytest.param({"admin": ["later"]}, NONE, id="in a rule that reports"),
        pytest.param({"admin": ["else"]}, NONE, id="in the default"),
        pytest.param([], NONE, id="no issuer"),
    ],
)
def test_an_implied_scope_that_no_rule_names_is_a_finding(implied: Any, expected: Any) -> None:
    rules = {"/r": R, "/w": W & scope("x"), "/l": report_only(scope("later"))}
    assert doubts(rules, implied, default=scope("else")) == expected


def test_the_findings_say_what_where_and_what_to_do() -> None:
    many = [f"s{number}" for number in range(9)]
    policy = Policy({"/a": X & R, "/b": X | R})
    texts = {each.code: str(each) for each in policy.lint(scope_implies={"admin": ["read", *many]})}
    assert set(texts) == {"redundant_scope", "needless_alternative", "unnamed_scope"}
    assert texts["redundant_scope"].startswith(
        "redundant_scope: rule '/a' asks for 'read' beside 'admin'"
    )
    assert "rule '/b' has the alternative scope('admin')" in texts["needless_alternative"]
    assert texts["unnamed_scope"].startswith("unnamed_scope: scope_implies lets")
    assert "'s4' and 4 more" in texts["unnamed_scope"]
    assert "{'admin': ['read']}" in texts["unnamed_scope"]


def test_a_tail_whose_path_asks_for_an_implying_scope_is_no_finding() -> None:
    rules = {"/f": X, "/f/{rest...}": R, **NAMED}
    without = {"/": W, "/f/{rest...}": R, **NAMED}
    assert doubts(rules) == NONE
    assert ("tail_stricter", "/f/{rest...}") in doubts(without, None)
    assert doubts(without) == NONE


def test_a_long_rule_costs_the_linter_one_finding_of_each_code() -> None:
    names = [f"s{number}" for number in range(100)]
    implied = {name: [following] for name, following in pairwise(names)}
    policy = Policy({"/a": reduce(operator.or_, map(scope, names)), "/b": scope(*names)})
    # Each of the findings takes a dozen calls, and there could be 4,950 of either code.
    assert calls(lambda: policy.lint(scope_implies=implied), most=20_000) > 1


def test_accepted_findings_are_not_stale_while_the_hierarchy_is_unknown() -> None:
    accept = [("redundant_scope", "/a"), ("unnamed_scope", "scope_implies")]
    policy = Policy({"/a": X & R}, accept=accept)
    assert policy.lint() == ()
    assert policy.lint(scope_implies={"admin": ["read", "x"]}) == ()
    assert [each.code for each in policy.lint(scope_implies={})] == ["stale_acceptance"] * 2


@pytest.mark.parametrize("code", ["redundant_scope", "needless_alternative"])
def test_findings_about_rules_are_not_accepted_for_the_option(code: str) -> None:
    with pytest.raises(ValueError, match="there is no rule 'scope_implies'"):
        Policy({"/a": X}, accept=[(code, "scope_implies")])


@pytest.mark.parametrize("value", ["admin", 7, [7], ["admin"]])
def test_a_wrong_hierarchy_for_the_linter_is_a_value_error(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^scope_implies="):
        Policy({"/a": X}).lint(scope_implies=value)


def test_layers_log_the_findings_of_their_issuers_hierarchies(
    local: LocalIssuer, another: LocalIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    rules = {"/a": X & W, "/r": R & issued_by(local.issuer)}
    trusted = local.trusted(scope_implies={"admin": ["write"], "write": ["raed"]})
    with caplog.at_level(logging.WARNING, "jwt_wsgi.policy"):
        ScopeAuthorizer(app, Policy(rules))
        protect(app, issuer=local.trusted(), rules=rules)
        assert caplog.text == ""
        protect(app, issuer=trusted, rules=rules)
        assert "redundant_scope: rule '/a'" in caplog.text
        assert "unnamed_scope: scope_implies lets scopes imply 'raed'" in caplog.text
        caplog.clear()
        ScopeAuthorizer(app, Policy(rules), scope_implies={"admin": ["write"]})
        assert "redundant_scope: rule '/a'" in caplog.text
        for other in (
            another.trusted(),
            {another.issuer: another.trusted()}.get,
            another.introspection(),
        ):
            caplog.clear()
            protect(app, issuer=[trusted, other], rules=rules)
            assert "redundant_scope" not in caplog.text
            assert "unnamed_scope" in caplog.text


# --- what is shown


def shown(explainer: Explainer, path: str, token: str) -> str | None:
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": path}
    explanation = explainer.explain({**environ, "HTTP_AUTHORIZATION": f"Bearer {token}"})
    [step] = [step for step in explanation.steps if step.name == "rule"]
    return step.found


@pytest.mark.parametrize("kind", ["a JWT", "an opaque token"])
def test_an_explanation_shows_which_scope_implied_the_rules(local: LocalIssuer, kind: str) -> None:
    is_jwt = kind == "a JWT"
    trusted = local.trusted if is_jwt else local.introspection
    make = local.token if is_jwt else local.opaque_token
    rules = {**RULES, "/half": R & report_only(X)}
    explainer = Explainer(trusted(scope_implies=IMPLIES), rules)
    plain = Explainer(trusted(), rules)
    assert shown(explainer, "/read", make("admin")) == "scopes ['admin']; admin implies read"
    assert shown(explainer, "/read", make("read")) == "scopes ['read']"
    assert shown(explainer, "/read", make("x")) == "scopes ['x']; read is implied by admin or write"
    assert shown(explainer, "/admin", make("write")) == "scopes ['write']"
    assert shown(explainer, "/all", make("write")) == "scopes ['write']; write implies read"
    half = shown(explainer, "/half", make("write"))
    assert half == "scopes ['write']; write implies read"
    assert shown(plain, "/read", make("admin")) == "scopes ['admin']"


def test_an_explanation_stays_short_with_a_large_rule_and_hierarchy(local: LocalIssuer) -> None:
    large = {f"a{number}": [f"b{number}" for number in range(50)] for number in range(50)}
    rules = {"/": scope(*(f"b{number}" for number in range(50)))}
    found = shown(Explainer(local.trusted(scope_implies=large), rules), "/", local.token("x"))
    assert found is not None
    assert len(found) < 500


def test_layers_without_a_verifier_of_their_own_explain_no_implications() -> None:
    policy = Policy({"/read": R})
    explainer = Explainer.of(ScopeAuthorizer(app, policy))
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/read"}
    [rule] = [step for step in explainer.explain(environ).steps if step.name == "rule"]
    assert (rule.passed, rule.found) == (False, "no token")


def test_a_refusal_says_what_the_token_has_and_what_that_implies() -> None:
    hierarchy = read_hierarchy({**IMPLIES, "huge": [f"s{number}" for number in range(999)]})

    def refused(scopes: str) -> object:
        auth = caller(scopes)
        auth.effective_scopes = hierarchy.effective_scopes(auth.scopes)
        error = scope("none").refusal(auth, PolicyRequest())
        assert isinstance(error, InsufficientScope)
        return error.found

    assert refused("read other") == ["other", "read"]
    assert refused("write") == {"scopes": ["write"], "implied": ["list", "read"]}
    huge: Any = refused("huge")
    assert len(huge["implied"]) == 10


# --- layers by hand


def test_a_verifier_and_an_authorizer_by_hand_need_no_option_but_the_issuers(
    local: LocalIssuer,
) -> None:
    authorizer = ScopeAuthorizer(app, RULES)
    verifier = TokenVerifier(authorizer, local.trusted(scope_implies=IMPLIES), allow_anonymous=True)
    assert statuses(TokenExtractor(verifier), local.token("write"), ["/read", "/admin"]) == {
        "/read"
    }


def test_the_linters_option_gives_no_token_a_scope(local: LocalIssuer) -> None:
    authorizer = ScopeAuthorizer(app, RULES, scope_implies=IMPLIES)
    verifier = TokenVerifier(authorizer, local.trusted(), allow_anonymous=True)
    assert statuses(TokenExtractor(verifier), local.token("write"), ["/read", "/write"]) == {
        "/write"
    }


def test_public_paths_and_bad_tokens_are_as_before(local: LocalIssuer) -> None:
    issuer = local.trusted(scope_implies=IMPLIES)
    client = TestApp(protect(app, issuer=issuer, rules={**RULES, "/public": PUBLIC}))
    assert client.get("/public", headers=local.headers("admin")).status_int == 200
    assert reason(Verifier(issuer), local.token("admin", aud="another")) == "audience_mismatch"


# --- the option as text


def test_the_text_form_adds_up() -> None:
    words = ["admin=write", "admin=billing", "write=read:all"]
    assert parse_scope_implies(words) == {"admin": ["write", "billing"], "write": ["read:all"]}
    assert parse_scope_implies([]) == {}


@pytest.mark.parametrize("word", ["admin", "admin=", "=write", "a=b=c", "", "="])
def test_another_text_form_is_refused_with_the_remedy(word: str) -> None:
    with pytest.raises(ValueError, match="write NAME=NAME, such as admin=write"):
        parse_scope_implies([word])


def test_hierarchies_are_read_from_one_mapping_or_from_several() -> None:
    one = read_hierarchy(IMPLIES)
    assert [each.implied_scopes for each in read_hierarchies(IMPLIES)] == [one.implied_scopes]
    assert read_hierarchies([one, {}])[0] is one
    assert common_hierarchy(()) is NO_HIERARCHY
