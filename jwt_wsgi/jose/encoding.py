"""base64url as JOSE writes it: unpadded, and exactly one text for each octet string."""

import base64
import string
from binascii import a2b_base64

try:
    from pybase64 import b64decode
except ImportError:  # it comes with the extra `speed`
    b64decode = None  # type: ignore[assignment]

_ALPHABET = (string.ascii_letters + string.digits + "-_").encode("ascii")
_TO_BASE64 = bytes.maketrans(b"-_", b"+/")
# By how many characters stand beyond the last four: the padding, and the last characters
# whose bits are all in use. One character beyond encodes nothing.
_ENDS = {0: ("", None), 1: ("", ""), 2: ("==", "AQgw"), 3: ("=", "AEIMQUYcgkosw048")}


def encode(octets: bytes) -> str:
    """`octets` in unpadded base64url (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """The octets that `text` encodes; `ValueError` unless it is their one encoding.

    Padding, foreign characters, `+` and `/`, and stray trailing bits are all
    refused, so no two texts mean the same octets.
    """
    padding, ends = _ENDS[len(text) % 4]
    if ends is not None and text[-1] not in ends:
        raise ValueError("not canonical base64url")
    if b64decode is None:
        return _plainly(text, padding)
    # The library refuses all that is foreign, but takes these beside the alphabet that it is told.
    if "+" in text or "/" in text or "=" in text:
        raise ValueError("not base64url")
    try:
        return b64decode(text + padding, b"-_", True)
    except ValueError:
        raise ValueError("not base64url") from None


def _plainly(text: str, padding: str) -> bytes:
    raw = text.encode("ascii", "replace")
    if raw.translate(None, _ALPHABET):
        raise ValueError("not base64url")
    # Nothing but good base64 gets this far, so the decoder need not be a strict one.
    return a2b_base64(raw.translate(_TO_BASE64) + padding.encode("ascii"))
