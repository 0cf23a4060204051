"""An immutable set of verification keys, looked up by `(kid, alg)`."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

from jwt_wsgi.jose import jwk
from jwt_wsgi.jose.algorithms import SYMMETRIC
from jwt_wsgi.jose.jwk import Key, Skipped
from jwt_wsgi.jose.pem import Block, read_blocks
from jwt_wsgi.jose.public_keys import Unusable

#: The number of keys that one token is tried against at most.
MAX_CANDIDATES = 4


class KeySet:
    """An immutable set of keys. A rotation makes another set, so its identity is the epoch.

    Args:
        keys: The keys of the set.
        skipped: The entries of the source that are not used.
        any_kid: Serve tokens with any `kid`, as a shared secret does.

    Attributes:
        keys: The keys, as a tuple.
        skipped: The entries of the source that are not used, each with its reason.
        kids: The `kid`s of the keys that have one.
        algorithms: The algorithms that the keys may verify.
    """

    __slots__ = (
        "_any_kid",
        "_by_alg",
        "_by_kid",
        "_skip_reasons",
        "algorithms",
        "keys",
        "kids",
        "skipped",
    )

    def __init__(
        self, keys: Iterable[Key], *, skipped: Iterable[Skipped] = (), any_kid: bool = False
    ) -> None:
        self.keys = tuple(keys)
        self.skipped = tuple(skipped)
        self.kids = frozenset(key.kid for key in self.keys if key.kid is not None)
        self.algorithms = frozenset(name for key in self.keys for name in key.algorithms)
        self._skip_reasons = {entry.kid: entry.reason for entry in self.skipped if entry.kid}
        self._any_kid = any_kid
        self._by_alg: dict[str, tuple[Key, ...]] = {}
        self._by_kid: dict[tuple[str, str], tuple[Key, ...]] = {}
        for key in self.keys:
            for alg in key.algorithms:
                self._by_alg[alg] = (*self._by_alg.get(alg, ()), key)
                if key.kid is not None:
                    kid_and_alg = (key.kid, alg)
                    self._by_kid[kid_and_alg] = (*self._by_kid.get(kid_and_alg, ()), key)

    @classmethod
    def from_jwks(cls, jwks: Mapping[str, Any], symmetric: bool = False) -> Self:
        """Return the usable keys of a JWKS (RFC 7517 §5).

        Entries that cannot be used are skipped one by one and listed in `skipped`.

        Args:
            jwks: The parsed JWKS, `{"keys": [...]}`.
            symmetric: Accept shared secrets (`kty` is `oct`), which are skipped otherwise.

        Raises:
            ValueError: `jwks` is not a JWKS, has no usable key, or mixes secrets and public
                keys.
        """
        entries = jwks.get("keys") if isinstance(jwks, Mapping) else None
        if not isinstance(entries, list):
            raise ValueError('a JWKS is a mapping with a list "keys" (RFC 7517 §5)')
        keys: list[Key] = []
        skipped: list[Skipped] = []
        for position, entry in enumerate(entries):
            try:
                keys.append(jwk.from_entry(entry, symmetric=symmetric))
            except Unusable as unusable:
                skipped.append(Skipped(position, _kid_of(entry), str(unusable)))
        if not keys:
            raise ValueError(f"no usable key among {len(entries)}{_first_reasons(skipped)}")
        key_set = cls(keys, skipped=skipped)
        if key_set.symmetric and not key_set.algorithms <= SYMMETRIC:
            raise ValueError(
                "a JWKS that mixes secrets and public keys; make a set of each, for two issuers"
            )
        return key_set

    @classmethod
    def from_pem(cls, pem: bytes | str, *, kid: str | None = None, alg: str | None = None) -> Self:
        """Return the keys of every PEM block: public keys and certificates.

        Text outside the blocks is skipped. Every certificate counts as a key, also the
        authorities' certificates of a chain.

        Args:
            pem: One or more PEM blocks.
            kid: The key's ID, where there is one block. Without one, a key serves only tokens
                without a `kid`.
            alg: The one algorithm to bind each key to; None is every algorithm of its type.

        Raises:
            ValueError: There is no block, or more than one for `kid`, or more than four for
                one algorithm. Or a key is private, of an unsupported type or size, or does not
                fit `alg`.
        """
        octets = pem.encode("utf-8") if isinstance(pem, str) else pem
        key_set = cls(_read_pem(octets, kid, alg))
        for name, keys in sorted(key_set._by_alg.items()):
            # A fifth key would never be tried, because keys in PEM have no kid.
            if len(keys) > MAX_CANDIDATES:
                raise ValueError(
                    f"{len(keys)} keys for {name}, of which a token without kid is tried with"
                    f" {MAX_CANDIDATES}; write a JWKS, where each key has a kid"
                )
        return key_set

    @classmethod
    def from_secret(cls, secret: bytes) -> Self:
        """Return a set of one shared secret, for tokens with any `kid` or none.

        Args:
            secret: At least 32 bytes for HS256, 48 for HS384 and 64 for HS512.

        Raises:
            ValueError: The secret is shorter than 32 bytes, or is an asymmetric key.
        """
        return cls([jwk.from_secret(secret)], any_kid=True)

    @property
    def symmetric(self) -> bool:
        """True where a key of the set is a shared secret."""
        return not self.algorithms.isdisjoint(SYMMETRIC)

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        """Return the keys that may verify a token with this header, four at most."""
        if kid is None or self._any_kid:
            return self._by_alg.get(alg, ())[:MAX_CANDIDATES]
        return self._by_kid.get((kid, alg), ())[:MAX_CANDIDATES]

    def count(self, kid: str | None, alg: str) -> int:
        """Return how many keys fit this header, also beyond the four that are tried."""
        if kid is None or self._any_kid:
            return len(self._by_alg.get(alg, ()))
        return len(self._by_kid.get((kid, alg), ()))

    def skip_reason(self, kid: str) -> str | None:
        """Return why the published entry of this kid is not used, or None."""
        return self._skip_reasons.get(kid)


def describe_keys(keys: KeySet | None, kid: str | None, alg: str) -> str | None:
    """Return what a log should say of the keys for a refused token, or None.

    Args:
        keys: The key set in force, or None.
        kid: The token's `kid`, or None.
        alg: The token's `alg`.
    """
    if keys is None:
        return None
    candidates = keys.count(kid, alg)
    if candidates > MAX_CANDIDATES:
        hint = "" if kid is not None else "; a kid in the token would name the right one"
        return (
            f"the signature of one of {MAX_CANDIDATES} keys that were tried of {candidates}{hint}"
        )
    if kid is None or candidates:
        return None
    if kid in keys.kids:
        return f"a key for {alg}; this kid is published, but not for this alg"
    reason = keys.skip_reason(kid)
    if reason is not None:
        return f"a usable key; this kid is published, but not usable: {reason}"
    return None


def _read_pem(pem: bytes, kid: str | None, alg: str | None) -> list[Key]:
    blocks = read_blocks(pem)
    if not blocks:
        raise ValueError("not a PEM public key or certificate")
    if kid is not None and len(blocks) > 1:
        raise ValueError(
            f"kid={kid!r}: there are {len(blocks)} PEM blocks, and a kid names one key;"
            " read each block by itself, and pass the keys of all to KeySet"
        )
    # A private key is reported before any other problem.
    private_first = sorted(blocks, key=lambda block: not block.is_private)
    return [_read_block(block, len(blocks), kid, alg) for block in private_first]


def _read_block(block: Block, count: int, kid: str | None, alg: str | None) -> Key:
    try:
        return jwk.from_pem_block(block, kid=kid, alg=alg)
    except Unusable as unusable:
        if count == 1:
            raise
        raise ValueError(f"{block}: {unusable}") from None


def _kid_of(entry: object) -> str | None:
    kid = entry.get("kid") if isinstance(entry, dict) else None
    return kid if isinstance(kid, str) else None


def _first_reasons(skipped: list[Skipped]) -> str:
    if not skipped:
        return ""
    reasons = "; ".join(f"keys[{skip.position}]: {skip.reason}" for skip in skipped[:3])
    return f" ({reasons})"
