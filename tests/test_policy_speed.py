"""Speed by counting: the cost of a match depends on its path alone, that of building is linear.

The tests count calls of Python and C functions (`sys.setprofile`).
`python tests/test_policy_speed.py` prints the seconds, which are not tested.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from itertools import count, islice
from typing import Any

import pytest
from counting import calls

from jwt_wsgi import AUTHENTICATED, InvalidRequest, Policy

# --- sets of rules that grow, each beginning with the smaller ones


def flat() -> Any:
    """Yield pages, one beside the other."""
    return (f"/page-{i}" for i in count())


def resources() -> Any:
    """Yield collections, items, actions and searches, under prefixes with and without parameters."""
    for i in count():
        for prefix in ("/api/v1", "/api/v2", "/regions/{region}", "/tenants/{tenant}/api"):
            root = f"{prefix}/things-{i}"
            yield from (
                root,
                f"GET {root}/{{id}}",
                f"PUT,DELETE {root}/{{id}}",
                f"{root}/{{id}}/{{$}}",
            )
            yield from (f"{root}/search", f"{root}/{{id}}/parts/{{part}}", f"{root}/{{id}}/history")
            # The intersections of `search` with the two below `{id}`.
            yield from (
                f"{root}/search/{{$}}",
                f"{root}/search/parts/{{part}}",
                f"{root}/search/history",
            )


def nests() -> Any:
    """Yield patterns eight deep, every other segment a parameter."""
    for i in count():
        root = f"/{{a}}/s{i % 10}/{{b}}/t{i // 10 % 10}/{{c}}/u{i // 100}"
        yield from (
            f"{root}/{{d}}",
            f"{root}/{{d}}/{{$}}",
            f"{root}/{{d}}/v/{{e}}",
            f"{root}/{{d}}/v/{{e}}/w",
        )


def neighbours() -> Any:
    """Yield pages of every tenant, and in one rule of twenty a page of one tenant alone."""
    for i in count():
        yield from (f"/{{tenant}}/page-{i}-{j}/{{id}}" for j in range(19))
        yield f"/tenant-{i}/own-{i}/{{$}}"


def crossings() -> Any:
    """Yield pairs that overlap, each with the rule that settles it."""
    for i in count():
        yield from (f"/users-{i}/admin/avatar", f"/users-{i}/admin", f"/users-{i}/{{id}}/avatar")


#: Each set with the smallest number of its rules that contains one of each kind.
SETS: dict[Callable[[], Any], int] = {
    flat: 10,
    resources: 40,
    nests: 10,
    neighbours: 20,
    crossings: 10,
}
every_set = pytest.mark.parametrize("written", SETS, ids=lambda written: written.__name__)


def rules(written: Callable[[], Any], number: int) -> dict[str, Any]:
    return dict.fromkeys(islice(written(), number), AUTHENTICATED)


# --- matching

PATHS = [
    "/",
    "/page-3",
    "/page-3/a/b/c/d/e",
    "/page-x",
    "/api/v1/things-0",
    "/api/v1/things-0/7",
    "/api/v1/things-0/search/parts/1/2/3",
    "/api/v9/things-0",
    "/tenants/acme/api/things-0/7/history/x",
    "/1/s0/2/t0/3/u0/4",
    "/1/s0/2/t0/3/u0/4/v/5/w/x/y/z",
    "/1/s0/2/t0/3/none",
    "/acme/page-0-1/7",
    "/tenant-0/page-0-1/7",
    "/tenant-0/own-0",
    "/tenant-0/own-0/x",
    "/users-0/7/avatar",
    "/users-0/admin/avatar/large",
    "/users-0/admin/x",
    "/a" * 40,
]


def cost(policy: Policy, path: str) -> int:
    environ = {"PATH_INFO": path, "REQUEST_METHOD": "GET", "SCRIPT_NAME": ""}
    return calls(lambda: policy.match(environ))


@pytest.mark.slow
@every_set
def test_a_match_costs_the_same_among_a_few_rules_and_among_ten_thousand(
    written: Callable[[], Any],
) -> None:
    policies = [Policy(rules(written, number)) for number in (SETS[written], 1_000, 10_000)]
    for path in PATHS:
        costs = [cost(policy, path) for policy in policies]
        assert len(set(costs)) == 1, (path, costs)


@pytest.mark.slow
@every_set
def test_a_match_costs_no_more_than_a_few_calls_a_segment(written: Callable[[], Any]) -> None:
    policy = Policy(rules(written, 10_000))
    for path in PATHS:
        assert cost(policy, path) <= 40 + 20 * path.count("/"), path


def test_a_path_that_no_rule_begins_is_not_walked_to_its_end() -> None:
    policy = Policy(rules(flat, 10))
    # Both are too long for the cache.
    assert cost(policy, "/x" * 500) == cost(policy, "/x" * 200)


def test_the_cost_of_a_refused_path_is_independent_of_the_rules() -> None:
    costs = set()
    for number in (10, 10_000):
        policy = Policy(rules(flat, number))

        def refused(policy: Policy = policy) -> None:
            with pytest.raises(InvalidRequest):
                policy.match({"PATH_INFO": "/a//b", "REQUEST_METHOD": "GET", "SCRIPT_NAME": ""})

        refused()
        costs.add(calls(refused))
    assert len(costs) == 1


# --- building


@pytest.mark.slow
@every_set
def test_ten_times_the_rules_are_ten_times_the_work(written: Callable[[], Any]) -> None:
    thousand, many = (rules(written, number) for number in (1_000, 10_000))
    assert (len(thousand), len(many)) == (1_000, 10_000)
    least = calls(lambda: Policy(thousand))
    assert calls(lambda: Policy(many), most=12 * least) >= 8 * least


@every_set
def test_a_rule_holds_few_objects_that_the_collector_visits(written: Callable[[], Any]) -> None:
    # What the collector visits makes the rules of a large policy cost more than those of a small one.
    thousand, two_thousand = (rules(written, number) for number in (1_000, 2_000))
    added = held(two_thousand) - held(thousand)
    # The rule, and its nodes: two at most for each rule of these sets.
    assert added <= 3_000


@every_set
def test_a_rule_makes_a_node_for_each_new_segment_alone(written: Callable[[], Any]) -> None:
    thousand, two_thousand = (rules(written, number) for number in (1_000, 2_000))
    made = calls(lambda: Policy(two_thousand), of="__init__") - calls(
        lambda: Policy(thousand), of="__init__"
    )
    segments = {
        tuple(key.partition("/")[2].removesuffix("/{$}").split("/")[:depth])
        for key in two_thousand.keys() - thousand.keys()
        for depth in range(1, key.count("/") + 1)
    }
    # Each rule is made with one more call.
    assert made <= len(segments) + 1_000


def held(written: dict[str, Any]) -> int:
    """The number of objects, without plain containers, that a policy of these rules adds."""
    before = visited()
    policy = Policy(written)
    added = visited() - before
    del policy
    return added


def visited() -> int:
    """The number of the collector's objects; which plain containers it visits, versions decide."""
    gc.collect()
    return sum(type(each) not in (dict, list, tuple) for each in gc.get_objects())


def test_a_long_path_outside_a_cover_is_walked_once() -> None:
    def work(depth: int) -> int:
        long = "/{x}" + "".join(f"/s{i}" for i in range(depth)) + "/{$}"

        def refused() -> None:
            with pytest.raises(ValueError, match="add the rules"):
                Policy({"/a": AUTHENTICATED, long: AUTHENTICATED})

        return calls(refused, most=100_000)

    assert work(32) <= 3 * work(16)


def test_pages_of_one_tenant_cost_nothing_of_all_the_others() -> None:
    shared = [f"/{{tenant}}/page-{i}/{{id}}" for i in range(1_000)]
    own = [f"/tenant-{i}/own-{i}/{{$}}" for i in range(100)]

    def work(*keys: str) -> int:
        return calls(lambda: Policy(dict.fromkeys(keys, AUTHENTICATED)))

    assert work(*shared, *own) <= 1.2 * (work(*shared) + work(*own))


def test_the_counter_counts_calls() -> None:
    with pytest.raises(AssertionError, match="more than 100 calls"):
        calls(lambda: [len("") for _ in range(1_000)].clear(), most=100)
    assert calls(lambda: [len("") for _ in range(1_000)].clear()) >= 1_000


def report() -> None:
    """Print what ten thousand rules of each kind take: seconds of the processor, and calls."""
    for written in SETS:
        many = rules(written, 10_000)
        begun = time.process_time()
        policy = Policy(many)
        built = time.process_time()
        for path in PATHS * 100:
            policy.match({"PATH_INFO": path, "REQUEST_METHOD": "GET", "SCRIPT_NAME": ""})
        each = (time.process_time() - built) / len(PATHS * 100)
        counted = calls(lambda many=many: Policy(many))
        ratio = counted / calls(lambda written=written: Policy(rules(written, 1_000)))
        took = f"{built - begun:.2f} s, {counted:,} calls, {ratio:.1f} times those of 1,000"
        print(f"{written.__name__:10} {took}; one match {each * 1e6:.1f} µs")


if __name__ == "__main__":
    report()
