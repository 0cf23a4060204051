"""Report-only rules: requests pass, and would-be refusals are logged and given to the hook."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from webob import Request, Response
from webob.dec import wsgify
from webtest import TestApp

from jwt_wsgi import (
    AUTHENTICATED,
    DENY,
    OPTIONAL,
    PUBLIC,
    Auth,
    Issuer,
    Policy,
    RemoteJWKS,
    ScopeAuthorizer,
    TokenExtractor,
    TokenVerifier,
    claim,
    get_auth,
    guard,
    protect,
    report_only,
    require,
    scope,
)
from jwt_wsgi.middleware.decisions import Decision
from jwt_wsgi.testing import LocalIssuer

A, B = scope("a"), scope("b")


@wsgify
def app(request: Request) -> Response:
    auth = get_auth(request)
    return Response(text=str(auth and auth.subject), content_type="text/plain")


class Decisions(list[Decision]):
    """A hook that collects the decisions it gets."""

    def __call__(self, environ: Any, decision: Decision) -> None:
        self.append(decision)

    @property
    def reasons(self) -> list[tuple[str | None, str | None]]:
        """The reason of each decision's refusal, and of its would-be refusal."""
        return [
            (decision.reason, decision.would_be and decision.would_be.reason) for decision in self
        ]


@pytest.fixture
def decisions() -> Decisions:
    return Decisions()


def api(trusted: Issuer, decisions: Decisions, rules: Any) -> TestApp:
    return TestApp(protect(app, issuer=trusted, rules=rules, on_decision=decisions))


def ask(stack: TestApp, token: str | None, path: str = "/x") -> int:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return int(stack.get(path, headers=headers, status="*").status_int)


#: The rule, the scope of the token (None: no token), the status, the reasons of the refusal and
#: of the would-be refusal.
ONE_RULE: list[Any] = [
    ("alone: met", report_only(A), "a", 200, None, None),
    ("alone: a scope lacks", report_only(A), "b", 200, None, "insufficient_scope"),
    ("alone: no token", report_only(A), None, 200, None, "missing_token"),
    ("alone: denied", report_only(DENY), "a", 200, None, "denied"),
    ("alone: a claim", report_only(claim("org", "acme")), "a", 200, None, "claim_forbidden"),
    ("beside: both met", A & report_only(B), "a b", 200, None, None),
    ("beside: the watched lacks", A & report_only(B), "a", 200, None, "insufficient_scope"),
    ("beside: the enforced lacks", A & report_only(B), "b", 403, "insufficient_scope", None),
    ("beside: no token", A & report_only(B), None, 401, "missing_token", None),
    ("before: the same", report_only(B) & A, "a", 200, None, "insufficient_scope"),
    ("beside two", A & scope("c") & report_only(B), "a", 403, "insufficient_scope", None),
    ("before two", report_only(B) & A & scope("c"), "a", 403, "insufficient_scope", None),
    (
        "before two: the first lacks",
        report_only(B) & A & scope("c"),
        "c",
        403,
        "insufficient_scope",
        None,
    ),
    (
        "beside an alternative",
        (A | scope("c")) & report_only(B),
        "c",
        200,
        None,
        "insufficient_scope",
    ),
]


@pytest.mark.parametrize(
    ("rule", "scopes", "status", "refused", "would_be"),
    [pytest.param(*case, id=name) for name, *case in ONE_RULE],
)
def test_a_rule_reports_what_it_does_not_enforce(
    local: LocalIssuer,
    trusted: Issuer,
    decisions: Decisions,
    rule: Any,
    scopes: str | None,
    status: int,
    refused: str | None,
    would_be: str | None,
) -> None:
    token = None if scopes is None else local.token(scopes)
    assert ask(api(trusted, decisions, {"/x": rule}), token) == status
    assert decisions.reasons == [(refused, would_be)]


def test_a_rule_that_only_reports_lets_a_bad_token_pass_as_anonymous(
    local: LocalIssuer, trusted: Issuer, decisions: Decisions
) -> None:
    stack = api(trusted, decisions, {"/x": report_only(A)})
    for token, reason in (
        (local.token(expires_in=-60), "token_expired"),
        ("x", "token_malformed"),
        ("a b",) * 2,
    ):
        decisions.clear()
        headers = {"Authorization": f"Bearer {token}"}
        assert stack.get("/x", headers=headers).text == "None"
        verified, authorized = decisions.reasons
        assert verified == (None, "malformed_header" if reason == "a b" else reason)
        assert authorized == (None, "missing_token")


def test_beside_an_enforced_condition_a_bad_token_is_refused(
    local: LocalIssuer, trusted: Issuer, decisions: Decisions
) -> None:
    assert (
        ask(api(trusted, decisions, {"/x": A & report_only(B)}), local.token(expires_in=-60)) == 401
    )
    assert decisions.reasons == [("token_expired", None)]


def test_a_rule_that_only_reports_passes_requests_without_keys(
    local: LocalIssuer, decisions: Decisions
) -> None:
    def unreachable(url: str) -> bytes:
        raise ConnectionError

    keys = RemoteJWKS("https://issuer.test/keys", fetch=unreachable)
    trusted = Issuer(local.issuer, audience=local.audience, keys=keys)
    assert ask(api(trusted, decisions, {"/x": report_only(A)}), local.token("a")) == 200
    assert decisions.reasons == [(None, "keys_unavailable"), (None, "missing_token")]


#: In a report-only policy: the path, the token's scope, and the reason of the would-be refusal.
WHOLE: list[Any] = [
    ("/public", None, []),
    ("/a", "a", [None]),
    ("/a", "b", ["insufficient_scope"]),
    ("/a", None, ["missing_token"]),
    ("/denied", "a", ["denied"]),
    ("/other", "a", ["no_rule"]),
    ("/a//b", "a", ["path_ambiguous"]),
    ("/a/../b", None, ["path_ambiguous"]),
]


@pytest.mark.parametrize(("path", "scopes", "would_be"), WHOLE)
def test_a_report_only_policy_refuses_nothing(
    local: LocalIssuer,
    trusted: Issuer,
    decisions: Decisions,
    path: str,
    scopes: str | None,
    would_be: list[str | None],
) -> None:
    policy = Policy({"/public": PUBLIC, "/a": A, "/denied": DENY}, report_only=True)
    stack = api(trusted, decisions, policy)
    assert ask(stack, None if scopes is None else local.token(scopes), path) == 200
    assert decisions.reasons == [(None, each) for each in would_be or [None]]


def test_a_report_only_policy_lets_bad_tokens_pass_on_ambiguous_paths(
    trusted: Issuer, decisions: Decisions
) -> None:
    stack = api(trusted, decisions, Policy({"/a": A}, report_only=True))
    for path in ("/a", "/a//b", "/other"):
        assert ask(stack, "x", path) == 200
    assert {refused for refused, _ in decisions.reasons} == {None}
    assert [would_be for _, would_be in decisions.reasons][::2] == ["token_malformed"] * 3


@pytest.mark.parametrize(
    ("rule", "tolerant"),
    [
        (report_only(A), True),
        (A & report_only(B), False),
        (OPTIONAL, False),
        (PUBLIC, False),
        (A, False),
        (AUTHENTICATED, False),
    ],
    ids=str,
)
def test_only_a_rule_that_only_reports_tolerates_bad_tokens(rule: Any, tolerant: bool) -> None:
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/x"}
    assert Policy({"/x": rule}).reports_only(environ) is tolerant
    assert Policy({"/x": rule}, report_only=True).reports_only(environ) is True
    assert Policy({"/x": rule}).reports_only({**environ, "PATH_INFO": "/x//"}) is False
    assert (
        Policy({"/x": rule}, report_only=True).reports_only({**environ, "PATH_INFO": "/x//"})
        is True
    )


def test_layers_by_hand_refuse_bad_tokens_unless_configured_otherwise(
    local: LocalIssuer, trusted: Issuer
) -> None:
    policy = Policy({"/x": report_only(A)})
    authorizer = ScopeAuthorizer(app, policy)
    strict = TokenExtractor(TokenVerifier(authorizer, trusted, allow_anonymous=True))
    lenient = TokenExtractor(
        TokenVerifier(authorizer, trusted, allow_anonymous=True, report_only=policy.reports_only)
    )
    assert [ask(TestApp(stack), "x") for stack in (strict, lenient)] == [401, 200]


def test_a_bad_token_that_passes_leaves_no_user(trusted: Issuer) -> None:
    seen: dict[str, Any] = {}

    def record(environ: dict[str, Any], start_response: Any) -> Any:
        seen.update(environ)
        return app(environ, start_response)

    stack = protect(
        record,
        issuer=trusted,
        rules={"/x": report_only(A)},
        remote_user=lambda auth: auth.subject or "",
    )
    request = Request.blank(
        "/x", {"REMOTE_USER": "smuggled"}, headers={"Authorization": "Bearer x"}
    )
    request.get_response(stack)
    assert "REMOTE_USER" not in seen
    assert "jwt_wsgi.auth" not in seen


def test_a_reported_refusal_is_one_line_at_info(
    local: LocalIssuer, trusted: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    stack = TestApp(protect(app, issuer=trusted, rules={"/x": report_only(A)}))
    token = local.token("b")
    with caplog.at_level(logging.INFO, "jwt_wsgi.decision"):
        ask(stack, token)
    [line] = [record.getMessage() for record in caplog.records]
    assert line == (
        "'GET' '/x' allowed, would be refused: 403 insufficient_scope (rule /x, expected \"scope('a')\", found ['b'])"
    )
    assert token not in line


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: report_only(PUBLIC), r"report_only\(PUBLIC\) watches nothing"),
        (lambda: report_only(OPTIONAL), "watches nothing"),
        (lambda: report_only(report_only(A)), "watches nothing"),
        (lambda: report_only("a"), r"report_only\(\): 'a' is not a requirement"),  # type: ignore[arg-type]
        (lambda: guard(report_only(A)), "report_only belongs to the rules of a policy"),
        (lambda: guard(A & report_only(B)), "report_only belongs to the rules of a policy"),
        (lambda: require({}, report_only(A)), "report_only belongs to the rules of a policy"),
    ],
)
def test_a_report_without_effect_is_a_value_error(write: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write()


@pytest.mark.parametrize(
    "combine",
    [
        lambda: A | report_only(B),
        lambda: report_only(B) | A,
        lambda: PUBLIC & report_only(B),
        lambda: report_only(B) & OPTIONAL,
        lambda: report_only(A) & report_only(B),
        lambda: bool(report_only(A)),
    ],
)
def test_it_combines_with_conditions_by_and_alone(combine: Any) -> None:
    with pytest.raises(TypeError):
        combine()


@pytest.mark.parametrize(
    ("requirement", "text"),
    [
        (report_only(A | B), "report_only(scope('a') | scope('b'))"),
        (A & report_only(B), "scope('a') & report_only(scope('b'))"),
        ((A | B) & report_only(DENY), "(scope('a') | scope('b')) & report_only(DENY)"),
    ],
)
def test_it_prints_as_it_is_written(requirement: Any, text: str) -> None:
    assert str(requirement) == text


def test_the_decision_of_a_report_has_the_auth_and_the_rule(
    local: LocalIssuer, trusted: Issuer, decisions: Decisions
) -> None:
    ask(api(trusted, decisions, {"/x": report_only(A)}), local.token("b"))
    [decision] = decisions
    assert isinstance(decision.auth, Auth)
    assert (decision.rule, decision.error) == ("/x", None)
