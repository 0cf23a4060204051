"""The judgement of an endpoint's answer (RFC 7662 §2.2)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwt_wsgi import ANY_AUDIENCE, Introspection
from jwt_wsgi.introspection import ClientSecretBasic
from jwt_wsgi.introspection.judgement import Refusal, judge
from jwt_wsgi.token_facts import VerifiedToken

NOW = 1_800_000_000
ISSUER = "https://as.example.com/"
AUDIENCE = "https://api.example.com"
GOOD: dict[str, Any] = {
    "active": True,
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "user-1",
    "scope": "read write",
    "token_type": "Bearer",
    "iat": NOW - 10,
    "exp": NOW + 300,
}
ABSENT = object()


def introspection(**options: Any) -> Introspection:
    options = {"audience": AUDIENCE, **options}
    return Introspection(
        "https://as.example.com/introspect",
        issuer=ISSUER,
        client_auth=ClientSecretBasic("api", "secret"),
        **options,
    )


def answer(**members: Any) -> bytes:
    merged = {**GOOD, **members}
    return json.dumps(
        {name: value for name, value in merged.items() if value is not ABSENT}
    ).encode()


def outcome(document: bytes, **options: Any) -> str:
    """Return the reason of a refusal, "nonsense", or "good"."""
    try:
        judged = judge(document, introspection(**options), NOW)
    except ValueError:
        return "nonsense"
    return judged.reason if isinstance(judged, Refusal) else "good"


@pytest.mark.conforms(83)
@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(answer(), "good", id="true"),
        pytest.param(answer(active=False), "token_inactive", id="false"),
        pytest.param(b'{"active": false}', "token_inactive", id="false alone"),
        pytest.param(answer(active="true"), "nonsense", id="the text true"),
        pytest.param(answer(active="false"), "nonsense", id="the text false"),
        pytest.param(answer(active=1), "nonsense", id="one"),
        pytest.param(answer(active=0), "nonsense", id="zero"),
        pytest.param(answer(active=None), "nonsense", id="null"),
        pytest.param(answer(active=[True]), "nonsense", id="a list"),
        pytest.param(answer(active=ABSENT), "nonsense", id="absent"),
        pytest.param(answer(Active=True, active=ABSENT), "nonsense", id="a capital"),
    ],
)
def test_only_the_boolean_true_is_active(document: bytes, expected: str) -> None:
    assert outcome(document) == expected


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"true", id="a boolean"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"<html>", id="HTML"),
        pytest.param(answer()[:-1], id="cut"),
        pytest.param(answer() + b"x", id="more behind it"),
        pytest.param(b'{"active": false, "active": true}', id="a member twice"),
        pytest.param(answer()[:-1] + b', "x": NaN}', id="NaN"),
        pytest.param(answer()[:-1] + b', "x": ' + b"[" * 40 + b"]" * 40 + b"}", id="deep"),
        pytest.param(answer(x="é").decode().encode("utf-16"), id="UTF-16"),
    ],
)
def test_anything_but_one_strict_json_object_is_nonsense(document: bytes) -> None:
    assert outcome(document) == "nonsense"


def test_a_byte_order_mark_is_skipped_as_in_every_document() -> None:
    assert outcome(b"\xef\xbb\xbf" + answer()) == "good"


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        pytest.param({"exp": ABSENT, "iat": ABSENT}, "good", id="no dates"),
        pytest.param({"exp": NOW - 29}, "good", id="expired within the leeway"),
        pytest.param({"exp": NOW - 30}, "token_expired", id="expired"),
        pytest.param({"exp": str(NOW + 300)}, "claim_malformed", id="exp as text"),
        pytest.param({"exp": None}, "claim_malformed", id="exp null"),
        pytest.param({"nbf": NOW + 31}, "token_not_yet_valid", id="nbf"),
        pytest.param({"iat": NOW + 31}, "token_not_yet_valid", id="iat"),
        pytest.param({"nbf": "now"}, "claim_malformed", id="nbf as text"),
        pytest.param({"aud": ABSENT}, "claim_missing", id="no aud"),
        pytest.param({"aud": "https://other.example.com"}, "audience_mismatch", id="aud"),
        pytest.param({"aud": ["x", AUDIENCE]}, "good", id="one of several aud"),
        pytest.param({"aud": 1}, "claim_malformed", id="aud a number"),
        pytest.param({"iss": ABSENT}, "good", id="no iss"),
        pytest.param({"iss": "https://as.example.com"}, "issuer_mismatch", id="iss"),
        pytest.param({"iss": [ISSUER]}, "claim_malformed", id="iss a list"),
        pytest.param({"sub": 1}, "claim_malformed", id="sub a number"),
        pytest.param({"token_type": ABSENT}, "good", id="no token_type"),
        pytest.param({"token_type": "bearer"}, "good", id="bearer in lower case"),
        pytest.param({"token_type": "refresh_token"}, "type_mismatch", id="a refresh token"),
        pytest.param({"token_type": "Refresh"}, "type_mismatch", id="Refresh"),
        pytest.param({"token_type": "N_A"}, "type_mismatch", id="token exchange's N_A"),
        pytest.param({"token_type": None}, "type_mismatch", id="token_type null"),
        pytest.param({"typ": "Bearer"}, "good", id="Keycloak's typ"),
        pytest.param({"typ": "at+jwt"}, "good", id="typ of RFC 9068"),
        pytest.param({"typ": "application/at+jwt"}, "good", id="typ with its prefix"),
        pytest.param({"typ": "Refresh"}, "type_mismatch", id="Keycloak's refresh token"),
        pytest.param({"typ": "Offline"}, "type_mismatch", id="Keycloak's offline token"),
        pytest.param({"typ": "ID"}, "type_mismatch", id="Keycloak's ID token"),
        pytest.param({"typ": 1}, "type_mismatch", id="typ a number"),
        pytest.param({"token_use": "access"}, "good", id="Cognito's token_use"),
        pytest.param({"token_use": "access_token"}, "good", id="Hydra's token_use"),
        pytest.param({"token_use": "refresh_token"}, "type_mismatch", id="Hydra's refresh token"),
        pytest.param({"token_use": "id"}, "type_mismatch", id="Cognito's ID token"),
        pytest.param({"at_hash": "x"}, "id_token", id="an ID token"),
        pytest.param({"events": {}}, "type_mismatch", id="a security event"),
        pytest.param({"cnf": {"jkt": "x"}}, "good", id="bound by DPoP"),
        pytest.param({"cnf": {"jkt": "x"}, "token_type": "DPoP"}, "good", id="DPoP"),
        pytest.param({"token_type": "DPoP"}, "token_bound", id="DPoP without its key"),
        pytest.param(
            {"token_type": "DPoP", "cnf": {"x5t#S256": "x"}}, "token_bound", id="DPoP with mTLS"
        ),
        pytest.param({"cnf": {}}, "token_bound", id="bound by nothing known"),
        pytest.param({"cnf": None}, "token_bound", id="cnf null"),
    ],
)
def test_members_are_judged_as_the_claims_of_a_jwt(members: dict[str, Any], expected: str) -> None:
    assert outcome(answer(**members)) == expected


@pytest.mark.parametrize(
    ("members", "options", "expected"),
    [
        pytest.param({"aud": ABSENT}, {"audience": ANY_AUDIENCE}, "good", id="any audience"),
        pytest.param(
            {"aud": ABSENT, "token_type": ABSENT},
            {"audience": ANY_AUDIENCE},
            "claim_missing",
            id="any audience needs token_type",
        ),
        pytest.param({}, {"claims": {"tenant": ...}}, "claim_missing", id="a required member"),
        pytest.param({"tenant": 1}, {"claims": {"tenant": 1}}, "good", id="a required value"),
        pytest.param(
            {"tenant": 2}, {"claims": {"tenant": 1}}, "claim_mismatch", id="another value"
        ),
        pytest.param({"exp": NOW}, {"leeway": 0}, "token_expired", id="no leeway"),
        pytest.param({"exp": NOW - 299}, {"leeway": 300}, "good", id="the longest leeway"),
    ],
)
def test_the_options_of_an_issuer_apply(
    members: dict[str, Any], options: dict[str, Any], expected: str
) -> None:
    assert outcome(answer(**members), **options) == expected


@pytest.mark.parametrize(
    ("members", "options", "scopes"),
    [
        pytest.param({}, {}, {"read", "write"}, id="scope"),
        pytest.param({"scope": ABSENT, "scp": ["a"]}, {}, {"a"}, id="scp"),
        pytest.param({"roles": ["b"]}, {"scope_claim": "roles"}, {"b"}, id="another member"),
        pytest.param({"scope": ABSENT}, {}, set(), id="none"),
    ],
)
def test_scopes_are_those_of_the_answer(
    members: dict[str, Any], options: dict[str, Any], scopes: set[str]
) -> None:
    judged = judge(answer(**members), introspection(**options), NOW)
    assert isinstance(judged, VerifiedToken)
    assert judged.scopes == scopes


def test_a_good_answer_carries_its_dates_and_itself() -> None:
    judged = judge(answer(nbf=NOW - 5), introspection(), NOW)
    assert isinstance(judged, VerifiedToken)
    assert judged.answer == answer(nbf=NOW - 5)
    assert (judged.valid_from, judged.valid_until) == (NOW - 5, NOW + 300)


def test_a_refusal_keeps_little_of_what_was_found() -> None:
    judged = judge(answer(aud=["a" * 100] * 1000), introspection(), NOW)
    assert isinstance(judged, Refusal)
    assert len(str(judged.found)) <= 200
    long = judge(answer(iss="a" * 1000), introspection(), NOW)
    assert isinstance(long, Refusal)
    assert long.error().found == "a" * 200
    dated = judge(answer(exp=NOW - 100), introspection(), NOW)
    assert isinstance(dated, Refusal)
    assert dated.error().found == NOW - 100, "a date stays a date"


def test_a_refusal_knows_the_scheme_that_the_token_demands() -> None:
    judged = judge(answer(cnf={"jkt": "x"}, exp=NOW - 100), introspection(), NOW)
    assert isinstance(judged, Refusal)
    assert judged.error().token_scheme == "DPoP"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["active", "iss", "aud", "sub", "exp", "nbf", "iat", "cnf", "typ", "token_type", "scope"]
)


@given(st.dictionaries(NAMES, JSON))
def test_no_answer_but_an_active_one_passes(members: dict[str, Any]) -> None:
    document = json.dumps({**GOOD, **members}).encode()
    result = outcome(document)
    if result == "good":
        assert members.get("active", True) is True
        assert members.get("iss", ISSUER) == ISSUER


@given(st.binary(max_size=80))
def test_any_bytes_are_nonsense_or_refused(document: bytes) -> None:
    assert outcome(document) != "good"
