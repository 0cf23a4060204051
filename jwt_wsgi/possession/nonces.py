"""Nonces for DPoP proofs that need no memory (RFC 9449 §8 and §9)."""

import hmac
import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from jwt_wsgi.jose import encoding
from jwt_wsgi.options import check_secrets, is_finite_number

_VERSION: Final = b"\x01"
#: The time as a double: the age is then exact, and needs no rounding.
_TIME: Final = struct.Struct(">d")
_TIME_END: Final = len(_VERSION) + _TIME.size
#: A secret that also serves another purpose signs nothing there that is a nonce here.
_PURPOSE: Final = b"jwt-wsgi DPoP nonce\x00"
#: Characters of a nonce: 41 octets in base64url.
_NONCE_CHARACTERS: Final = 55
_MAX_LIFETIME: Final = 86400


@dataclass(frozen=True, slots=True, init=False)
class DPoPNonces:
    """Nonces for DPoP proofs, which every worker with the same secret accepts (RFC 9449 §8, §9).

    A nonce is the time of its issue and an HMAC-SHA-256 over it, so that nothing is stored. It may
    be used any number of times until it expires; `DPoP(replay=...)` refuses repeated proofs.

    To rotate the secret, add the new one behind the old one on every worker, then move it to the
    front, and remove the old one a lifetime later.

    Args:
        secrets: One secret or several, 8 at most. The first signs, and all verify. Each has at
            least 32 random bytes; a str counts as its UTF-8 bytes.
        lifetime: The seconds for which a nonce is accepted; 1 to 86400.

    Raises:
        ValueError: For invalid arguments. The text does not quote a secret.

    Attributes:
        lifetime: As above.
    """

    _secrets: tuple[bytes, ...] = field(repr=False)
    lifetime: float

    def __init__(
        self, secrets: bytes | str | Iterable[bytes | str], *, lifetime: float = 300
    ) -> None:
        if not is_finite_number(lifetime) or not 1 <= lifetime <= _MAX_LIFETIME:
            raise ValueError(f"lifetime={lifetime!r:.200}: write 1 to {_MAX_LIFETIME} seconds")
        object.__setattr__(self, "_secrets", check_secrets(secrets=secrets))
        object.__setattr__(self, "lifetime", lifetime)

    def issue(self, now: float) -> str:
        """Return the nonce of this moment: 55 characters of base64url.

        Args:
            now: The wall-clock time, in seconds since 1970.

        Raises:
            ValueError: `now` is not finite.
        """
        if not math.isfinite(now):
            raise ValueError(f"now={now!r}: write a finite time")
        stamp = _VERSION + _TIME.pack(now)
        return encoding.encode(stamp + _sign(stamp, self._secrets[0]))

    def age(self, nonce: str, now: float, leeway: float) -> float | None:
        """Return the seconds since a nonce was issued, or None if it is not accepted.

        None stands for a nonce that is malformed, that no secret signed, that is older than
        `lifetime`, or that is more than `leeway` ahead of `now`. Both bounds are inclusive. The
        age is negative if the clock of the worker that issued the nonce is ahead.

        Args:
            nonce: The proof's claim.
            now: The wall-clock time, in seconds since 1970.
            leeway: The seconds that a nonce may be ahead.
        """
        octets = _decode(nonce)
        stamp = octets[:_TIME_END]
        if not self._is_signed(stamp, octets[_TIME_END:]):
            return None
        [issued] = _TIME.unpack(stamp[len(_VERSION) :])
        age: float = now - issued
        return age if -leeway <= age <= self.lifetime else None

    def is_past_half(self, age: float) -> bool:
        """Return True if a nonce of this age, in seconds, should be replaced by a new one."""
        return age > self.lifetime / 2

    def _is_signed(self, stamp: bytes, signature: bytes) -> bool:
        if not stamp.startswith(_VERSION):
            return False
        return any(hmac.compare_digest(_sign(stamp, key), signature) for key in self._secrets)


def _decode(nonce: str) -> bytes:
    """Return the octets of a nonce, or none if it is malformed."""
    if len(nonce) != _NONCE_CHARACTERS:
        return b""
    try:
        return encoding.decode(nonce)
    except ValueError:
        return b""


def _sign(stamp: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, _PURPOSE + stamp, "sha256")
