"""Which kinds of signed tokens an issuer accepts: media types, ID tokens, security events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from waiting import eventually

from jwt_wsgi import (
    ANY_AUDIENCE,
    InvalidToken,
    Issuer,
    KeysUnavailable,
    RemoteJWKS,
    SharedSecret,
    StaticJWKS,
    Verifier,
)
from jwt_wsgi.testing import LocalIssuer

LOCAL = LocalIssuer(algorithms=("ES256",), audience="api")


def verdict(token: str, **options: Any) -> str | None:
    """Return the reason of the refusal, or None for an accepted token."""
    options = {
        "audience": "api",
        "keys": StaticJWKS(LOCAL.jwks),
        "algorithms": ["ES256"],
        **options,
    }
    try:
        Verifier(Issuer(LOCAL.issuer, **options)).verify(token)
    except InvalidToken as refusal:
        return refusal.reason
    return None


# --- the type in the header: U8

TYPES = [
    pytest.param(None, "JWT", None, id="U8 the profile's JWT"),
    pytest.param(None, "at+jwt", None, id="U8 the profile's at+jwt"),
    pytest.param(None, None, None, id="U8 no typ counts as JWT"),
    pytest.param(None, "JOSE", "type_mismatch", id="U8 JOSE is not in the profile"),
    pytest.param(None, "vnd.acme+jwt", "type_mismatch", id="U8 a vendor's is not in the profile"),
    pytest.param(["JOSE"], "JOSE", None, id="U8 JOSE by name"),
    pytest.param(["JWS"], "jws", None, id="U8 in another case"),
    pytest.param(["JOSE"], "JWT", "type_mismatch", id="U8 the list replaces the profile's"),
    pytest.param(["JOSE"], None, "type_mismatch", id="U8 no typ is JWT, which is not listed"),
    pytest.param(["JWT", "JOSE"], None, None, id="U8 no typ is JWT, which is listed"),
    pytest.param(["application/vnd.acme+jwt"], "vnd.acme+jwt", None, id="U8 prefix in the list"),
    pytest.param(["vnd.acme+jwt"], "application/VND.ACME+JWT", None, id="U8 prefix in the token"),
    pytest.param(["text/plain"], "application/text/plain", "type_mismatch", id="U8 another tree"),
    pytest.param(["JOSE"], "", "type_mismatch", id="U8 an empty typ"),
]


@pytest.mark.parametrize(("types", "typ", "expected"), TYPES)
def test_types_replace_those_of_the_profile(
    types: list[str] | None, typ: str | None, expected: str | None
) -> None:
    token = LOCAL.token(header={"typ": typ})
    assert verdict(token, types=types) == expected


@pytest.mark.parametrize(
    "typ", ["dpop+jwt", "secevent+jwt", "logout+jwt", "application/Logout+JWT"]
)
def test_a_proof_or_an_event_is_never_an_access_token_u8(typ: str) -> None:
    assert verdict(LOCAL.token(header={"typ": typ})) == "type_mismatch"
    with pytest.raises(ValueError, match="never an access token"):
        Issuer(LOCAL.issuer, audience="api", types=["JWT", typ])


@pytest.mark.parametrize("types", ["JWT", [], [""], [None], 7], ids=repr)
def test_types_are_a_list_of_names(types: Any) -> None:
    with pytest.raises(ValueError, match="types="):
        Issuer(LOCAL.issuer, audience="api", types=types)


# --- security events and logout tokens: U7

EVENTS = {"http://schemas.openid.net/event/backchannel-logout": {}}


@pytest.mark.parametrize("options", [{}, {"allow_id_tokens": True}], ids=["default", "ID tokens"])
@pytest.mark.parametrize("events", [EVENTS, {}, None, "x"], ids=repr)
def test_a_token_with_events_is_refused_whatever_their_value_u7(
    events: Any, options: dict[str, Any]
) -> None:
    token = LOCAL.sign(claims_of(LOCAL, events=events))
    assert verdict(token, **options) == "type_mismatch"


def claims_of(local: LocalIssuer, **claims: Any) -> bytes:
    now = int(local.clock())
    base = {"iss": local.issuer, "aud": "api", "exp": now + 300, "iat": now, "sub": "user-1"}
    return json.dumps({**base, **claims}).encode()


# --- ID tokens: U6

ID_TOKENS = [
    pytest.param({"at_hash": "x"}, None, id="U6 one audience"),
    pytest.param({"c_hash": "x"}, None, id="U6 a code's hash"),
    pytest.param({"at_hash": "x", "azp": "other"}, None, id="U6 one audience, another party"),
    pytest.param({"at_hash": "x", "aud": ["api"]}, None, id="U6 a list of one"),
    pytest.param({"at_hash": "x", "aud": ["api", "b"], "azp": "api"}, None, id="U6 several, ours"),
    pytest.param(
        {"at_hash": "x", "aud": ["api", "b"], "azp": "b"},
        "claim_mismatch",
        id="U6 several, azp other",
    ),
    pytest.param({"at_hash": "x", "aud": ["api", "b"]}, "claim_missing", id="U6 several, no azp"),
    pytest.param(
        {"at_hash": "x", "aud": ["api", "b"], "azp": ["api"]}, "claim_mismatch", id="U6 azp a list"
    ),
    pytest.param({"at_hash": "x", "aud": "b"}, "audience_mismatch", id="U6 another audience"),
    pytest.param({"aud": ["api", "b"]}, None, id="U6 an access token needs no azp"),
    pytest.param({"at_hash": "x", "cnf": {}}, "token_bound", id="U6 bound all the same"),
]


@pytest.mark.parametrize(("claims", "expected"), ID_TOKENS)
def test_id_tokens_are_accepted_by_name_and_only_ours(
    claims: dict[str, Any], expected: str | None
) -> None:
    assert verdict(LOCAL.token(**claims), allow_id_tokens=True) == expected


@pytest.mark.parametrize("name", ["at_hash", "c_hash", "s_hash"])
def test_id_tokens_are_refused_by_default_u6(name: str) -> None:
    assert verdict(LOCAL.token(**{name: "x"})) == "id_token"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"audience": ANY_AUDIENCE}, "name the audience", id="any audience"),
        pytest.param({"profile": "at+jwt"}, "no ID token has", id="RFC 9068"),
        pytest.param({"allow_id_tokens": "yes"}, "write True or False", id="text"),
    ],
)
def test_allow_id_tokens_that_would_allow_too_much_is_refused_u6(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Issuer(LOCAL.issuer, **{"audience": "api", "allow_id_tokens": True, **options})


# --- one issuer that moves from a secret to published keys: U9


@pytest.mark.parametrize("secret_first", [True, False])
def test_a_secret_and_published_keys_serve_one_issuer_without_confusion_u9(
    secret_first: bool,
) -> None:
    local = LocalIssuer(algorithms=("ES256", "HS256"), audience="api")
    remote = RemoteJWKS(local.jwks_uri, fetch=local.fetch)
    sources = [SharedSecret(local.secret("HS256")), remote]
    if not secret_first:
        sources.reverse()
    issuer = Issuer(local.issuer, audience="api", keys=sources, algorithms=["HS256", "ES256"])
    verifier = Verifier(issuer)
    for kid in ("hs", None, "another"):
        token = local.token(algorithm="HS256", header={"kid": kid})
        assert verifier.verify(token).header["alg"] == "HS256"
    assert local.requests == [], "an HS256 token costs no fetch"
    assert verifier.verify(local.token(algorithm="ES256")).header["alg"] == "ES256"
    local.available = False
    assert verifier.verify(local.token("another", algorithm="HS256")).scopes == {"another"}


def test_a_key_replaced_under_its_kid_is_followed_beside_a_secret_u9() -> None:
    local = LocalIssuer(algorithms=("ES256", "HS256"), audience="api")
    remote = RemoteJWKS(local.jwks_uri, fetch=local.fetch)
    sources = [SharedSecret(local.secret("HS256")), remote]
    issuer = Issuer(local.issuer, audience="api", keys=sources, algorithms=["HS256", "ES256"])
    verifier = Verifier(issuer)
    verifier.verify(local.token(algorithm="ES256"))
    kid = local.key("ES256").kid
    other = LocalIssuer(local.issuer, algorithms=("ES256",), audience="api")
    forged = other.token(header={"kid": kid})
    fetches = len(local.requests)
    with pytest.raises(InvalidToken, match="signature_invalid"):
        verifier.verify(forged)
    eventually(lambda: len(local.requests) > fetches)


def test_a_forged_hs256_token_costs_no_fetch_and_is_no_outage_u9() -> None:
    local = LocalIssuer(algorithms=("ES256",), audience="api")
    local.available = False
    forger = LocalIssuer(local.issuer, algorithms=("HS256",), audience="api")
    sources = [SharedSecret(b"s" * 32), RemoteJWKS(local.jwks_uri, fetch=local.fetch)]
    issuer = Issuer(local.issuer, audience="api", keys=sources, algorithms=["HS256", "ES256"])
    with pytest.raises(InvalidToken, match="signature_invalid"):
        Verifier(issuer).verify(forger.token())
    assert local.requests == []
    with pytest.raises(KeysUnavailable):
        Verifier(issuer).verify(local.token())
