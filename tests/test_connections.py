"""Connections with a deadline, and the check for public addresses."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from fault_server import METADATA, FaultServer

from jwt_wsgi import RemoteJWKS
from jwt_wsgi.http import client, connections
from jwt_wsgi.http.client import Fetcher
from jwt_wsgi.http.connections import _DeadlineReader, resolve_public_address
from jwt_wsgi.http.fetching import FetchError


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
    monkeypatch.setattr(connections.time, "monotonic", fixed)
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


def test_closing_the_reader_releases_the_socket(pair: Any) -> None:
    ours, theirs = pair
    reader = deadline_reader(ours, 5)
    ours.close()
    reader.close()
    assert theirs.recv(1) == b""


# --- public addresses


@pytest.mark.parametrize("host", ["93.184.216.34", "2606:4700::1111", "8.8.8.8"])
def test_a_public_address_is_accepted(host: str) -> None:
    assert resolve_public_address(host, 443) == host


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
        resolve_public_address(host, 443)


def test_a_server_at_a_private_address_sees_no_connection(server: FaultServer) -> None:
    fetch = Fetcher(5.0, 1000, ca_certs=server.roots, public_only=True)
    with pytest.raises(FetchError):
        fetch(server.url("trusted"))
    assert server.connections("trusted") == 0
    assert Fetcher(5.0, 1000, ca_certs=server.roots)(server.url("trusted")).body == b'{"keys": []}'


@pytest.mark.parametrize("fault", ["fine", "redirect_elsewhere"])
def test_the_checked_address_is_used_and_the_name_is_verified(
    fault: str, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[tuple[str, int]] = []

    def resolve(host: str, port: int) -> str:
        looked_up.append((host, port))
        return "127.0.0.1"

    monkeypatch.setattr(client, "resolve_public_address", resolve)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    server.fail(fault)
    fetch = Fetcher(5.0, 1000, ca_certs=server.roots, public_only=True)
    if fault == "fine":
        assert fetch(server.url("trusted")).body == b'{"keys": []}'
    else:
        with pytest.raises(FetchError, match="301"):
            fetch(server.url("trusted"))
    assert looked_up == [("localhost", server.ports["trusted"])]
    assert (server.counted(listener="trusted"), server.connections("elsewhere")) == (1, 0)
    with pytest.raises(FetchError, match="SSLError"):
        fetch(server.url("trusted").replace("localhost", "other.test"))


def test_metadata_of_a_public_issuer_leads_to_no_private_address(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer = server.url("trusted", path="")
    server.publish(
        {"issuer": issuer, "jwks_uri": server.url("trusted").replace("localhost", "127.0.0.1")},
        METADATA,
    )

    def resolve(host: str, port: int) -> str:
        return "127.0.0.1" if host == "localhost" else resolve_public_address(host, port)

    monkeypatch.setattr(client, "resolve_public_address", resolve)
    status = RemoteJWKS.discovered(issuer, ca_certs=server.roots, public_only=True).warm_up()
    assert (status.usable, status.last_error) == (False, "OSError")
    assert (server.counted(METADATA, "trusted"), server.connections("trusted")) == (1, 1)
