"""Which addresses are public: every network of the list with its edges and its neighbours."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwt_wsgi.http.addresses import is_public

#: The networks that are not public, and whether the addresses below and above are.
NETWORKS = [
    ("0.0.0.0/8", "this network", None, True),
    ("10.0.0.0/8", "private", True, True),
    ("100.64.0.0/10", "shared by carriers", True, True),
    ("127.0.0.0/8", "loopback", True, True),
    ("168.63.129.16/32", "the platform service of Azure", True, True),
    ("169.254.0.0/16", "link-local", True, True),
    ("172.16.0.0/12", "private", True, True),
    ("192.0.0.0/24", "protocol assignments", True, True),
    ("192.0.2.0/24", "documentation", True, True),
    ("192.31.196.0/24", "AS112", True, True),
    ("192.52.193.0/24", "AMT", True, True),
    ("192.88.99.0/24", "6to4 relays", True, True),
    ("192.168.0.0/16", "private", True, True),
    ("192.175.48.0/24", "AS112", True, True),
    ("198.18.0.0/15", "benchmarking", True, True),
    ("198.51.100.0/24", "documentation", True, True),
    ("203.0.113.0/24", "documentation", True, True),
    ("224.0.0.0/4", "multicast", True, False),
    ("240.0.0.0/4", "reserved", False, None),
    ("255.255.255.255/32", "broadcast", False, None),
    ("::/128", "unspecified", None, False),
    ("::1/128", "loopback", False, False),
    ("::/96", "IPv4-compatible", None, False),
    ("::ffff:0.0.0.0/104", "IPv4-mapped, this network", False, True),
    ("::ffff:10.0.0.0/104", "IPv4-mapped, private", True, True),
    ("::ffff:127.0.0.0/104", "IPv4-mapped, loopback", True, True),
    ("::ffff:169.254.0.0/112", "IPv4-mapped, link-local", True, True),
    ("::ffff:192.168.0.0/112", "IPv4-mapped, private", True, True),
    ("::ffff:224.0.0.0/99", "IPv4-mapped, multicast and reserved", True, False),
    ("::ffff:0:0:0/96", "IPv4-translated", False, False),
    ("64:ff9b::/96", "NAT64", False, False),
    ("64:ff9b:1::/48", "NAT64 of one network", False, False),
    ("100::/64", "discard-only", False, False),
    ("100:0:0:1::/64", "dummy prefix", False, False),
    ("::/3", "below global unicast", None, True),
    ("2001::/32", "Teredo", True, False),
    ("2001::/23", "protocol assignments", True, True),
    ("2001:2::/48", "benchmarking", False, False),
    ("2001:3::/32", "AMT", False, False),
    ("2001:4:112::/48", "AS112", False, False),
    ("2001:10::/28", "ORCHID", False, False),
    ("2001:20::/28", "ORCHIDv2", False, False),
    ("2001:30::/28", "drone remote ID", False, False),
    ("2001:db8::/32", "documentation", True, True),
    ("2002::/16", "6to4", True, True),
    ("2620:4f:8000::/48", "AS112", True, True),
    ("3ffe::/16", "6bone", True, False),
    ("3fff::/20", "documentation", False, True),
    ("4000::/2", "above global unicast", True, False),
    ("5f00::/16", "SRv6 segments", False, False),
    ("8000::/1", "above global unicast", False, None),
    ("fc00::/7", "unique local", False, False),
    ("fe80::/10", "link-local", False, False),
    ("fec0::/10", "site-local", False, False),
    ("ff00::/8", "multicast", False, None),
]
IDS = [f"U24 {network} {name}" for network, name, _, _ in NETWORKS]


@pytest.mark.parametrize(("network", "name", "below", "above"), NETWORKS, ids=IDS)
def test_a_special_network_is_not_public_from_its_first_to_its_last_address(
    network: str, name: str, below: bool | None, above: bool | None
) -> None:
    addresses = ipaddress.ip_network(network)
    first = addresses.network_address
    last = addresses.broadcast_address
    middle = first + addresses.num_addresses // 2
    assert [is_public(str(address)) for address in (first, middle, last)] == [False] * 3
    assert below is None or is_public(str(first - 1)) is below
    assert above is None or is_public(str(last + 1)) is above


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("8.8.8.8", id="IPv4"),
        pytest.param("93.184.216.34", id="IPv4, another"),
        pytest.param("168.63.129.17", id="beside the platform service of Azure"),
        pytest.param("2606:4700::1111", id="IPv6"),
        pytest.param("2a00:1450:4001:82a::200e", id="IPv6, another"),
        pytest.param("::ffff:8.8.8.8", id="U24 a public IPv4 address, mapped"),
    ],
)
def test_an_address_of_a_public_host_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("169.254.169.254", id="U24 AWS, Google, Azure, OpenStack"),
        pytest.param("169.254.170.2", id="U24 AWS, containers"),
        pytest.param("fd00:ec2::254", id="U24 AWS, IPv6"),
        pytest.param("fd20:ce::254", id="U24 Google, IPv6"),
        pytest.param("168.63.129.16", id="U24 Azure, platform"),
        pytest.param("100.100.100.200", id="U24 Alibaba"),
        pytest.param("192.0.0.192", id="U24 Oracle"),
        pytest.param("::ffff:169.254.169.254", id="U24 mapped"),
        pytest.param("::169.254.169.254", id="U24 compatible"),
        pytest.param("::ffff:0:169.254.169.254", id="U24 translated"),
        pytest.param("64:ff9b::169.254.169.254", id="U24 NAT64"),
        pytest.param("64:ff9b:1::169.254.169.254", id="U24 NAT64 of one network"),
        pytest.param("2002:a9fe:a9fe::1", id="U24 6to4"),
        pytest.param("2001:0:a9fe:a9fe::1", id="U24 Teredo"),
    ],
)
def test_the_credentials_of_a_cloud_are_not_public_in_any_form(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("text", ["", "8.8.8", "8.8.8.8 ", "localhost", "2606:4700::1111%eth0"])
def test_text_that_is_not_a_plain_address_is_not_public(text: str) -> None:
    assert not is_public(text)


#: Networks that some version of `ipaddress` calls global, and that are not public here.
ONLY_HERE = [
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32", "192.0.0.0/24", "192.31.196.0/24", "192.52.193.0/24",
        "192.88.99.0/24", "192.175.48.0/24", "224.0.0.0/4", "::/3", "2001::/23", "2002::/16",
        "2620:4f:8000::/48", "3ffe::/16", "3fff::/20", "4000::/2", "8000::/1",
    )
]  # fmt: skip


@given(st.ip_addresses())
def test_ipaddress_agrees_except_for_the_networks_that_it_lacks_u24(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if any(address in network for network in ONLY_HERE):
        return
    assert is_public(str(address)) == address.is_global
