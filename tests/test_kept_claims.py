"""The claims that a cached token keeps: frozen, bounded, and counted as what they take."""

from __future__ import annotations

import enum
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from jwt_wsgi.cache import TokenCache
from jwt_wsgi.jose.claim_lookup import ABSENT
from jwt_wsgi.jose.kept_claims import (
    MAX_KEPT_BYTES,
    MAX_READS,
    NOT_KEPT,
    ClaimRead,
    KeepingPlan,
    KeptClaims,
    members_of,
    reads_of,
)

MIB = 2**20


class Role(str, enum.Enum):  # noqa: UP042 (a StrEnum would print as its value)
    ADMIN = "admin"


def same_set(strings: frozenset[str]) -> frozenset[str]:
    return strings


def keep(claims: dict[str, Any], *reads: ClaimRead, max_bytes: int = MIB) -> KeptClaims:
    return kept_by(KeepingPlan(reads, max_bytes), claims)


def kept_by(
    plan: KeepingPlan,
    claims: dict[str, Any],
    share: Callable[[frozenset[str]], frozenset[str]] = same_set,
) -> KeptClaims:
    kept = KeptClaims()
    kept.keep(plan, claims, share)
    return kept


def kept_value(value: Any) -> Any:
    return keep({"x": value}, ClaimRead("x")).value("x")


def kept_members(value: Any) -> Any:
    return keep({"x": value}, ClaimRead("x", as_members=True)).members("x")


KEPT_VALUES: list[Any] = [
    None, False, True, 0, 1, -7, 1.0, 2.5, 10**400, "", "text", "Zoë", "𝔘", "x" * 10_000,
    [], ["a"], ["b", "a", "b"], [1, "a", None, True, 2.5],
]  # fmt: skip


@pytest.mark.parametrize("value", KEPT_VALUES, ids=lambda value: repr(value)[:30])
def test_a_value_that_cannot_be_changed_is_kept_with_its_type(value: Any) -> None:
    kept = kept_value(value)
    assert (type(kept), kept) == (type(value), value)
    if isinstance(value, list):
        assert list(map(type, kept)) == list(map(type, value))


@pytest.mark.parametrize("value", [{}, {"a": 1}, [[]], [{}], ["a", ["b"]]], ids=repr)
def test_objects_and_lists_that_hold_some_are_not_kept(value: Any) -> None:
    assert kept_value(value) is NOT_KEPT


def test_a_kept_list_is_a_new_one_for_each_reader() -> None:
    kept = keep({"x": ["a"]}, ClaimRead("x"))
    kept.value("x").append("b")
    assert kept.value("x") == ["a"]


def test_a_claim_that_is_changed_later_is_kept_as_it_was() -> None:
    claims = {"x": ["a"], "y": {"z": "b"}}
    kept = keep(claims, ClaimRead("x"), ClaimRead(("y", "z")), ClaimRead("x", as_members=True))
    claims["x"].append("admin")  # type: ignore[attr-defined]
    claims["y"]["z"] = "admin"  # type: ignore[index]
    assert (kept.value("x"), kept.value(("y", "z")), kept.members("x")) == (["a"], "b", {"a"})


def test_an_absent_claim_is_kept_as_absent() -> None:
    kept = keep({}, ClaimRead("x"), ClaimRead(("x", "y")), ClaimRead("z", as_members=True))
    assert (kept.value("x"), kept.value(("x", "y")), kept.members("z")) == (ABSENT, ABSENT, None)


@pytest.mark.parametrize(
    ("value", "members"),
    [
        pytest.param([], frozenset(), id="an empty list"),
        pytest.param(["a", "b", "a"], {"a", "b"}, id="strings"),
        pytest.param(["a b", ""], {"a b", ""}, id="a member with a space, and an empty one"),
        pytest.param("a b", {"a", "b"}, id="words"),
        pytest.param("", frozenset(), id="no word"),
        pytest.param(" a  b ", {"a", "b"}, id="words with many spaces"),
        pytest.param("a\tb", {"a\tb"}, id="other white space is part of a word"),
        pytest.param(ABSENT, None, id="an absent claim"),
        pytest.param(None, None, id="null"),
        pytest.param(7, None, id="a number"),
        pytest.param(True, None, id="a bool"),
        pytest.param({"a": 1}, None, id="an object"),
        pytest.param(frozenset({"a"}), None, id="a set, which JSON does not have"),
    ],
)
def test_the_members_of_a_claim_are_a_set_of_strings_or_none(value: Any, members: Any) -> None:
    found = members_of(value)
    assert found == members
    assert found is None or type(found) is frozenset
    if value is not ABSENT:
        assert kept_members(value) == members


@pytest.mark.parametrize(
    "value", [[1], ["a", 1], ["a", None], ["a", ["a"]], [{}], [True, "a"]], ids=repr
)
def test_a_list_of_other_values_is_compared_as_it_is_and_not_kept(value: Any) -> None:
    assert members_of(value) is value
    assert kept_members(value) is NOT_KEPT


def test_an_object_that_equals_a_string_is_not_one() -> None:
    value = [Role.ADMIN, "user"]
    assert members_of(value) is value


def test_a_read_that_nobody_named_is_not_kept() -> None:
    kept = keep({"x": "a", "y": "b"}, ClaimRead("x"))
    assert (kept.value("y"), kept.members("x"), kept.value(("x",))) == (NOT_KEPT,) * 3


def test_one_claim_is_kept_both_ways_where_it_is_read_both_ways() -> None:
    kept = keep({"x": ["b", "a", "b"]}, ClaimRead("x", as_members=True), ClaimRead("x"))
    assert (kept.value("x"), kept.members("x")) == (["b", "a", "b"], {"a", "b"})


# --- the plan


def test_a_plan_has_a_bound_of_reads() -> None:
    reads = [ClaimRead(f"c{number}") for number in range(MAX_READS + 5)]
    plan = KeepingPlan(reads, MIB)
    assert plan.reads == tuple(reads[:MAX_READS])
    assert plan.extended([ClaimRead("more")]) is plan


def test_a_plan_is_extended_by_what_it_lacks_and_has_each_read_once() -> None:
    plan = KeepingPlan([ClaimRead("x"), ClaimRead("x")], MIB)
    assert plan.extended([]) is plan
    assert plan.extended([ClaimRead("x")]) is plan
    longer = plan.extended([ClaimRead("y"), ClaimRead("y"), ClaimRead("x", as_members=True)])
    assert longer.reads == (ClaimRead("x"), ClaimRead("y"), ClaimRead("x", as_members=True))
    assert plan.reads == (ClaimRead("x"),)


def test_an_extended_plan_reads_nothing_in_what_was_kept_before() -> None:
    plan = KeepingPlan([ClaimRead("x")], MIB)
    kept = kept_by(plan, {"x": "a", "y": "b"})
    plan.extended([ClaimRead("y")])
    assert kept.value("y") is NOT_KEPT


class _Raising:
    @property
    def claim_reads(self) -> Any:
        raise RuntimeError("s3cret")


@pytest.mark.parametrize(
    ("named", "reads"),
    [
        pytest.param((ClaimRead("x"),), (ClaimRead("x"),), id="reads"),
        pytest.param((ClaimRead("x"), "y", ("z", True)), (ClaimRead("x"),), id="other things"),
        pytest.param([ClaimRead("x")], (), id="a list"),
        pytest.param("x", (), id="text"),
        pytest.param(None, (), id="None"),
    ],
)
def test_only_reads_that_an_object_names_are_taken(named: Any, reads: Any) -> None:
    thing = type("Thing", (), {"claim_reads": named})()
    assert reads_of(thing) == reads


def test_an_object_that_names_no_reads_or_raises_makes_none() -> None:
    assert reads_of(_Raising()) == reads_of(None) == reads_of(len) == ()


# --- bytes


def test_a_claim_beyond_the_bound_is_not_kept_and_the_others_are() -> None:
    claims = {"big": "x" * 1000, "list": ["y" * 90] * 10, "small": "a"}
    reads = [
        ClaimRead("big"), ClaimRead("list"), ClaimRead("list", as_members=True), ClaimRead("small")
    ]  # fmt: skip
    kept = keep(claims, *reads, max_bytes=700)
    assert kept.value("big") is kept.value("list") is NOT_KEPT
    assert (kept.members("list"), kept.value("small")) == ({"y" * 90}, "a")


def test_the_bound_is_that_of_all_claims_together() -> None:
    claims = {f"c{number}": "x" * 1000 for number in range(8)}
    kept = keep(claims, *map(ClaimRead, claims), max_bytes=4000)
    assert [kept.value(name) is NOT_KEPT for name in claims] == [False] * 3 + [True] * 5
    assert kept.kept_bytes <= 4000


@pytest.mark.parametrize("as_members", [False, True], ids=["a list", "a set"])
def test_no_bound_is_larger_than_the_greatest(as_members: bool) -> None:
    claims = {"x": [f"permission:{number}" for number in range(10_000)]}
    kept = keep(claims, ClaimRead("x", as_members), max_bytes=2**30)
    assert (kept.value("x"), kept.members("x"), kept.kept_sets) == (NOT_KEPT, NOT_KEPT, ())
    assert kept.kept_bytes < 1000 < MAX_KEPT_BYTES


def permissions(number: int, count: int) -> list[str]:
    return [f"permission-{number}:{each}" for each in range(count)]


MADE: dict[str, Callable[[int], Any]] = {
    "nothing": lambda number: ABSENT,
    "a short string": lambda number: f"user-{number}",
    "a long string": lambda number: f"{number:02000}",
    "a string of wide characters": lambda number: f"{number}𝔘" * 40,
    "a number": lambda number: number * 10**20,
    "a list": lambda number: permissions(number, 20),
    "a long list": lambda number: permissions(number, 500),
    "a long list of wide characters": lambda number: [f"{n}𝔘{number}" for n in range(500)],
}


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("as_members", [False, True], ids=["value", "members"])
def test_kept_claims_are_counted_as_what_they_take(made: str, as_members: bool) -> None:
    plan = KeepingPlan([ClaimRead("x", as_members)], MIB)
    make = MADE[made]
    cache: TokenCache[KeptClaims] = TokenCache(10**6, 64 * MIB)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(200):
            kept = kept_by(plan, {"x": make(number)}, cache.shared)
            cache.put(f"{number:0800}", kept, kept.kept_sets, kept.kept_bytes)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 0.6 <= taken / cache._young.size <= 1.2


def test_equal_sets_of_cached_tokens_are_one_object_counted_once() -> None:
    plan = KeepingPlan([ClaimRead("x", as_members=True)], MIB)
    cache: TokenCache[KeptClaims] = TokenCache(1000, 64 * MIB)
    for number in range(100):
        kept = kept_by(plan, {"x": permissions(0, 500)}, cache.shared)
        cache.put(f"t{number}", kept, kept.kept_sets, kept.kept_bytes)
    entries = [cache.get(f"t{number}") for number in range(100)]
    assert len({id(entry.members("x")) for entry in entries if entry is not None}) == 1
    assert cache._young.size < 3 * sys.getsizeof(frozenset(permissions(0, 500))) + 100 * 800
