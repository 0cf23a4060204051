"""Evidence: what a request brings along, in WSGI and outside of it."""

from __future__ import annotations

from typing import Any

import pytest
from client_tls import Authority
from test_possession_replay import BASE, KEY, LOCAL, NOW, TOKEN, URL

from jwt_wsgi import AuthError, DPoP, Issuer, StaticJWKS, Verifier
from jwt_wsgi.possession.evidence import NO_EVIDENCE, Evidence, URLTarget, WSGITarget, evidence_of
from jwt_wsgi.possession.target import parse_base_urls

BASES = parse_base_urls([BASE, "https://example.com/v1"])
CLIENT, STRANGER = (Authority("clients").issue(name).der for name in ("client", "stranger"))


def test_no_evidence_is_bearer_alone() -> None:
    assert (NO_EVIDENCE.scheme, NO_EVIDENCE.proof, NO_EVIDENCE.certificate) == ("Bearer", None, None)  # fmt: skip
    assert Evidence() == NO_EVIDENCE


def test_repr_shows_no_proof() -> None:
    evidence = Evidence("DPoP", "the-proof", "GET", URLTarget(URL), lambda: b"the-certificate")
    assert "the-" not in f"{evidence} {evidence!r}"


TARGETS = {
    "the root": (WSGITarget("", ""), f"{BASE}/", "/"),
    "the root with a slash": (WSGITarget("", "/"), BASE, "/"),
    "a path": (WSGITarget("", "/orders"), URL, "/orders"),
    "below a mount": (WSGITarget("/api", "/orders"), f"{BASE}/api/orders", "/api/orders"),
    "a mount itself": (WSGITarget("/api", ""), f"{BASE}/api", "/api"),
    "below a prefix": (WSGITarget("", "/a"), "https://example.com/v1/a", "/a"),
    "a URL": (URLTarget(URL), f"{URL}?a=1", URL),
}


@pytest.mark.conforms(65)
@pytest.mark.parametrize(("target", "htu", "text"), TARGETS.values(), ids=TARGETS)
def test_a_target_is_named_by_its_url(target: WSGITarget | URLTarget, htu: str, text: str) -> None:
    assert target.is_named_by(htu, BASES)
    assert str(target) == text
    for other in ("https://other.example.com/", f"{BASE}/other", "", "x", f"{htu}x/y"):
        assert not target.is_named_by(other, BASES) or other == f"{htu}x/y" == f"{URL}?a=1x/y"


INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "no method": ({"method": None}, "proof"),
    "no URL": ({"url": None}, "proof"),
    "a method of bytes": ({"method": b"GET"}, "proof"),
    "a URL of another type": ({"url": 1}, "proof"),
    "a proof of bytes": ({"proof": b"x"}, "proof"),
    "a proof of another type": ({"proof": ["x"]}, "proof"),
    "a certificate in PEM": ({"certificate": "-----BEGIN CERTIFICATE-----"}, "certificate"),
    "a certificate of another type": ({"certificate": 1}, "certificate"),
}


@pytest.mark.parametrize(("changes", "name"), INVALID.values(), ids=INVALID)
def test_evidence_of_another_type_is_a_value_error(changes: dict[str, Any], name: str) -> None:
    usual: dict[str, Any] = {"proof": "x", "method": "GET", "url": URL, "certificate": None}
    with pytest.raises(ValueError, match=rf"^{name}\b.*: "):
        evidence_of(**{**usual, **changes})


def test_a_certificate_alone_travels_as_bearer() -> None:
    evidence = evidence_of(None, None, None, CLIENT)
    assert evidence.scheme == "Bearer"
    assert evidence.certificate is not None
    assert evidence.certificate() == CLIENT


# --- a verifier outside WSGI


def verifier(**options: Any) -> Verifier:
    issuer = Issuer(LOCAL.issuer, audience=LOCAL.audience, keys=StaticJWKS(LOCAL.jwks))
    return Verifier(issuer, clock=lambda: NOW, **options)


BOTH = verifier(dpop=DPoP(BASE), client_certificates=True)
PLAIN = LOCAL.token(expires_in=86400)
WITH_CERTIFICATE = LOCAL.token(cnf=CLIENT, expires_in=86400)
CALLS: dict[str, tuple[Verifier, str, dict[str, Any], str | set[str]]] = {
    "an unbound token": (BOTH, PLAIN, {}, set()),
    "an unbound token and a certificate": (BOTH, PLAIN, {"certificate": CLIENT}, set()),
    "an unbound token and a proof": (BOTH, PLAIN, {"proof": "x"}, "token_not_bound"),
    "a key's token alone": (BOTH, TOKEN, {}, "token_bound"),
    "a key's token and a certificate": (BOTH, TOKEN, {"certificate": CLIENT}, "token_bound"),
    "a key's token and an empty proof": (BOTH, TOKEN, {"proof": ""}, "proof_missing"),
    "a key's token and no proof": (BOTH, TOKEN, {"proof": "x"}, "proof_malformed"),
    "a certificate's token": (BOTH, WITH_CERTIFICATE, {"certificate": CLIENT}, {"mtls"}),
    "a certificate's token alone": (BOTH, WITH_CERTIFICATE, {}, "token_bound"),
    "a certificate's token and another": (
        BOTH, WITH_CERTIFICATE, {"certificate": STRANGER}, "binding_mismatch"),
    "a key's token, a plain verifier": (verifier(), TOKEN, {}, "token_bound"),
    "a certificate's token, a plain verifier": (
        verifier(), WITH_CERTIFICATE, {"certificate": CLIENT}, "token_bound"),
    "a proof, a plain verifier": (verifier(), PLAIN, {"proof": "x"}, "token_not_bound"),
}  # fmt: skip


@pytest.mark.conforms(70, 73)
@pytest.mark.parametrize(("judge", "token", "given", "expected"), CALLS.values(), ids=CALLS)
def test_verify_demands_the_evidence_that_the_token_needs(
    judge: Verifier, token: str, given: dict[str, Any], expected: str | set[str]
) -> None:
    # Twice: the second token comes from the cache where the first was good.
    for _ in range(2):
        if isinstance(expected, set):
            auth = judge.verify(token, method="GET", url=URL, **given)
            assert auth.possession.bindings == expected
        else:
            with pytest.raises(AuthError) as caught:
                judge.verify(token, method="GET", url=URL, **given)
            assert caught.value.reason == expected


def test_verify_accepts_a_proof_once_and_for_its_own_request() -> None:
    judge = verifier(dpop=DPoP(BASE))
    proof = KEY.proof("GET", URL, TOKEN)
    for method, url in (("PUT", URL), ("GET", f"{BASE}/other"), ("GET", "https://x.example.com/")):
        with pytest.raises(AuthError, match="proof_mismatch"):
            judge.verify(TOKEN, proof=proof, method=method, url=url)
    auth = judge.verify(TOKEN, proof=proof, method="GET", url=f"{URL}?a=1")
    assert auth.possession.bindings == {"dpop"}
    with pytest.raises(AuthError, match="proof_replayed"):
        judge.verify(TOKEN, proof=proof, method="GET", url=URL)


def test_the_refusal_tells_which_scheme_the_token_demands() -> None:
    with pytest.raises(AuthError) as caught:
        BOTH.verify(TOKEN)
    assert caught.value.token_scheme == "DPoP"
    with pytest.raises(AuthError) as caught:
        BOTH.verify(WITH_CERTIFICATE)
    assert caught.value.token_scheme == "Bearer"
