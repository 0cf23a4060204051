"""The checks of claims against a token profile and a time (RFC 7519 §4).

The numbers in names and ids are lines of `conformance.toml`.
"""

from __future__ import annotations

import logging
import tracemalloc
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from refusals import reason_of

from jwt_wsgi import InvalidToken
from jwt_wsgi.jose.claim_lookup import (
    ABSENT,
    check_claim_name,
    granted_scopes,
    lookup,
    same,
    satisfies,
)
from jwt_wsgi.jose.claims import (
    Dates,
    TokenProfile,
    check_audience,
    check_claims,
    check_predicates,
    check_times,
    check_type,
    validity_window,
)

AUDIENCES = frozenset({"a", "b"})
CLAIMS: dict[str, Any] = {
    "iss": "i",
    "aud": "a",
    "exp": 1000,
    "sub": "s",
    "client_id": "c",
    "iat": 500,
    "jti": "j",
}


def standing(changes: dict[str, Any], **profile: Any) -> str | None:
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not ...}
    token_profile = TokenProfile(AUDIENCES, **profile)
    return reason_of(check_audience, claims, token_profile) or reason_of(
        check_claims, claims, token_profile
    )


@pytest.mark.conforms(33, 45, 55)
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, None, id="33 one of ours"),
        pytest.param({"aud": ["x", "b"]}, None, id="33 a list that overlaps"),
        pytest.param({"aud": "c"}, "audience_mismatch", id="33 another"),
        pytest.param({"aud": "A"}, "audience_mismatch", id="33 case matters"),
        pytest.param({"aud": "aa"}, "audience_mismatch", id="33 no prefix"),
        pytest.param({"aud": []}, "audience_mismatch", id="33 an empty list"),
        pytest.param({"aud": ""}, "audience_mismatch", id="33 empty"),
        pytest.param({"aud": ...}, "claim_missing", id="45 absent"),
        pytest.param({"aud": None}, "claim_malformed", id="33 null"),
        pytest.param({"aud": {"a": 1}}, "claim_malformed", id="33 an object"),
        pytest.param({"aud": ["a", 1]}, "claim_malformed", id="33 a list with a number"),
    ],
)
def test_aud_must_contain_an_accepted_audience(
    changes: dict[str, Any], expected: str | None
) -> None:
    assert standing(changes) == expected


def test_a_waived_audience_is_not_checked() -> None:
    for audience in (..., None, "x", {}):
        claims = {**CLAIMS, "aud": audience}
        assert reason_of(check_claims, claims, TokenProfile(None)) is None


def test_a_changed_profile_is_checked_as_it_is_now() -> None:
    claims = {"aud": "a", "exp": 1000}
    profile = TokenProfile(AUDIENCES)
    assert reason_of(check_claims, claims, profile) is None
    assert reason_of(check_claims, claims, replace(profile, max_age=60)) == "claim_missing"
    assert reason_of(check_claims, claims, replace(profile, name="at+jwt")) == "claim_missing"
    assert reason_of(check_claims, {}, replace(profile, name="introspected")) is None
    assert reason_of(check_type, {}, replace(profile, types=frozenset({"x"}))) == "type_mismatch"
    assert reason_of(check_type, {}, replace(profile, types=frozenset())) == "type_mismatch"
    id_token = {**claims, "at_hash": "h"}
    assert reason_of(check_claims, id_token, profile) == "id_token"
    allowing = replace(profile, allow_id_tokens=True)
    assert reason_of(check_claims, id_token, allowing) is None
    assert reason_of(check_claims, id_token, replace(allowing, audiences=None)) == "id_token"
    assert replace(profile, leeway=1) != profile == TokenProfile(AUDIENCES)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        pytest.param({"iss": ..., "exp": None, "events": 1}, "iss", id="presence comes first"),
        pytest.param({"exp": ..., "iss": ...}, "iss", id="in the order of RFC 9068"),
        pytest.param({"exp": None, "nbf": None, "iat": None}, "exp a NumericDate", id="then exp"),
        pytest.param({"nbf": None, "iat": None}, "nbf a NumericDate", id="then nbf"),
        pytest.param({"iat": None, "sub": 1}, "iat a NumericDate", id="then iat"),
        pytest.param({"sub": 1, "jti": 1, "client_id": 1}, "sub a string", id="then sub"),
        pytest.param({"jti": 1, "client_id": 1}, "jti a string", id="then jti"),
        pytest.param({"client_id": 1, "at_hash": ""}, "client_id a string", id="then the client"),
        pytest.param({"events": 1, "at_hash": "", "x": 2}, None, id="then events"),
        pytest.param({"x": 2}, {"x": 1}, id="then fixed values"),
    ],
)
def test_the_first_wrong_claim_is_the_one_that_is_named(
    wrong: dict[str, Any], expected: object
) -> None:
    right = {**CLAIMS, "x": 1}
    claims = {name: value for name, value in {**right, **wrong}.items() if value is not ...}
    profile = TokenProfile(AUDIENCES, name="at+jwt", fixed=(("x", 1),))
    with pytest.raises(InvalidToken) as raised:
        check_claims(claims, profile)
    assert raised.value.expected == expected


@pytest.mark.conforms(36)
@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "value",
    ["1000", True, None, [1000], {}, 2**53, -(2**53), 10**400, float("nan"), float("inf")],
    ids=lambda value: str(value)[:12],
)
def test_36_a_date_is_a_finite_number_below_two_to_the_53(name: str, value: Any) -> None:
    assert standing({name: value}) == "claim_malformed"


@pytest.mark.conforms(36)
@pytest.mark.parametrize("value", [0, 1.5, -1, 2**53 - 1])
def test_36_fractions_and_early_dates_are_dates(value: float) -> None:
    assert standing({"exp": value, "nbf": value, "iat": value}) is None


def test_exp_is_required_and_nbf_and_iat_are_optional() -> None:
    assert standing({"exp": ...}) == "claim_missing"
    dates = check_claims({"aud": "a", "exp": 7}, TokenProfile(AUDIENCES))
    assert dates == Dates(exp=7, nbf=None, iat=None)


@pytest.mark.conforms(57)
@pytest.mark.parametrize("name", ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"])
def test_57_the_rfc_9068_profile_requires_its_claims(name: str) -> None:
    assert standing({name: ...}, name="at+jwt") == "claim_missing"
    assert standing({}, name="at+jwt") is None


def test_a_maximum_age_requires_iat() -> None:
    assert standing({"iat": ...}, max_age=60) == "claim_missing"


@pytest.mark.parametrize(
    ("name", "jwt"), [("sub", "claim_malformed"), ("jti", "claim_malformed"), ("client_id", None)]
)
def test_sub_jti_and_client_id_must_be_strings(name: str, jwt: str | None) -> None:
    for value in (7, None):
        assert standing({name: value}) == jwt
        assert standing({name: value}, name="at+jwt") == "claim_malformed"


@pytest.mark.conforms(48)
@pytest.mark.parametrize(
    ("name", "expected"),
    [("at_hash", "id_token"), ("c_hash", "id_token"), ("s_hash", "id_token"), ("nonce", None)],
)
def test_48_claims_of_id_tokens_are_refused(name: str, expected: str | None) -> None:
    assert standing({name: None}) == expected


@pytest.mark.parametrize(
    ("wanted", "value", "expected"),
    [
        pytest.param("x", "x", None, id="equal"),
        pytest.param("x", "y", "claim_mismatch", id="another"),
        pytest.param("x", ..., "claim_missing", id="absent"),
        pytest.param(..., None, None, id="present is enough"),
        pytest.param(..., ..., "claim_missing", id="present is not absent"),
        pytest.param(1, True, "claim_mismatch", id="true is not 1"),
        pytest.param(1, 1.0, "claim_mismatch", id="1.0 is not 1"),
        pytest.param({"a": [1]}, {"a": [True]}, "claim_mismatch", id="deeply"),
        pytest.param({"a": [1]}, {"a": [1]}, None, id="deeply equal"),
        pytest.param({"a": 1}, {"b": 1}, "claim_mismatch", id="other members"),
        pytest.param([1], [1, 1], "claim_mismatch", id="another length"),
    ],
)
def test_a_fixed_claim_is_compared_with_its_type(
    wanted: Any, value: Any, expected: str | None
) -> None:
    assert standing({"x": value}, fixed=(("x", wanted),)) == expected


@pytest.mark.conforms(34, 35, 36)
@pytest.mark.parametrize(
    ("now", "dates", "profile", "expected"),
    [
        pytest.param(1029.999, Dates(1000), {}, None, id="34 within the leeway"),
        pytest.param(1030, Dates(1000), {}, "token_expired", id="34 at its end"),
        pytest.param(1000, Dates(1000), {"leeway": 0}, "token_expired", id="34 no leeway"),
        pytest.param(1, Dates(0), {"leeway": 0}, "token_expired", id="36 exp of 0"),
        pytest.param(470, Dates(1000, nbf=500), {}, None, id="35 within the leeway"),
        pytest.param(469.999, Dates(1000, nbf=500), {}, "token_not_yet_valid", id="35 before it"),
        pytest.param(469.999, Dates(1000, iat=500), {}, "token_not_yet_valid", id="issued later"),
        pytest.param(590, Dates(1000, iat=500), {"max_age": 60}, None, id="old enough"),
        pytest.param(590.001, Dates(1000, iat=500), {"max_age": 60}, "token_too_old", id="too old"),
        pytest.param(590, Dates(1000), {"max_age": 60}, "token_too_old", id="no iat is too old"),
    ],
)
def test_check_times_honours_leeway_and_maximum_age(
    now: float, dates: Dates, profile: dict[str, Any], expected: str | None
) -> None:
    assert reason_of(check_times, dates, TokenProfile(None, **profile), now) == expected


@pytest.mark.parametrize(
    ("dates", "max_age", "between"),
    [
        pytest.param(Dates(1000), None, (float("-inf"), 1000), id="an end alone"),
        pytest.param(
            Dates(1000, nbf=300, iat=500), None, (500, 1000), id="from the later beginning"
        ),
        pytest.param(
            Dates(1000, nbf=600, iat=500),
            None,
            (600, 1000),
            id="from the later beginning, the other",
        ),
        pytest.param(Dates(1000, iat=500), 60, (500, 560), id="until it is too old"),
        pytest.param(
            Dates(1000, iat=500), 900, (500, 1000), id="until it ends, before it is too old"
        ),
        pytest.param(
            Dates(1000), 60, (float("-inf"), float("-inf")), id="never, for its age is unknown"
        ),
    ],
)
def test_check_times_accepts_every_time_in_the_validity_window(
    dates: Dates, max_age: float | None, between: tuple[float, float]
) -> None:
    profile = TokenProfile(None, leeway=0, max_age=max_age)
    begin, end = validity_window(dates, profile)
    assert (begin, end) == between
    for now in (begin, (begin + end) / 2, end - 0.001):
        if begin <= now < end:
            assert reason_of(check_times, dates, profile, now) is None


@pytest.mark.conforms(22, 48, 53)
@pytest.mark.parametrize(
    ("typ", "jwt", "at_jwt"),
    [
        pytest.param(..., None, "type_mismatch", id="absent"),
        pytest.param("JWT", None, "type_mismatch", id="JWT"),
        pytest.param("at+jwt", None, None, id="at+jwt"),
        pytest.param("AT+JWT", None, None, id="22 any case"),
        pytest.param("application/at+jwt", None, None, id="22 with application/"),
        pytest.param("Application/AT+JWT", None, None, id="22 both"),
        pytest.param("dpop+jwt", "type_mismatch", "type_mismatch", id="a proof"),
        pytest.param("logout+jwt", "type_mismatch", "type_mismatch", id="a logout token"),
        pytest.param("", "type_mismatch", "type_mismatch", id="empty"),
        pytest.param("text/at+jwt", "type_mismatch", "type_mismatch", id="another tree"),
    ],
)
def test_typ_must_fit_the_profile(typ: Any, jwt: str | None, at_jwt: str | None) -> None:
    header = {} if typ is ... else {"typ": typ}
    assert reason_of(check_type, header, TokenProfile(None)) == jwt
    assert reason_of(check_type, header, TokenProfile(None, name="at+jwt")) == at_jwt


def test_a_predicate_that_raises_refuses_the_claim(caplog: pytest.LogCaptureFixture) -> None:
    def explode(value: Any) -> bool:
        raise KeyError(value)

    def asked(predicate: Any) -> str | None:
        profile = TokenProfile(None, predicates=(("x", predicate),))
        return reason_of(check_predicates, partial(lookup, {"x": "hidden"}), profile)

    assert asked(lambda value: value == "hidden") is None
    assert asked(lambda value: 0) == "claim_mismatch"
    with caplog.at_level(logging.WARNING):
        assert asked(explode) == "claim_mismatch"
    # The log names the exception's type and nothing of the claim.
    warning = (
        "jwt_wsgi.claims",
        logging.ERROR,
        "a claim predicate raised KeyError; it is not satisfied",
    )
    assert caplog.record_tuples == [warning]
    assert "hidden" not in caplog.text
    absent = TokenProfile(None, predicates=(("y", lambda value: True),))
    assert reason_of(check_predicates, partial(lookup, {}), absent) == "claim_missing"
    assert satisfies(lambda value: "yes", None)
    assert reason_of(check_predicates, partial(lookup, {}), TokenProfile(None)) is None


@pytest.mark.parametrize(
    ("changes", "profile", "expected", "found"),
    [
        pytest.param({"aud": "c"}, {}, "['a', 'b']", "c", id="the audience"),
        pytest.param({"aud": 7}, {}, "aud a string or strings", 7, id="the form of the audience"),
        pytest.param({"exp": ...}, {}, "exp", ABSENT, id="a claim that is absent"),
        pytest.param(
            {}, {"fixed": ((("x", "y"), 1),)}, "('x', 'y')", ABSENT, id="a path that leads nowhere"
        ),
        pytest.param({"nbf": "soon"}, {}, "nbf a NumericDate", "soon", id="a date"),
        pytest.param({"jti": 7}, {}, "jti a string", 7, id="a text"),
        pytest.param({"c_hash": "hidden"}, {}, None, "c_hash", id="what tells an ID token"),
        pytest.param(
            {"x": 2}, {"fixed": (("x", 1),)}, "{'x': 1}", "withheld", id="D5 a fixed claim"
        ),
        pytest.param(
            {"azp": "b"}, {"fixed": (("azp", "a"),)}, "{'azp': 'a'}", "b", id="D5 a loggable claim"
        ),
    ],
)
def test_a_refused_claim_records_expected_and_found(
    changes: dict[str, Any], profile: dict[str, Any], expected: str | None, found: Any
) -> None:
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not ...}
    token_profile = TokenProfile(AUDIENCES, **profile)

    def check() -> None:
        check_audience(claims, token_profile)
        check_claims(claims, token_profile)

    with pytest.raises(InvalidToken) as refused:
        check()
    assert expected is None or str(refused.value.expected) == expected
    assert refused.value.found == found


@pytest.mark.parametrize(
    ("judge", "judged", "expected", "found"),
    [
        pytest.param(check_times, (Dates(1000), TokenProfile(None), 2000), "2000", 1000, id="the end"),
        pytest.param(check_times, (Dates(1000, nbf=500), TokenProfile(None), 400), "400", 500, id="the beginning"),
        pytest.param(check_times, (Dates(1000, 1, 600), TokenProfile(None), 400), "400", 600, id="the issue to come"),
        pytest.param(
            check_times, (Dates(1000, iat=500), TokenProfile(None, max_age=60), 900), "840", 500, id="the greatest age"
        ),
        pytest.param(check_type, ({"typ": "dpop+jwt"}, TokenProfile(None)), "jwt", "dpop+jwt", id="another type"),
        pytest.param(check_type, ({}, TokenProfile(None, name="at+jwt")), "at+jwt", ABSENT, id="no type"),
        pytest.param(
            check_predicates,
            (partial(lookup, {"x": 1}), TokenProfile(None, predicates=(("x", bool), ("x", callable)))), "'x'", "withheld",
            id="a predicate, whose claim stays its own",
        ),
    ],
)  # fmt: skip
def test_a_refused_time_or_type_records_expected_and_found(
    judge: Any, judged: tuple[Any, ...], expected: str, found: Any
) -> None:
    with pytest.raises(InvalidToken) as refused:
        judge(*judged)
    assert expected in str(refused.value.expected)
    assert refused.value.found == found


@pytest.mark.parametrize(
    ("claims", "name", "scopes"),
    [
        ({"scope": "a  b "}, None, {"a", "b"}),
        ({"scope": "", "scp": "a"}, None, set()),
        ({"scp": ["a", "b c"]}, None, {"a", "b c"}),
        ({"scope": ["a", 1]}, None, set()),
        ({"scope": 7}, None, set()),
        ({}, None, set()),
        ({"scope": "a\u00a0b\tc"}, None, {"a\u00a0b\tc"}),
        ({"scope": "a", "x": {"y": ["b"]}}, ("x", "y"), {"b"}),
        ({"https://example.com/scopes": "b"}, "https://example.com/scopes", {"b"}),
    ],
)
def test_granted_scopes(claims: dict[str, Any], name: Any, scopes: set[str]) -> None:
    assert granted_scopes(claims, name) == scopes


def test_a_dotted_name_is_one_claim_and_a_tuple_is_a_path() -> None:
    claims = {"a.b": 1, "a": {"b": 2}, "n": None}
    assert (lookup(claims, "a.b"), lookup(claims, ("a", "b")), lookup(claims, "n")) == (1, 2, None)
    assert (
        lookup(claims, ("a", "c")) is lookup(claims, ("a.b", "c")) is lookup(claims, "x") is ABSENT
    )
    assert repr(ABSENT) == "absent"


@pytest.mark.parametrize("name", ["", (), ("a", ""), ("a", 1), 7, None, ["a"]], ids=repr)
def test_an_invalid_claim_name_is_a_value_error(name: Any) -> None:
    with pytest.raises(
        ValueError, match=r"^option: a claim's name is a string, or a tuple of them"
    ):
        check_claim_name("option", name)


def test_values_of_different_types_are_not_the_same() -> None:
    assert not same(0, False)
    assert same(None, None)


def test_one_text_of_scopes_is_one_set() -> None:
    texts = ["read:a write:a", "read:a write:a".replace("a", "b"), "x" * 200 + " read"]
    for text in texts:
        copy = "".join(list(text))
        assert granted_scopes({"scope": text}, None) is granted_scopes({"scope": copy}, None)
    # Another spelling is another text, and the same set of scopes.
    assert granted_scopes({"scope": " write:a  read:a "}, None) == {"read:a", "write:a"}
    assert granted_scopes({"scope": ""}, None) == frozenset()


def test_the_sets_that_are_kept_by_their_text_take_two_mebibytes_at_most() -> None:
    names = [f"{number:02x}" for number in range(256)]
    tracemalloc.start()
    try:
        for number in range(200):
            for length in (85, 400):
                several = [names[(number + step) % 256] for step in range(length)]
                scopes = granted_scopes({"scope": f"{' '.join(several)[:-6]} {number:05}"}, None)
                assert f"{number:05}" in scopes
        assert tracemalloc.get_traced_memory()[0] <= 2**21
    finally:
        tracemalloc.stop()
