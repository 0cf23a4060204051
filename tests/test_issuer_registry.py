"""Which issuer an unverified `iss` picks, and resolvers for tenants that nobody knew at the start."""

from __future__ import annotations

import gc
import itertools
import logging
import ssl
import threading
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from conftest import Clock
from counting import calls
from webtest import TestApp

from jwt_wsgi import (
    AUTHENTICATED,
    InvalidToken,
    Issuer,
    KeysUnavailable,
    RemoteJWKS,
    StaticJWKS,
    Verifier,
    protect,
)
from jwt_wsgi import issuer_registry as module
from jwt_wsgi.issuer_registry import MAX_NAME, REMEMBERED_FOR, IssuerRegistry
from jwt_wsgi.testing import LocalIssuer

TENANT = LocalIssuer("https://one.tenants.test/", algorithms=("ES256",))
OTHER = LocalIssuer("https://two.tenants.test/", algorithms=("ES256",))


def trusted(issuer: LocalIssuer) -> Issuer:
    keys = StaticJWKS(issuer.jwks)
    return Issuer(issuer.issuer, audience=issuer.audience, keys=keys, algorithms=["ES256"])


class Tenants:
    """A resolver over a table that can change; `asked` are the names that it was given."""

    def __init__(self, *known: LocalIssuer) -> None:
        self.known: dict[str, Any] = {issuer.issuer: trusted(issuer) for issuer in known}
        self.asked: list[str] = []

    def __call__(self, name: str) -> Any:
        self.asked.append(name)
        found = self.known.get(name)
        if isinstance(found, Exception):
            raise found
        return found


def plain(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"in"]


def test_a_resolver_decides_which_tenants_are_trusted() -> None:
    verifier = Verifier(Tenants(TENANT))
    assert verifier.verify(TENANT.token()).issuer == TENANT.issuer
    with pytest.raises(InvalidToken, match="issuer_mismatch"):
        verifier.verify(OTHER.token())


def test_the_allow_list_of_a_resolved_issuer_is_its_own() -> None:
    rs256 = LocalIssuer(TENANT.issuer)
    with pytest.raises(InvalidToken, match="algorithm_not_allowed"):
        Verifier(Tenants(TENANT)).verify(rs256.token())


def test_the_whole_stack_takes_a_resolver_alone_or_among_issuers() -> None:
    for issuer in (Tenants(TENANT, OTHER), [trusted(OTHER), Tenants(TENANT)]):
        app = TestApp(protect(plain, issuer=issuer, rules={"/": AUTHENTICATED}))
        for tenant in (TENANT, OTHER):
            assert (
                app.get("/", headers={"Authorization": f"Bearer {tenant.token()}"}).status_int
                == 200
            )
    with pytest.raises(ValueError, match=r"^audience="):
        protect(plain, issuer=Tenants(TENANT), audience="a", rules={"/": AUTHENTICATED})


def test_a_cached_token_ends_when_its_tenant_is_dropped() -> None:
    tenants, clock = Tenants(TENANT), Clock()
    verifier = Verifier(tenants)
    verifier._issuers = verifier._checks._issuers = IssuerRegistry(tenants, clock)
    token = TENANT.token()
    verifier.verify(token)
    # What was remembered is read again, when it is asked for.
    assert verifier.verify(token)._claims is None
    assert tenants.asked == [TENANT.issuer]
    del tenants.known[TENANT.issuer]
    clock.now += REMEMBERED_FOR
    with pytest.raises(InvalidToken, match="issuer_mismatch"):
        verifier.verify(token)


def test_a_resolver_is_not_asked_for_configured_issuers() -> None:
    tenants = Tenants()
    verifier = Verifier([trusted(TENANT), tenants])
    assert verifier.verify(TENANT.token())
    assert tenants.asked == []


def test_several_resolvers_are_asked_in_order() -> None:
    first, second, third = Tenants(), Tenants(TENANT), Tenants(TENANT)
    assert IssuerRegistry([first, second, third]).get(TENANT.issuer) is second.known[TENANT.issuer]
    assert (first.asked, second.asked, third.asked) == ([TENANT.issuer], [TENANT.issuer], [])


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("http://one.tenants.test/", id="http"),
        pytest.param("http://localhost/", id="http on loopback"),
        pytest.param("one.tenants.test", id="no URL"),
        pytest.param("HTTPS://one.tenants.test/", id="another spelling"),
        pytest.param("https://user@one.tenants.test/", id="a user"),
        pytest.param("https://one.tenants.test/?a=b", id="a query"),
        pytest.param("https://one.tenants.test/#a", id="a fragment"),
        pytest.param("https://one.tenants.test:99999/", id="a port beyond the last"),
        pytest.param("https://", id="no host"),
        pytest.param("https://one.tenants.test/\n", id="a line feed"),
        pytest.param("https://one.tenants.test/ä", id="beyond ASCII"),
        pytest.param("https://one.tenants.test/" + "a" * MAX_NAME, id="too long"),
        pytest.param("", id="nothing"),
    ],
)
def test_resolvers_are_asked_only_for_https_urls(name: str) -> None:
    tenants = Tenants()
    assert IssuerRegistry(tenants).get(name) is None
    assert tenants.asked == []


def test_answers_of_resolvers_are_cached_for_a_minute() -> None:
    clock, tenants = Clock(), Tenants(TENANT)
    issuers = IssuerRegistry(tenants, clock)
    for _ in range(3):
        assert issuers.get(TENANT.issuer) is tenants.known[TENANT.issuer]
        assert issuers.get(OTHER.issuer) is None
    assert tenants.asked == [TENANT.issuer, OTHER.issuer]
    clock.advance(REMEMBERED_FOR)
    tenants.known = {OTHER.issuer: trusted(OTHER)}
    assert issuers.get(TENANT.issuer) is None
    assert issuers.get(OTHER.issuer) is tenants.known[OTHER.issuer]
    assert len(tenants.asked) == 4


def invented(count: int) -> list[str]:
    return [f"https://{number}.invented.test/" for number in range(count)]


def signed_by(name: str) -> LocalIssuer:
    return LocalIssuer(name, audience=TENANT.audience, algorithms=("ES256",))


def test_no_cache_grows_beyond_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_PROVEN", "MAX_UNPROVEN", "MAX_UNTRUSTED"):
        monkeypatch.setattr(module, name, 50)
    tenants = Tenants()
    issuers = IssuerRegistry(tenants, Clock())
    for name in invented(200):
        issuers.get(name)
    assert len(issuers._untrusted) == 50
    tenants.known.update({name: trusted(signed_by(name)) for name in map(str, invented(100))})
    tenants_cached = IssuerRegistry(tenants, Clock())
    for name in invented(100):
        issuer = tenants_cached.get(name)
        assert issuer is not None
        tenants_cached.confirm(issuer)
    assert (len(tenants_cached._proven), len(tenants_cached._unproven)) == (50, 0)
    for name in invented(100):
        tenants_cached.get(name)
    assert len(tenants_cached._unproven) == 50


@pytest.mark.parametrize("known", [False, True], ids=["not trusted", "trusted, without a token"])
def test_invented_names_evict_no_tenant_that_produced_a_good_token_u16(
    monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    for name in ("MAX_UNPROVEN", "MAX_UNTRUSTED"):
        monkeypatch.setattr(module, name, 20)
    monkeypatch.setattr(module, "MAX_PROVEN", 2)
    tenants = Tenants(TENANT)
    verifier = Verifier(tenants)
    token = TENANT.token()
    verifier.verify(token)
    if known:
        tenants.known.update({name: trusted(signed_by(name)) for name in invented(100)})
    forger = LocalIssuer(algorithms=("ES256",))
    for name in invented(100):
        with pytest.raises(InvalidToken):
            verifier.verify(forger.token(iss=name))
    assert verifier.verify(token)
    assert tenants.asked.count(TENANT.issuer) == 1
    assert calls(lambda: verifier.verify(token), of="check_signature") == 0


def test_refused_names_stay_under_one_mebibyte_u15() -> None:
    verifier = Verifier(lambda name: None)
    forger = LocalIssuer(algorithms=("ES256",))
    names = [f"https://{number:06}.{'x' * 1500}.invented.test/" for number in range(10_000)]
    names += [f"https://{'y' * 9000}{number}.test/" for number in range(1000)]
    names += [f"not-a-url-{'z' * 1500}{number}" for number in range(1000)]
    tokens = [forger.token(iss=name) for name in names[:: len(names) // 300]]
    for token in tokens:
        with pytest.raises(InvalidToken):
            verifier.verify(token)
    tracemalloc.start()
    for name in names:
        verifier._issuers.get(name)
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert grown < 2**20


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("https://" + "x" * MAX_NAME, id="too long"),
        pytest.param("http://tenant.test/", id="plain http"),
        pytest.param("tenant", id="not a URL"),
    ],
)
def test_a_name_that_no_resolver_is_asked_for_is_not_remembered_u15(name: str) -> None:
    issuers = IssuerRegistry(Tenants())
    assert issuers.get(name) is None
    assert len(issuers._untrusted) == 0


def test_a_proven_tenant_is_asked_for_again_after_a_minute_and_stays_proven() -> None:
    clock = Clock()
    issuers = IssuerRegistry(Tenants(TENANT), clock)
    issuer = issuers.get(TENANT.issuer)
    assert issuer is not None
    # The second confirmation finds the name among the proven ones already.
    for _ in range(2):
        issuers.confirm(issuer)
        assert list(issuers._proven) == [TENANT.issuer]
    clock.advance(REMEMBERED_FOR)
    assert issuers.get(TENANT.issuer) is issuer
    assert list(issuers._proven) == [TENANT.issuer]
    assert not issuers._unproven


@pytest.mark.parametrize("count", [1, 10, 11, 5000])
def test_a_refusal_names_ten_issuers_at_most_u17(count: int) -> None:
    keys = StaticJWKS(TENANT.jwks)
    names = [f"https://{number}.test/" for number in range(count)]
    options: dict[str, Any] = {"audience": "a", "keys": keys, "algorithms": ["ES256"]}
    verifier = Verifier([Issuer(name, **options) for name in names])
    token = TENANT.token()
    with pytest.raises(InvalidToken) as refusal:
        verifier.verify(token)
    shown = refusal.value.expected
    if count <= 10:
        assert shown == sorted(names)
    else:
        named = [name for name in names if repr(name) in str(shown)]
        assert 0 < len(named) <= 10
        assert f"{count - len(named)} more" in str(shown)
    # An unknown issuer costs the same calls, however many are configured.
    one = Verifier(Issuer("https://one.test/", **options))
    assert refusals(verifier, token) == refusals(one, token)


def refusals(verifier: Verifier, token: str) -> int:
    def refuse() -> None:
        with suppress(InvalidToken):
            verifier.verify(token)

    return calls(refuse)


@pytest.mark.parametrize(
    "answer",
    [trusted(OTHER), "https://one.tenants.test/", True, {"issuer": "https://one.tenants.test/"}],
    ids=["another issuer", "a URL", "True", "a mapping"],
)
def test_an_answer_with_another_issuer_name_is_not_trusted(answer: object) -> None:
    tenants = Tenants()
    tenants.known[TENANT.issuer] = answer
    assert IssuerRegistry(tenants).get(TENANT.issuer) is None


def test_a_resolver_that_raises_is_503_and_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    tenants = Tenants()
    tenants.known[TENANT.issuer] = RuntimeError("hidden")
    verifier = Verifier(tenants)
    with pytest.raises(KeysUnavailable):
        verifier.verify(TENANT.token())
    assert "a resolver raised RuntimeError" in caplog.text
    assert "hidden" not in caplog.text
    tenants.known[TENANT.issuer] = trusted(TENANT)
    assert verifier.verify(TENANT.token())


# --- where their keys come from


def discovered(name: str, **options: Any) -> Issuer:
    return Issuer(name, audience="https://api.test", algorithms=["ES256"], **options)


@pytest.mark.conforms(47)
@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254", "[fd00::1]"]
)
def test_a_resolved_issuer_reaches_no_private_address(
    host: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "jwt_wsgi.jwks")
    stranger = LocalIssuer(f"https://{host}:1/", algorithms=("ES256",))
    verifier = Verifier(discovered)
    with pytest.raises(KeysUnavailable):
        verifier.verify(stranger.token())
    source = verifier._issuers.get(stranger.issuer).keys  # type: ignore[union-attr]
    assert isinstance(source, RemoteJWKS)
    name = host.strip("[]")
    assert str(source.status().last_error).startswith(f"{name!r} has an address that is not public")
    # The name is the stranger's own. The addresses behind it are not told.
    lines = [line for line in caplog.messages if stranger.issuer in line]
    told = "".join(lines).replace(host, "").replace(repr(name), "")
    assert "127.0.0.1" not in told
    assert "::1" not in told


def test_key_sources_of_a_resolver_are_used_unchanged() -> None:
    keys = RemoteJWKS("http://127.0.0.1:1/jwks")
    issuers = IssuerRegistry(lambda name: discovered(name, keys=keys))
    found = issuers.get(TENANT.issuer)
    assert found is not None
    assert found.keys is keys


def test_a_resolved_issuer_is_not_changed_and_its_keys_survive_a_lookup() -> None:
    clock, answers = Clock(), [discovered(TENANT.issuer) for _ in range(3)]
    before, left = [answer.keys for answer in answers], iter(answers)
    issuers = IssuerRegistry(lambda name: next(left), clock)
    sources = []
    for _ in answers:
        found = issuers.get(TENANT.issuer)
        assert found is not None
        sources.append(found.keys)
        clock.advance(REMEMBERED_FOR)
    assert [answer.keys for answer in answers] == before
    assert len({id(source) for source in sources}) == 1
    assert sources[0] not in before


# --- many of them


@pytest.mark.slow
def test_thousands_of_unused_issuers_fetch_nothing() -> None:
    contexts = sum(type(thing) is ssl.SSLContext for thing in gc.get_objects())
    threads = {*threading.enumerate()}
    tracemalloc.start()
    made = [Issuer(f"https://{number}.tenants.test/", audience="a") for number in range(5000)]
    size = tracemalloc.get_traced_memory()[0] / len(made)
    tracemalloc.stop()
    assert size < 16_384  # bytes each
    # Workers of earlier tests may end in the meantime.
    assert {*threading.enumerate()} <= threads
    assert sum(type(thing) is ssl.SSLContext for thing in gc.get_objects()) <= contexts
    assert Verifier(made)


def test_threads_that_ask_at_once_get_the_same_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_PROVEN", "MAX_UNPROVEN", "MAX_UNTRUSTED"):
        monkeypatch.setattr(module, name, 3)
    tenants, clock, seconds = Tenants(TENANT), Clock(), itertools.count()
    issuers = IssuerRegistry(tenants, clock)
    wrong: list[object] = []

    def ask() -> None:
        for _ in range(2000):
            clock.now = float(next(seconds))
            if (
                issuers.get(TENANT.issuer) is not tenants.known[TENANT.issuer]
                or issuers.get(OTHER.issuer) is not None
            ):
                wrong.append(clock.now)
            issuers.get(f"https://{clock.now}.test/")

    asking: list[Callable[[], None]] = [ask] * 4
    threads = [threading.Thread(target=each) for each in asking]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(issuers._untrusted) <= 4
