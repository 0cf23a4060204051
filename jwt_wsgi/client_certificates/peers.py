"""The peers whose headers count: addresses, networks, and unix sockets."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, NamedTuple
from wsgiref.types import WSGIEnvironment

_UNIX: Final = "unix"
# The content of REMOTE_ADDR for a unix socket, in gunicorn and cheroot, and in waitress.
_UNIX_ADDRESSES = ("", "localhost")
_PREFIX_LENGTH = re.compile(r"[0-9]{1,3}", re.ASCII)
_EVERY_ADDRESS: Final = (
    "this is every address; write those of your proxies alone, such as '10.0.3.7'"
)
# IPv4-mapped addresses (RFC 4291 §2.5.5.2) have 96 bits before those of the IPv4 address.
_MAPPED_BITS = 96


class Place(NamedTuple):
    """A network, or one address as the network that holds nothing else.

    Attributes:
        network: An IPv4 network, or an IPv6 network without IPv4-mapped addresses.
        zone: The zone (RFC 4007 §11) in which the address must be, or None for any.
    """

    network: IPv4Network | IPv6Network
    zone: str | None

    def __str__(self) -> str:
        zone = "" if self.zone is None else f"%{self.zone}"
        return f"{self.network.network_address}{zone}/{self.network.prefixlen}"


@dataclass(frozen=True, slots=True)
class Peers:
    """The peers that are trusted, whatever order they were written in.

    Attributes:
        places: The addresses and networks.
        unix: True if peers of unix sockets are trusted.
    """

    places: frozenset[Place]
    unix: bool

    def include_sender_of(self, environ: WSGIEnvironment) -> bool:
        """Return True if `REMOTE_ADDR` says that one of them sent the request."""
        address = environ.get("REMOTE_ADDR")
        if not isinstance(address, str):
            return False
        if address in _UNIX_ADDRESSES:
            return self.unix
        try:
            peer = _place(address)
        except ValueError:
            return False
        return any(_holds(place, peer) for place in self.places)

    def __str__(self) -> str:
        texts = sorted(map(str, self.places))
        return str([*texts, _UNIX] if self.unix else texts)


def parse_peers(trusted: Iterable[str]) -> Peers:
    """Return the peers that the option `trusted` names.

    Raises:
        ValueError: `trusted` is empty, is not a list, or holds something else than addresses,
            networks and "unix"; or one of its networks covers every address.
    """
    if trusted == _UNIX:
        trusted = (_UNIX,)
    if isinstance(trusted, str | bytes) or not isinstance(trusted, Iterable):
        raise ValueError(f"trusted={trusted!r}: write a list such as ['10.0.3.7'] or ['unix']")
    entries = tuple(trusted)
    if not entries:
        raise ValueError("trusted is empty: write the addresses of your proxies, or 'unix'")
    places = frozenset(_parse_place(entry) for entry in entries if entry != _UNIX)
    return Peers(places, unix=_UNIX in entries)


def _parse_place(entry: object) -> Place:
    if not isinstance(entry, str):
        raise ValueError(f"trusted={entry!r}: write an address as text, such as '10.0.3.7'")
    text, slash, length = entry.partition("/")
    try:
        place = _place(text, length if slash else None)
    except ValueError as error:
        raise ValueError(f"trusted={entry!r}: {_remedy(entry)}") from error
    if place.network.prefixlen == 0:
        raise ValueError(f"trusted={entry!r}: {_EVERY_ADDRESS}")
    return place


def _place(text: str, length: str | None = None) -> Place:
    """Return the place of an address, with the length of a network's prefix or without.

    An IPv4-mapped address is the IPv4 address, because servers that listen on both kinds of
    addresses call the same peer by either.

    Raises:
        ValueError: It is not the address of a host or of a network.
    """
    address = ip_address(text)
    bits = address.max_prefixlen if length is None else _prefix_bits(length)
    if not isinstance(address, IPv6Address):
        return Place(IPv4Network((int(address), bits)), None)
    if address.ipv4_mapped is not None and bits >= _MAPPED_BITS:
        return Place(IPv4Network((int(address.ipv4_mapped), bits - _MAPPED_BITS)), None)
    return Place(IPv6Network((int(address), bits)), address.scope_id)


def _prefix_bits(length: str) -> int:
    if _PREFIX_LENGTH.fullmatch(length) is None:
        raise ValueError("not the length of a prefix")
    return int(length)


def _holds(place: Place, peer: Place) -> bool:
    if place.zone is not None and place.zone != peer.zone:
        return False
    # `in` is False for an address of the other version.
    return peer.network.network_address in place.network


def _remedy(entry: str) -> str:
    """Return the remedy for a text that is not the address of a host or of a network."""
    try:
        network = ip_network(entry, strict=False)
    except ValueError:
        return (
            "write an address such as '10.0.3.7', or a network such as '10.0.3.0/24'; "
            "names can change, so they are refused"
        )
    if network.prefixlen == 0:
        return _EVERY_ADDRESS
    return f"write the network {str(network)!r}, or the address without a prefix"
