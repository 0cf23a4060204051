"""`DPoP`: how a stack accepts proofs of possession (RFC 9449)."""

from collections.abc import Iterable
from typing import Final

from jwt_wsgi.callbacks import check_callables
from jwt_wsgi.jose.algorithms import ALGORITHMS, SYMMETRIC, remedy_for
from jwt_wsgi.options import is_finite_number
from jwt_wsgi.possession.nonces import DPoPNonces
from jwt_wsgi.possession.proof import ProofLimits
from jwt_wsgi.possession.proof_headers import ProofHeaders
from jwt_wsgi.possession.target import parse_base_urls
from jwt_wsgi.stores import MemoryStore, Store
from jwt_wsgi.stores.store import is_store

#: The algorithms of proofs that are accepted by default. All of them are asymmetric.
PROOF_ALGORITHMS: Final = (
    "ES256",
    "ES384",
    "ES512",
    "PS256",
    "PS384",
    "PS512",
    "RS256",
    "RS384",
    "RS512",
    "EdDSA",
    "Ed25519",
)

#: Proofs that the default store remembers: 2,700 a second for the 361 seconds that they are kept.
_MAX_REMEMBERED: Final = 1_000_000

#: Seconds. RFC 9449 §11.1 asks for a window of seconds or minutes.
_LONGEST_WINDOW: Final = 3600


class _OwnStore:
    """The mark of an option that was left out."""

    def __repr__(self) -> str:
        return "a MemoryStore of this process"


_OWN_STORE: Final = _OwnStore()


class DPoP:
    """The options for tokens that are bound to a key by DPoP (RFC 9449).

    Args:
        base_urls: The public base URL of this API, or several, such as `https://api.example.com`
            or `https://api.example.com/v1`. The path is what a proxy removes, so that
            `SCRIPT_NAME` lacks it. A proof's `htu` is compared with the base URL and the path of
            the request. `Host` and `X-Forwarded-*` are never looked at.
        required: True accepts only tokens that are bound by DPoP, each with a proof.
        algorithms: The allowed signature algorithms of proofs. None of them may be symmetric.
        max_age: Seconds that a proof's `iat` may lie in the past.
        leeway: Seconds that a proof's `iat` may lie in the future.
        nonces: Demands that each proof contains a nonce that a response of this API has sent. Every
            worker with the same secrets accepts the others' nonces. None demands no nonce.
        replay: The store that remembers used proofs, so that none is accepted twice. By default a
            `MemoryStore` of this process. Several workers notice a replay at each other only if
            all of them have one shared store. None turns the check off.

    Attributes:
        required: As the argument.
        max_age: As the argument.
        leeway: As the argument.
        nonces: As the argument.
        algorithms: The allowed algorithms, in the order in which challenges name them.
        bases: The base URLs, taken apart.
        replay: The store, or None.
        remembered_for: How long a used proof is remembered, in seconds.
        known_headers: The memory of headers of good proofs.
        has_default_algorithms: True if `algorithms` was left out.

    Raises:
        ValueError: For invalid arguments; the text names the option, the value and the remedy.
    """

    def __init__(
        self,
        base_urls: str | Iterable[str],
        *,
        required: bool = False,
        algorithms: Iterable[str] = PROOF_ALGORITHMS,
        max_age: float = 300,
        leeway: float = 30,
        nonces: DPoPNonces | None = None,
        replay: Store | _OwnStore | None = _OWN_STORE,
    ) -> None:
        if not isinstance(required, bool):
            raise ValueError(f"required={required!r}: write True or False")
        if nonces is not None and not isinstance(nonces, DPoPNonces):
            raise ValueError(f"nonces={type(nonces).__name__}: write DPoPNonces(secret), or None")
        self.bases = parse_base_urls(base_urls)
        self.required = required
        self.has_default_algorithms = algorithms is PROOF_ALGORITHMS
        self.algorithms = _check_algorithms(algorithms)
        self.max_age = _check_seconds("max_age", max_age, smallest=1)
        self.leeway = _check_seconds("leeway", leeway, smallest=0)
        self.nonces = nonces
        self.replay = _check_store(replay)
        self.known_headers = ProofHeaders()
        # A worker may accept a proof `leeway` before its date, and the clocks of two workers may
        # differ by `leeway`.
        self.remembered_for = self.max_age + 2 * self.leeway + 1
        self._limits = ProofLimits(
            frozenset(self.algorithms), self.max_age, self.leeway, self.nonces
        )

    def limits(self, algorithms: frozenset[str] | None = None) -> ProofLimits:
        """Return the limits for a proof.

        Args:
            algorithms: The algorithms to narrow the allowed ones to, or None.
        """
        if algorithms is None:
            return self._limits
        return self._limits._replace(algorithms=self._limits.algorithms & algorithms)

    def __repr__(self) -> str:
        return f"DPoP({[str(base) for base in self.bases]!r}, required={self.required!r})"


def _check_algorithms(algorithms: Iterable[str]) -> tuple[str, ...]:
    is_list = isinstance(algorithms, Iterable) and not isinstance(algorithms, str | bytes)
    names = tuple(algorithms) if is_list else ()
    if not names:
        raise ValueError(f"algorithms={algorithms!r}: write a list of names, such as ['ES256']")
    for name in names:
        # A list: a name that cannot be hashed must be refused like any other.
        if name in list(SYMMETRIC):
            raise ValueError(f"algorithms holds {name!r}: a proof is signed with a private key")
        if name not in list(ALGORITHMS):
            choice = ", ".join(row for row in ALGORITHMS if row not in SYMMETRIC)
            raise ValueError(f"algorithms holds {name!r}: choose from {choice}")
        remedy = remedy_for(name)
        if remedy is not None:
            raise ValueError(
                f"algorithms holds {name!r}, which the installed cryptography lacks: {remedy}"
            )
    return tuple(dict.fromkeys(names))


def _check_seconds(option: str, seconds: float, *, smallest: float) -> float:
    if not is_finite_number(seconds) or not smallest <= seconds <= _LONGEST_WINDOW:
        raise ValueError(f"{option}={seconds!r}: write seconds, {smallest} to {_LONGEST_WINDOW}")
    return seconds


def _check_store(replay: Store | _OwnStore | None) -> Store | None:
    if replay is None:
        return None
    if isinstance(replay, _OwnStore):
        return MemoryStore(max_entries=_MAX_REMEMBERED)
    if not is_store(replay):
        raise ValueError(
            f"replay={replay!r}: write a store, such as MemoryStore(), or None for no replay check"
        )
    # A coroutine is true: each proof would count as new.
    check_callables(**{"replay.add": replay.add, "replay.get_many": replay.get_many})
    return replay
