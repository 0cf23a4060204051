"""`Verifier`: the whole judgement of a token without WSGI, in its order of checks."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from conftest import ASYMMETRIC, SYMMETRIC, Clock
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import reason

from jwt_wsgi import Auth, InvalidToken, Issuer, RemoteJWKS, SharedSecret, StaticJWKS, Verifier
from jwt_wsgi.jose.encoding import decode, encode
from jwt_wsgi.testing import LocalIssuer


def verifier(
    local: LocalIssuer, verifier_options: dict[str, Any] | None = None, **options: Any
) -> Verifier:
    options = {"audience": local.audience, "keys": StaticJWKS(local.jwks), **options}
    return Verifier(Issuer(local.issuer, **options), clock=local.clock, **(verifier_options or {}))


@pytest.mark.conforms(52, 58)
@pytest.mark.parametrize("algorithm", [*ASYMMETRIC, *SYMMETRIC])
def test_every_algorithm_is_believed(every_algorithm: LocalIssuer, algorithm: str) -> None:
    secret = algorithm in SYMMETRIC
    keys = (
        SharedSecret(every_algorithm.secret(algorithm))
        if secret
        else StaticJWKS(every_algorithm.jwks)
    )
    judge = verifier(every_algorithm, keys=keys, algorithms=[algorithm])
    auth = judge.verify(every_algorithm.token("a b", algorithm=algorithm))
    assert (auth.subject, auth.scopes, auth.issuer) == (
        "user-1",
        {"a", "b"},
        every_algorithm.issuer,
    )
    assert auth.header["alg"] == algorithm


def test_the_auth_is_what_the_token_says(local: LocalIssuer) -> None:
    token = local.token(org={"id": 7})
    auth = verifier(local).verify(token)
    assert auth.token == token
    assert auth.claims["org"] == {"id": 7}
    assert token not in repr(auth)


@pytest.mark.conforms(37, 38, 39, 47, 54)
@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        pytest.param(b"", "token_malformed", id="empty"),
        pytest.param(b"[]", "token_malformed", id="38 a list"),
        pytest.param(b'{"iss":"a","iss":"b"}', "token_malformed", id="39 a claim twice"),
        pytest.param(b'{"exp":NaN}', "token_malformed", id="36 NaN"),
        pytest.param(b'{"exp":1e999}', "token_malformed", id="infinite"),
        pytest.param(b'{"x":"\\ud800"}', "token_malformed", id="a lone surrogate"),
        pytest.param(b'\xff{"iss":"a"}', "token_malformed", id="no UTF-8"),
        pytest.param(b"{}", "claim_missing", id="no issuer"),
        pytest.param(b'{"iss":null}', "claim_malformed", id="issuer null"),
        pytest.param(
            b'{"iss":["https://issuer.test/"]}',
            "claim_malformed",
            id="in a list (GHSA-75c5-xw7c-p5pm)",
        ),
        pytest.param(
            b'{"iss":"https://issuer.test"}', "issuer_mismatch", id="37 nothing normalised"
        ),
        pytest.param(b'{"iss":"https://ISSUER.test/"}', "issuer_mismatch", id="37 no case folded"),
    ],
)
def test_a_payload_that_names_no_trusted_issuer_costs_no_fetch(
    payload: bytes, expected: str
) -> None:
    local = LocalIssuer(algorithms=("ES256",))
    judge = verifier(
        local, keys=RemoteJWKS(local.jwks_uri, fetch=local.fetch), algorithms=["ES256"]
    )
    assert reason(judge, local.sign(payload)) == expected
    assert local.requests == []


@pytest.mark.parametrize(
    ("iss", "expected", "found"),
    [
        pytest.param(
            "https://other.test/", ["https://issuer.test/"], "https://other.test/", id="another"
        ),
        pytest.param(7, "iss a string", 7, id="a number"),
    ],
)
def test_the_log_is_told_which_issuers_are_trusted(
    local: LocalIssuer, iss: Any, expected: Any, found: Any
) -> None:
    with pytest.raises(InvalidToken) as refused:
        verifier(local).verify(local.token(iss=iss))
    assert (refused.value.expected, refused.value.found) == (expected, found)


def test_a_resolver_stands_for_more_than_one_issuer(trusted: Issuer) -> None:
    assert Verifier(trusted).trusted == 1
    assert Verifier(lambda name: None).trusted > 1
    assert Verifier([trusted, lambda name: None]).trusted > 1


def test_the_allow_list_is_the_issuers_own() -> None:
    one, two = (
        LocalIssuer("https://one.test/"),
        LocalIssuer("https://two.test/", algorithms=("ES256", "RS256")),
    )
    issuers = [
        Issuer(one.issuer, audience=one.audience, keys=StaticJWKS(one.jwks), algorithms=["RS256"]),
        Issuer(two.issuer, audience=two.audience, keys=StaticJWKS(two.jwks), algorithms=["ES256"]),
    ]
    judge = Verifier(issuers)
    assert judge.verify(one.token()).issuer == one.issuer
    assert judge.verify(two.token()).issuer == two.issuer
    assert reason(judge, two.token(algorithm="RS256")) == "algorithm_not_allowed"
    assert reason(judge, one.token(iss=two.issuer)) == "algorithm_not_allowed"


def test_the_type_is_looked_at_before_any_fetch() -> None:
    local = LocalIssuer(algorithms=("ES256",))
    judge = verifier(
        local, keys=RemoteJWKS(local.jwks_uri, fetch=local.fetch), algorithms=["ES256"]
    )
    assert reason(judge, local.token(header={"typ": "logout+jwt"})) == "type_mismatch"
    assert local.requests == []


def test_no_claim_but_the_issuer_is_judged_before_the_signature(local: LocalIssuer) -> None:
    stranger = LocalIssuer()
    forged = stranger.token(expires_in=-999, aud="x", header={"kid": local.key().kid})
    assert reason(verifier(local), forged) == "signature_invalid"


def test_a_token_above_the_cap_is_refused_before_it_is_decoded(local: LocalIssuer) -> None:
    token = local.token(padding="x" * 20_000)
    assert reason(verifier(local), token) == "token_too_large"
    assert reason(verifier(local, {"max_token_bytes": 40_000}), token) is None
    exactly = local.token()
    assert reason(verifier(local, {"max_token_bytes": len(exactly)}), exactly) is None
    assert (
        reason(verifier(local, {"max_token_bytes": len(exactly) - 1}), exactly) == "token_too_large"
    )


@pytest.mark.parametrize("size", [0, -1, 1.5, True, None, "16384"], ids=repr)
def test_a_cap_is_a_whole_number_above_0(local: LocalIssuer, size: Any) -> None:
    with pytest.raises(ValueError, match="max_token_bytes="):
        verifier(local, {"max_token_bytes": size})


@pytest.mark.parametrize(
    ("issuers", "message"),
    [
        ([], "issuers is empty"),
        (["https://issuer.test/"], "issuers holds"),
        ("https://issuer.test/", r"issuers holds 'https://issuer\.test/'"),
        (None, "issuers holds None"),
        (Issuer, "issuers holds <class"),
    ],
    ids=["none", "a URL in a list", "a URL", "None", "the class itself"],
)
def test_issuers_that_are_none_are_refused(issuers: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Verifier(issuers)


def test_the_same_issuer_twice_is_refused(trusted: Issuer) -> None:
    with pytest.raises(ValueError, match=r"'https://issuer\.test/' twice"):
        Verifier([trusted, trusted])


def test_times_are_judged_anew_for_every_call(clock: Clock) -> None:
    local = LocalIssuer(algorithms=("ES256",), clock=clock)
    judge, token = verifier(local, algorithms=["ES256"]), local.token(expires_in=60)
    assert reason(judge, token) is None
    clock.advance(90)
    assert reason(judge, token) == "token_expired"
    clock.advance(-200)
    assert reason(judge, token) == "token_not_yet_valid"


def test_a_token_without_leeway_ends_with_its_last_second(clock: Clock) -> None:
    local = LocalIssuer(algorithms=("ES256",), clock=clock)
    judge, token = verifier(local, algorithms=["ES256"], leeway=0), local.token(expires_in=60)
    clock.advance(59.999)
    assert reason(judge, token) is None
    clock.advance(0.001)
    assert clock() == json.loads(decode(token.split(".")[1]))["exp"]
    for judged in (judge, verifier(local, algorithms=["ES256"], leeway=0)):
        assert reason(judged, token) == "token_expired"


def test_an_age_is_judged_anew_for_every_call(clock: Clock) -> None:
    local = LocalIssuer(algorithms=("ES256",), clock=clock)
    judge, token = verifier(local, algorithms=["ES256"], max_age=60), local.token(expires_in=3600)
    clock.advance(90)
    assert reason(judge, token) is None
    clock.advance(1)
    assert reason(judge, token) == "token_too_old"
    clock.advance(-1)
    assert reason(judge, token) is None


def test_predicates_and_revocation_are_asked_for_every_call(local: LocalIssuer) -> None:
    answers = {"predicate": True, "revoked": False}
    judge = verifier(
        local,
        {"is_revoked": lambda auth: answers["revoked"]},
        claims={"sub": lambda value: answers["predicate"]},
    )
    token = local.token()
    assert reason(judge, token) is None
    answers["predicate"] = False
    assert reason(judge, token) == "claim_mismatch"
    answers.update(predicate=True, revoked=True)
    assert reason(judge, token) == "token_revoked"


def test_a_revocation_check_that_raises_quotes_nothing(
    local: LocalIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(auth: Auth) -> bool:
        raise RuntimeError(auth.token)

    token = local.token()
    assert reason(verifier(local, {"is_revoked": explode}), token) == "revocation_unknown"
    assert caplog.record_tuples == [
        ("jwt_wsgi.verifier", logging.ERROR, "is_revoked raised RuntimeError; refusing")
    ]
    assert token not in caplog.text


JUDGE = Verifier(
    Issuer("https://issuer.test/", audience="a", keys=SharedSecret("s" * 32), algorithms=["HS256"])
)


@settings(max_examples=300, deadline=None)
@given(
    st.text()
    | st.lists(st.binary(max_size=40), min_size=2, max_size=4).map(
        lambda parts: ".".join(map(encode, parts))
    )
    | st.none()
    | st.binary()
)
def test_anything_else_is_an_invalid_token(token: Any) -> None:
    with pytest.raises(InvalidToken):
        JUDGE.verify(token)


def test_claims_of_a_nested_scope_claim_grant(local: LocalIssuer) -> None:
    judge = verifier(local, scope_claim=("realm_access", "roles"))
    claims = {
        "iss": local.issuer,
        "aud": local.audience,
        "exp": 2**40,
        "realm_access": {"roles": ["r"]},
    }
    assert judge.verify(local.sign(json.dumps(claims).encode())).scopes == {"r"}


def test_a_recorded_verifier_reports_each_check_that_passed_and_caches_nothing(
    local: LocalIssuer,
) -> None:
    checks: list[str] = []
    judge = verifier(local)
    recorded = judge.recorded(lambda check, *values: checks.append(check))
    token = local.token()
    every_check = ["header", "issuer", "signature", "claims"]
    for _ in range(2):
        checks.clear()
        assert recorded.verify(token).subject == judge.verify(token).subject
        assert checks == every_check
    checks.clear()
    assert reason(recorded, local.token(aud="another")) == "audience_mismatch"
    assert checks == every_check[:-1]
    checks.clear()
    judge.verify(local.token())
    assert checks == []


def refusal_of(judge: Verifier, token: str) -> InvalidToken:
    with pytest.raises(InvalidToken) as refused:
        judge.verify(token)
    return refused.value


PUBLISHED = LocalIssuer(algorithms=("ES256",)).jwks["keys"][0]


@pytest.mark.parametrize("chained", [False, True], ids=["one source", "a chain"])
@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param(
            {"use": "enc"}, "published, but not usable: use is not 'sig'", id="D3 skipped"
        ),
        pytest.param({"kid": "other"}, None, id="D3 not published"),
        pytest.param({}, "published, but not for this alg", id="D3 another alg"),
    ],
)
def test_a_kid_that_is_published_and_not_usable_is_said_to_be(
    local: LocalIssuer, entry: dict[str, Any], expected: str | None, chained: bool
) -> None:
    jwks = {"keys": [*local.jwks["keys"], {**PUBLISHED, "kid": "second", **entry}]}
    keys: Any = StaticJWKS(jwks)
    if chained:
        keys = [keys, StaticJWKS(LocalIssuer().jwks)]
    refusal = refusal_of(verifier(local, keys=keys), local.token(header={"kid": "second"}))
    assert (refusal.reason, refusal.found) == ("kid_unknown", "second")
    assert (expected or "None") in str(refusal.expected)


def test_the_log_says_how_many_of_the_keys_were_tried_d15() -> None:
    issuers = [LocalIssuer(algorithms=("ES256",)) for _ in range(6)]
    jwks = {"keys": [each.jwks["keys"][0] for each in issuers]}
    keys = StaticJWKS(jwks)
    judge = verifier(issuers[0], keys=keys, algorithms=["ES256"])
    refusal = refusal_of(judge, issuers[5].token(header={"kid": None}))
    assert refusal.reason == "signature_invalid"
    assert "4 keys that were tried of 6" in str(refusal.expected)
    assert judge.verify(issuers[0].token(header={"kid": None}))


class Told(StaticJWKS):
    """A source that records the accepted tokens that it is told of."""

    def __init__(self, local: LocalIssuer) -> None:
        super().__init__(local.jwks)
        self.told: list[tuple[str | None, str]] = []

    def token_accepted(self, kid: str | None, alg: str) -> None:
        self.told.append((kid, alg))


def test_a_source_is_told_of_an_accepted_token_once_and_not_when_it_is_cached(
    local: LocalIssuer,
) -> None:
    keys = Told(local)
    judge = verifier(local, keys=keys)
    token = local.token()
    for _ in range(3):
        judge.verify(token)
    assert keys.told == [(local.key().kid, "RS256")]


def fail(_: object) -> bool:
    raise RuntimeError


@pytest.mark.parametrize(
    ("claims", "options", "verifier_options", "refusal"),
    [
        pytest.param({"exp": 1}, {}, {}, "token_expired", id="expired"),
        pytest.param({"aud": "other"}, {}, {}, "audience_mismatch", id="another audience"),
        pytest.param({}, {"header": {"signer": "a"}}, {}, "claim_missing", id="no header member"),
        pytest.param({}, {"claims": {"sub": "x"}}, {}, "claim_mismatch", id="another claim"),
        pytest.param(
            {}, {"claims": {"sub": lambda _: False}}, {}, "claim_mismatch", id="a predicate"
        ),
        pytest.param({}, {}, {"is_revoked": lambda _: True}, "token_revoked", id="revoked"),
        pytest.param({}, {}, {"is_revoked": fail}, "revocation_unknown", id="status unknown"),
    ],
)
def test_a_source_is_not_told_of_a_token_with_a_valid_signature_that_is_refused(
    local: LocalIssuer,
    claims: dict[str, Any],
    options: dict[str, Any],
    verifier_options: dict[str, Any],
    refusal: str,
) -> None:
    keys = Told(local)
    judge = verifier(local, verifier_options, keys=keys, **options)
    assert reason(judge, local.token(**claims)) == refusal
    assert keys.told == []
