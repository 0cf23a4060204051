"""The three layers together: one call equals composition, every subset is safe, PEP 3333 holds."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any
from wsgiref.validate import validator

import pytest
from conftest import Clock
from webob import Request, Response
from webob.dec import wsgify
from webtest import TestApp

import jwt_wsgi
from jwt_wsgi import (
    AUTHENTICATED,
    DENY,
    OPTIONAL,
    PUBLIC,
    AuthError,
    Issuer,
    Policy,
    RemoteJWKS,
    ScopeAuthorizer,
    StaticJWKS,
    TokenExtractor,
    TokenVerifier,
    Verifier,
    coverage,
    explain,
    get_auth,
    jose,
    protect,
    require,
    scope,
    testing,
)
from jwt_wsgi.testing import LocalIssuer

RULES = {
    "/public": PUBLIC,
    "/optional": OPTIONAL,
    "/private": AUTHENTICATED,
    "/scoped": scope("read:a"),
    "/denied": DENY,
    "/raises": AUTHENTICATED,
}


@wsgify
def app(request: Request) -> Response:
    """Says who is calling; `/raises` asks for more than the policy does."""
    if request.path_info == "/raises":
        require(request, scope("write:a"))
    auth = get_auth(request)
    return Response(text=str(auth and auth.subject), content_type="text/plain")


def by_one_call(issuer: Issuer) -> Any:
    return protect(app, issuer=issuer, rules=RULES)


def by_hand(issuer: Issuer) -> Any:
    policy = Policy(RULES)
    authorizer = ScopeAuthorizer(app, policy)
    verifier = TokenVerifier(authorizer, issuer, allow_anonymous=True, exempt=policy.is_public)
    return TokenExtractor(verifier)


def validated(issuer: Issuer) -> Any:
    """wsgiref's validator on both sides of every layer."""
    policy = Policy(RULES)
    authorizer = validator(ScopeAuthorizer(validator(app), policy))
    verifier = TokenVerifier(authorizer, issuer, allow_anonymous=True, exempt=policy.is_public)
    return validator(TokenExtractor(validator(verifier)))


COMPOSITIONS = [by_one_call, by_hand, validated]

SPEAKS: list[Any] = [
    ("public, no token", "/public", None, 200, "None"),
    ("public, bad token", "/public", "Bearer x", 200, "None"),
    ("public, malformed header", "/public", "Bearer", 200, "None"),
    ("optional, no token", "/optional", None, 200, "None"),
    ("optional, bad token", "/optional", "Bearer x", 401, "token_malformed"),
    ("optional, good token", "/optional", "good", 200, "user-1"),
    ("private, no token", "/private", None, 401, "missing_token"),
    ("private, good token", "/private", "good", 200, "user-1"),
    ("private, two tokens", "/private", "Bearer a, Bearer b", 400, "several_tokens"),
    ("beneath private", "/private/x", "good", 200, "user-1"),
    ("scoped, good token", "/scoped", "good", 403, "insufficient_scope"),
    ("denied, no token", "/denied", None, 401, "missing_token"),
    ("denied, good token", "/denied", "good", 403, "denied"),
    ("no rule, no token", "/other", None, 401, "missing_token"),
    ("no rule, good token", "/other", "good", 403, "no_rule"),
    ("ambiguous path", "/public/../private", "good", 400, "path_ambiguous"),
    ("the app asks for more", "/raises", "good", 403, "insufficient_scope"),
    ("header before path", "/public/../private", "Bearer", 400, "malformed_header"),
    ("token before path", "/public/../private", "Bearer x", 401, "token_malformed"),
]


@pytest.mark.conforms(85)
@pytest.mark.parametrize("compose", COMPOSITIONS)
@pytest.mark.parametrize(
    ("path", "header", "status", "said"), [pytest.param(*case, id=n) for n, *case in SPEAKS]
)
def test_protect_and_layers_by_hand_give_the_same_verdicts(
    local: LocalIssuer,
    trusted: Issuer,
    compose: Callable[[Issuer], Any],
    path: str,
    header: str | None,
    status: int,
    said: str,
) -> None:
    stack = TestApp(compose(trusted))
    value = f"Bearer {local.token()}" if header == "good" else header
    headers = {} if value is None else {"Authorization": value}
    response = stack.get(path, headers=headers, status="*")
    assert response.status_int == status
    assert (response.json["reason"] if status >= 400 else response.text) == said


@pytest.mark.parametrize("compose", COMPOSITIONS)
def test_unavailable_keys_are_503(local: LocalIssuer, compose: Callable[[Issuer], Any]) -> None:
    def unreachable(url: str) -> bytes:
        raise ConnectionError

    keys = RemoteJWKS("https://issuer.test/keys", fetch=unreachable)
    stack = TestApp(compose(Issuer(local.issuer, audience=local.audience, keys=keys)))
    stack.authorization = ("Bearer", local.token())
    response = stack.get("/private", status=503)
    assert response.json["error"] == "temporarily_unavailable"
    assert int(response.headers["Retry-After"]) >= 1
    assert "WWW-Authenticate" not in response.headers


SUBSETS = {
    "extractor and verifier": lambda issuer: TokenExtractor(TokenVerifier(app, issuer)),
    "verifier": lambda issuer: TokenVerifier(app, issuer),
    "extractor and authorizer": lambda issuer: TokenExtractor(ScopeAuthorizer(app, Policy(RULES))),
    "authorizer": lambda issuer: ScopeAuthorizer(app, Policy(RULES)),
    "verifier outside the extractor": lambda issuer: TokenVerifier(
        TokenExtractor(ScopeAuthorizer(app, Policy(RULES))), issuer, allow_anonymous=True
    ),
    "authorizer outside the verifier": lambda issuer: TokenExtractor(
        ScopeAuthorizer(TokenVerifier(app, issuer), Policy(RULES))
    ),
}


@pytest.mark.parametrize("subset", SUBSETS)
def test_every_subset_and_every_wrong_order_refuses_a_caller_without_a_token(
    trusted: Issuer, subset: str
) -> None:
    stack = TestApp(SUBSETS[subset](trusted))
    assert stack.get("/private", status=401).json["reason"] == "missing_token"


def test_the_layers_change_only_their_own_environ_keys(local: LocalIssuer, trusted: Issuer) -> None:
    seen: dict[str, Any] = {}

    def record(environ: dict[str, Any], start_response: Any) -> Any:
        seen.update(environ)
        return app(environ, start_response)

    token = local.token()
    request = Request.blank("/private", headers={"Authorization": f"Bearer {token}"})
    before = dict(request.environ)
    request.get_response(protect(record, issuer=trusted, rules=RULES))
    added = {key: seen[key] for key in seen.keys() - before.keys()}
    assert added.keys() - {"webob._parsed_query_vars"} == {
        "jwt_wsgi.credentials",
        "jwt_wsgi.auth",
        "jwt_wsgi.rule",
        "jwt_wsgi.realm",
        "jwt_wsgi.challenge",
    }
    assert {key: seen[key] for key in before} == before
    assert token not in repr(added)


def test_changing_an_auth_changes_no_other_request(local: LocalIssuer, trusted: Issuer) -> None:
    @wsgify
    def greedy(request: Request) -> Response:
        auth = get_auth(request)
        assert auth is not None
        subject = auth.subject
        auth.claims["sub"] = "admin"
        auth.claims["scope"] = "read:a"
        auth.header["kid"] = "mine"
        return Response(text=str(subject))

    stack = TestApp(protect(greedy, issuer=trusted, rules=RULES))
    stack.authorization = ("Bearer", local.token())
    assert [stack.get("/private").text for _ in range(3)] == ["user-1"] * 3
    assert stack.get("/scoped", status=403)


def test_hooks_and_clock_reach_the_layers(local: LocalIssuer) -> None:
    told: list[str | None] = []
    clock = Clock(local.clock())

    def on_error(environ: Any, error: AuthError) -> Any:
        return Response(status=error.status, text="no")

    issuer = Issuer(local.issuer, audience=local.audience, keys=StaticJWKS(local.jwks))
    stack = TestApp(
        protect(
            app,
            issuer=issuer,
            rules=RULES,
            realm="billing",
            remote_user=lambda auth: auth.subject or "",
            on_error=on_error,
            on_decision=lambda _, decision: told.append(decision.reason),
            clock=clock,
        )
    )
    stack.authorization = ("Bearer", local.token(expires_in=300))
    assert stack.get("/private").text == "user-1"
    clock.advance(331)
    assert stack.get("/private", status=401).text == "no"
    assert stack.get("/public").text == "None"
    assert told == [None, "token_expired", None]


ISSUER = "https://issuer.test/"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"issuer": ISSUER}, "audience=", id="URL without audience"),
        pytest.param({"issuer": []}, "issuers is empty", id="no issuer"),
        pytest.param(
            {"issuer": Issuer(ISSUER, audience="a"), "audience": "a"},
            "beside an Issuer",
            id="audience beside an Issuer",
        ),
        pytest.param({"issuer": [ISSUER, ISSUER], "audience": "a"}, "twice", id="twice the same"),
        pytest.param({"issuer": "issuer.test", "audience": "a"}, "https URL", id="no URL"),
        pytest.param(
            {"issuer": ISSUER, "audience": "a", "rules": {"/a": "read:a"}},
            "rule '/a': 'read:a' is not a requirement",
            id="a bare string as a rule",
        ),
    ],
)
def test_wrong_configuration_fails_at_construction(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        protect(app, **{"rules": RULES, **arguments})


def test_a_ready_verifier_is_used_unchanged(local: LocalIssuer) -> None:
    trusted = Issuer(local.issuer, audience=local.audience, keys=StaticJWKS(local.jwks))
    verifier = Verifier(trusted, max_remembered=0, clock=local.clock)
    assert verifier.trusted == 1
    stack = TestApp(protect(app, issuer=verifier, rules={"/": AUTHENTICATED}))
    assert stack.get("/", headers={"Authorization": f"Bearer {local.token()}"}).status_int == 200


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"audience": "a"}, id="audience"),
        pytest.param({"is_revoked": lambda auth: False}, id="is_revoked"),
        pytest.param({"clock": lambda: 0.0}, id="clock"),
    ],
)
def test_an_option_that_a_ready_verifier_has_itself_is_refused(
    local: LocalIssuer, options: dict[str, Any]
) -> None:
    verifier = Verifier(Issuer(local.issuer, audience="a", keys=StaticJWKS(local.jwks)))
    [option] = options
    message = f"{option}=.* beside a Verifier"
    with pytest.raises(ValueError, match=message):
        protect(app, issuer=verifier, rules=RULES, **options)
    if option != "audience":
        with pytest.raises(ValueError, match=message):
            TokenVerifier(app, verifier, **options)


def test_an_unknown_keyword_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="audiences"):
        protect(app, issuer=ISSUER, audiences="a", rules=RULES)


def test_a_url_alone_discovers_its_keys_and_fetches_nothing_at_construction() -> None:
    several = [ISSUER, Issuer("https://other.test/", audience="b")]
    protect(app, issuer=several, audience=["a", "b"], rules=Policy(RULES))


@pytest.mark.parametrize(
    "package", [jwt_wsgi, coverage, explain, jose, testing], ids=lambda package: package.__name__
)
def test_every_public_name_is_there_and_documented(package: ModuleType) -> None:
    for name in package.__all__:
        value = getattr(package, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), name
    offered = {
        name
        for name, value in vars(package).items()
        if inspect.isclass(value) or inspect.isfunction(value)
    }
    assert {name for name in offered if not name.startswith("_")} <= set(package.__all__)
