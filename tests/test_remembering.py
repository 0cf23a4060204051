"""What a verifier remembers of good tokens, and what it asks again for every request."""

from __future__ import annotations

import gc
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from counting import ForbiddenLock, calls
from refusals import reason

from jwt_wsgi import Issuer, KeysUnavailable, RemoteJWKS, StaticJWKS, Verifier, protect, scope
from jwt_wsgi.jose import KeySet
from jwt_wsgi.jose.jwk import Key
from jwt_wsgi.testing import LocalIssuer


class Counted:
    """Keys that are changed from outside, and how often they were asked for: once for each signature."""

    def __init__(self, local: LocalIssuer) -> None:
        self.keys: KeySet | None = KeySet.from_jwks(local.jwks)
        self.asked = 0

    def held(self) -> KeySet | None:
        return self.keys

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        self.asked += 1
        if self.keys is None:
            raise KeysUnavailable
        return self.keys.find(kid, alg)


@pytest.fixture
def issuer(clock: Clock) -> LocalIssuer:
    return LocalIssuer(algorithms=("ES256",), clock=clock)


@pytest.fixture
def keys(issuer: LocalIssuer) -> Counted:
    return Counted(issuer)


def verifier(
    issuer: LocalIssuer, keys: Any, options: dict[str, Any] | None = None, **trust: Any
) -> Verifier:
    trusted = Issuer(
        issuer.issuer, audience=issuer.audience, keys=keys, algorithms=["ES256"], **trust
    )
    return Verifier(trusted, **{"clock": issuer.clock, **(options or {})})


def test_ten_identical_requests_cost_one_signature(issuer: LocalIssuer, keys: Counted) -> None:
    judge, token = verifier(issuer, keys), issuer.token("a")
    auths = [judge.verify(token) for _ in range(10)]
    assert keys.asked == 1
    assert {(auth.subject, auth.scopes, auth.token) for auth in auths} == {
        ("user-1", frozenset({"a"}), token)
    }
    assert [auth.claims for auth in auths] == [auths[0].claims] * 10
    assert [auth.header for auth in auths] == [auths[0].header] * 10


@pytest.mark.counts_calls
def test_known_headers_and_judged_claims_are_not_parsed_again(
    issuer: LocalIssuer, keys: Counted
) -> None:
    judge = verifier(issuer, keys)
    first, second = issuer.token(), issuer.token()
    assert calls(lambda: judge.verify(first), of="read_object") == 2, "header and claims"
    assert calls(lambda: judge.verify(second).claims, of="read_object") == 1, "claims"
    assert calls(lambda: judge.verify(second), of="read_object") == 0


def test_another_token_costs_another_signature(issuer: LocalIssuer, keys: Counted) -> None:
    judge = verifier(issuer, keys)
    for _ in range(3):
        judge.verify(issuer.token())
    assert keys.asked == 3


def test_a_remembered_token_ends_with_its_exp(
    issuer: LocalIssuer, keys: Counted, clock: Clock
) -> None:
    judge, token = verifier(issuer, keys), issuer.token(expires_in=60)
    assert reason(judge, token) is None
    clock.advance(89)
    assert reason(judge, token) is None
    clock.advance(1)
    assert reason(judge, token) == "token_expired"
    assert keys.asked == 1


def test_a_remembered_token_is_not_yet_valid_where_time_goes_backwards(
    issuer: LocalIssuer, keys: Counted, clock: Clock
) -> None:
    judge, token = verifier(issuer, keys), issuer.token(nbf=clock(), iat=clock())
    assert reason(judge, token) is None
    clock.advance(-31)
    assert reason(judge, token) == "token_not_yet_valid"


def test_a_remembered_token_grows_too_old(issuer: LocalIssuer, keys: Counted, clock: Clock) -> None:
    judge, token = verifier(issuer, keys, max_age=60), issuer.token(expires_in=3600)
    assert reason(judge, token) is None
    clock.advance(91)
    assert reason(judge, token) == "token_too_old"


def test_judged_at_is_the_time_of_the_request(
    issuer: LocalIssuer, keys: Counted, clock: Clock
) -> None:
    judge, token = verifier(issuer, keys), issuer.token()
    assert judge.verify(token).judged_at == clock()
    clock.advance(10)
    assert judge.verify(token).judged_at == clock()


def test_removing_a_key_ends_its_cached_tokens_at_once(issuer: LocalIssuer, keys: Counted) -> None:
    judge, token = verifier(issuer, keys), issuer.token()
    assert reason(judge, token) is None
    issuer.rotate()
    keys.keys = KeySet.from_jwks(issuer.jwks)
    assert reason(judge, token) == "kid_unknown"


def test_replacing_a_key_ends_its_cached_tokens_at_once(issuer: LocalIssuer, keys: Counted) -> None:
    judge, token, kid = verifier(issuer, keys), issuer.token(), issuer.key().kid
    assert reason(judge, token) is None
    issuer.rotate()
    keys.keys = KeySet.from_jwks({"keys": [{**issuer.jwks["keys"][0], "kid": kid}]})
    assert reason(judge, token) == "signature_invalid"


def test_cached_tokens_end_when_the_keys_become_unavailable(
    issuer: LocalIssuer, keys: Counted
) -> None:
    judge, token = verifier(issuer, keys), issuer.token()
    assert reason(judge, token) is None
    keys.keys = None
    assert reason(judge, token) == "keys_unavailable"


def test_an_equal_key_set_costs_one_signature_more(issuer: LocalIssuer, keys: Counted) -> None:
    judge, token = verifier(issuer, keys), issuer.token()
    for _ in range(3):
        assert reason(judge, token) is None
    keys.keys = KeySet.from_jwks(issuer.jwks)
    for _ in range(3):
        assert reason(judge, token) is None
    assert keys.asked == 2


def test_a_token_is_not_cached_when_keys_change_during_its_check(issuer: LocalIssuer) -> None:
    class Rotating(Counted):
        """The issuer rotates while the signature is being checked."""

        def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
            found = super().find(kid, alg)
            self.keys = KeySet.from_jwks(LocalIssuer(algorithms=("ES256",)).jwks)
            return found

    keys = Rotating(issuer)
    judge, token = verifier(issuer, keys), issuer.token()
    assert reason(judge, token) is None
    assert reason(judge, token) == "kid_unknown"


def test_a_token_of_newer_keys_is_not_cached_for_the_older_keys(issuer: LocalIssuer) -> None:
    first = KeySet.from_jwks(LocalIssuer(algorithms=("ES256",)).jwks)
    second = KeySet.from_jwks(issuer.jwks)

    class Rotating(Counted):
        """The issuer rotates before the signature is checked."""

        def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
            self.keys = second
            return super().find(kid, alg)

    keys = Rotating(issuer)
    keys.keys = first
    judge, token = verifier(issuer, keys), issuer.token()
    assert reason(judge, token) is None
    # The very object, which has no key for this token; the source finds in what it holds.
    keys.keys, second = first, first
    assert reason(judge, token) == "kid_unknown"


def test_changing_a_key_file_ends_its_cached_tokens(
    issuer: LocalIssuer, clock: Clock, tmp_path: Path
) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps(issuer.jwks))
    judge = verifier(issuer, StaticJWKS(file, clock=clock))
    token = issuer.token()
    assert reason(judge, token) is None
    issuer.rotate()
    file.write_text(json.dumps(issuer.jwks))
    os.utime(file, ns=(1, 1))
    clock.advance(1)
    assert reason(judge, token) == "kid_unknown"


def test_in_an_outage_cached_tokens_end_with_their_keys(issuer: LocalIssuer, clock: Clock) -> None:
    source = RemoteJWKS(issuer.jwks_uri, fetch=issuer.fetch, clock=clock, stale_for=100)
    judge, token = verifier(issuer, source), issuer.token(expires_in=10_000)
    for _ in range(2):
        assert reason(judge, token) is None
    issuer.available = False
    clock.advance(699)
    assert reason(judge, token) is None
    clock.advance(2)
    assert reason(judge, token) == "keys_unavailable"


def test_a_change_of_one_of_several_sources_ends_cached_tokens(
    issuer: LocalIssuer, keys: Counted
) -> None:
    other = Counted(LocalIssuer(algorithms=("ES256",)))
    judge, token = verifier(issuer, [other, keys]), issuer.token()
    for _ in range(3):
        assert reason(judge, token) is None
    assert (other.asked, keys.asked) == (1, 1)
    other.keys = KeySet.from_jwks(LocalIssuer(algorithms=("ES256",)).jwks)
    assert reason(judge, token) is None
    assert (other.asked, keys.asked) == (2, 2)


def test_predicates_and_revocation_are_asked_for_cached_tokens(
    issuer: LocalIssuer, keys: Counted
) -> None:
    answers = {"predicate": True, "revoked": False}
    judge = verifier(
        issuer,
        keys,
        {"is_revoked": lambda auth: answers["revoked"]},
        claims={"sub": lambda _: answers["predicate"]},
    )
    token = issuer.token()
    assert reason(judge, token) is None
    answers["predicate"] = False
    assert reason(judge, token) == "claim_mismatch"
    answers.update(predicate=True, revoked=True)
    assert reason(judge, token) == "token_revoked"
    answers["revoked"] = False
    assert reason(judge, token) is None
    assert keys.asked == 1


@pytest.mark.parametrize(
    "claims",
    [{"expires_in": -60}, {"nbf": 2_000_000_000}, {"aud": "other"}, {"at_hash": "x"}],
    ids=["expired", "not yet valid", "another audience", "an ID token"],
)
def test_a_refused_token_is_not_cached(
    issuer: LocalIssuer, keys: Counted, claims: dict[str, Any]
) -> None:
    judge, token = verifier(issuer, keys), issuer.token(**claims)
    for _ in range(3):
        assert reason(judge, token) is not None
    assert keys.asked == 3


def test_a_forged_token_is_not_cached(issuer: LocalIssuer, keys: Counted) -> None:
    forged = LocalIssuer(algorithms=("ES256",), clock=issuer.clock).token(
        header={"kid": issuer.key().kid}
    )
    judge = verifier(issuer, keys)
    for _ in range(3):
        assert reason(judge, forged) == "signature_invalid"
    assert keys.asked == 3


def test_changing_an_auth_changes_no_other_request(issuer: LocalIssuer, keys: Counted) -> None:
    judge, token = verifier(issuer, keys), issuer.token("read", nested={"roles": ["user"]})
    for _ in range(3):
        auth = judge.verify(token)
        assert (auth.subject, auth.scopes, auth.claims["nested"]) == (
            "user-1",
            {"read"},
            {"roles": ["user"]},
        )
        auth.claims["sub"] = "admin"
        auth.claims["nested"]["roles"].append("admin")
        auth.header["kid"] = "mine"
        auth.scopes = frozenset({"admin"})
        auth.token = "other"


@pytest.mark.parametrize(
    "options", [{"max_remembered": 0}, {"max_remembered_bytes": 0}, {"max_remembered_bytes": 99}]
)
def test_the_cache_can_be_switched_off(
    issuer: LocalIssuer, keys: Counted, options: dict[str, int]
) -> None:
    judge, token = verifier(issuer, keys, options), issuer.token()
    for _ in range(3):
        judge.verify(token)
    assert keys.asked == 3


@pytest.mark.parametrize("option", ["max_remembered", "max_remembered_bytes"])
@pytest.mark.parametrize("value", [-1, 1.5, True, None, "9"], ids=repr)
def test_the_bounds_of_the_cache_are_whole_numbers(
    issuer: LocalIssuer, keys: Counted, option: str, value: Any
) -> None:
    with pytest.raises(
        ValueError, match=f"{option}={value!r}: write a whole number, 0 to cache none"
    ):
        verifier(issuer, keys, {option: value})


@pytest.mark.parametrize("token", [None, b"a.b.c", ["a"], {}, 5], ids=repr)
def test_a_token_that_is_not_text_is_malformed_and_not_looked_up(
    issuer: LocalIssuer, keys: Counted, token: Any
) -> None:
    assert reason(verifier(issuer, keys), token) == "token_malformed"


def test_a_cached_token_takes_no_lock(issuer: LocalIssuer) -> None:
    source = RemoteJWKS(issuer.jwks_uri, fetch=issuer.fetch)
    judge, token = verifier(issuer, source), issuer.token()
    judge.verify(token)
    judge.verify(token)
    judge._cache._guard.lock = source._changed = ForbiddenLock()  # type: ignore[assignment]
    assert judge.verify(token).subject == "user-1"


def test_headers_under_good_signatures_are_parsed_once_and_within_a_bound(
    issuer: LocalIssuer, keys: Counted
) -> None:
    judge = verifier(issuer, keys, {"max_remembered_bytes": 2 * 16 * 2048})
    assert reason(judge, issuer.token(header={"alg": "ES384"})) == "algorithm_not_allowed"
    assert reason(judge, issuer.token()[:-8] + "AAAAAAAA") == "signature_invalid"
    assert judge._checks._headers.known == {}
    # One header too long to be worth its place, and one beyond the bound.
    for more in ({}, {"jku": "https://a.test"}, {"x5t": "a" * 300}, {"jku": "https://b.test"}):
        token = issuer.token(header=more)
        assert reason(judge, token) is None
        assert judge.verify(token).header == {**judge.verify(token).header, **more}
    assert list(judge._checks._headers.known.values()) == [judge.verify(token).header]
    # A cached header is never handed out.
    judge.verify(issuer.token(header={"jku": "https://b.test"})).header["alg"] = "none"
    assert reason(judge, issuer.token(header={"jku": "https://b.test"})) is None


def test_tokens_with_the_same_scopes_share_one_set(issuer: LocalIssuer, keys: Counted) -> None:
    judge = verifier(issuer, keys)
    first, second = (judge.verify(issuer.token("read:a write:a")).scopes for _ in range(2))
    assert first is second
    for name in ("b", "c"):
        assert judge.verify(issuer.token(name)).scopes == {name}
    assert judge.verify(issuer.token("read:a write:a")).scopes == first


def test_without_a_cache_a_verifier_keeps_nothing_u18(issuer: LocalIssuer, keys: Counted) -> None:
    judge = verifier(issuer, keys, {"max_remembered": 0})
    tokens = [issuer.token(" ".join(f"{n}:{each}" for each in range(100))) for n in range(100)]
    judge.verify(tokens[0])
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for token in tokens:
            judge.verify(token)
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert kept < 20_000


def app(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return []


@pytest.mark.counts_calls
def test_a_cached_token_costs_a_fixed_number_of_calls(issuer: LocalIssuer) -> None:
    trusted = Issuer(
        issuer.issuer, audience=issuer.audience, keys=StaticJWKS(issuer.jwks), algorithms=["ES256"]
    )
    stack = protect(app, issuer=trusted, rules={"/api/{id}": scope("a")}, clock=issuer.clock)

    def ask(token: str) -> int:
        environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/api/7"}
        environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        return calls(lambda: stack(environ, lambda *_: None))  # type: ignore[arg-type]

    small, large = issuer.token("a"), issuer.token("a", more=["x" * 50] * 100)
    fresh = [ask(small), ask(large)]
    seen = [ask(small), ask(large)]
    assert seen[0] == seen[1] <= HIT_CALLS
    assert min(fresh) > 2 * seen[0] - 20


#: Calls of the whole stack around a token that was seen; what it takes now, and nothing more.
HIT_CALLS = 39
