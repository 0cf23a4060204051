"""The exact form of an origin, as a browser sends it in the header `Origin`."""

import ipaddress
import re

# RFC 6454 §6.2, as the URL standard serializes a host: lower case, ASCII, no default port.
_ORIGIN = re.compile(
    r"([a-z][a-z0-9+.-]*)://"
    r"([a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:]+\])"
    r"(?::(0|[1-9][0-9]{0,4}))?"
)
_DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21"}
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_ORIGIN_FORM = (
    "scheme://host as a browser sends it: lower case, no path or slash at the end, no default port"
)


def check_origin(origin: object, *, instead_of_any: str, instead_of_null: str) -> str:
    """Return `origin` if a browser sends it exactly so.

    Args:
        origin: One member of the option `origins`.
        instead_of_any: The remedy for `*`, which stands for every origin.
        instead_of_null: The remedy for `null`.

    Raises:
        ValueError: It is anything else. The text suggests the origin that was probably intended.
    """
    if origin == "*":
        raise ValueError(f"origins holds '*': {instead_of_any}")
    if origin == "null":
        raise ValueError(
            f"origins holds 'null', the origin of every sandboxed page: {instead_of_null}"
        )
    if not isinstance(origin, str):
        raise ValueError(f"origins holds {origin!r}: write {_ORIGIN_FORM}")
    if not is_origin(origin):
        suggestion = _suggest_origin(origin) or _ORIGIN_FORM
        raise ValueError(f"origins holds {origin!r}: write {suggestion}")
    return origin


def _suggest_origin(text: str) -> str | None:
    """Return the origin, in quotes, of what is probably a URL, or None."""
    scheme, _, rest = text.strip().lower().partition("://")
    host = re.split(r"[/?#]", rest)[0]
    default_port = _DEFAULT_PORTS.get(scheme, "")
    origin = f"{scheme}://{host.removesuffix(f':{default_port}')}"
    return repr(origin) if is_origin(origin) else None


def is_origin(text: str) -> bool:
    """Return whether `text` is an origin exactly as a browser serializes it."""
    match = _ORIGIN.fullmatch(text)
    if match is None:
        return False
    scheme, host, port = match.groups()
    if port is not None and (int(port) > 65535 or port == _DEFAULT_PORTS.get(scheme)):
        return False
    return _is_host(host)


def _is_host(host: str) -> bool:
    try:
        if host.startswith("["):
            address = ipaddress.IPv6Address(host[1:-1])
            return address.ipv4_mapped is not None or str(address) == host[1:-1]
        last_label = host.rstrip(".").rpartition(".")[2]
        if _NUMERIC_LABEL.fullmatch(last_label) is None:
            return True
        # A host whose last label is a number is an IPv4 address, which has one spelling.
        return str(ipaddress.IPv4Address(host)) == host
    except ValueError:
        return False
