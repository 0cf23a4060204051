"""base64url as JOSE writes it: unpadded, and exactly one text for each octet string."""

import base64
import string

try:
    from pybase64 import b64decode as _decoded
except ImportError:  # it comes with the extra `speed`
    from binascii import a2b_base64 as _decoded  # type: ignore[assignment]

_ALPHABET = (string.ascii_letters + string.digits + "-_").encode("ascii")
_TO_BASE64 = bytes.maketrans(b"-_", b"+/")
# By how many characters stand beyond the last four: the padding, and the last characters
# whose bits are all in use. One character beyond encodes nothing.
_ENDS = {0: (b"", None), 1: (b"", b""), 2: (b"==", b"AQgw"), 3: (b"=", b"AEIMQUYcgkosw048")}


def encode(octets: bytes) -> str:
    """`octets` in unpadded base64url (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """The octets that `text` encodes; `ValueError` unless it is their one encoding.

    Padding, foreign characters, `+` and `/`, and stray trailing bits are all
    refused, so no two texts mean the same octets.
    """
    raw = text.encode("ascii", "replace")
    if raw.translate(None, _ALPHABET):
        raise ValueError("not base64url")
    padding, ends = _ENDS[len(raw) % 4]
    if ends is not None and raw[-1] not in ends:
        raise ValueError("not canonical base64url")
    # Nothing but good base64 gets this far, so the decoder need not be a strict one.
    return _decoded(raw.translate(_TO_BASE64) + padding)
