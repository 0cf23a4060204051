"""The explanation of a request with a proof or a certificate: the stack's verdict, unused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from client_tls import Authority
from environs import full_environ

from jwt_wsgi import AUTHENTICATED, DPoP, Issuer, StaticJWKS, protect, scope, sender_constrained
from jwt_wsgi.client_certificates import from_environ
from jwt_wsgi.explain import Explainer, Explanation, Step
from jwt_wsgi.middleware.extraction import TokenExtractor
from jwt_wsgi.middleware.verification import TokenVerifier
from jwt_wsgi.sources import bearer, from_header
from jwt_wsgi.stores import MemoryStore, StoreUnavailable
from jwt_wsgi.testing import DPoPKey, LocalIssuer
from jwt_wsgi.testing.confirmation import confirmation
from jwt_wsgi.verifier import Verifier

BASE = "https://api.example.com/v1"
URL = f"{BASE}/orders"
LOCAL = LocalIssuer(algorithms=("ES256",))
KEY = DPoPKey()
OTHER = DPoPKey()
BOUND = LOCAL.token("read", cnf=KEY, expires_in=86400)
RULES = {"/orders": scope("read"), "/bound": scope("read") & sender_constrained()}


def issuer(**options: Any) -> Issuer:
    keys = StaticJWKS(LOCAL.jwks)
    return Issuer(LOCAL.issuer, audience=LOCAL.audience, algorithms=["ES256"], keys=keys, **options)


class CountingStore(MemoryStore):
    """A store that counts the entries that it is asked to add."""

    added = 0

    def add(self, *args: Any, **options: Any) -> bool:
        self.added += 1
        return super().add(*args, **options)


class BrokenStore(MemoryStore):
    """A store that cannot be reached."""

    def get_many(self, keys: Any) -> Any:
        raise StoreUnavailable("away")


def environ(
    token: str | None = BOUND,
    proof: str | None = None,
    *,
    scheme: str = "DPoP",
    path: str = "/orders",
    **variables: Any,
) -> dict[str, Any]:
    headers = {}
    if token is not None:
        headers["AUTHORIZATION"] = f"{scheme} {token}"
    if proof is not None:
        headers["DPOP"] = proof
    return {**full_environ("GET", path, "", "", headers), **variables}


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return []


def stack(store: Any = None, **options: Any) -> Any:
    usual = {"rules": RULES, "dpop": DPoP(BASE, replay=store or MemoryStore())}
    return protect(application, issuer=issuer(), **{**usual, **options})


def status_of(app: Any, request: dict[str, Any]) -> int:
    started: list[str] = []
    b"".join(app(request, lambda status, headers: started.append(status) or print))
    return int(started[0][:3])


def step(explanation: Explanation, name: str) -> Step:
    return next(each for each in explanation.steps if each.name == name)


# --- a proof is judged, and not used up


def test_a_proof_is_explained_as_often_as_one_likes_and_then_used_once() -> None:
    store = CountingStore()
    app = stack(store)
    explainer = Explainer.of(app)
    request = environ(proof=KEY.proof("GET", URL, BOUND))
    first, second = (explainer.explain(request) for _ in range(2))
    assert first.steps == second.steps
    assert (first.refusal, first.reason, store.added) == (None, None, 0)
    assert (step(first, "possession").passed, step(first, "replay").passed) == (True, True)
    assert (status_of(app, dict(request)), store.added) == (200, 1)
    used = explainer.explain(request)
    assert (used.reason, used.failed and used.failed.name) == ("proof_replayed", "replay")
    assert (step(used, "possession").passed, store.added) == (True, 1)


def test_an_unreachable_store_fails_the_step_replay() -> None:
    explanation = Explainer.of(stack(BrokenStore())).explain(
        environ(proof=KEY.proof("GET", URL, BOUND))
    )
    assert (explanation.reason, explanation.refusal and explanation.refusal.status) == (
        "store_unavailable",
        503,
    )
    assert explanation.failed is not None
    assert explanation.failed.name == "replay"
    assert "store_unavailable" in str(explanation.failed.found)


def test_without_a_replay_check_there_is_no_step_for_it() -> None:
    explainer = Explainer.of(stack(dpop=DPoP(BASE, replay=None)))
    explanation = explainer.explain(environ(proof=KEY.proof("GET", URL, BOUND)))
    assert (explanation.refusal, [each.name for each in explanation.steps][-4:]) == (
        None,
        ["possession", "predicates", "path", "rule"],
    )


Make = Callable[[], dict[str, Any]]
GOOD = LOCAL.token("read", expires_in=86400)


def with_proof(*arguments: Any, key: DPoPKey = KEY, token: str = BOUND, **claims: Any) -> Make:
    method, url = arguments or ("GET", URL)
    return lambda: environ(token, key.proof(method, url, token, **claims))


#: What is sent, the reason, the step that fails, and what it says about what was found.
WALKS: dict[str, tuple[Make, str | None, str | None, str]] = {
    "a good proof": (with_proof(), None, None, ""),
    "an unbound token": (lambda: environ(GOOD, scheme="Bearer"), None, None, ""),
    "no proof": (lambda: environ(BOUND), "proof_missing", "possession", "none"),
    "an empty proof": (lambda: environ(BOUND, " "), "proof_missing", "possession", "none"),
    "not a proof": (lambda: environ(BOUND, "x"), "proof_malformed", "possession", ""),
    "two proofs": (lambda: environ(BOUND, "a, b"), "proof_malformed", "possession", "a comma"),
    "another method": (with_proof("POST", URL), "proof_mismatch", "possession", "'POST'"),
    "another URL": (
        with_proof("GET", "https://api.example.com/orders"), "proof_mismatch", "possession", "https://api.example.com/orders",
    ),
    "of another token": (with_proof(ath="x"), "proof_mismatch", "possession", "another ath"),
    "old": (with_proof(iat=1), "proof_expired", "possession", "1"),
    "without jti": (with_proof(jti=None), "proof_malformed", "possession", "no jti"),
    "of another key": (with_proof(key=OTHER), "binding_mismatch", "possession", "another key"),
    "by a symmetric algorithm": (
        with_proof(header={"alg": "HS256"}), "proof_algorithm_not_allowed", "possession", "HS256",
    ),
    "a bad signature": (
        lambda: environ(BOUND, KEY.proof("GET", URL, BOUND)[:-8] + "AAAAAAAA"), "proof_signature_invalid", "possession", "",
    ),
    "as a bearer token": (lambda: environ(BOUND, scheme="Bearer"), "token_bound", "possession", "the scheme Bearer"),
    "an unbound token under DPoP": (with_proof(token=GOOD), "token_not_bound", "possession", "an unbound token"),
    "an unbound token, and the rule demands more": (
        lambda: environ(GOOD, scheme="Bearer", path="/bound"), "token_not_bound", "rule", "an unbound token",
    ),
    "a thumbprint of another type": (
        lambda: environ(LOCAL.token("read", cnf={"jkt": 7})), "token_bound", "claims", "jkt of another type",
    ),
    "no token": (lambda: environ(None), "missing_token", "rule", "no token"),
    "two tokens": (lambda: environ(f"{BOUND}, DPoP {BOUND}"), "several_tokens", "credentials", ""),
    "DPoP without a token": (lambda: environ(""), "malformed_header", "credentials", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", WALKS)
def test_each_refusal_of_a_proof_has_its_step_and_is_the_stacks(case: str) -> None:
    make, reason, failing, found = WALKS[case]
    app = stack()
    request = make()
    explanation = Explainer.of(app).explain(request)
    assert (explanation.reason, explanation.failed and explanation.failed.name) == (reason, failing)
    status = 200 if explanation.refusal is None else explanation.refusal.status
    assert status == status_of(app, dict(request))
    if explanation.failed is not None:
        assert found in (explanation.failed.found or "")
        assert explanation.advice
    for secret in (BOUND, GOOD, request.get("HTTP_DPOP", "")):
        for part in secret.split("."):
            assert len(part) < 16 or part not in repr(explanation.steps)


# --- certificates

AUTHORITY = Authority("clients")
CERTIFICATE = AUTHORITY.issue("client").der
ANOTHER = AUTHORITY.issue("other").der
BY_CERTIFICATE = LOCAL.token("read", cnf=CERTIFICATE, expires_in=86400)


@pytest.mark.parametrize(
    ("certificate", "reason", "found"),
    [
        pytest.param(CERTIFICATE, None, "proven by mtls", id="the token's"),
        pytest.param(ANOTHER, "binding_mismatch", "another certificate", id="another"),
        pytest.param(None, "token_bound", "no client certificate", id="none"),
    ],
)
def test_a_certificate_is_handed_in_beside_the_environ(
    certificate: bytes | None, reason: str | None, found: str
) -> None:
    app = stack(client_certificate=from_environ("SSL_CLIENT_CERT"))
    request = environ(BY_CERTIFICATE, scheme="Bearer")
    explanation = Explainer.of(app).explain(request, certificate=certificate)
    assert explanation.reason == reason
    assert found in (step(explanation, "possession").found or "")


def test_the_certificate_of_the_application_counts_where_none_is_handed_in() -> None:
    explainer = Explainer.of(stack(client_certificate=lambda environ: environ["test.der"]))
    request = environ(BY_CERTIFICATE, scheme="Bearer", **{"test.der": CERTIFICATE})
    assert explainer.explain(request).refusal is None
    assert explainer.explain(request, certificate=ANOTHER).reason == "binding_mismatch"
    assert explainer.explain(request).refusal is None


def test_a_stack_that_checks_no_certificates_ignores_one() -> None:
    explanation = Explainer.of(stack()).explain(
        environ(BY_CERTIFICATE, scheme="Bearer"), certificate=CERTIFICATE
    )
    assert (explanation.reason, explanation.failed and explanation.failed.name) == (
        "token_bound",
        "possession",
    )


def test_a_source_of_certificates_that_fails_is_the_step_possession() -> None:
    def fail(environ: dict[str, Any]) -> bytes:
        raise OSError

    explanation = Explainer.of(stack(client_certificate=fail)).explain(
        environ(BY_CERTIFICATE, scheme="Bearer")
    )
    assert (explanation.reason, explanation.failed and explanation.failed.name) == (
        "certificate_unavailable",
        "possession",
    )


def test_a_certificate_is_bytes() -> None:
    with pytest.raises(ValueError, match="certificate=str: write the DER"):
        Explainer.of(stack()).explain(environ(), certificate="x")  # type: ignore[arg-type]


# --- the options of `Explainer` itself, and what is expected


def test_an_explainer_takes_the_options_of_protect() -> None:
    explainer = Explainer(
        issuer(), RULES, dpop=DPoP(BASE), client_certificate=lambda environ: CERTIFICATE
    )
    both = LOCAL.token("read", cnf={"jkt": KEY.thumbprint, "x5t#S256": _x5t(CERTIFICATE)})
    explanation = explainer.explain(environ(both, KEY.proof("GET", URL, both)))
    assert explanation.refusal is None
    assert step(explanation, "possession") == Step(
        "possession", True, "bound by dpop and mtls", "proven by dpop and mtls"
    )


def _x5t(der: bytes) -> str:
    return confirmation(der)["x5t#S256"]


def _with_verifier_alone() -> Any:
    return TokenVerifier(application, Verifier(issuer(), dpop=DPoP(BASE)))


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        pytest.param(
            lambda: stack(dpop=None, rules={"/": AUTHENTICATED}),
            "Bearer and one token",
            id="Bearer alone",
        ),
        pytest.param(stack, "Bearer or DPoP and one token", id="both schemes"),
        pytest.param(
            lambda: stack(dpop=DPoP(BASE, required=True)), "DPoP and one token", id="DPoP alone"
        ),
        pytest.param(
            lambda: stack(token_sources=[bearer, from_header("X-Token")]),
            "Bearer or DPoP and one token, or a token in the header X-Token",
            id="two places",
        ),
        pytest.param(
            lambda: stack(get_token=lambda environ: None, rules={"/": scope("read")}),
            "a token from get_token",
            id="get_token",
        ),
        pytest.param(
            lambda: TokenExtractor(application, dpop=True),
            "Bearer or DPoP and one token",
            id="an extractor alone",
        ),
        pytest.param(_with_verifier_alone, "Bearer and one token", id="no extractor"),
    ],
)  # fmt: skip
def test_the_step_of_the_credentials_names_the_schemes(
    app: Callable[[], Any], expected: str
) -> None:
    explanation = Explainer.of(app()).explain(environ(None))
    assert step(explanation, "credentials").expected == expected


def test_an_unbound_token_of_a_stack_that_checks_certificates_needs_no_key() -> None:
    app = protect(
        application,
        issuer=issuer(),
        rules={"/": AUTHENTICATED},
        client_certificate=from_environ("SSL_CLIENT_CERT"),
    )
    possession = step(Explainer.of(app).explain(environ(GOOD, scheme="Bearer")), "possession")
    assert (possession.passed, possession.found) == (True, "an unbound token")
