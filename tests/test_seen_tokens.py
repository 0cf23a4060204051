"""A token that is seen again is judged like a fresh one, and its claims are not parsed again."""

from __future__ import annotations

import copy
import enum
import io
import json
import pickle
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from counting import calls
from hypothesis import given
from hypothesis import strategies as st

from jwt_wsgi import (
    Auth,
    AuthError,
    Introspection,
    Issuer,
    Policy,
    ScopeAuthorizer,
    StaticJWKS,
    TokenExtractor,
    TokenVerifier,
    Verifier,
    acr,
    claim,
    fresh,
    get_auth,
    guard,
    has,
    path_param,
    permission,
    protect,
    report_only,
    scope,
)
from jwt_wsgi.auth import AUTH_KEY, CREDENTIALS_KEY, Credentials, claim_members, claim_value
from jwt_wsgi.introspection import ClientSecretBasic
from jwt_wsgi.jose.claim_lookup import lookup, same
from jwt_wsgi.jose.kept_claims import ClaimRead
from jwt_wsgi.mcp import ToolAuthorizer
from jwt_wsgi.policy.access import claim_reads
from jwt_wsgi.policy.algebra import Condition, Request
from jwt_wsgi.revocation import DenyList
from jwt_wsgi.stores import MemoryStore
from jwt_wsgi.testing import LocalIssuer

NOW = 1_800_000_000
MISSING = object()


class Role(str, enum.Enum):  # noqa: UP042 (a StrEnum would print as its value)
    ADMIN = "admin"


@pytest.fixture(scope="module")
def local() -> LocalIssuer:
    return LocalIssuer(algorithms=("ES256",), clock=lambda: NOW)


def issuer_of(local: LocalIssuer, **options: Any) -> Issuer:
    return Issuer(
        local.issuer,
        audience=local.audience,
        keys=StaticJWKS(local.jwks),
        algorithms=["ES256"],
        **options,
    )


def verifier_of(local: LocalIssuer, *requirements: Condition, **options: Any) -> Verifier:
    verifier = Verifier(
        issuer_of(local, **options.pop("issuer", {})), **{"clock": lambda: NOW, **options}
    )
    verifier.keep_claims(claim_reads(requirements))
    return verifier


def claims_of(local: LocalIssuer, **claims: Any) -> dict[str, Any]:
    usual = {"iss": local.issuer, "aud": local.audience, "exp": NOW + 3600, "scope": "read"}
    merged = {**usual, "sub": "user-1", **claims}
    return {name: value for name, value in merged.items() if value is not MISSING}


def signed(local: LocalIssuer, **claims: Any) -> str:
    return local.sign(json.dumps(claims_of(local, **claims)).encode())


Outcome = tuple[Any, ...]


def outcome(requirement: Condition, auth: Auth, params: dict[str, str] | None = None) -> Outcome:
    """Everything that a refusal holds, or nothing."""
    error = requirement.refusal(auth, Request(params or {}))
    if error is None:
        return ()
    return (type(error), error.reason, error.scopes, error.expected, repr(error.found))


# --- every value of a claim, every condition

VALUES: dict[str, Any] = {
    "absent": MISSING,
    "null": None,
    "true": True,
    "false": False,
    "zero": 0,
    "one": 1,
    "one as a float": 1.0,
    "a date": NOW - 50,
    "an old date": NOW - 5000,
    "a large number": 10**30,
    "empty text": "",
    "text": "admin",
    "a number as text": "1",
    "words": "user  admin",
    "unicode": "Zoë 𝔘",
    "long text": "admin " * 1000,
    "very long text": "x" * 200_000,
    "an empty list": [],
    "strings": ["user", "admin"],
    "one string": ["admin"],
    "strings twice": ["admin", "user", "admin"],
    "strings with an empty one": ["", "admin"],
    "strings with spaces": ["user admin"],
    "strings and a number": ["admin", 1],
    "a bool for a number": ["admin", True],
    "numbers": [1, 2],
    "floats": [1.0],
    "null in a list": [None, "admin"],
    "a list in a list": [["admin"]],
    "an object in a list": [{"a": "admin"}],
    "many strings": [f"p:{number}" for number in range(500)] + ["admin"],
    "too many strings": [f"permission:{number}" for number in range(10_000)] + ["admin"],
    "an empty object": {},
    "an object": {"a": "admin", "r": ["admin"]},
    "a nested object": {"a": {"b": ["admin", 1]}},
}

CONDITIONS: dict[str, Condition] = {
    "permission": permission("admin"),
    "two permissions": permission("admin", "user"),
    "500 permissions": permission(*(f"p:{number}" for number in range(500))),
    "has an empty word": has("permissions", ""),
    "has words": has("permissions", "user admin"),
    "has a number": has("permissions", 1),
    "has a bool": has("permissions", True),
    "has null": has("permissions", None),
    "has a list": has("permissions", ["admin"]),
    "has an object": has("permissions", {"a": "admin"}),
    "has a string and a number": has("permissions", "admin", 1),
    "has an enumeration's member": has("permissions", Role.ADMIN),
    "has a path parameter": has("permissions", path_param("name")),
    "has at a path": has(("permissions", "r"), "admin"),
    "has below a list": has(("permissions", "a", "b"), "admin"),
    "claim is text": claim("permissions", "admin"),
    "claim is an enumeration's member": claim("permissions", Role.ADMIN),
    "claim is a number": claim("permissions", 1),
    "claim is a float": claim("permissions", 1.0),
    "claim is true": claim("permissions", True),
    "claim is null": claim("permissions", None),
    "claim is a list": claim("permissions", ["user", "admin"]),
    "claim is a list of numbers": claim("permissions", [1, 2]),
    "claim is an object": claim("permissions", {"a": "admin", "r": ["admin"]}),
    "claim is a path parameter": claim("permissions", path_param("name")),
    "claim at a path": claim(("permissions", "a"), "admin"),
    "predicate on text": claim("permissions", lambda value: value.startswith("a")),
    "predicate on a list": claim("permissions", lambda value: value[0] == "user"),
    "predicate on the type": claim("permissions", lambda value: type(value) in (list, bool)),
    "acr": acr("admin", "user"),
    "fresh": fresh(100),
    "all of them": permission("admin") & claim("permissions", ["admin"]) & scope("read"),
    "one of them": scope("write") | permission("admin") | claim("permissions", 1),
    "nested": (permission("user") | has("permissions", 1)) & (acr("admin") | fresh(100)),
}


def today_has(members: Any, *wanted: Any) -> bool:
    """The comparison by its definition: each value with each member, types included."""
    if isinstance(members, str):
        members = [word for word in members.split(" ") if word]
    if not isinstance(members, list):
        return False
    return all(any(same(member, value) for member in members) for value in wanted)


@pytest.fixture(scope="module")
def tokens(local: LocalIssuer) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return a token for each value, with its claims."""
    minted = {}
    for name, value in VALUES.items():
        claims = claims_of(local, permissions=value, acr=value, auth_time=value)
        minted[name] = (local.sign(json.dumps(claims).encode()), claims)
    return minted


PARAMS = {"name": "admin"}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_value_is_judged_alike_fresh_and_seen(
    local: LocalIssuer, tokens: dict[str, tuple[str, dict[str, Any]]], condition: str
) -> None:
    requirement = CONDITIONS[condition]
    judge = verifier_of(local, requirement, max_token_bytes=2**20)
    for name, (token, claims) in tokens.items():
        by_hand = Auth(token, local.issuer, frozenset({"read"}), NOW, copy.deepcopy(claims))
        expected = outcome(requirement, by_hand, PARAMS)
        assert outcome(requirement, judge.verify(token), PARAMS) == expected, f"fresh: {name}"
        other = judge.verify(token)
        assert outcome(requirement, other, PARAMS) == expected, f"seen: {name}"
        other.claims["permissions"] = ["admin", "user", 1]
        other.claims.update(acr="admin", auth_time=NOW)
        assert outcome(requirement, judge.verify(token), PARAMS) == expected, f"again: {name}"


@pytest.mark.parametrize("value", VALUES)
def test_has_is_the_comparison_of_each_with_each(
    local: LocalIssuer, tokens: dict[str, tuple[str, dict[str, Any]]], value: str
) -> None:
    wanted: list[Any] = ["admin", "user", "", "1", 1, 1.0, True, None, ["admin"], Role.ADMIN]
    pairs = [(first, second) for first in wanted for second in (first, "admin")]
    requirements = [has("permissions", *pair) for pair in pairs]
    token, claims = tokens[value]
    judge = verifier_of(local, *requirements, max_token_bytes=2**20)
    for _ in range(2):
        auth = judge.verify(token)
        passing = [not outcome(requirement, auth) for requirement in requirements]
        members = claims.get("permissions", MISSING)
        assert passing == [today_has(members, *pair) for pair in pairs]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, 1.5])
    | st.sampled_from(["a", "b", "a b", "", " ", "é", "𝔘"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b"]), inner),
    max_leaves=6,
)  # fmt: skip
NAMES: Any = st.sampled_from(["x", "y", ("x", "a"), ("x", "a", "b")])
LEAVES = (
    st.builds(claim, NAMES, JSON_VALUES)
    | st.builds(lambda name, values: has(name, *values), NAMES, st.lists(JSON_VALUES, min_size=1))
    | st.builds(lambda name: claim(name, lambda value: len(value) > 1), NAMES)
    | st.sampled_from([acr("a", "b"), fresh(1), scope("read"), scope("write")])
)
REQUIREMENTS = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(lambda one, other: one & other, inner, inner)
        | st.builds(lambda one, other: one | other, inner, inner)
    ),
    max_leaves=5,
)
CLAIMS = st.dictionaries(st.sampled_from(["x", "y", "acr", "auth_time"]), JSON_VALUES)
ISSUER = LocalIssuer(algorithms=("ES256",), clock=lambda: NOW)


@given(CLAIMS, st.lists(REQUIREMENTS, min_size=1, max_size=3), CLAIMS)
def test_random_requirements_hold_alike_for_fresh_and_seen_tokens(
    claims: dict[str, Any], requirements: list[Condition], changes: dict[str, Any]
) -> None:
    judge = verifier_of(ISSUER, *requirements)
    token = signed(ISSUER, **claims)
    by_hand = Auth(token, ISSUER.issuer, frozenset({"read"}), NOW)
    expected = [outcome(requirement, by_hand) for requirement in requirements]
    for _ in range(3):
        auth = judge.verify(token)
        assert [outcome(requirement, auth) for requirement in requirements] == expected
        assert auth.claims == by_hand.claims
        auth.claims.update(changes)
        changed = Auth(token, ISSUER.issuer, frozenset({"read"}), NOW, copy.deepcopy(auth.claims))
        assert [outcome(each, auth) for each in requirements] == [
            outcome(each, changed) for each in requirements
        ]


# --- nothing is parsed


@pytest.mark.counts_calls
@pytest.mark.parametrize(
    "requirement",
    [
        permission("admin"),
        permission("admin", "user"),
        has("permissions", "admin", path_param("name")),
        has(("realm", "roles"), "admin"),
        claim("org", "acme"),
        claim("org", lambda value: value == "acme"),
        claim("list", lambda value: value == ["a", 1]),
        claim(("realm", "name"), "main"),
        acr("gold"),
        fresh(100),
        scope("read") & permission("admin") & claim("org", "acme"),
        scope("write") | claim("org", "acme"),
        report_only(permission("admin")),
    ],
    ids=repr,
)
def test_a_seen_token_is_not_parsed_for_a_rule(local: LocalIssuer, requirement: Any) -> None:
    stack = protect(
        answering, issuer=issuer_of(local), rules={"/{name}": requirement}, clock=lambda: NOW
    )
    token = signed(
        local,
        permissions=["user", "admin"],
        realm={"roles": ["admin"], "name": "main"},
        org="acme",
        list=["a", 1],
        acr="gold",
        auth_time=NOW - 50,
    )
    assert ask(stack, token) == "200 OK"
    assert calls(lambda: ask(stack, token), of="read_object") == 0
    assert ask(stack, token) == "200 OK"


Environ = dict[str, Any]


def answering(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"ok"]


def ask(stack: Any, token: str, path: str = "/admin") -> str:
    environ: Environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": path}
    environ.update({"HTTP_AUTHORIZATION": f"Bearer {token}", "wsgi.input": io.BytesIO()})
    statuses: list[str] = []
    list(stack(environ, lambda status, headers: statuses.append(status)))
    return statuses[0]


READERS: dict[str, Callable[[Auth], object]] = {
    "subject": lambda auth: auth.subject,
    "repr": repr,
    "issuer": lambda auth: auth.issuer,
    "a scope": lambda auth: auth.has_scope("read"),
}


@pytest.mark.counts_calls
@pytest.mark.parametrize("reader", READERS)
def test_a_seen_token_is_not_parsed_for_the_application(local: LocalIssuer, reader: str) -> None:
    judge, token = verifier_of(local), signed(local)
    fresh_value = READERS[reader](judge.verify(token))
    assert calls(lambda: READERS[reader](judge.verify(token)), of="read_object") == 0
    assert READERS[reader](judge.verify(token)) == fresh_value
    auth = judge.verify(token)
    auth.claims["sub"] = "changed"
    assert auth.subject == "changed"


@pytest.mark.parametrize(
    "subject",
    ["user-1", "", "Zoë", "x" * 200_000, MISSING],
    ids=["usual", "empty", "unicode", "very long", "absent"],
)
def test_the_subject_of_a_seen_token_is_that_of_a_fresh_one(
    local: LocalIssuer, subject: Any
) -> None:
    judge = verifier_of(local, max_token_bytes=2**20)
    token = signed(local, sub=subject)
    expected = None if subject is MISSING else subject
    assert [judge.verify(token).subject for _ in range(3)] == [expected] * 3


@pytest.mark.counts_calls
def test_a_seen_token_is_not_parsed_for_a_predicate_of_the_issuer(local: LocalIssuer) -> None:
    seen: list[Any] = []
    predicates = {
        "azp": lambda value: seen.append(value) or True,
        ("realm", "name"): lambda value: seen.append(value) or True,
        "groups": lambda value: seen.append(list(value)) or value.append("x") or True,
    }
    judge = verifier_of(local, issuer={"claims": predicates})
    token = signed(local, azp="client", realm={"name": "main"}, groups=["a", "b"])
    judge.verify(token)
    assert calls(lambda: judge.verify(token), of="read_object") == 0
    assert seen == ["client", "main", ["a", "b"]] * 2


@pytest.mark.counts_calls
def test_a_deny_list_that_asks_its_store_does_not_parse_the_claims(local: LocalIssuer) -> None:
    deny_list = DenyList(MemoryStore(), cache_ttl=0, clock=lambda: NOW)
    judge = verifier_of(local, is_revoked=deny_list)
    token = signed(local, iat=NOW - 10, jti="one", sid="session", azp="client")
    auth = judge.verify(token)
    assert calls(lambda: judge.verify(token), of="read_object") <= 1, "the header"
    deny_list.revoke_session(local.issuer, "session", at=NOW)
    with pytest.raises(AuthError) as refused:
        judge.verify(token)
    assert (refused.value.reason, auth.subject) == ("token_revoked", "user-1")


@pytest.mark.counts_calls
def test_many_permissions_cost_as_many_calls_as_few(local: LocalIssuer) -> None:
    counted = []
    for count in (2, 500):
        names = [f"p:{number}" for number in range(count)]
        for wanted in (names[:2], names):
            stack = protect(
                answering,
                issuer=issuer_of(local),
                rules={"/admin": permission(*wanted)},
                clock=lambda: NOW,
            )
            token = signed(local, permissions=names)
            assert ask(stack, token) == "200 OK"
            counted.append(calls(lambda stack=stack, token=token: ask(stack, token)))  # type: ignore[misc]
    assert len(set(counted)) == 1


@pytest.mark.counts_calls
def test_a_permission_costs_hardly_more_calls_than_a_scope(local: LocalIssuer) -> None:
    token = signed(local, permissions=["read"])
    counted = []
    for requirement in (scope("read"), permission("read")):
        stack = protect(
            answering, issuer=issuer_of(local), rules={"/admin": requirement}, clock=lambda: NOW
        )
        ask(stack, token)
        counted.append(calls(lambda stack=stack: ask(stack, token)))  # type: ignore[misc]
    assert counted[1] <= counted[0] + 4


# --- the layers name their reads


def by_hand(local: LocalIssuer, inside: Any) -> tuple[Any, Verifier]:
    verifier = Verifier(issuer_of(local), clock=lambda: NOW)
    return TokenExtractor(TokenVerifier(inside, verifier)), verifier


def tools(rules: dict[str, Any]) -> ToolAuthorizer:
    return ToolAuthorizer(answering, rules, path="/admin")


COMPOSED: dict[str, Callable[[], Any]] = {
    "a ScopeAuthorizer": lambda: ScopeAuthorizer(answering, {"/admin": permission("admin")}),
    "a default": lambda: ScopeAuthorizer(answering, Policy({}, default=permission("admin"))),
    "a guard": lambda: guard(permission("admin"))(answering),
    "a guard inside a ScopeAuthorizer": lambda: ScopeAuthorizer(
        guard(permission("admin"))(answering), {"/admin": scope("read")}
    ),
    "a ToolAuthorizer": lambda: ScopeAuthorizer(
        tools({"x*": permission("admin"), "y": claim("org", "acme")}), {"/admin": scope("read")}
    ),
    "a guard inside a ToolAuthorizer": lambda: ToolAuthorizer(
        guard(permission("admin"))(answering), {}, default=has("permissions", "admin"), origins=()
    ),
}


@pytest.mark.parametrize("inside", COMPOSED)
def test_layers_that_are_composed_by_hand_name_their_reads(local: LocalIssuer, inside: str) -> None:
    stack, verifier = by_hand(local, COMPOSED[inside]())
    token = signed(local, permissions=["admin"])
    assert ask(stack, token) == "200 OK"
    read = ClaimRead("permissions", as_members=True)
    assert read in verifier._plan.reads
    auth = verifier.verify(token)
    assert claim_members(auth, "permissions") == {"admin"}
    assert auth._claims is None, "nothing was parsed"


def test_a_middleware_between_the_layers_costs_the_kept_claims_and_nothing_else(
    local: LocalIssuer,
) -> None:
    authorizer = ScopeAuthorizer(answering, {"/admin": permission("admin")})
    stack, verifier = by_hand(local, lambda environ, start: authorizer(environ, start))
    token = signed(local, permissions=["admin"])
    assert [ask(stack, token) for _ in range(3)] == ["200 OK"] * 3
    assert verifier._plan.reads == (ClaimRead("sub"),)


@pytest.mark.counts_calls
def test_two_stacks_with_one_verifier_keep_what_both_read(local: LocalIssuer) -> None:
    verifier = Verifier(issuer_of(local), clock=lambda: NOW)
    rules = [{"/admin": permission("admin")}, {"/admin": claim("org", "acme")}]
    early = signed(local, permissions=["admin"], org="acme")
    first = protect(answering, issuer=verifier, rules=rules[0])
    assert ask(first, early) == "200 OK"
    second = protect(answering, issuer=verifier, rules=rules[1])
    late = signed(local, permissions=["admin"], org="acme", jti="another")
    for stack in (first, second):
        assert [ask(stack, token) for token in (early, late, late)] == ["200 OK"] * 3
        assert calls(lambda stack=stack: ask(stack, late), of="read_object") == 0  # type: ignore[misc]


@pytest.mark.counts_calls
def test_the_predicates_of_a_resolved_issuer_are_kept(local: LocalIssuer) -> None:
    trusted = issuer_of(local, claims={"azp": lambda value: value == "client"})
    verifier = Verifier(lambda name: trusted, clock=lambda: NOW)
    token = signed(local, azp="client")
    verifier.verify(token)
    verifier.verify(token)
    assert calls(lambda: verifier.verify(token), of="read_object") == 0


@pytest.mark.counts_calls
def test_an_opaque_token_is_not_parsed_again_for_a_rule() -> None:
    answer = {"active": True, "aud": "api", "sub": "user-1", "permissions": ["admin"]}
    predicates = {"org": lambda value: value == "acme"}
    document = json.dumps({**answer, "org": "acme", "exp": NOW + 3600}).encode()
    endpoint = Introspection(
        "https://as.example.com/introspect",
        issuer="https://as.example.com/",
        audience="api",
        client_auth=ClientSecretBasic("api", "secret"),
        fetch=lambda url, form, headers: document,
        claims=predicates,
    )
    stack = protect(
        reading_subject, issuer=endpoint, rules={"/admin": permission("admin")}, clock=lambda: NOW
    )
    assert ask(stack, "opaque") == "200 user-1"
    assert calls(lambda: ask(stack, "opaque"), of="read_object") == 0
    assert ask(stack, "opaque") == "200 user-1"


def reading_subject(environ: Environ, start_response: Any) -> list[bytes]:
    auth = get_auth(environ)
    assert auth is not None
    start_response(f"200 {auth.subject}", [])
    return []


# --- changes of one request


class Changing:
    """A middleware between the verifier and the policy that changes the claims."""

    def __init__(self, app: Any, change: Callable[[Auth], object] | None) -> None:
        self.app = app
        self.change = change
        self.claim_reads = app.claim_reads

    def __call__(self, environ: Environ, start_response: Any) -> Any:
        if self.change is not None:
            self.change(environ[AUTH_KEY])
        return self.app(environ, start_response)


CHANGES: dict[str, tuple[Callable[[Auth], object], Condition]] = {
    "a value": (lambda auth: auth.claims.update(org="acme"), claim("org", "acme")),
    "a list": (lambda auth: auth.claims["permissions"].append("admin"), permission("admin")),
    "a new list": (lambda auth: auth.claims.update(permissions=["admin"]), permission("admin")),
    "a nested object": (
        lambda auth: auth.claims["realm"].update(roles=["admin"]),
        has(("realm", "roles"), "admin"),
    ),
    "a context": (lambda auth: auth.claims.update(acr="gold"), acr("gold")),
    "a time": (lambda auth: auth.claims.update(auth_time=NOW), fresh(100)),
    "the scopes": (lambda auth: setattr(auth, "scopes", frozenset({"admin"})), scope("admin")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_rules_see_the_changes_of_their_request_and_of_no_other(
    local: LocalIssuer, change: str
) -> None:
    apply, requirement = CHANGES[change]
    authorizer = ScopeAuthorizer(answering, {"/admin": requirement})
    changing = Changing(authorizer, None)
    verifier = Verifier(issuer_of(local), clock=lambda: NOW)
    stack = TokenExtractor(TokenVerifier(changing, verifier))
    token = signed(local, org="other", permissions=["user"], realm={"roles": []}, acr="none")
    changed = []
    for applied in (apply, None, apply, None, apply):
        changing.change = applied
        changed.append(ask(stack, token)[:3] == "200")
    assert changed == [True, False, True, False, True]


def test_a_change_that_takes_a_permission_away_is_seen(local: LocalIssuer) -> None:
    changing = Changing(ScopeAuthorizer(answering, {"/admin": permission("admin")}), None)
    stack = TokenExtractor(TokenVerifier(changing, Verifier(issuer_of(local), clock=lambda: NOW)))
    token = signed(local, permissions=["admin"])
    assert [ask(stack, token)[:3] for _ in range(2)] == ["200", "200"]
    changing.change = lambda auth: auth.claims["permissions"].remove("admin")
    assert ask(stack, token)[:3] == "403"


@pytest.mark.parametrize("option", ["is_revoked", "a predicate of the issuer"])
def test_what_a_callback_changes_in_the_first_request_is_not_kept(
    local: LocalIssuer, option: str
) -> None:
    def change(auth: Auth) -> bool:
        auth.claims["permissions"].append("admin")
        auth.claims["sub"] = "admin"
        return False

    def change_list(permissions: list[str]) -> bool:
        permissions.append("admin")
        return True

    options: dict[str, Any] = {"is_revoked": change}
    if option != "is_revoked":
        options = {"issuer": {"claims": {"permissions": change_list}}}
    judge = verifier_of(local, permission("admin"), claim("permissions", ["user"]), **options)
    token = signed(local, permissions=["user"])
    judge.verify(token)
    judge._request_checks._is_revoked = None
    seen = judge.verify(token)
    assert claim_value(seen, "permissions") == ["user"]
    assert claim_members(seen, "permissions") == {"user"}
    assert seen.subject == "user-1"


@pytest.mark.parametrize(
    ("where", "value"),
    [
        pytest.param("issuer", ["user"], id="the issuer's, of a kept list"),
        pytest.param("issuer", [["user"]], id="the issuer's, of a list that is not kept"),
        pytest.param("rule", ["user"], id="a rule's, of a kept list"),
        pytest.param("rule", [["user"]], id="a rule's, of a list that is not kept"),
    ],
)
def test_what_a_predicate_changes_in_a_list_counts_nowhere_in_any_request(
    local: LocalIssuer, where: str, value: list[Any]
) -> None:
    def change(permissions: list[Any]) -> bool:
        permissions.append("admin")
        return True

    claims = {"permissions": change} if where == "issuer" else {}
    judge = verifier_of(local, permission("admin"), issuer={"claims": claims})
    token = signed(local, permissions=value)
    requirement = permission("admin")
    if where == "rule":
        requirement = claim("permissions", change) & requirement
    for _ in range(3):
        auth = judge.verify(token)
        assert outcome(requirement, auth)
        assert auth.claims["permissions"] == value


def test_a_list_that_is_read_belongs_to_its_reader(local: LocalIssuer) -> None:
    judge = verifier_of(local, claim("groups", ["a"]))
    token = signed(local, groups=["a"])
    for _ in range(3):
        claim_value(judge.verify(token), "groups").append("admin")
    assert claim_value(judge.verify(token), "groups") == ["a"]


COPIES: dict[str, Callable[[Auth], Auth]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda auth: pickle.loads(pickle.dumps(auth)),
}


class Named(Auth):
    """A caller with an attribute of the application's, in the instance's dict."""

    name: str


class Slotted(Auth):
    """The same in a slot."""

    __slots__ = ("name",)


@pytest.mark.parametrize("kind", [Named, Slotted])
@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_of_a_subclass_has_the_attributes_of_both_classes(kind: Any, copied: str) -> None:
    auth = kind("a.b.c", "https://a.test/", frozenset({"read"}), claims={"sub": "user-1"})
    auth.name = "Zoë"
    copied_auth = COPIES[copied](auth)
    assert type(copied_auth) is kind
    assert (copied_auth.name, copied_auth.subject) == ("Zoë", "user-1")
    assert copied_auth.has_scope("read")


@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_of_a_seen_auth_is_judged_like_the_auth(local: LocalIssuer, copied: str) -> None:
    requirements = [
        claim("absent", lambda value: True),
        claim("org", "acme"),
        permission("admin"),
        has("absent", "x"),
        claim("nested", {"a": 1}),
    ]
    judge = verifier_of(local, *requirements)
    token = signed(local, org="acme", permissions=["admin"], nested={"a": 1})
    judge.verify(token)
    auth = COPIES[copied](judge.verify(token))
    assert [not outcome(each, auth) for each in requirements] == [False, True, True, False, True]
    assert (auth.subject, auth.claims["org"]) == ("user-1", "acme")


# --- bounds


def growth(local: LocalIssuer, judge: Verifier, tokens: Iterator[str]) -> int:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for token in tokens:
            judge.verify(token)
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 20, 500])
def test_many_tokens_with_many_permissions_stay_within_the_configured_bytes(
    local: LocalIssuer, count: int
) -> None:
    max_bytes = 2**22
    requirements = (permission("x"), claim("permissions", []), claim("org", ""))
    judge = verifier_of(local, *requirements, max_remembered_bytes=max_bytes, max_token_bytes=2**20)
    judge.verify(signed(local))

    def minted() -> Iterator[str]:
        for number in range(max(60, 50_000 // (count + 10))):
            names = [f"permission-{number}:{each}" for each in range(count)]
            yield signed(local, permissions=names, scope=" ".join(names[:50]), org=f"{number:0200}")

    assert 0 < growth(local, judge, minted()) <= 1.1 * max_bytes


@pytest.mark.parametrize(
    "requirement",
    [
        pytest.param(claim("org", "acme"), id="a string"),
        pytest.param(claim("list", ["a"]), id="a list"),
        pytest.param(permission("admin"), id="a set"),
        pytest.param(has("words", "a"), id="words"),
    ],
)
def test_kept_claims_are_counted_into_the_bytes_of_the_cache(
    local: LocalIssuer, requirement: Condition
) -> None:
    names = [f"{number:099}" for number in range(200)]
    token = signed(local, org="x" * 20_000, list=names, permissions=names, words=" ".join(names))
    sizes = []
    for requirements in ((), (requirement,)):
        judge = verifier_of(local, *requirements, max_token_bytes=2**20)
        judge.verify(token)
        sizes.append(judge._cache._young.size)
    assert sizes[1] - sizes[0] > 20_000


def test_a_token_with_too_many_permissions_is_cached_without_them(local: LocalIssuer) -> None:
    judge = verifier_of(local, permission("p:1"), max_token_bytes=2**20)
    token = signed(local, permissions=[f"p:{number}" for number in range(10_000)])
    judge.verify(token)
    size = judge._cache._young.size
    assert len(token) < size < len(token) + 2000
    assert not outcome(permission("p:9999", "p:1"), judge.verify(token))
    assert outcome(permission("p:10000"), judge.verify(token))


def test_a_small_cache_still_holds_tokens_whose_claims_are_too_large_to_keep(
    local: LocalIssuer,
) -> None:
    judge = verifier_of(local, permission("p:1"), max_remembered_bytes=40_000)
    token = signed(local, permissions=[f"p:{number}" for number in range(500)])
    judge.verify(token)
    assert judge._cache.get(token) is not None
    assert not outcome(permission("p:499"), judge.verify(token))


@pytest.mark.parametrize(
    "options", [{"max_remembered": 0}, {"max_remembered_bytes": 0}], ids=["entries", "bytes"]
)
def test_without_a_cache_no_claims_are_kept(local: LocalIssuer, options: dict[str, int]) -> None:
    judge = verifier_of(local, permission("admin"), **options)
    token = signed(local, permissions=["admin"])
    for _ in range(2):
        auth = judge.verify(token)
        assert auth._kept.kept_bytes == 0
        assert not outcome(permission("admin"), auth)


def test_tokens_of_two_users_keep_their_own_claims(local: LocalIssuer) -> None:
    judge = verifier_of(local, permission("admin"), claim("org", "acme"))
    one = signed(local, permissions=["admin"], org="acme", sub="one")
    other = signed(local, permissions=["user"], org="other", sub="other")
    for _ in range(3):
        for token, passes, subject in ((one, True, "one"), (other, False, "other")):
            auth = judge.verify(token)
            assert outcome(permission("admin"), auth) is not passes
            assert outcome(claim("org", "acme"), auth) is not passes
            assert auth.subject == subject
            judge.verify(token).claims["permissions"] = ["admin"]
    assert claim_members(judge.verify(one), "permissions") == {"admin"}
    assert claim_members(judge.verify(other), "permissions") == {"user"}


def test_equal_permissions_of_two_users_are_one_set(local: LocalIssuer) -> None:
    judge = verifier_of(local, permission("admin"))
    sets = []
    for subject in ("one", "other"):
        token = signed(local, permissions=["admin", "user"], sub=subject)
        judge.verify(token)
        sets.append(claim_members(judge.verify(token), "permissions"))
    assert sets[0] is sets[1]


def test_the_members_of_a_claim_are_those_of_its_lookup(local: LocalIssuer) -> None:
    auth = Auth("a.b.c", local.issuer, claims={"x": {"y": ["a"]}}, header={})
    assert claim_value(auth, ("x", "y")) == lookup(auth.claims, ("x", "y"))
    assert claim_members(auth, ("x", "y")) == {"a"}
    assert claim_members(auth, "y") is None


# --- the characters of a seen token are not checked again


class Inside:
    """An application that would call every text a cached token."""

    answered: Credentials | None = None

    def find_cached(self, token: str) -> bool:
        return True

    def __call__(self, environ: Environ, start_response: Any) -> list[bytes]:
        self.answered = environ.get(CREDENTIALS_KEY)
        return answering(environ, start_response)


def test_only_a_verifier_says_that_a_text_is_a_cached_token() -> None:
    inside = Inside()
    ask(TokenExtractor(inside), "one, two")
    assert not isinstance(inside.answered, Credentials)
    ask(TokenExtractor(inside), "one")
    assert inside.answered == Credentials("Bearer", "one")


@pytest.mark.parametrize("header", ["Bearer {}", "bearer {}", "  BEARER   {}\t", "Bearer  {} "])
def test_every_spelling_of_the_header_reads_the_seen_token(local: LocalIssuer, header: str) -> None:
    stack, verifier = by_hand(local, answering)
    token = signed(local)
    environ: Environ = {"HTTP_AUTHORIZATION": header.format(token), "PATH_INFO": "/"}
    for _ in range(3):
        assert stack(environ, lambda *_: None) == [b"ok"]
        assert environ[CREDENTIALS_KEY] == Credentials("Bearer", token)
        assert environ[AUTH_KEY].token == token
    assert verifier.find_cached(token)
    assert not verifier.find_cached(token[:-1])


@pytest.mark.parametrize("more", [" x", ",x", ", Bearer x", "\x00", "é"], ids=ascii)
def test_a_seen_token_with_more_behind_it_is_refused(local: LocalIssuer, more: str) -> None:
    stack, _ = by_hand(local, answering)
    token = signed(local)
    assert ask(stack, token) == "200 OK"
    assert ask(stack, token + more) == "400 Bad Request"
