"""The same tokens, keys and rules for this package and for PyJWT, joserfc and Authlib: where
verdicts differ ours is the stricter, and `tests/differences.md` says why."""

from __future__ import annotations

import os
from functools import cache
from random import Random

import differential.breaking_bytes  # noqa: F401 (it adds to the ways of breaking)
import pytest
from differential.breaking import BREAKS, VARIATIONS, Recipe, build, recipe
from differential.differences import CASES, Verdict, explanations, judged, listed
from differential.judges import standing_time
from differential.keyrings import EVERY, HONEST_SIGNERS, SIGNERS
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from measuring import unmeasured

#: How many tokens, and where chance begins; `make fuzz` asks for more, from elsewhere.
TOKENS = int(os.environ.get("DIFFERENTIAL_TOKENS", "10000"))
SEED = int(os.environ.get("DIFFERENTIAL_SEED", "0"))
#: Tokens for one example of hypothesis, whose own drawing would repeat itself: it hands out seeds.
BATCH = 100
#: Examples for one run of hypothesis, which remembers all of them.
EXAMPLES = 500

#: Breaks after which a token can still be honest: all accept it.
HARMLESS = frozenset({
    "claims: nonce", "claims: scope", "header: jku", "header: x5u", "header: x5c", "header: cty", "header: enc",
    "header: trace", "json: space around it", "signature: s negated", "base64: the other alphabet",
    "segments: the other alphabet",
})  # fmt: skip

pytestmark = [
    pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning"),
    pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning"),
]


@pytest.fixture(autouse=True)
def _standing():
    with standing_time():
        yield


def objection(verdict: Verdict) -> str | None:
    """What is wrong with our verdict, or None."""
    known = explanations(verdict, rows())
    if verdict.ours is None and len(verdict.theirs) > 1:
        complaint = "we accept what two refuse"
    elif not verdict.recipe.breaks and not verdict.theirs and verdict.ours is not None:
        complaint = "we refuse an honest token that all accept"
    elif not verdict.unanimous and len(known) != 1:
        complaint = f"the difference is on the list {len(known)} times: {known}"
    else:
        return None
    ours = (
        "accepted"
        if verdict.ours is None
        else f"{verdict.ours}, {verdict.ours.expected!r}, {verdict.ours.found!r}"
    )
    return f"{complaint}\n  {verdict.recipe}\n  {verdict.token[:2000]!r}\n  ours: {ours}\n  theirs: {verdict.theirs!r}"


def judge_tokens(number: int, first_seed: int) -> int:
    """How many tokens were judged, no two of them the same; fails with the first objections."""
    seen: set[int] = set()

    @settings(max_examples=EXAMPLES, phases=[Phase.generate], database=None, deadline=None)
    @given(st.integers(0, 2**64 - 1))
    def batch(chance: int) -> None:
        if len(seen) >= number:
            return
        random = Random(chance)
        made = [(drawn, build(drawn)) for drawn in (recipe(random) for _ in range(BATCH))]
        new = {hash(token): (drawn, token) for drawn, token in made if hash(token) not in seen}
        seen.update(new)
        objections = [
            said
            for drawn, token in new.values()
            if (said := objection(judged(drawn, token))) is not None
        ]
        assert not objections, "\n".join(objections[:5])

    while len(seen) < number:
        seed(first_seed)(batch)()
        first_seed += 1
    return len(seen)


@cache
def rows():
    return listed()


@pytest.mark.slow
def test_verdicts_differ_from_other_libraries_for_listed_reasons_only():
    with unmeasured():
        assert judge_tokens(TOKENS, SEED) >= TOKENS


@pytest.mark.parametrize("signer", HONEST_SIGNERS, ids=" ".join)
def test_all_four_libraries_accept_an_honest_token(signer):
    for number, names in enumerate([(), *[(name,) for name in VARIATIONS], tuple(VARIATIONS)]):
        verdict = judged(Recipe(signer, names, (), number))
        assert verdict.ours is None, verdict
        assert verdict.theirs == {}, verdict


@pytest.mark.parametrize("name", sorted(BREAKS))
def test_each_break_alone_makes_a_bad_token(name):
    signers = [
        ("public", "RS256"),
        ("public", "PS256"),
        ("public", "ES256"),
        ("public", "EdDSA"),
        ("secret", "HS256"),
    ]
    verdicts = [
        judged(Recipe(signer, (), (name,), number)) for signer in signers for number in range(8)
    ]
    assert [said for said in map(objection, verdicts) if said] == []
    assert name in HARMLESS or any(verdict.ours is not None for verdict in verdicts)


@pytest.mark.parametrize("name", sorted(BREAKS))
def test_breaks_can_be_combined_in_every_pair(name):
    recipes = [
        Recipe(("secret", "HS256"), (), (other, name), number)
        for other in BREAKS
        for number in range(8)
    ]
    assert all(isinstance(build(drawn), str) for drawn in recipes)


def test_the_key_rings_have_every_algorithm_in_a_set_and_alone():
    assert {kid.removesuffix(" alone") for ring, kid in SIGNERS if ring != "odd"} == {*EVERY}


@pytest.mark.slow
def test_every_listed_difference_occurs_and_is_distinct():
    recipes = [
        Recipe(signer, (), (name,), number)
        for name in BREAKS
        for signer in (("public", "RS256"), ("secret", "HS256"))
        for number in range(60)
    ]
    recipes += [Recipe(signer, (), (), 0) for signer in SIGNERS]
    differing = [verdict for verdict in map(judged, recipes) if not verdict.unanimous]
    seen = {name for verdict in differing for name in explanations(verdict, rows())}
    assert rows().keys() == CASES.keys()
    assert seen == rows().keys()
