"""Every callback that users give the package: refused where it cannot work, closed where it fails."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, get_type_hints

import pytest

import jwt_wsgi
from jwt_wsgi import (
    AUTHENTICATED,
    OPTIONAL,
    PUBLIC,
    CrossOrigin,
    Issuer,
    ProtectedResource,
    RemoteJWKS,
    RemotePEM,
    ResourceMetadata,
    ScopeAuthorizer,
    StaticJWKS,
    TokenExtractor,
    TokenVerifier,
    Verifier,
    claim,
    guard,
    metadata_app,
    protect,
    scope,
)
from jwt_wsgi.callbacks import call, check_callables, refuse_deferred
from jwt_wsgi.explain import Explainer
from jwt_wsgi.mcp import ToolAuthorizer
from jwt_wsgi.testing import LocalIssuer

LOCAL = LocalIssuer(algorithms=("ES256",))
TRUSTED = Issuer(
    LOCAL.issuer, audience=LOCAL.audience, keys=StaticJWKS(LOCAL.jwks), algorithms=["ES256"]
)
# A resolver alone does not tell the names of its issuers.
RESOURCE = ProtectedResource(LOCAL.audience, authorization_servers=["https://issuer.example.com"])
RULES = {"/public": PUBLIC, "/optional": OPTIONAL, "/": AUTHENTICATED}


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    environ["reached"].append(environ["PATH_INFO"])
    start_response("200 OK", [])
    return [b"in"]


class Stop(BaseException):
    """Stands for `gevent.Timeout`, which is not an `Exception`."""


async def coroutine_function(*_: Any) -> bool:
    return True


def generator_function(*_: Any) -> Iterator[bool]:
    yield True


async def async_generator_function(*_: Any) -> Any:
    yield True


class AsyncCall:
    async def __call__(self, *_: Any) -> bool:
        return True


DEFERRED = {
    "a coroutine function": coroutine_function,
    "a generator function": generator_function,
    "an asynchronous generator function": async_generator_function,
    "an object with an asynchronous __call__": AsyncCall(),
}


def tenant_resolver(callback: Any) -> Verifier:
    return Verifier(callback)


def trusting(**options: Any) -> Issuer:
    settings: dict[str, Any] = {
        "audience": LOCAL.audience,
        "keys": StaticJWKS(LOCAL.jwks),
        "algorithms": ["ES256"],
        **options,
    }
    return Issuer(LOCAL.issuer, **settings)


PEM_URL = "https://keys.example.com/{kid}"


def remote(**options: Any) -> RemoteJWKS:
    return RemoteJWKS(LOCAL.jwks_uri, **{"fetch": LOCAL.fetch, **options})


#: Each callback, by where it is given, and how it gets there.
CALLBACKS: dict[str, Callable[[Any], Any]] = {
    "TokenExtractor(get_token)": lambda f: TokenExtractor(app, get_token=f),
    "TokenVerifier(exempt)": lambda f: TokenVerifier(app, TRUSTED, exempt=f),
    "TokenVerifier(report_only)": lambda f: TokenVerifier(app, TRUSTED, report_only=f),
    "TokenVerifier(scopes_asked)": lambda f: TokenVerifier(app, TRUSTED, scopes_asked=f),
    "TokenVerifier(possession_asked)": lambda f: TokenVerifier(app, TRUSTED, possession_asked=f),
    "TokenVerifier(client_certificate)": lambda f: TokenVerifier(
        app, TRUSTED, client_certificate=f
    ),
    "TokenVerifier(is_revoked)": lambda f: TokenVerifier(app, TRUSTED, is_revoked=f),
    "TokenVerifier(remote_user)": lambda f: TokenVerifier(app, TRUSTED, remote_user=f),
    "TokenVerifier(on_error)": lambda f: TokenVerifier(app, TRUSTED, on_error=f),
    "TokenVerifier(on_decision)": lambda f: TokenVerifier(app, TRUSTED, on_decision=f),
    "TokenVerifier(clock)": lambda f: TokenVerifier(app, TRUSTED, clock=f),
    "TokenVerifier(issuers)": lambda f: TokenVerifier(app, f),
    "ScopeAuthorizer(on_error)": lambda f: ScopeAuthorizer(app, RULES, on_error=f),
    "ScopeAuthorizer(on_decision)": lambda f: ScopeAuthorizer(app, RULES, on_decision=f),
    "ResourceMetadata(issuers)": lambda f: ResourceMetadata(app, RESOURCE, policy=RULES, issuers=f),
    "ResourceMetadata(client_certificate)": lambda f: ResourceMetadata(
        app, RESOURCE, policy=RULES, issuers=TRUSTED, client_certificate=f
    ),
    "metadata_app(issuers)": lambda f: metadata_app(RESOURCE, RULES, f),
    "metadata_app(client_certificate)": lambda f: metadata_app(
        RESOURCE, RULES, TRUSTED, client_certificate=f
    ),
    "guard(on_error)": lambda f: guard(AUTHENTICATED, on_error=f),
    "guard(on_decision)": lambda f: guard(AUTHENTICATED, on_decision=f),
    "ToolAuthorizer(on_error)": lambda f: ToolAuthorizer(app, {}, on_error=f),
    "ToolAuthorizer(on_decision)": lambda f: ToolAuthorizer(app, {}, on_decision=f),
    "Verifier(issuers)": tenant_resolver,
    "Verifier(is_revoked)": lambda f: Verifier(TRUSTED, is_revoked=f),
    "Verifier(clock)": lambda f: Verifier(TRUSTED, clock=f),
    "Issuer(claims)": lambda f: trusting(claims={"sub": f}),
    "Issuer(header)": lambda f: trusting(header={"signer": f}),
    "Introspection(claims)": lambda f: LOCAL.introspection(claims={"sub": f}),
    "claim(value)": lambda f: claim("sub", f),
    "RemoteJWKS(headers)": lambda f: RemoteJWKS(LOCAL.jwks_uri, headers=f),
    "RemoteJWKS(fetch)": lambda f: remote(fetch=f),
    "RemoteJWKS(on_rotation)": lambda f: remote(on_rotation=f),
    "RemoteJWKS(on_fetch)": lambda f: remote(on_fetch=f),
    "RemoteJWKS(clock)": lambda f: remote(clock=f),
    "RemoteJWKS(wall_clock)": lambda f: remote(wall_clock=f),
    "Introspection(headers)": lambda f: LOCAL.introspection(fetch=None, headers=f),
    "Introspection(fetch)": lambda f: LOCAL.introspection(fetch=f),
    "Introspection(accepts)": lambda f: LOCAL.introspection(accepts=f),
    "Introspection(on_fetch)": lambda f: LOCAL.introspection(on_fetch=f),
    "Introspection(clock)": lambda f: LOCAL.introspection(clock=f),
    "RemotePEM(headers)": lambda f: RemotePEM(PEM_URL, headers=f),
    "RemotePEM(fetch)": lambda f: RemotePEM(PEM_URL, fetch=f),
    "RemotePEM(on_fetch)": lambda f: RemotePEM(PEM_URL, on_fetch=f),
    "RemotePEM(clock)": lambda f: RemotePEM(PEM_URL, clock=f),
    "StaticJWKS(clock)": lambda f: StaticJWKS(LOCAL.jwks, clock=f),
    "CrossOrigin(origins)": lambda f: CrossOrigin(app, origins=f),
    "protect(issuer)": lambda f: protect(app, issuer=f, rules=RULES),
    "protect(get_token)": lambda f: protect(app, issuer=TRUSTED, rules=RULES, get_token=f),
    "protect(client_certificate)": lambda f: protect(
        app, issuer=TRUSTED, rules=RULES, client_certificate=f
    ),
    "protect(remote_user)": lambda f: protect(app, issuer=TRUSTED, rules=RULES, remote_user=f),
    "protect(is_revoked)": lambda f: protect(app, issuer=TRUSTED, rules=RULES, is_revoked=f),
    "protect(on_error)": lambda f: protect(app, issuer=TRUSTED, rules=RULES, on_error=f),
    "protect(on_decision)": lambda f: protect(app, issuer=TRUSTED, rules=RULES, on_decision=f),
    "protect(clock)": lambda f: protect(app, issuer=TRUSTED, rules=RULES, clock=f),
    "Explainer(get_token)": lambda f: Explainer(TRUSTED, RULES, get_token=f),
    "Explainer(is_revoked)": lambda f: Explainer(TRUSTED, RULES, is_revoked=f),
    "Explainer(client_certificate)": lambda f: Explainer(TRUSTED, RULES, client_certificate=f),
    "Explainer(clock)": lambda f: Explainer(TRUSTED, RULES, clock=f),
}

#: Parameters whose types name a callable, and that are applications or request objects.
NOT_CALLBACKS = {"app"}


def offered_callbacks() -> Iterator[str]:
    """Yield the parameters of the public names that take a callable."""
    public = [getattr(jwt_wsgi, name) for name in jwt_wsgi.__all__]
    public += [Explainer, ToolAuthorizer]
    for function in public:
        if not callable(function) or not hasattr(function, "__module__"):
            continue
        target = function.__init__ if isinstance(function, type) else function
        try:
            hints = get_type_hints(target)
        except TypeError:
            continue
        for name in inspect.signature(function).parameters:
            if "Callable" in str(hints.get(name)) and name not in NOT_CALLBACKS:
                yield f"{function.__name__}({name})"


def test_every_callback_of_the_package_is_in_this_table() -> None:
    # Values of `claims`, `header` and `claim` have no type of their own: JSON, or a predicate.
    untyped = {"Issuer(claims)", "Issuer(header)", "Introspection(claims)", "claim(value)"}
    assert set(offered_callbacks()) | untyped == set(CALLBACKS)


@pytest.mark.parametrize("deferred", DEFERRED.values(), ids=DEFERRED)
@pytest.mark.parametrize("build", CALLBACKS.values(), ids=CALLBACKS)
def test_a_function_that_would_not_run_is_refused_at_construction_u34(
    build: Callable[[Any], Any], deferred: Any
) -> None:
    with pytest.raises(ValueError, match="write an ordinary function"):
        build(deferred)


def test_an_asgi_application_is_refused_by_name_u34() -> None:
    for build in (
        lambda asgi: protect(asgi, issuer=TRUSTED, rules=RULES),
        lambda asgi: TokenExtractor(asgi),
        lambda asgi: TokenVerifier(asgi, TRUSTED),
        lambda asgi: ScopeAuthorizer(asgi, RULES),
        lambda asgi: ToolAuthorizer(asgi, {}),
        lambda asgi: CrossOrigin(asgi, origins="*"),
        lambda asgi: guard(AUTHENTICATED)(asgi),
    ):
        with pytest.raises(ValueError, match="ASGI"):
            build(coroutine_function)


def test_a_wsgi_application_may_be_a_generator_function() -> None:
    assert protect(generator_function, issuer=TRUSTED, rules=RULES)


# --- what happens where one fails


def outcome(stack: Any, path: str = "/private", token: str | None = None) -> Any:
    """Return the status, REMOTE_USER and the paths that reached the application."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "reached": [],
    }
    if token is not None:
        environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    statuses: list[str] = []
    b"".join(stack(environ, lambda status, *_: statuses.append(status)))
    return int(statuses[0][:3]), environ.get("REMOTE_USER"), environ["reached"]


GOOD = LOCAL.token(expires_in=86400)
BOUND = LOCAL.token(expires_in=86400, cnf={"x5t#S256": "a"})
REACHED = ["/private"]


def verifying(**options: Any) -> Any:
    return TokenExtractor(TokenVerifier(app, TRUSTED, **options))


def protecting(**options: Any) -> Any:
    return protect(app, **{"issuer": TRUSTED, "rules": RULES, **options})


#: What a request gets while the callback fails: the status, REMOTE_USER, and what was reached.
FAILURES = [
    pytest.param(lambda f: verifying(exempt=f), None, (401, None, []), id="exempt: the token counts"),
    pytest.param(lambda f: verifying(exempt=f), GOOD, (200, None, REACHED), id="exempt: good token"),
    pytest.param(lambda f: verifying(report_only=f), "x", (401, None, []), id="report_only: enforced"),
    pytest.param(lambda f: verifying(scopes_asked=f), "x", (401, None, []), id="scopes_asked: none"),
    pytest.param(
        lambda f: verifying(possession_asked=f), "x", (401, None, []), id="possession_asked: none"
    ),
    pytest.param(
        lambda f: protecting(client_certificate=f), BOUND, (503, None, []),
        id="client_certificate: 503",
    ),
    pytest.param(lambda f: protecting(is_revoked=f), GOOD, (503, None, []), id="is_revoked: 503"),
    pytest.param(
        lambda f: protecting(remote_user=f), GOOD, (200, None, REACHED), id="remote_user: unset"
    ),
    pytest.param(lambda f: protecting(on_error=f), None, (401, None, []), id="on_error: ours"),
    pytest.param(
        lambda f: protecting(on_decision=f), GOOD, (200, None, REACHED), id="on_decision: allowed"
    ),
    pytest.param(
        lambda f: protecting(on_decision=f), None, (401, None, []), id="on_decision: refused"
    ),
    pytest.param(lambda f: protecting(issuer=f), GOOD, (503, None, []), id="a resolver: 503"),
    pytest.param(
        lambda f: protecting(issuer=trusting(claims={"sub": f})), GOOD, (401, None, []),
        id="a predicate of an issuer: refused",
    ),
    pytest.param(
        lambda f: protecting(rules={"/": claim("sub", f)}), GOOD, (403, None, []),
        id="a predicate of a rule: refused",
    ),
    pytest.param(
        lambda f: protecting(rules={"/": claim("sub", f) | scope("a")}), GOOD, (403, None, []),
        id="a predicate in a combination: refused",
    ),
]  # fmt: skip


def test_the_certificate_of_an_unbound_token_is_not_asked_for() -> None:
    assert outcome(protecting(client_certificate=raising), token=GOOD) == (200, None, REACHED)


def raising(*_: Any) -> Any:
    raise RuntimeError("secret text")


def returning_a_coroutine(*_: Any) -> Any:
    return coroutine_function()


def returning_a_generator(*_: Any) -> Any:
    return generator_function()


FAILING = {
    "raises": raising,
    "returns an awaitable": returning_a_coroutine,
    "returns a generator": returning_a_generator,
    # A bound `__eq__` does so for a value of another type, and its truth is True.
    "returns NotImplemented": lambda *_: NotImplemented,
}


@pytest.mark.parametrize("failing", FAILING.values(), ids=FAILING)
@pytest.mark.parametrize(("build", "token", "expected"), FAILURES)
def test_a_callback_that_fails_opens_nothing_and_is_logged_by_its_type_u34(
    build: Any, token: str | None, expected: Any, failing: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert outcome(build(failing), token=token) == expected
    raised = "RuntimeError" if failing is raising else "TypeError"
    assert raised in caplog.text
    assert "secret text" not in caplog.text


@pytest.mark.parametrize(
    ("build", "token"), [pytest.param(*row.values[:2], id=row.id) for row in FAILURES]
)
def test_what_is_not_an_exception_is_raised_again_and_nothing_is_reached_u23(
    build: Any, token: str | None
) -> None:
    reached: list[str] = []

    def stop(*_: Any) -> Any:
        raise Stop

    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/private"}
    if token is not None:
        environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    request: dict[str, Any] = {**environ, "reached": reached}
    with pytest.raises(Stop):
        build(stop)(request, lambda *_: None)
    assert reached == []


def test_an_awaitable_of_get_token_reaches_the_caller_as_an_error_and_is_closed_u34() -> None:
    with pytest.raises(TypeError, match="get_token returned coroutine"):
        outcome(protecting(get_token=returning_a_coroutine))


def test_an_origin_is_not_allowed_where_its_predicate_fails_u34() -> None:
    for failing in FAILING.values():
        assert "Access-Control-Allow-Origin" not in headers_for("https://a.test", failing)
    assert "Access-Control-Allow-Origin" in headers_for("https://a.test", lambda origin: True)


def headers_for(origin: str, predicate: Any) -> dict[str, str]:
    headers: list[tuple[str, str]] = []
    request = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_ORIGIN": origin, "reached": []}
    CrossOrigin(app, origins=predicate)(request, lambda _, sent: headers.extend(sent))
    return dict(headers)


@pytest.mark.parametrize(
    "answer",
    [7, "text", b"bytes", coroutine_function],
    ids=["a number", "text", "bytes", "an ASGI application"],
)
def test_what_is_not_an_application_is_no_answer_of_on_error(
    answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert outcome(protecting(on_error=lambda environ, error: answer)) == (401, None, [])
    assert "not a WSGI application" in caplog.text


# --- the helpers themselves


def test_a_call_returns_the_result_as_it_is() -> None:
    logger = logging.getLogger("test")
    result = ["x"]
    assert call(lambda *given: result, 1, name="f", consequence="", logger=logger) is result


def test_options_that_are_left_out_are_not_checked() -> None:
    check_callables(app=app, on_error=None)
    with pytest.raises(ValueError, match="app=None: write a callable"):
        check_callables(app=None)
    with pytest.raises(ValueError, match="on_error=7: write a callable"):
        check_callables(on_error=7)


def test_a_deferred_result_is_closed() -> None:
    coroutine = coroutine_function()
    with pytest.raises(TypeError):
        refuse_deferred(coroutine)
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED


async def answers_in_parts() -> AsyncIterator[bool]:
    yield True


async def answers_later() -> bool:
    return True


@pytest.mark.parametrize(
    "make",
    [answers_in_parts, answers_later, lambda: (yield True)],
    ids=["an async generator", "a coroutine", "a generator"],
)
def test_a_result_that_nothing_would_run_is_refused_u23(make: Callable[[], object]) -> None:
    with pytest.raises(TypeError):
        refuse_deferred(make())
