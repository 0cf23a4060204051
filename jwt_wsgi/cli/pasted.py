"""A request as a person pastes it: its headers alone, or all of it. Pure."""

import re
from dataclasses import dataclass, field

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE = re.compile(rf"({_NAME}) (\S+) HTTP/\d(?:\.\d)?")
_HEADER_LINE = re.compile(rf"({_NAME}):[ \t]*(.*?)[ \t]*")
_NOT_IN_HEADERS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(slots=True)
class Pasted:
    """A request as it was pasted; what was not pasted is None or empty.

    Attributes:
        kind: What was pasted, in words.
        method: The method.
        url: The URL, or its path and query alone.
        headers: The headers, each with its name.
        body: The body, as far as it was pasted.
    """

    kind: str
    method: str | None = None
    url: str | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def __repr__(self) -> str:
        return f"Pasted({self.kind!r})"


def is_request(text: str) -> bool:
    """Return True for a text that begins with a request line or a header line."""
    first = text.split("\n", 1)[0].strip()
    return bool(_REQUEST_LINE.fullmatch(first) or _HEADER_LINE.fullmatch(first))


def parse_request(text: str) -> Pasted:
    """Return the request of a request line, header lines, or both (RFC 9112 §3, §5).

    Raises:
        ValueError: A line is not a header. The text quotes nothing of it.
    """
    pasted = Pasted("header lines")
    lines = text.splitlines()
    request_line = _REQUEST_LINE.fullmatch(lines[0].strip())
    if request_line is not None:
        pasted = Pasted("a request", request_line[1], request_line[2])
        lines = lines[1:]
    for position, line in enumerate(lines, start=1):
        if not line.strip():
            break
        header = split_header(line)
        if header is None:
            raise ValueError(f"header {position}: write its name, a colon and its value")
        pasted.headers.append(header)
    return pasted


def split_header(line: str) -> tuple[str, str] | None:
    """Return the name and the value of a header line, or None for any other text."""
    header = _HEADER_LINE.fullmatch(line.strip())
    if header is None or _NOT_IN_HEADERS.search(header[2]):
        return None
    return header[1], header[2]
