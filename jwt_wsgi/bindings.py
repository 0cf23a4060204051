"""How a token can be bound to its owner's key, and what a rule or a stack accepts of it. Pure.

A token is bound by `dpop` (`cnf.jkt`, RFC 9449), by `mtls` (`cnf.x5t#S256`, RFC 8705), by both or
by neither. A demand is a set of alternatives. Each alternative is the set of bindings whose key a
request must prove.
"""

from functools import lru_cache
from typing import Final

DPOP: Final = "dpop"
MTLS: Final = "mtls"

#: Every binding, in the order in which texts name them.
BINDINGS: Final = (DPOP, MTLS)

Binding = frozenset[str]
Alternatives = frozenset[Binding]

#: No key must be proven.
UNBOUND: Final[Alternatives] = frozenset({frozenset()})
#: Possession of either key must be proven.
BOUND: Final[Alternatives] = frozenset(frozenset({name}) for name in BINDINGS)

BEARER_SCHEME: Final = "Bearer"
DPOP_SCHEME: Final = "DPoP"

#: How many results are cached. Two bindings make six demands, so few of them are ever used.
_MAX_CACHED: Final = 128


@lru_cache(_MAX_CACHED)
def require_both(first: Alternatives, second: Alternatives) -> Alternatives:
    """Return the alternatives that satisfy two demands."""
    return _minimal(frozenset(one | other for one in first for other in second))


def require_either(first: Alternatives, second: Alternatives) -> Alternatives:
    """Return the alternatives that satisfy at least one of two demands."""
    return _minimal(first | second)


def implies_demand(first: Alternatives, second: Alternatives) -> bool:
    """Return whether every proof that satisfies the first demand satisfies the second."""
    return all(any(other <= one for other in second) for one in first)


def provable(demand: Alternatives, bindings: Binding) -> Alternatives:
    """Return the alternatives of a demand that a stack can check.

    Args:
        demand: The demand of a rule or an issuer.
        bindings: The bindings that the stack checks.
    """
    return frozenset(alternative for alternative in demand if alternative <= bindings)


def schemes(demand: Alternatives, bindings: Binding) -> frozenset[str]:
    """Return the authentication schemes with which a request can satisfy a demand.

    A token that is bound by DPoP, alone or besides, travels under the scheme DPoP. Every other
    token travels under Bearer (RFC 8705 §3).

    Args:
        demand: The demand of a rule, an issuer and a stack.
        bindings: The bindings that the stack checks.
    """
    results = set()
    for alternative in provable(demand, bindings):
        if DPOP not in alternative:
            results.add(BEARER_SCHEME)
        if DPOP in alternative or (not alternative and DPOP in bindings):
            results.add(DPOP_SCHEME)
    return frozenset(results)


def _minimal(alternatives: Alternatives) -> Alternatives:
    """Return the alternatives that demand no more than another one does."""
    return frozenset(one for one in alternatives if not any(other < one for other in alternatives))
