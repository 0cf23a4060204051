"""Connections with a deadline, each address of a host in turn, and public addresses only."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from fault_server import METADATA, BlackHole, FaultServer

from jwt_wsgi import RemoteJWKS
from jwt_wsgi.http import deadline as deadline_module
from jwt_wsgi.http.addresses import is_public
from jwt_wsgi.http.client import Fetcher
from jwt_wsgi.http.connections import MAX_ADDRESSES, try_seconds
from jwt_wsgi.http.deadline import LATE_SECONDS, Deadline, _DeadlineReader
from jwt_wsgi.http.fetching import FetchError
from jwt_wsgi.http.resolving import AddressRow, Resolver


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FaultServer]:
    with FaultServer(tmp_path) as started:
        started.publish({"keys": []})
        yield started


# --- the deadline


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def deadline_reader(ours: socket.socket, timeout: float) -> io.BufferedReader:
    ours.settimeout(timeout)
    return io.BufferedReader(_DeadlineReader(ours.makefile("rb").detach(), ours))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the module under test."""
    fixed = Clock(0.0)
    monkeypatch.setattr(deadline_module.time, "monotonic", fixed)
    return fixed


def test_a_byte_does_not_extend_the_deadline(clock: Clock, pair: Any) -> None:
    ours, theirs = pair
    reader = deadline_reader(ours, 5)
    for second in range(5):
        theirs.send(b"a")
        clock.now = second
        assert reader.read1(1) == b"a"
        assert ours.gettimeout() == 5 - second


def test_past_the_deadline_only_data_that_has_arrived_is_read(clock: Clock, pair: Any) -> None:
    ours, theirs = pair
    reader = deadline_reader(ours, 5)
    theirs.send(b"all of it")
    clock.now = 1000
    assert reader.read1(100) == b"all of it"
    with pytest.raises(TimeoutError):
        reader.read1(1)


def test_a_reply_that_goes_on_after_the_deadline_ends_a_moment_later_u13(
    clock: Clock, pair: Any
) -> None:
    ours, theirs = pair
    reader = deadline_reader(ours, 5)
    theirs.send(b"abc")
    clock.now = 5.0
    assert reader.read1(1) == b"a"
    clock.now += LATE_SECONDS
    assert reader.read1(2) == b"bc"
    theirs.send(b"more")
    clock.now += 0.001
    with pytest.raises(TimeoutError):
        reader.read1(1)


def test_each_step_gets_the_time_that_is_left_u13(clock: Clock) -> None:
    deadline = Deadline(10)
    clock.now = 7.0
    assert (deadline.clone().connect_timeout, deadline.read_timeout) == (3, 3)
    assert not deadline.has_passed
    clock.now = 11.0
    assert (deadline.connect_timeout, deadline.has_passed) == (LATE_SECONDS, True)


def test_closing_the_reader_releases_the_socket(pair: Any) -> None:
    ours, theirs = pair
    reader = deadline_reader(ours, 5)
    ours.close()
    reader.close()
    assert theirs.recv(1) == b""


# --- the addresses of a host


@pytest.mark.parametrize(
    ("seconds_left", "is_last", "seconds"),
    [
        pytest.param(10.0, False, 1.0, id="U13 a second"),
        pytest.param(4.0, False, 1.0, id="U13 a second is a quarter"),
        pytest.param(2.0, False, 0.5, id="U13 a quarter"),
        pytest.param(10.0, True, 10.0, id="U13 all for the last"),
    ],
)
def test_an_address_is_tried_for_a_second_or_a_quarter_of_what_is_left(
    seconds_left: float, is_last: bool, seconds: float
) -> None:
    assert try_seconds(seconds_left, is_last=is_last) == seconds


def rows(*addresses: str, port: int) -> list[AddressRow]:
    kind = socket.SOCK_STREAM
    return [(socket.AF_INET, kind, socket.IPPROTO_TCP, "", (each, port)) for each in addresses]


class Network:
    """The name server of these tests: every name has these addresses, all of them public."""

    def __init__(self, *addresses: str, private: Sequence[str] = ()) -> None:
        self.addresses = addresses
        self.private = private
        self.names: list[str] = []

    def look_up(self, host: str, port: int) -> list[AddressRow]:
        self.names.append(host)
        return rows(*self.addresses, port=port)

    def is_public(self, address: str) -> bool:
        return address not in self.private

    @property
    def resolver(self) -> Resolver:
        return Resolver(self.look_up, self.is_public)


@contextmanager
def refusing(address: str, port: int) -> Iterator[None]:
    """An address where nobody listens."""
    yield


@contextmanager
def listening(address: str, port: int) -> Iterator[socket.socket]:
    """An address whose connections the kernel accepts and nobody serves."""
    with socket.create_server((address, port)) as silent:
        yield silent


@contextmanager
def hanging_up(address: str, port: int) -> Iterator[None]:
    """An address that closes every connection at once."""

    def close_connections() -> None:
        with suppress(OSError):
            while True:
                silent.accept()[0].close()

    with socket.create_server((address, port)) as silent:
        thread = threading.Thread(target=close_connections, daemon=True)
        thread.start()
        yield
        silent.shutdown(socket.SHUT_RDWR)
        thread.join()


Dead = Callable[[str, int], Any]
DEAD_FIRST: dict[str, tuple[Dead, ...]] = {
    "U12 one that refuses": (refusing,),
    "U12 one that answers nothing": (BlackHole,),
    "U12 one that accepts and is silent": (listening,),
    "U12 one that hangs up": (hanging_up,),
    "U12 one of each": (refusing, BlackHole, listening, hanging_up),
    "U13 eight that answer nothing": (BlackHole,) * 8,
}


@pytest.mark.slow
@pytest.mark.parametrize("public_only", [True, False], ids=["a tenant's", "configured"])
@pytest.mark.parametrize("dead", DEAD_FIRST.values(), ids=DEAD_FIRST)
def test_dead_addresses_of_a_host_do_not_hide_a_good_one(
    dead: tuple[Dead, ...], public_only: bool, server: FaultServer
) -> None:
    port = server.ports["trusted"]
    addresses = [f"127.0.0.{number}" for number in range(2, 2 + len(dead))]
    network = Network(*addresses, "127.0.0.1")
    fetch = Fetcher(
        4.0, 1000, ca_certs=server.roots, public_only=public_only, resolver=network.resolver
    )
    started = time.monotonic()
    with ExitStack() as stack:
        for kind, address in zip(dead, addresses, strict=True):
            stack.enter_context(kind(address, port))
        assert fetch(server.url("trusted")).body == b'{"keys": []}'
    assert time.monotonic() - started < 4.0
    assert network.names == ["localhost"], "one look-up serves all tries"
    assert server.named("localhost") == 1


@pytest.mark.parametrize("listener", ["plain", "trusted"])
def test_a_host_of_dead_addresses_fails_at_the_deadline_and_is_counted_u13(
    listener: str, server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    port = server.ports[listener]
    addresses = [f"127.0.0.{number}" for number in range(2, 10)]
    fetch = Fetcher(0.5, 1000, ca_certs=server.roots, resolver=Network(*addresses).resolver)
    url = server.url(listener).replace("127.0.0.1", "localhost")
    source = RemoteJWKS(url, fetch=fetch, timeout=5)
    started = time.monotonic()
    with ExitStack() as stack:
        for address in addresses:
            stack.enter_context(BlackHole(address, port))
        status = source.warm_up()
    assert 0.4 < time.monotonic() - started < 2.0
    assert (status.failures, status.attempts) == (1, 1)
    assert "did not accept a connection in time" in caplog.text


def test_no_more_than_a_bounded_number_of_addresses_is_tried_u13(server: FaultServer) -> None:
    too_many = ["127.0.0.2"] * MAX_ADDRESSES
    fetch = Fetcher(2.0, 1000, resolver=Network(*too_many, "127.0.0.1").resolver)
    url = server.url().replace("127.0.0.1", "localhost")
    with pytest.raises(FetchError, match="refuses connections"):
        fetch(url)
    enough = Network(*too_many[1:], "127.0.0.1")
    assert Fetcher(2.0, 1000, resolver=enough.resolver)(url).body == b'{"keys": []}'


def test_an_invalid_certificate_is_named_even_if_a_dead_address_follows_u12(
    server: FaultServer,
) -> None:
    network = Network("127.0.0.1", "127.0.0.2")
    with pytest.raises(FetchError, match="certificate has expired"):
        Fetcher(2.0, 1000, ca_certs=server.roots, resolver=network.resolver)(server.url("expired"))
    assert server.counted(listener="expired") == 0


def test_a_host_without_an_address_is_a_failed_fetch() -> None:
    with pytest.raises(FetchError) as raised:
        Fetcher(2.0, 1000, resolver=Network().resolver)("https://keys.test/jwks")
    assert raised.value.outcome == "unreachable"


# --- name look-ups


@pytest.mark.parametrize("public_only", [True, False], ids=["a tenant's", "configured"])
def test_a_slow_name_look_up_ends_at_the_deadline_u13(public_only: bool) -> None:
    released = threading.Event()

    def look_up(host: str, port: int) -> list[AddressRow]:
        released.wait()
        return []

    fetch = Fetcher(0.2, 1000, public_only=public_only, resolver=Resolver(look_up))
    started = time.monotonic()
    try:
        with pytest.raises(FetchError) as raised:
            fetch("https://keys.test/jwks")
        assert time.monotonic() - started < 5.0
        assert raised.value.outcome == "unreachable"
    finally:
        released.set()


def test_the_time_of_the_look_up_is_not_given_to_the_connection_u13(server: FaultServer) -> None:
    def look_up(host: str, port: int) -> list[AddressRow]:
        time.sleep(0.5)
        return rows("127.0.0.2", port=port)

    url = server.url().replace("127.0.0.1", "localhost")
    started = time.monotonic()
    with BlackHole("127.0.0.2", server.ports["plain"]), pytest.raises(FetchError):
        Fetcher(1.0, 1000, resolver=Resolver(look_up))(url)
    assert time.monotonic() - started < 1.4


@pytest.mark.parametrize("public_only", [True, False], ids=["a tenant's", "configured"])
@pytest.mark.parametrize("host", ["a..test", "a" * 64 + ".test", "unknown.invalid"])
def test_a_name_that_cannot_be_looked_up_is_a_failed_fetch(host: str, public_only: bool) -> None:
    with pytest.raises(FetchError) as raised:
        Fetcher(5.0, 1000, public_only=public_only)(f"https://{host}/jwks")
    assert raised.value.outcome == "unreachable"


def test_an_address_is_looked_up_without_a_thread() -> None:
    threads = []

    def look_up(host: str, port: int) -> list[AddressRow]:
        threads.append(threading.current_thread())
        return rows(host, port=port)

    Resolver(look_up).find_addresses("192.0.2.1", 443, 1.0)
    assert threads == [threading.current_thread()]


# --- the documents of one fetch


@pytest.mark.parametrize(
    "slow",
    [
        pytest.param("/keys", id="U13 the keys"),
        pytest.param("/.well-known/oauth-authorization-server", id="U13 the second metadata"),
    ],
)
def test_metadata_and_keys_share_one_deadline(slow: str, server: FaultServer) -> None:
    issuer = server.url(path="")
    document = {"issuer": issuer, "jwks_uri": server.url(path="/keys")}
    for path in (METADATA, "/.well-known/oauth-authorization-server"):
        server.publish(document, path)
        server.fail("late", path)
    if slow != "/keys":
        server.fail("late_404", METADATA)
    server.publish({"keys": []}, "/keys")
    server.fail("hang_before_headers", slow)
    source = RemoteJWKS.discovered(issuer, timeout=0.6)
    started = time.monotonic()
    while source.warm_up().failures == 0:
        assert time.monotonic() - started < 5
        time.sleep(0.01)
    # The first document takes 0.4 s, and each could take 1.2 s alone.
    assert 1.1 < time.monotonic() - started < 1.55
    assert server.counted(slow) == 1
    server.release()


def test_a_document_is_not_asked_for_after_the_deadline_u13(server: FaultServer) -> None:
    fetch = Fetcher(0.05, 1000).begin()
    time.sleep(0.1)
    with pytest.raises(FetchError, match=r"not complete within 0\.05 s"):
        fetch(server.url())
    assert server.connections() == 0


# --- public addresses


def find_public(host: str) -> Sequence[AddressRow]:
    return Resolver().find_public_addresses(host, 443, 5.0)


@pytest.mark.parametrize("host", ["93.184.216.34", "2606:4700::1111", "8.8.8.8"])
def test_a_public_address_is_accepted(host: str) -> None:
    assert {row[4][0] for row in find_public(host)} == {host}


@pytest.mark.conforms(47)
@pytest.mark.parametrize(
    "host",
    [
        pytest.param("localhost", id="a name for loopback"),
        pytest.param("127.0.0.1", id="loopback"),
        pytest.param("127.1", id="loopback, abbreviated"),
        pytest.param("2130706433", id="loopback as one number"),
        pytest.param("0.0.0.0", id="this host"),
        pytest.param("10.1.2.3", id="private, 10"),
        pytest.param("172.16.0.1", id="private, 172.16"),
        pytest.param("192.168.0.1", id="private, 192.168"),
        pytest.param("100.64.0.1", id="shared by carriers"),
        pytest.param("169.254.169.254", id="link-local, where clouds keep secrets"),
        pytest.param("224.0.0.1", id="multicast"),
        pytest.param("255.255.255.255", id="broadcast"),
        pytest.param("::1", id="IPv6 loopback"),
        pytest.param("::", id="IPv6, this host"),
        pytest.param("fe80::1", id="IPv6 link-local"),
        pytest.param("fd00::1", id="IPv6 unique local"),
        pytest.param("::ffff:127.0.0.1", id="IPv4 in IPv6"),
        pytest.param("::ffff:10.0.0.1", id="private IPv4 in IPv6"),
        pytest.param("64:ff9b::a00:1", id="private IPv4 behind NAT64"),
        pytest.param("2002:a00:1::", id="private IPv4 behind 6to4"),
    ],
)
def test_an_address_that_is_not_public_is_refused(host: str) -> None:
    with pytest.raises(OSError, match="not public"):
        find_public(host)


def test_a_server_at_a_private_address_sees_no_connection(server: FaultServer) -> None:
    fetch = Fetcher(5.0, 1000, ca_certs=server.roots, public_only=True)
    with pytest.raises(FetchError):
        fetch(server.url("trusted"))
    assert server.connections("trusted") == 0
    assert Fetcher(5.0, 1000, ca_certs=server.roots)(server.url("trusted")).body == b'{"keys": []}'


@pytest.mark.parametrize(
    "private",
    [pytest.param(["127.0.0.1"], id="the first"), pytest.param(["127.0.0.3"], id="the last")],
)
def test_all_addresses_are_judged_before_a_connection_is_made_u12(
    private: list[str], server: FaultServer
) -> None:
    network = Network("127.0.0.1", "127.0.0.2", "127.0.0.3", private=private)
    fetch = Fetcher(2.0, 1000, ca_certs=server.roots, public_only=True, resolver=network.resolver)
    with pytest.raises(FetchError, match="has an address that is not public"):
        fetch(server.url("trusted"))
    assert server.connections("trusted") == 0


@pytest.mark.parametrize("fault", ["fine", "redirect_elsewhere"])
def test_the_checked_address_is_used_and_the_name_is_verified(
    fault: str, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network("127.0.0.1")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    server.fail(fault)
    fetch = Fetcher(5.0, 1000, ca_certs=server.roots, public_only=True, resolver=network.resolver)
    if fault == "fine":
        assert fetch(server.url("trusted")).body == b'{"keys": []}'
    else:
        with pytest.raises(FetchError, match="301"):
            fetch(server.url("trusted"))
    assert network.names == ["localhost"]
    assert (server.counted(listener="trusted"), server.connections("elsewhere")) == (1, 0)
    assert server.named("localhost") == 1
    with pytest.raises(FetchError, match=r"not valid for 'other\.test'"):
        fetch(server.url("trusted").replace("localhost", "other.test"))
    assert server.counted(listener="trusted") == 1


def test_metadata_of_a_public_issuer_leads_to_no_private_address(server: FaultServer) -> None:
    issuer = server.url("trusted", path="")
    elsewhere = server.url("trusted").replace("localhost", "127.0.0.2")
    server.publish({"issuer": issuer, "jwks_uri": elsewhere}, METADATA)

    def is_accepted(address: str) -> bool:
        return address in {"127.0.0.1", "::1"} or is_public(address)

    resolver = Resolver(is_public=is_accepted)
    fetch = Fetcher(5.0, 1000, ca_certs=server.roots, public_only=True, resolver=resolver)
    status = RemoteJWKS.discovered(issuer, fetch=fetch).warm_up()
    assert not status.usable
    assert str(status.last_error).startswith("'127.0.0.2' has an address that is not public")
    assert (server.counted(METADATA, "trusted"), server.connections("trusted")) == (1, 1)
