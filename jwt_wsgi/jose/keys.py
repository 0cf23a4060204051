"""A set of verification keys, immutable, found by `(kid, alg)`."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

from jwt_wsgi.jose import jwk
from jwt_wsgi.jose.algorithms import SYMMETRIC
from jwt_wsgi.jose.jwk import Key, Skipped

#: How many keys one token may be tried against.
MAX_CANDIDATES = 4


class KeySet:
    """Keys that never change; a rotation makes another set, and its identity is the epoch.

    `skipped` says which entries of the source are not used, and why; `kids` and
    `algorithms` are what the usable ones offer; `symmetric` whether they are secrets.
    """

    __slots__ = ("_any_kid", "_by_alg", "_by_kid", "algorithms", "keys", "kids", "skipped")

    def __init__(
        self, keys: Iterable[Key], *, skipped: Iterable[Skipped] = (), any_kid: bool = False
    ) -> None:
        self.keys = tuple(keys)
        self.skipped = tuple(skipped)
        self.kids = frozenset(key.kid for key in self.keys if key.kid is not None)
        self.algorithms = frozenset(name for key in self.keys for name in key.algorithms)
        self._any_kid = any_kid
        self._by_alg: dict[str, tuple[Key, ...]] = {}
        self._by_kid: dict[tuple[str, str], tuple[Key, ...]] = {}
        for key in self.keys:
            for alg in key.algorithms:
                self._by_alg[alg] = (*self._by_alg.get(alg, ()), key)
                if key.kid is not None:
                    place = (key.kid, alg)
                    self._by_kid[place] = (*self._by_kid.get(place, ()), key)

    @classmethod
    def from_jwks(cls, jwks: Mapping[str, Any], symmetric: bool = False) -> Self:
        """The usable keys of a JWKS, `{"keys": [...]}` (RFC 7517 §5).

        Unusable entries are skipped one by one and reported in `skipped`.
        Symmetric ones are among them unless `symmetric` asks for them. Raises
        `ValueError` when nothing is usable, or secrets and public keys are mixed.
        """
        entries = jwks.get("keys") if isinstance(jwks, Mapping) else None
        if not isinstance(entries, list):
            raise ValueError('a JWKS is a mapping with a list "keys" (RFC 7517 §5)')
        keys: list[Key] = []
        skipped: list[Skipped] = []
        for position, entry in enumerate(entries):
            try:
                keys.append(jwk.from_entry(entry, symmetric=symmetric))
            except jwk.Unusable as unusable:
                kid = entry.get("kid") if isinstance(entry, dict) else None
                kid = kid if isinstance(kid, str) else None
                skipped.append(Skipped(position, kid, str(unusable)))
        if not keys:
            why = "; ".join(f"keys[{skip.position}]: {skip.reason}" for skip in skipped[:3])
            raise ValueError(f"no usable key among {len(entries)}" + (f" ({why})" if why else ""))
        found = cls(keys, skipped=skipped)
        if found.symmetric and not found.algorithms <= SYMMETRIC:
            raise ValueError(
                "a JWKS that mixes secrets and public keys; make a set of each, for two issuers"
            )
        return found

    @classmethod
    def from_pem(cls, pem: bytes | str, *, kid: str | None = None, alg: str | None = None) -> Self:
        """The one key of a PEM public key or certificate, bound to `alg` where given.

        Without `kid` it serves tokens without one. Raises `ValueError` where the
        key is private, too small or of another kind.
        """
        octets = pem.encode("utf-8") if isinstance(pem, str) else pem
        return cls([jwk.from_pem(octets, kid=kid, alg=alg)])

    @classmethod
    def from_secret(cls, secret: bytes) -> Self:
        """A shared secret (bytes), for tokens with any `kid` or none.

        Raises `ValueError` where it is shorter than 32 bytes, or an asymmetric key.
        """
        return cls([jwk.from_secret(secret)], any_kid=True)

    @property
    def symmetric(self) -> bool:
        """Whether any key is a shared secret."""
        return not self.algorithms.isdisjoint(SYMMETRIC)

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        """The keys, four at most, that a token with this header may be verified with."""
        if kid is None or self._any_kid:
            return self._by_alg.get(alg, ())[:MAX_CANDIDATES]
        return self._by_kid.get((kid, alg), ())[:MAX_CANDIDATES]
