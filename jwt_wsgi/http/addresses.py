"""Which IP addresses are public: the explicit list, and the check.

The list is that of the IANA special-purpose registries (RFC 6890) with what they leave out:
multicast, deprecated prefixes, and addresses that clouds reserve. `ipaddress.is_global` is not
used, because its answers differ between versions of Python.

Sources: https://www.iana.org/assignments/iana-ipv4-special-registry and
https://www.iana.org/assignments/iana-ipv6-special-registry, as of 2025.
"""

import ipaddress
from typing import Final

_NOT_PUBLIC_IPV4: Final = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # this network, RFC 791
            "10.0.0.0/8",  # private, RFC 1918
            "100.64.0.0/10",  # shared by carriers, RFC 6598
            "127.0.0.0/8",  # loopback, RFC 1122
            "168.63.129.16/32",  # the platform service of Azure's virtual machines
            "169.254.0.0/16",  # link-local, RFC 3927: where clouds answer with credentials
            "172.16.0.0/12",  # private, RFC 1918
            "192.0.0.0/24",  # protocol assignments, RFC 6890
            "192.0.2.0/24",  # documentation, RFC 5737
            "192.31.196.0/24",  # AS112, RFC 7535
            "192.52.193.0/24",  # AMT, RFC 7450
            "192.88.99.0/24",  # 6to4 relays, RFC 7526
            "192.168.0.0/16",  # private, RFC 1918
            "192.175.48.0/24",  # AS112, RFC 7534
            "198.18.0.0/15",  # benchmarking, RFC 2544
            "198.51.100.0/24",  # documentation, RFC 5737
            "203.0.113.0/24",  # documentation, RFC 5737
            "224.0.0.0/4",  # multicast, RFC 5771
            "240.0.0.0/4",  # reserved and broadcast, RFC 1112
        ),
    )
)

# All global unicast addresses are in this range (RFC 4291 §2.4). Outside are, among others, ::,
# ::1, IPv4-compatible ::/96, IPv4-translated ::ffff:0:0:0/96, NAT64 64:ff9b::/96 and
# 64:ff9b:1::/48, discard-only 100::/64, SRv6 5f00::/16, unique local fc00::/7, link-local
# fe80::/10, site-local fec0::/10 and multicast ff00::/8.
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")

_NOT_PUBLIC_IPV6: Final = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # protocol assignments, RFC 2928: Teredo, benchmarking, ORCHID
            "2001:db8::/32",  # documentation, RFC 3849
            "2002::/16",  # 6to4, RFC 3056
            "2620:4f:8000::/48",  # AS112, RFC 7534
            "3ffe::/16",  # the former 6bone, RFC 3701
            "3fff::/20",  # documentation, RFC 9637
        ),
    )
)


def is_public(text: str) -> bool:
    """Return True if the text is an address of a host on the public internet.

    An IPv4-mapped IPv6 address is judged by the IPv4 address inside, because that is where a
    connection goes. Other forms that embed an IPv4 address are not public.

    Args:
        text: An IPv4 or IPv6 address.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return _is_public_ipv4(address)
    if address.scope_id is not None:
        return False
    if address.ipv4_mapped is not None:
        return _is_public_ipv4(address.ipv4_mapped)
    return address in _GLOBAL_UNICAST and not any(
        address in network for network in _NOT_PUBLIC_IPV6
    )


def _is_public_ipv4(address: ipaddress.IPv4Address) -> bool:
    return not any(address in network for network in _NOT_PUBLIC_IPV4)
