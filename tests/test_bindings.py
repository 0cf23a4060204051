"""Demands for possession as alternatives: their algebra, and the schemes that satisfy them."""

from __future__ import annotations

from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwt_wsgi.bindings import (
    BEARER_SCHEME,
    BINDINGS,
    BOUND,
    DPOP,
    DPOP_SCHEME,
    MTLS,
    UNBOUND,
    Alternatives,
    Binding,
    provable,
    require_both,
    require_either,
    schemes,
)

NONE: Binding = frozenset()
KEY: Binding = frozenset({DPOP})
CERTIFICATE: Binding = frozenset({MTLS})
EVERY: Binding = frozenset(BINDINGS)
SETS = [frozenset(each) for each in chain(*(combinations(BINDINGS, size) for size in range(3)))]
demands = st.sets(st.sampled_from(SETS)).map(frozenset)


def demand(*alternatives: Binding) -> Alternatives:
    return frozenset(alternatives)


def accepts(demanded: Alternatives, proven: Binding) -> bool:
    """Return whether a request that proved these bindings satisfies a demand."""
    return any(alternative <= proven for alternative in demanded)


@given(demands, demands)
def test_both_and_either_mean_and_and_or(one: Alternatives, other: Alternatives) -> None:
    for proven in SETS:
        both = accepts(one, proven) and accepts(other, proven)
        either = accepts(one, proven) or accepts(other, proven)
        assert accepts(require_both(one, other), proven) is both
        assert accepts(require_either(one, other), proven) is either


@given(demands, demands)
def test_no_alternative_demands_more_than_another(one: Alternatives, other: Alternatives) -> None:
    for combined in (require_both(one, other), require_either(one, other)):
        assert not any(small < large for small in combined for large in combined)


@given(demands, st.sampled_from(SETS))
def test_provable_are_the_alternatives_of_the_stack(
    demanded: Alternatives, bindings: Binding
) -> None:
    assert provable(demanded, bindings) == {each for each in demanded if each <= bindings}


COMBINED = {
    "nothing and nothing": (UNBOUND, UNBOUND, UNBOUND, UNBOUND),
    "nothing and either key": (UNBOUND, BOUND, BOUND, UNBOUND),
    "a key and either key": (demand(KEY), BOUND, demand(KEY), BOUND),
    "a key and a certificate": (demand(KEY), demand(CERTIFICATE), demand(EVERY), BOUND),
    "both keys and one": (demand(EVERY), demand(KEY), demand(EVERY), demand(KEY)),
    "what nobody can satisfy": (demand(), UNBOUND, demand(), UNBOUND),
}


@pytest.mark.parametrize(("one", "other", "both", "either"), COMBINED.values(), ids=COMBINED)
def test_demands_combine(
    one: Alternatives, other: Alternatives, both: Alternatives, either: Alternatives
) -> None:
    assert require_both(one, other) == require_both(other, one) == both
    assert require_either(one, other) == require_either(other, one) == either


SCHEMES = {
    "nothing, a plain stack": (UNBOUND, NONE, {BEARER_SCHEME}),
    "nothing, a stack with DPoP": (UNBOUND, KEY, {BEARER_SCHEME, DPOP_SCHEME}),
    "nothing, a stack with certificates": (UNBOUND, CERTIFICATE, {BEARER_SCHEME}),
    "nothing, a stack with both": (UNBOUND, EVERY, {BEARER_SCHEME, DPOP_SCHEME}),
    "either key, a plain stack": (BOUND, NONE, set()),
    "either key, a stack with DPoP": (BOUND, KEY, {DPOP_SCHEME}),
    "either key, a stack with certificates": (BOUND, CERTIFICATE, {BEARER_SCHEME}),
    "either key, a stack with both": (BOUND, EVERY, {BEARER_SCHEME, DPOP_SCHEME}),
    "a key, a stack with both": (demand(KEY), EVERY, {DPOP_SCHEME}),
    "a certificate, a stack with both": (demand(CERTIFICATE), EVERY, {BEARER_SCHEME}),
    "both keys, a stack with both": (demand(EVERY), EVERY, {DPOP_SCHEME}),
    "both keys, a stack with DPoP": (demand(EVERY), KEY, set()),
    "a certificate, a stack with DPoP": (demand(CERTIFICATE), KEY, set()),
    "no alternative": (demand(), EVERY, set()),
}


@pytest.mark.parametrize(("demanded", "bindings", "expected"), SCHEMES.values(), ids=SCHEMES)
def test_the_schemes_are_those_that_can_satisfy(
    demanded: Alternatives, bindings: Binding, expected: set[str]
) -> None:
    assert schemes(demanded, bindings) == expected
