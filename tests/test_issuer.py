"""`Issuer`: what cannot be configured fails at construction and names the option."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import needs_ml_dsa

from jwt_wsgi import ANY_AUDIENCE, Issuer, RemoteJWKS, SharedSecret, StaticJWKS
from jwt_wsgi.jose import KeySet
from jwt_wsgi.jose.raw_keys import UNAVAILABLE
from jwt_wsgi.jwks.source import KeySourceChain
from jwt_wsgi.testing import LocalIssuer, SigningKey

URL = "https://issuer.test/"
RSA = LocalIssuer().jwks
SECRET = "0123456789abcdef0123456789abcdef"
OCT = {"keys": [{"kty": "oct", "k": "A" * 64}]}


def public_key_pem() -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = SigningKey("ES256").private.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"issuer": ""}, "issuer=''", id="no issuer"),
        pytest.param({"issuer": None}, "issuer=None", id="issuer None"),
        pytest.param(
            {"issuer": 7, "keys": StaticJWKS(RSA)}, "^issuer=7: write", id="issuer a number"
        ),
        pytest.param(
            {"issuer": "", "keys": StaticJWKS(RSA)}, "^issuer='': write", id="no issuer, but keys"
        ),
        pytest.param({"issuer": "http://issuer.test/"}, "must be https", id="plain http"),
        pytest.param({"issuer": "issuer.test"}, "write an https URL", id="no URL"),
        pytest.param({"issuer": "https://u:p@issuer.test/"}, "without user", id="userinfo"),
        pytest.param({"issuer": "https://issuer.test/?a=b"}, "has no query", id="query"),
        pytest.param({"issuer": "https://issuer.test/#a"}, "fragment", id="fragment"),
        pytest.param({"audience": None}, "audience=None", id="no audience"),
        pytest.param({"audience": ""}, "audience=''", id="empty audience"),
        pytest.param({"audience": []}, r"audience=\[\]", id="no audiences"),
        pytest.param({"audience": ["a", 1]}, "audience=", id="audience of numbers"),
        pytest.param({"audience": {"a": 1}}, "audience=", id="audience mapping"),
        pytest.param({"audience": 7}, "audience=7", id="audience number"),
        pytest.param({"algorithms": ()}, "algorithms=", id="algorithms empty"),
        pytest.param(
            {"algorithms": "RS256"}, "algorithms='RS256': write a list", id="algorithms one string"
        ),
        pytest.param({"algorithms": ["none"]}, "'none': choose from RS256", id="none"),
        pytest.param({"algorithms": ["rs256"]}, "'rs256'", id="case"),
        pytest.param({"algorithms": [["RS256"]]}, "algorithms holds", id="algorithms nested"),
        pytest.param({"leeway": -1}, "leeway=-1", id="leeway below 0"),
        pytest.param({"leeway": 301}, "leeway=301", id="leeway above 300"),
        pytest.param({"leeway": True}, "leeway=True", id="leeway bool"),
        pytest.param({"leeway": "30"}, "leeway='30'", id="leeway text"),
        pytest.param({"leeway": float("nan")}, "leeway=nan", id="leeway NaN"),
        pytest.param({"max_age": 0}, "max_age=0", id="max age 0"),
        pytest.param({"max_age": "60"}, "max_age='60'", id="max age text"),
        pytest.param({"max_age": float("inf")}, "max_age=inf", id="max age infinite"),
        pytest.param({"profile": "id"}, "profile='id'", id="profile"),
        pytest.param({"claims": ["a"]}, "claims=", id="claims list"),
        pytest.param({"claims": {"": 1}}, "claims: a claim's name", id="claim without name"),
        pytest.param({"scope_claim": ""}, "scope_claim", id="scope claim empty"),
        pytest.param({"scope_claim": 7}, "scope_claim", id="scope claim number"),
        pytest.param({"keys": RSA}, "wrap a mapping or KeySet in StaticJWKS", id="keys a mapping"),
        pytest.param({"keys": KeySet.from_jwks(RSA)}, "keys=KeySet", id="keys a KeySet"),
        pytest.param({"keys": []}, "keys is empty", id="keys empty"),
        pytest.param({"keys": [StaticJWKS(RSA), "x"]}, "keys=str", id="keys text in a list"),
        pytest.param(
            {"keys": SharedSecret(SECRET)}, r"\['RS256'\], but", id="secret without an HS algorithm"
        ),
        pytest.param(
            {"keys": SharedSecret(SECRET), "algorithms": ["HS256", "RS256"]},
            "serve",
            id="secret with RS256 too",
        ),
        pytest.param(
            {"keys": SharedSecret(SECRET), "algorithms": ["HS512"]},
            "kind and size",
            id="secret too short",
        ),
        pytest.param(
            {"algorithms": ["HS256"]}, "a secret cannot be published", id="HS256 with discovery"
        ),
        pytest.param(
            {"keys": RemoteJWKS("https://issuer.test/k"), "algorithms": ["RS256", "HS256"]},
            "a secret cannot be published",
            id="HS256 with a JWKS",
        ),
        pytest.param(
            {"keys": StaticJWKS(RSA), "algorithms": ["HS256"]}, "serve", id="HS256 with public keys"
        ),
        pytest.param(
            {"keys": StaticJWKS(RSA), "algorithms": ["ES256"]}, "serve", id="another kind of key"
        ),
        pytest.param(
            {"keys": [StaticJWKS(RSA), SharedSecret(SECRET)], "algorithms": ["RS256"]},
            "serve",
            id="a secret beside public keys, and no algorithm for it",
        ),
        pytest.param(
            {"keys": SharedSecret(SECRET), "algorithms": ["HS256", "RS256"]},
            "a secret cannot serve \\['RS256'\\]",
            id="a secret alone, and an algorithm of public keys",
        ),
    ],
)
def test_invalid_options_are_refused_by_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Issuer(**{"issuer": URL, "audience": "a", **options})


def test_a_leeway_is_five_minutes_at_most() -> None:
    assert Issuer(URL, audience="a", leeway=300).profile.leeway == 300


@needs_ml_dsa
def test_an_algorithm_that_the_installation_lacks_is_refused_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(UNAVAILABLE, "ML-DSA-44", "install something newer")
    with pytest.raises(ValueError, match=r"holds 'ML-DSA-44'.* lacks: install something newer"):
        Issuer(URL, audience="a", algorithms=["RS256", "ML-DSA-44"])
    issuer = Issuer(URL, audience="a", algorithms=["ML-DSA-65"])
    assert issuer.algorithms == {"ML-DSA-65"}


def test_both_names_of_one_algorithm_need_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(UNAVAILABLE, "Ed25519", "install something newer")
    for name in ("EdDSA", "Ed25519"):
        with pytest.raises(ValueError, match=f"{name}.*install something newer"):
            Issuer(URL, audience="a", algorithms=[name])


def test_a_public_key_set_may_lack_keys_for_allowed_algorithms() -> None:
    allowed = {"RS256", "ES256"}
    assert Issuer(URL, audience="a", keys=StaticJWKS(RSA), algorithms=allowed).algorithms == allowed


def test_public_keys_and_secrets_are_not_interchangeable() -> None:
    with pytest.raises(ValueError, match="an asymmetric key is not a secret"):
        SharedSecret(public_key_pem())
    with pytest.raises(ValueError, match="a symmetric key"):
        StaticJWKS(OCT)


def test_the_audience_has_no_default() -> None:
    with pytest.raises(TypeError, match="audience"):
        Issuer(URL)  # type: ignore[call-arg]


def test_several_sources_are_asked_in_order() -> None:
    issuer = Issuer(URL, audience="a", keys=[StaticJWKS(RSA), RemoteJWKS("https://issuer.test/k")])
    assert isinstance(issuer.keys, KeySourceChain)
    assert Issuer(URL, audience="a", keys=[StaticJWKS(RSA)]).keys.held() is not None


def test_a_custom_key_source_needs_two_methods_only() -> None:
    class Own:
        def held(self) -> None:
            return None

        def find(self, kid: str | None, alg: str) -> tuple[()]:
            return ()

    own = Own()
    assert Issuer("any text", audience="a", keys=own, algorithms=["HS256"]).keys is own


@pytest.mark.parametrize(
    "audience",
    ["a", ["a", "b"], ("a",), {"a"}, pytest.param(iter(["a"]), id="an iterator"), ANY_AUDIENCE],
    ids=repr,
)
def test_the_audience_is_one_name_several_or_any(audience: Any) -> None:
    accepted = Issuer(URL, audience=audience).profile.audiences
    assert accepted is None if audience is ANY_AUDIENCE else "a" in (accepted or ())


def test_changing_the_arguments_later_changes_no_issuer() -> None:
    wanted = {"x": ["a"]}
    issuer = Issuer(URL, audience="a", claims=wanted)
    wanted["x"].append("b")
    assert issuer.profile.fixed == (("x", ["a"]),)


@pytest.mark.conforms(47)
def test_plain_http_needs_loopback_or_allow_http() -> None:
    Issuer("http://127.0.0.1:1/", audience="a")
    Issuer("http://issuer.test/", audience="a", allow_http=True)


def test_the_repr_shows_issuer_and_algorithms() -> None:
    assert repr(Issuer(URL, audience="a")) == "Issuer('https://issuer.test/', algorithms=['RS256'])"
    assert repr(ANY_AUDIENCE) == "ANY_AUDIENCE"
