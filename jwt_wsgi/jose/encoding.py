"""base64url without padding: exactly one text for each octet string (RFC 7515 §2)."""

import base64
import string
from binascii import a2b_base64

try:
    from pybase64 import b64decode
except ImportError:  # The library is part of the extra `speed`.
    b64decode = None  # type: ignore[assignment]

_ALPHABET = (string.ascii_letters + string.digits + "-_").encode("ascii")
_TO_BASE64 = bytes.maketrans(b"-_", b"+/")
_TO_BASE64URL = str.maketrans("+/", "-_")


# These two are by the number of characters after the last full group of four.
_PADDINGS = ("", "", "==", "=")
#: The last characters without stray bits. One character alone holds six bits, too few for an octet.
_LAST_CHARACTERS = ("", "", "AQgw", "AEIMQUYcgkosw048")


def encode(octets: bytes) -> str:
    """Return `octets` in unpadded base64url (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Return the octets that `text` encodes.

    Padding, foreign characters, `+` and `/`, and stray trailing bits are refused, so that
    no two texts decode to the same octets.

    Raises:
        ValueError: `text` is not what `encode` returns for any octets.
    """
    surplus = len(text) % 4
    if surplus and text[-1] not in _LAST_CHARACTERS[surplus]:
        raise ValueError("not canonical base64url")
    if b64decode is None:
        return _decode_without_pybase64(text, _PADDINGS[surplus])
    # pybase64 also accepts these three characters, whatever alphabet it is given.
    if "+" in text or "/" in text or "=" in text:
        raise ValueError("not base64url")
    try:
        return b64decode(text + _PADDINGS[surplus], b"-_", True)
    except ValueError:
        raise ValueError("not base64url") from None


def decode_padded(text: str) -> bytes:
    """Return the octets that `text` encodes with its padding (RFC 4648 §3.2).

    JWS has no padding (RFC 7515 §2), so this function is only for an issuer that writes it all
    the same. Missing and surplus padding is refused, so that no two texts decode to the same
    octets.

    Raises:
        ValueError: `text` is not canonical base64url with exactly the padding that it needs.
    """
    characters = text.rstrip("=")
    octets = decode(characters)
    if text != characters + _PADDINGS[len(characters) % 4]:
        raise ValueError("not canonically padded base64url")
    return octets


def decode_base64(text: str) -> bytes:
    """Return the octets that `text` encodes in base64 with its padding (RFC 4648 §4).

    The text must be the only one that encodes these octets, as in `decode_padded`.

    Raises:
        ValueError: `text` is not canonical base64 with exactly the padding that it needs.
    """
    if "-" in text or "_" in text:
        raise ValueError("not base64, but base64url")
    return decode_padded(text.translate(_TO_BASE64URL))


def decode_tolerantly(text: str) -> bytes:
    """Return the octets of base64 or base64url text, with or without its padding.

    Several texts decode to the same octets. So this function is for published keys, and never
    for a part of a token.

    Raises:
        ValueError: `text` holds another character, or stray trailing bits.
    """
    return decode(text.rstrip("=").translate(_TO_BASE64URL))


def _decode_without_pybase64(text: str, padding: str) -> bytes:
    octets = text.encode("ascii", "replace")
    if octets.translate(None, _ALPHABET):
        raise ValueError("not base64url")
    # Every character is now known to be in the alphabet, so a lenient decoder is safe.
    return a2b_base64(octets.translate(_TO_BASE64) + padding.encode("ascii"))
