"""PEM: the labelled blocks of a text (RFC 7468). It does not read what a block holds."""

import re
from typing import NamedTuple

_BEGIN = b"-----BEGIN "

_LABEL = re.compile(rb"([A-Z0-9 ]{1,64})-----")

# No line of a JSON text can begin like this, not even inside a string.
_LINE_BEGINS_BLOCK = re.compile(rb"(?:\A|[\r\n])(?:\xef\xbb\xbf)?[ \t]*" + _BEGIN)


class Block(NamedTuple):
    """One block of a PEM text.

    Attributes:
        number: The position of the block in the text, from 1.
        label: The label, such as "PUBLIC KEY", or "" where it cannot be read.
        octets: The block from its first line to its last. The last line may be missing.
    """

    number: int
    label: str
    octets: bytes

    @property
    def is_private(self) -> bool:
        """True if the label is that of a private key."""
        return "PRIVATE KEY" in self.label

    def __str__(self) -> str:
        return f"PEM block {self.number} ({self.label or 'without a label'})"


def is_pem(octets: bytes) -> bool:
    """Return whether a line of `octets` begins a block."""
    return _LINE_BEGINS_BLOCK.search(octets) is not None


def read_blocks(octets: bytes) -> list[Block]:
    """Return every block, in order. Text outside the blocks is skipped (RFC 7468 §2)."""
    _, *beginnings = octets.split(_BEGIN)
    return [_read_block(number, text) for number, text in enumerate(beginnings, 1)]


def _read_block(number: int, text: bytes) -> Block:
    """Return the block whose label begins `text`. Other text may follow the block."""
    match = _LABEL.match(text)
    label = match[1] if match else b""
    body, last_line, _ = text.partition(b"-----END " + label + b"-----")
    return Block(number, label.decode("ascii"), _BEGIN + body + last_line + b"\n")
