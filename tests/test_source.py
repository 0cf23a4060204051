"""Several key sources in order, and a source that is used across a fork."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
from conftest import Clock

from jwt_wsgi import InvalidToken, Issuer, KeysUnavailable, RemoteJWKS, StaticJWKS, Verifier
from jwt_wsgi.jose import KeySet
from jwt_wsgi.jose.jwk import Key
from jwt_wsgi.jwks.source import FilteredSource, KeySource, KeySourceChain
from jwt_wsgi.testing import LocalIssuer, SigningKey
from jwt_wsgi.testing.signing import compact

ONE, TWO = SigningKey("ES256", kid="one"), SigningKey("ES256", kid="two")


def static(*keys: SigningKey) -> StaticJWKS:
    return StaticJWKS({"keys": [key.jwk for key in keys]})


class Unavailable:
    """A source that is never available."""

    def held(self) -> KeySet | None:
        return None

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        raise KeysUnavailable


def test_a_local_key_costs_no_fetch_and_an_unknown_one_does() -> None:
    remote = LocalIssuer(algorithms=("ES256",))
    source = KeySourceChain([static(ONE), RemoteJWKS(remote.jwks_uri, fetch=remote.fetch)])
    assert source.find("one", "ES256")
    assert remote.requests == []
    assert source.find(remote.key().kid, "ES256")
    assert len(remote.requests) == 1


def test_the_first_source_with_a_key_answers() -> None:
    other = SigningKey("ES256", kid="one")
    [key] = KeySourceChain([static(ONE), static(other)]).find("one", "ES256")
    assert key.verifies("ES256", b"x", ONE.sign(b"x"))


def test_an_unavailable_source_does_not_hide_the_keys_of_the_next() -> None:
    source = KeySourceChain([Unavailable(), static(ONE)])
    assert source.find("one", "ES256")
    with pytest.raises(KeysUnavailable):
        source.find("two", "ES256")
    assert KeySourceChain([static(ONE), static(TWO)]).find("three", "ES256") == ()


def test_the_merged_set_is_one_object_until_a_source_changes() -> None:
    remote = LocalIssuer(algorithms=("ES256",))
    source = KeySourceChain([static(ONE), RemoteJWKS(remote.jwks_uri, fetch=remote.fetch)])
    before = source.held()
    assert before is source.held() is not None
    assert before.kids == {"one"}
    source.find(remote.key().kid, "ES256")
    after = source.held()
    assert after is source.held() is not before
    assert after is not None
    assert after.kids == {"one", remote.key().kid}


def test_no_set_is_held_if_no_source_holds_one() -> None:
    assert KeySourceChain([Unavailable()]).held() is None


@pytest.mark.parametrize(
    "source", [Unavailable(), static(ONE), KeySourceChain([])], ids=lambda s: type(s).__name__
)
def test_a_class_with_the_two_methods_is_a_source(source: object) -> None:
    assert isinstance(source, KeySource)


class Told(StaticJWKS):
    """A source of one key that records the bad signatures that it is told of."""

    def __init__(self, key: SigningKey, error: BaseException | None = None) -> None:
        super().__init__({"keys": [key.jwk]})
        self.told: list[tuple[str | None, str]] = []
        self.error = error

    def signature_failed(self, kid: str | None, alg: str) -> None:
        self.told.append((kid, alg))
        if self.error is not None:
            raise self.error


class ToldOfSuccess(StaticJWKS):
    """A source of one key that records the accepted tokens that it is told of."""

    def __init__(self, key: SigningKey, error: BaseException | None = None) -> None:
        super().__init__({"keys": [key.jwk]})
        self.told: list[tuple[str | None, str]] = []
        self.error = error

    def token_accepted(self, kid: str | None, alg: str) -> None:
        self.told.append((kid, alg))
        if self.error is not None:
            raise self.error


def verdict(keys: object, token: str) -> str:
    trusted = Issuer(
        "https://issuer.test/",
        audience="https://api.example.com",
        keys=keys,
        algorithms=["ES256"],  # type: ignore[arg-type]
    )
    try:
        Verifier(trusted).verify(token)
    except InvalidToken as refusal:
        return refusal.reason
    return "accepted"


def token_of(key: SigningKey) -> str:
    now = int(time.time())
    claims = {
        "iss": "https://issuer.test/",
        "aud": "https://api.example.com",
        "sub": "user-1",
        "exp": now + 600,
    }
    header = {"alg": "ES256", "typ": "JWT", "kid": key.kid}
    return compact(header, json.dumps(claims).encode(), key)


@pytest.mark.parametrize(
    ("signer", "reason", "told"),
    [
        pytest.param(SigningKey("ES256", "one"), "signature_invalid", 1, id="U10 another key"),
        pytest.param(ONE, "accepted", 0, id="U10 a good signature"),
        pytest.param(TWO, "kid_unknown", 0, id="U10 an unknown kid"),
    ],
)
def test_a_source_is_told_of_signatures_that_its_keys_did_not_verify(
    signer: SigningKey, reason: str, told: int
) -> None:
    source = Told(ONE)
    assert verdict(source, token_of(signer)) == reason
    assert source.told == [("one", "ES256")] * told


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(static(ONE), id="U10 alone"),
        pytest.param([static(ONE), static(TWO)], id="U10 in a chain"),
    ],
)
def test_a_source_with_two_methods_need_not_know_of_bad_signatures(keys: object) -> None:
    assert verdict(keys, token_of(SigningKey("ES256", "one"))) == "signature_invalid"


def test_a_chain_tells_the_sources_that_want_to_know_u10() -> None:
    first = Told(ONE)
    second = Told(TWO)
    assert verdict([static(ONE), first, second], token_of(SigningKey("ES256", "one"))) == (
        "signature_invalid"
    )
    assert first.told == second.told == [("one", "ES256")]


def test_a_bad_signature_under_a_local_key_costs_no_fetch_u10() -> None:
    remote = LocalIssuer(algorithms=("ES256",))
    source = RemoteJWKS(remote.jwks_uri, fetch=remote.fetch)
    assert source.find(remote.key().kid, "ES256")
    assert verdict([static(ONE), source], token_of(SigningKey("ES256", "one"))) == (
        "signature_invalid"
    )
    assert len(remote.requests) == 1


def test_an_exception_of_a_source_that_is_told_changes_no_verdict_u10(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failing = Told(ONE, RuntimeError("hidden"))
    last = Told(ONE)
    assert verdict([failing, last], token_of(SigningKey("ES256", "one"))) == "signature_invalid"
    assert last.told == [("one", "ES256")]
    assert "signature_failed raised RuntimeError; the token is refused all the same" in caplog.text
    assert "hidden" not in caplog.text


def test_a_chain_tells_the_sources_that_want_to_know_of_an_accepted_token() -> None:
    first = ToldOfSuccess(ONE)
    second = ToldOfSuccess(TWO)
    assert verdict([static(ONE), first, second], token_of(ONE)) == "accepted"
    assert first.told == second.told == [("one", "ES256")]


@pytest.mark.parametrize(("alg", "told"), [("ES256", 1), ("RS256", 0)])
def test_a_source_is_told_only_of_tokens_whose_algorithm_it_is_asked_for(
    alg: str, told: int
) -> None:
    source = ToldOfSuccess(ONE)
    FilteredSource(source, frozenset({"ES256"})).token_accepted("one", alg)
    assert source.told == [("one", "ES256")] * told


def test_an_exception_of_a_source_that_is_told_does_not_refuse_the_token(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failing = ToldOfSuccess(ONE, RuntimeError("hidden"))
    last = ToldOfSuccess(ONE)
    assert verdict([failing, last], token_of(ONE)) == "accepted"
    assert last.told == [("one", "ES256")]
    assert "token_accepted raised RuntimeError; the token is accepted all the same" in caplog.text
    assert "hidden" not in caplog.text


def test_expired_keys_are_not_held(clock: Clock) -> None:
    remote = LocalIssuer(algorithms=("ES256",))
    source = KeySourceChain(
        [static(ONE), RemoteJWKS(remote.jwks_uri, fetch=remote.fetch, clock=clock, stale_for=0)]
    )
    source.find(remote.key().kid, "ES256")
    remote.available = False
    clock.advance(600)
    held = source.held()
    assert held is not None
    assert held.kids == {"one"}


def test_an_issuer_asks_its_sources_in_order() -> None:
    local, moved, stranger = (LocalIssuer(algorithms=("ES256",)) for _ in range(3))
    keys = [StaticJWKS(local.jwks), RemoteJWKS(moved.jwks_uri, fetch=moved.fetch)]
    verifier = Verifier(
        Issuer(local.issuer, audience=local.audience, keys=keys, algorithms=["ES256"])
    )
    assert verifier.verify(local.token()).subject == "user-1"
    assert moved.requests == []
    assert verifier.verify(moved.token()).subject == "user-1"
    with pytest.raises(InvalidToken, match="kid_unknown"):
        verifier.verify(stranger.token())


FORKING = """
import os, sys, threading, time
from jwt_wsgi import RemoteJWKS
from jwt_wsgi.testing import LocalIssuer

local, parent, reached = LocalIssuer(algorithms=("ES256",)), os.getpid(), threading.Event()
kid = local.key().kid

def hang():
    if os.getpid() == parent and threading.current_thread() is not threading.main_thread():
        reached.set()
        time.sleep(60)

def fetch(url):
    {in_the_fetch}
    return local.fetch(url)

def clock():
    {under_the_lock}
    return time.monotonic()

source = RemoteJWKS(local.jwks_uri, fetch=fetch, clock=clock)
threading.Thread(target=source.find, args=(kid, "ES256"), daemon=True).start()
assert reached.wait(10)
child = os.fork()
if child:
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
sys.exit(0 if source.find(kid, "ES256") else 1)
"""


@pytest.mark.parametrize("place", ["in_the_fetch", "under_the_lock"])
def test_a_fork_while_a_fetch_is_in_flight_does_not_hang_the_child(place: str) -> None:
    script = FORKING.format(**{"in_the_fetch": "pass", "under_the_lock": "pass", place: "hang()"})
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script]
    forked = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (forked.returncode, forked.stderr) == (0, "")


#: Many threads of a fresh child ask at once, while the lock that it inherited is held for ever.
RACING = """
import os, sys, threading, time
from jwt_wsgi import RemoteJWKS
from jwt_wsgi.testing import LocalIssuer

local = LocalIssuer(algorithms=("ES256",))
kid = local.key().kid
reached = threading.Event()
parent = os.getpid()

def clock():
    if os.getpid() == parent and threading.current_thread().name == "holder":
        reached.set()
        time.sleep(600)
    return time.monotonic()

sources = [RemoteJWKS(local.jwks_uri, fetch=local.fetch, clock=clock) for _ in range(200)]
for source in sources:
    reached.clear()
    threading.Thread(target=source.status, name="holder", daemon=True).start()
    assert reached.wait(10)
if child := os.fork():
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

sys.setswitchinterval(1e-6)
together = threading.Barrier(8)

def ask():
    for source in sources:
        together.wait(20)
        source.status()

asking = [threading.Thread(target=ask, daemon=True) for _ in range(8)]
for thread in asking:
    thread.start()
for thread in asking:
    thread.join(20)
os._exit(any(thread.is_alive() for thread in asking))
"""


def test_the_threads_of_a_fresh_child_never_wait_for_the_lock_of_the_parent() -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", RACING]
    forked = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert (forked.returncode, forked.stderr) == (0, "")
