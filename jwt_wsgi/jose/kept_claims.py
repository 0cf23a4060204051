"""The claims of a cached token that are kept, so that its payload is not parsed again. Pure.

Rules and issuers name the claims that they read at construction. Of those, values that cannot be
changed are kept within a bound. Every other claim is read from the token's text.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from sys import getsizeof
from typing import Any, Final, NamedTuple

from jwt_wsgi.jose.claim_lookup import ClaimName, lookup

#: The most reads of claims that are kept for a token.
MAX_READS: Final = 32
#: The most bytes that the kept claims of a token take.
MAX_KEPT_BYTES: Final = 2**17

#: Bytes of the two tuples of a `KeptClaims`, and of one value's place in a tuple.
_OBJECT_BYTES: Final = 184
_SLOT_BYTES: Final = 8

_SCALARS: Final = frozenset({str, int, float, bool, type(None)})
_ONLY_STRINGS: Final = frozenset({str})
# The types of claims that can be changed, and those in which they are kept.
_CONTAINERS: Final = frozenset({list, dict})
_COLLECTIONS: Final = frozenset({tuple, frozenset})


class ClaimRead(NamedTuple):
    """A read of a claim: its name, and True if it is read as a collection of strings."""

    name: ClaimName
    as_members: bool = False


def reads_of(thing: object) -> tuple[ClaimRead, ...]:
    """Return the reads that a layer, a guarded application or a callback makes, if it names them.

    Args:
        thing: An application or a callback. It names them in its attribute `claim_reads`.
    """
    try:
        reads = getattr(thing, "claim_reads", ())
    except Exception:  # noqa: BLE001 (a proxy may raise anything)
        return ()
    if not isinstance(reads, tuple):
        return ()
    return tuple(read for read in reads if isinstance(read, ClaimRead))


class NotKept(Enum):
    """The type of `NOT_KEPT`."""

    NOT_KEPT = "not kept"


#: The result of `KeptClaims` for a read that must be made of the token's text.
NOT_KEPT: Final = NotKept.NOT_KEPT

Share = Callable[[frozenset[str]], frozenset[str]]


def members_of(value: Any) -> frozenset[str] | list[Any] | None:
    """Return the members of a list claim, or the words of a space-separated string claim.

    Args:
        value: The claim, or `ABSENT`.

    Returns:
        A set if all of them are strings, the list itself if they are not, and None for a claim of
        another type.
    """
    if isinstance(value, str):
        words = frozenset(value.split(" "))
        return words - {""} if "" in words else words
    if not isinstance(value, list):
        return None
    # The exact type: an object that only equals a string is not one.
    if _ONLY_STRINGS.issuperset(map(type, value)):
        return frozenset(value)
    return value


class KeptClaims:
    """Some claims of one token, which nobody can change. At first there are none.

    Attributes:
        kept_sets: The kept sets of strings, which cached tokens share.
        kept_bytes: Bytes of everything but the sets.
    """

    # The facts of a cached token are a class of this kind, not an object beside it: each object
    # of a cached token costs the garbage collector time as long as it lives.
    __slots__ = ("_plan", "_values", "kept_bytes", "kept_sets")

    def __init__(self) -> None:
        self._plan = _KEEP_NOTHING
        self._values: tuple[Any, ...] = ()
        self.kept_sets: tuple[frozenset[str], ...] = ()
        self.kept_bytes = 0

    def keep(self, plan: "KeepingPlan", claims: Mapping[str, Any], share: Share) -> None:
        """Keep the claims that a plan names.

        Args:
            plan: What is kept of every token.
            claims: The claims, as parsed.
            share: Returns the object that cached tokens with a set of strings share.
        """
        values: list[Any] = []
        sets: list[frozenset[str]] = []
        size = plan.own_bytes
        room = plan.max_bytes - size
        for name, as_members in plan.reads:
            value = lookup(claims, name)
            if as_members:
                value = members_of(value)
            elif type(value) in _CONTAINERS:
                value = _frozen(value)
            cost = getsizeof(value)
            kind = type(value)
            if kind in _COLLECTIONS:
                cost += sum(map(getsizeof, value))
            if kind is list or cost > room:
                values.append(NOT_KEPT)
                continue
            room -= cost
            if kind is frozenset:
                value = share(value)
                sets.append(value)
            else:
                size += cost
            values.append(value)
        self._plan = plan
        self._values = tuple(values)
        self.kept_sets = tuple(sets)
        self.kept_bytes = size

    def value(self, name: ClaimName) -> Any:
        """Return a claim's value, which may be `ABSENT`, or `NOT_KEPT`. A list is a new one."""
        position = self._plan.value_positions.get(name)
        if position is None:
            return NOT_KEPT
        value = self._values[position]
        return list(value) if type(value) is tuple else value

    def members(self, name: ClaimName) -> frozenset[str] | NotKept | None:
        """Return what `members_of` returns for a claim, or `NOT_KEPT`."""
        position = self._plan.member_positions.get(name)
        if position is None:
            return NOT_KEPT
        members: frozenset[str] | NotKept | None = self._values[position]
        return members


class KeepingPlan:
    """The reads that are made of every token, and the position of each among the kept values.

    Args:
        reads: The reads. Those beyond `MAX_READS` are not kept.
        max_bytes: The most bytes that the kept claims of a token take.

    Attributes:
        reads: The reads that are kept.
        own_bytes: The bytes that the kept claims of a token take beside their values.
        max_bytes: The most bytes that the kept claims of a token take.
        value_positions: The positions of the reads of values, by the claim's name.
        member_positions: The positions of the reads of members, by the claim's name.
    """

    __slots__ = ("max_bytes", "member_positions", "own_bytes", "reads", "value_positions")

    def __init__(self, reads: Iterable[ClaimRead], max_bytes: int) -> None:
        self.max_bytes = min(max_bytes, MAX_KEPT_BYTES)
        self.reads = tuple(dict.fromkeys(reads))[:MAX_READS]
        self.own_bytes = _OBJECT_BYTES + _SLOT_BYTES * len(self.reads)
        self.value_positions = _positions(self.reads, as_members=False)
        self.member_positions = _positions(self.reads, as_members=True)

    def extended(self, reads: Iterable[ClaimRead]) -> "KeepingPlan":
        """Return a plan with more reads, or this plan if it has them all or is full."""
        more = [read for read in reads if read not in self.reads]
        if not more or len(self.reads) >= MAX_READS:
            return self
        return KeepingPlan((*self.reads, *more), self.max_bytes)


def _positions(reads: tuple[ClaimRead, ...], *, as_members: bool) -> dict[ClaimName, int]:
    return {
        read.name: position for position, read in enumerate(reads) if read.as_members is as_members
    }


def _frozen(value: list[Any] | dict[str, Any]) -> tuple[Any, ...] | NotKept:
    """Return a claim's value as one that cannot be changed, or `NOT_KEPT`."""
    if type(value) is list and _SCALARS.issuperset(map(type, value)):
        return tuple(value)
    return NOT_KEPT


_KEEP_NOTHING: Final = KeepingPlan((), 0)
