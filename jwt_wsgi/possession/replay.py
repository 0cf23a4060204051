"""The replay check: each proof is accepted once (RFC 9449 §11.1)."""

import hashlib
from typing import Final, NamedTuple

from jwt_wsgi.callbacks import refuse_deferred
from jwt_wsgi.errors import InvalidProof, TemporarilyUnavailable
from jwt_wsgi.jose import encoding
from jwt_wsgi.stores import Store, StoreUnavailable

#: The purpose of the entries, in front of what is hashed.
_PURPOSE: Final = b"jwt-wsgi dpop proof\0"


class UsedProof(NamedTuple):
    """A proof that must not be used again.

    Attributes:
        thumbprint: The thumbprint of its key.
        jti: Its identifier, unique for the key.
    """

    thumbprint: str
    jti: str

    @property
    def key(self) -> str:
        """The key in the store: a hash, so that the store holds nothing of the proof."""
        # A thumbprint has no NUL, so no two pairs are written alike.
        text = f"{self.thumbprint}\0{self.jti}".encode("utf-8", "surrogatepass")
        return encoding.encode(hashlib.sha256(_PURPOSE + text).digest())


def use_proof(store: Store, proof: UsedProof, seconds: float) -> None:
    """Remember a proof, which must be new.

    Args:
        store: The store of all workers.
        proof: The proof.
        seconds: How long it is remembered.

    Raises:
        InvalidProof: It was used before.
        TemporarilyUnavailable: The store failed, or has no place for it.
    """
    try:
        is_new = store.add(proof.key, b"", seconds, owner=proof.thumbprint)
        if type(is_new) is not bool:
            refuse_deferred(is_new)
    except Exception as error:  # noqa: BLE001 (a store of others may raise anything)
        raise _unavailable(error) from None
    if not is_new:
        raise _replayed()


def check_unused(store: Store, proof: UsedProof) -> None:
    """Check that a proof is new, without remembering it.

    Raises:
        InvalidProof: It was used before.
        TemporarilyUnavailable: The store failed.
    """
    try:
        marks = store.get_many([proof.key])
        refuse_deferred(marks)
        [mark] = marks
    except Exception as error:  # noqa: BLE001 (a store of others may raise anything)
        raise _unavailable(error) from None
    if mark is not None:
        raise _replayed()


def _replayed() -> InvalidProof:
    return InvalidProof("proof_replayed", expected="a new jti", found="the jti of an earlier proof")


def _unavailable(error: Exception) -> TemporarilyUnavailable:
    # Other exceptions than the contract's may quote what the store was given.
    problem = str(error) if isinstance(error, StoreUnavailable) else type(error).__name__
    return TemporarilyUnavailable("store_unavailable", expected="a store", found=problem)
