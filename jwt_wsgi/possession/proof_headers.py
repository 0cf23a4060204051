"""The memory of proof headers: a client's proofs all begin with the same header."""

from typing import Final, NamedTuple

from jwt_wsgi.jose.jwk import Key

#: Characters. A longer header is parsed each time.
_MAX_HEADER_CHARACTERS: Final = 2048
#: Headers of one generation. Each costs about 3 KiB with its loaded key.
_MAX_HEADERS: Final = 2048


class KnownHeader(NamedTuple):
    """The facts of a header that was under a good signature.

    The parsed header is not one of them: a client could make it larger than its text by far.

    Attributes:
        alg: The signature algorithm.
        thumbprint: The thumbprint of the key in the header (RFC 7638).
        key: The loaded key, bound to `alg`.
    """

    alg: str
    thumbprint: str
    key: Key


class ProofHeaders:
    """A bounded memory of headers, in two generations.

    Only a header whose proof was good for a bound token is remembered, so strangers add none. When
    the young generation is full, it becomes the old one. Threads share it without a lock: a lost
    entry costs one more parsing.
    """

    __slots__ = ("_old", "_young")

    def __init__(self) -> None:
        self._young: dict[str, KnownHeader] = {}
        self._old: dict[str, KnownHeader] = {}

    def get(self, segment: str) -> KnownHeader | None:
        """Return the header of exactly this segment of a proof, or None."""
        header = self._young.get(segment)
        if header is None:
            return self._old.get(segment)
        return header

    def remember(self, segment: str, header: KnownHeader) -> None:
        """Remember the header of a proof that passed every check."""
        if len(segment) > _MAX_HEADER_CHARACTERS:
            return
        if len(self._young) >= _MAX_HEADERS:
            self._old = self._young
            self._young = {}
        self._young[segment] = header
