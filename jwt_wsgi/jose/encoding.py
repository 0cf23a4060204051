"""base64url as JOSE writes it: unpadded, and exactly one text for each octet string."""

import base64
import binascii


def encode(octets: bytes) -> str:
    """`octets` in unpadded base64url (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """The octets that `text` encodes; `ValueError` unless it is their one encoding.

    Padding, foreign characters, `+` and `/`, and stray trailing bits are all
    refused by the same comparison, so no two texts mean the same token.
    """
    try:
        octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise ValueError("not base64url") from None
    if encode(octets) != text:
        raise ValueError("not canonical base64url")
    return octets
