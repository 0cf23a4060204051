"""Which issuer an unverified `iss` picks, and resolvers for tenants that nobody knew at the start."""

from __future__ import annotations

import gc
import itertools
import logging
import ssl
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Clock
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
    verifier._issuers = IssuerRegistry(tenants, clock)
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


def test_invented_names_neither_fill_the_cache_nor_push_tenants_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_ANSWERS", 50)
    tenants = Tenants(TENANT)
    issuers = IssuerRegistry(tenants, Clock())
    issuers.get(TENANT.issuer)
    for number in range(200):
        issuers.get(f"https://{number}.invented.test/")
    assert len(issuers._no) == 50
    assert (issuers.get(TENANT.issuer), tenants.asked.count(TENANT.issuer)) == (
        tenants.known[TENANT.issuer],
        1,
    )
    names = [f"https://{number}.tenants.test/" for number in range(100)]
    tenants.known.update(
        {name: trusted(LocalIssuer(name, algorithms=("ES256",))) for name in names}
    )
    for name in names:
        issuers.get(name)
    assert len(issuers._yes) == 50


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
    assert source.status().last_error == "OSError"
    assert "not public" not in caplog.text, "nor is it told to whoever reads the log which it was"


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
    monkeypatch.setattr(module, "MAX_ANSWERS", 3)
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
    assert len(issuers._no) <= 4
