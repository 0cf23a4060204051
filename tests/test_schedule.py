"""The schedule of fetches: a pure state machine that receives the time and the jitter."""

from __future__ import annotations

import copy
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwt_wsgi.jwks.burst import Burst
from jwt_wsgi.jwks.limits import Limits
from jwt_wsgi.jwks.schedule import Schedule

NOW = 1000.0


def schedule(random: float = 0.5, **limits: float) -> Schedule:
    return Schedule(Limits(**limits), lambda: random)


def begin(machine: Schedule, now: float, *, on_demand: bool = False) -> int:
    lease = machine.start(now, on_demand=on_demand)
    assert lease is not None
    return lease


def failures(machine: Schedule, now: float = NOW) -> int:
    return machine.status(now, None, None).failures


def loaded(random: float = 0.5, max_age: float | None = None, **limits: float) -> Schedule:
    """A schedule whose first fetch has just succeeded."""
    machine = schedule(random, **limits)
    assert machine.record_success(begin(machine, NOW), NOW, max_age)
    return machine


@pytest.mark.parametrize("name", ["cache_ttl", "timeout", "cooldown", "stale_for"])
@pytest.mark.parametrize(
    "value", [-1, True, "5", None, float("nan"), float("inf"), float("-inf")], ids=repr
)
def test_a_limit_that_is_not_a_number_of_seconds_is_refused_by_name(
    name: str, value: object
) -> None:
    with pytest.raises(ValueError, match=f"^{name}="):
        Limits(**{name: value})


@pytest.mark.parametrize("name", ["cache_ttl", "timeout"])
def test_a_lifetime_and_a_time_out_of_zero_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}=0: write seconds above 0"):
        Limits(**{name: 0})


@pytest.mark.parametrize("name", ["cooldown", "stale_for"])
def test_a_cool_down_and_a_stale_window_may_be_zero(name: str) -> None:
    assert getattr(Limits(**{name: 0}), name) == 0


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "5", None], ids=repr)
def test_the_budget_is_a_whole_number_of_at_least_two(value: object) -> None:
    with pytest.raises(ValueError, match=r"^requests_per_minute=.*write a whole number, 2 or more"):
        Limits(requests_per_minute=value)


def test_a_budget_of_one_is_refused_with_the_reason_u32() -> None:
    expected = (
        r"^requests_per_minute=1: write a whole number, 2 or more; one fetch is always "
        r"kept for the refresh, and a new key needs another one$"
    )
    with pytest.raises(ValueError, match=expected):
        Limits(requests_per_minute=1)


@pytest.mark.parametrize("value", [-1, 2.5, True, "2", None, float("nan")], ids=repr)
def test_the_number_of_waiting_requests_is_a_whole_number_from_zero_u14(value: object) -> None:
    with pytest.raises(ValueError, match=r"^max_waiting=.*: write a whole number, 0 or more$"):
        Limits(max_waiting=value)


def test_the_defaults_are_as_documented() -> None:
    limits = Limits()
    assert (limits.cache_ttl, limits.cooldown, limits.stale_for) == (600, 30, 14400)
    assert (limits.timeout, limits.requests_per_minute, limits.max_waiting) == (5, 5, 2)


def test_only_one_fetch_is_in_flight() -> None:
    machine = schedule()
    assert not machine.in_flight(NOW)
    begin(machine, NOW)
    assert machine.in_flight(NOW)
    assert machine.start(NOW + 1) is None


def test_a_fetch_that_does_not_return_loses_its_lease_after_four_time_outs() -> None:
    machine = schedule(timeout=5)
    first = begin(machine, NOW)
    assert machine.start(NOW + 19.9) is None
    assert not machine.in_flight(NOW + 20)
    assert begin(machine, NOW + 20) > first


def test_a_dropped_lease_allows_a_new_fetch_at_once() -> None:
    machine = schedule()
    begin(machine, NOW)
    machine.drop_lease()
    assert not machine.in_flight(NOW)
    assert machine.start(NOW) is not None


def test_a_late_result_takes_effect_if_no_newer_one_has() -> None:
    machine = schedule()
    late = begin(machine, NOW)
    begin(machine, NOW + 20)
    assert machine.record_success(late, NOW + 21, None)
    assert machine.in_flight(NOW + 21), "the newer fetch is still under way"
    assert machine.usable_until > NOW + 21


def test_a_late_result_does_not_replace_a_newer_one() -> None:
    machine = schedule()
    late = begin(machine, NOW)
    newer = begin(machine, NOW + 20)
    assert machine.record_success(newer, NOW + 21, None)
    until = machine.usable_until
    assert not machine.record_success(late, NOW + 22, None)
    assert machine.usable_until == until


@pytest.mark.parametrize(
    ("retry_after", "pause"), [(0, 1), (30, 30), (60, 60), (61, 60), (10**9, 60)]
)
def test_retry_after_is_honoured_up_to_a_minute(retry_after: float, pause: float) -> None:
    machine = schedule()
    machine.record_failure(begin(machine, NOW), NOW, retry_after)
    assert machine.retry_after(NOW) == pause


def test_a_late_failure_does_not_affect_the_newer_fetch() -> None:
    machine = schedule()
    late = begin(machine, NOW)
    newer = begin(machine, NOW + 20)
    machine.record_failure(late, NOW + 21)
    assert machine.in_flight(NOW + 21)
    assert machine.retry_after(NOW + 21) == 1
    assert failures(machine) == 1, "counted once, when its lease expired"
    assert machine.record_success(newer, NOW + 22, None)


def test_a_late_success_ends_the_back_off_of_a_newer_failure() -> None:
    machine = schedule()
    late = begin(machine, NOW)
    machine.record_failure(begin(machine, NOW + 20), NOW + 21)
    assert machine.start(NOW + 21) is None
    assert machine.record_success(late, NOW + 21, None)
    assert not machine.last_fetch_failed
    assert machine.start(NOW + 21) is not None


def test_failures_back_off_from_one_second_doubling_to_sixty() -> None:
    machine = schedule(requests_per_minute=100)
    now = NOW
    pauses = []
    for _ in range(12):
        machine.record_failure(begin(machine, now), now)
        assert machine.last_fetch_failed
        pauses.append(machine.retry_after(now))
        assert machine.start(now + pauses[-1] - 0.01) is None
        now += pauses[-1]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60]


@pytest.mark.parametrize(("random", "pause"), [(0.0, 0.8), (0.5, 1.0), (1.0, 1.2)])
def test_the_back_off_is_jittered_by_a_fifth(random: float, pause: float) -> None:
    machine = schedule(random)
    machine.record_failure(begin(machine, NOW), NOW)
    assert machine.start(NOW + pause - 0.01) is None
    assert machine.start(NOW + pause + 0.01) is not None


def test_a_success_resets_the_back_off() -> None:
    machine = schedule(requests_per_minute=100)
    now = NOW
    for _ in range(3):
        machine.record_failure(begin(machine, now), now)
        now += machine.retry_after(now)
    assert machine.record_success(begin(machine, now), now, None)
    assert not machine.last_fetch_failed
    machine.record_failure(begin(machine, now), now)
    assert machine.start(now + 1) is not None


@pytest.mark.parametrize(("random", "share"), [(0.0, 0.7), (0.5, 0.8), (1.0, 0.9)])
def test_the_refresh_is_due_after_70_to_90_percent_of_the_lifetime(
    random: float, share: float
) -> None:
    assert loaded(random, cache_ttl=1000).refresh_at == pytest.approx(NOW + 1000 * share)


def test_a_set_is_usable_for_its_lifetime_and_the_stale_window() -> None:
    assert loaded(cache_ttl=600, stale_for=300).usable_until == NOW + 900


@pytest.mark.parametrize(
    ("max_age", "lifetime"),
    [
        pytest.param(None, 600, id="the configured one if the reply grants none"),
        pytest.param(3600, 3600, id="granted by the reply"),
        pytest.param(0, 60, id="the floor"),
        pytest.param(59, 60, id="just below the floor"),
        pytest.param(86401, 86400, id="the ceiling"),
        pytest.param(999999999, 86400, id="far above the ceiling"),
    ],
)
def test_the_reply_sets_the_lifetime_between_floor_and_ceiling(
    max_age: float | None, lifetime: float
) -> None:
    assert loaded(max_age=max_age, stale_for=0).usable_until == NOW + lifetime


def test_the_floor_is_at_most_the_configured_lifetime() -> None:
    assert loaded(max_age=0, cache_ttl=10, stale_for=0).usable_until == NOW + 10


# --- fetches on demand


def on_demand_starts(machine: Schedule, moments: list[float]) -> list[float]:
    """Return the moments at which a fetch on demand could start; each one ends at once."""
    started = []
    for now in moments:
        lease = machine.start(now, on_demand=True)
        if lease is not None:
            machine.record_success(lease, now, None)
            started.append(now - NOW)
    return started


@pytest.mark.parametrize(
    ("limits", "moments", "started"),
    [
        pytest.param({}, [1, 2, 3, 30.9], [1, 2], id="U11 two at once, and no third"),
        pytest.param({}, [1, 2, 31, 32, 61], [1, 2, 31, 61], id="U11 one more per cool-down"),
        pytest.param({}, [1, 61, 62, 63], [1, 61, 62], id="U11 full again after a quiet time"),
        pytest.param({}, [1, 40, 41, 42], [1, 40, 41], id="U11 one permit comes after each 30 s"),
        pytest.param({}, [200, 201, 202], [200, 201], id="U11 a long quiet time saves no more"),
        pytest.param(
            {"requests_per_minute": 2},
            [59, 60, 89, 90, 120],
            [60, 120],
            id="U32 a budget of two: a burst of one",
        ),
        pytest.param(
            {"requests_per_minute": 3}, [60, 61, 62], [60, 61], id="U32 a budget of three: two"
        ),
        pytest.param({"cooldown": 0}, [1, 2, 3, 4, 5], [1, 2, 3], id="no cool-down: the budget"),
    ],
)
def test_when_fetches_on_demand_start_after_the_first_set(
    limits: dict[str, float], moments: list[float], started: list[float]
) -> None:
    machine = loaded(**limits)
    assert on_demand_starts(machine, [NOW + moment for moment in moments]) == started


def test_a_spent_burst_does_not_delay_a_refresh() -> None:
    machine = loaded()
    assert len(on_demand_starts(machine, [NOW + 1, NOW + 1, NOW + 1])) == 2
    assert machine.start(NOW + 1) is not None


@pytest.mark.parametrize("random", [0.0, 0.5, 1.0])
def test_a_refresh_takes_nothing_from_the_burst(random: float) -> None:
    machine = loaded(random)
    machine.record_success(begin(machine, NOW), NOW, None)
    assert len(on_demand_starts(machine, [NOW + 1, NOW + 1, NOW + 1])) == 2


def test_a_fetch_that_may_not_start_takes_nothing_from_the_burst_u11() -> None:
    machine = loaded(requests_per_minute=100)
    refresh = begin(machine, NOW)
    assert [machine.start(NOW + 1, on_demand=True) for _ in range(5)] == [None] * 5, "in flight"
    machine.record_failure(refresh, NOW + 1)
    assert [machine.start(NOW + 1, on_demand=True) for _ in range(5)] == [None] * 5, "back-off"
    assert len(on_demand_starts(machine, [NOW + 3, NOW + 3, NOW + 3])) == 2


# --- a fetch that does not end in time


def test_a_fetch_without_an_end_is_counted_once_when_its_lease_expires_u13() -> None:
    machine = loaded(timeout=5)
    lease = begin(machine, NOW + 1)
    assert not machine.expire_lease(NOW + 20.9)
    assert (failures(machine), machine.last_fetch_failed) == (0, False)
    assert machine.expire_lease(NOW + 21)
    assert (failures(machine), machine.last_fetch_failed) == (1, True)
    assert not machine.expire_lease(NOW + 22)
    machine.record_failure(lease, NOW + 23)
    assert failures(machine) == 1


def test_the_late_result_of_a_lost_fetch_counts_too_u13() -> None:
    machine = schedule(timeout=5)
    lease = begin(machine, NOW)
    assert machine.expire_lease(NOW + 20)
    assert machine.record_success(lease, NOW + 25, None)
    status = machine.status(NOW + 25, frozenset("a"), None)
    assert (status.successes, status.failures, machine.last_fetch_failed) == (1, 1, False)
    assert machine.start(NOW + 25) is not None, "and ends the back-off"


def test_a_fetch_that_failed_in_time_but_unnoticed_is_counted_once_u13() -> None:
    machine = schedule(timeout=5)
    machine.record_failure(begin(machine, NOW), NOW + 30)
    assert not machine.expire_lease(NOW + 31)
    assert failures(machine) == 1


def test_a_dropped_lease_is_not_a_failure() -> None:
    machine = schedule()
    begin(machine, NOW)
    machine.drop_lease()
    assert not machine.expire_lease(NOW + 100)
    assert failures(machine) == 0


def test_lost_fetches_back_off_from_the_moment_at_which_their_callers_gave_up_u13() -> None:
    machine = schedule(timeout=5)
    started = [second for second in range(400) if machine.start(NOW + second) is not None]
    pauses = [after - before for before, after in pairwise(started)]
    # The lease lasts 20 seconds. The first 5 are no pause, because callers still wait.
    assert pauses == [20, 20, 20, 20, 21, 37, 65, 65, 65, 65]


# --- the budget


def start_fetches(machine: Schedule, times: int, *, on_demand: bool) -> list[bool]:
    """Try so many fetches, a second apart and all good; return which ones could start."""
    started = []
    for second in range(times):
        lease = machine.start(NOW + second, on_demand=on_demand)
        started.append(lease is not None)
        if lease is not None:
            machine.record_success(lease, NOW + second, None)
    return started


@pytest.mark.parametrize(
    ("on_demand", "granted"),
    [
        pytest.param(False, 5, id="all of it for refreshes"),
        pytest.param(True, 4, id="one less on demand"),
    ],
)
def test_the_budget_limits_the_fetches_of_a_minute(on_demand: bool, granted: int) -> None:
    machine = schedule(requests_per_minute=5, cooldown=0)
    assert start_fetches(machine, 10, on_demand=on_demand).count(True) == granted
    if on_demand:
        assert machine.start(NOW + 10) is not None
    assert machine.start(NOW + 10) is None


def test_the_budget_counts_failures() -> None:
    machine = schedule(random=0.0, requests_per_minute=3)
    for second in (0, 2, 5):
        machine.record_failure(begin(machine, NOW + second), NOW + second)
    assert machine.start(NOW + 59.9) is None
    assert machine.start(NOW + 60) is not None


def test_the_budget_counts_over_any_sixty_seconds() -> None:
    machine = schedule(requests_per_minute=2)
    for second in (0, 30):
        machine.record_success(begin(machine, NOW + second), NOW + second, None)
    assert machine.start(NOW + 59) is None
    machine.record_success(begin(machine, NOW + 60), NOW + 60, None)
    assert machine.start(NOW + 89) is None
    assert machine.start(NOW + 90) is not None


def test_retry_after_waits_for_the_budget() -> None:
    machine = schedule(requests_per_minute=2)
    for second in (0, 10):
        machine.record_success(begin(machine, NOW + second), NOW + second, None)
    assert machine.retry_after(NOW + 20) == 40


@pytest.mark.parametrize("later", [0, 1000])
def test_retry_after_is_at_least_one_second(later: float) -> None:
    machine = schedule(requests_per_minute=2)
    assert machine.retry_after(NOW) == 1
    machine.record_success(begin(machine, NOW), NOW, None)
    begin(machine, NOW)
    assert machine.retry_after(NOW + 59.5 + later) == 1


# --- every sequence of events

# Quarters of a second are exact in floating point. Short pauses are as frequent as long ones.
QUARTERS = (st.integers(0, 4) | st.integers(0, 480)).map(lambda quarters: quarters / 4)
#: (seconds until it happens, what happens, seconds that a fetch takes)
EVENTS = st.lists(
    st.tuples(
        QUARTERS,
        st.sampled_from(["refresh", "on demand"]),
        # A failure delays what follows, so most fetches succeed.
        st.sampled_from(["success", "success", "success", "failure", "lost"]),
    ),
    min_size=6,
    max_size=40,
)
LIMITS = st.builds(
    Limits,
    requests_per_minute=st.integers(2, 8),
    cooldown=st.sampled_from([0, 0.5, 5, 30, 100, 300]),
    timeout=st.sampled_from([0.25, 5]),
)


class Simulated:
    """A schedule in virtual time that records which fetches were started, and by what."""

    def __init__(self, limits: Limits, random: float = 0.5) -> None:
        self.machine = Schedule(limits, lambda: random)
        self.now = NOW
        self.starts: list[float] = []
        self.on_demand: list[float] = []

    def attempt(self, kind: str, result: str = "success") -> bool:
        lease = self.machine.start(self.now, on_demand=kind == "on demand")
        if lease is None:
            return False
        self.starts.append(self.now)
        if kind == "on demand":
            self.on_demand.append(self.now)
        if result == "success":
            self.machine.record_success(lease, self.now, None)
        elif result == "failure":
            self.machine.record_failure(lease, self.now)
        return True


def simulated(limits: Limits, events: list[tuple[float, str, str]], random: float) -> Simulated:
    run = Simulated(limits, random)
    for pause, kind, result in events:
        run.now += pause
        run.attempt(kind, result)
    return run


def most_within(moments: list[float], seconds: float) -> int:
    """Return the largest number of moments in any window of so many seconds."""
    return max(
        (sum(first <= each < first + seconds for each in moments) for first in moments), default=0
    )


@given(LIMITS, EVENTS, st.floats(0, 1))
def test_no_minute_has_more_fetches_than_the_budget(
    limits: Limits, events: list[tuple[float, str, str]], random: float
) -> None:
    run = simulated(limits, events, random)
    assert most_within(run.starts, 60) <= limits.requests_per_minute
    assert most_within(run.on_demand, 60) <= limits.requests_per_minute - 1


@given(LIMITS, EVENTS, st.floats(0, 1), st.integers(1, 2) | st.integers(1, 20))
def test_strangers_start_a_burst_and_one_fetch_per_cool_down_u11(
    limits: Limits, events: list[tuple[float, str, str]], random: float, cooldowns: int
) -> None:
    run = simulated(limits, events, random)
    if limits.cooldown:
        most = most_within(run.on_demand, cooldowns * limits.cooldown)
        # The window is open at its end, so the last of them is not in it.
        assert most <= min(2, limits.requests_per_minute - 1) + cooldowns - 1


@given(LIMITS, EVENTS, st.floats(0, 1))
def test_a_refresh_may_start_whenever_a_fetch_on_demand_may(
    limits: Limits, events: list[tuple[float, str, str]], random: float
) -> None:
    run = simulated(limits, events, random)
    twin = copy.deepcopy(run)
    if run.attempt("on demand"):
        assert twin.attempt("refresh")


@given(LIMITS, EVENTS, st.floats(0, 1))
def test_strangers_never_starve_a_refresh(
    limits: Limits, events: list[tuple[float, str, str]], random: float
) -> None:
    """A minute after the last refresh, the next one may start, whatever strangers did since."""
    run = simulated(limits, [(p, k, "success") for p, k, _ in events], random)
    run.attempt("refresh")
    for _ in range(240):
        run.attempt("on demand")
        run.now += 0.25
    assert run.attempt("refresh")


@given(EVENTS, st.floats(0, 1))
def test_after_a_rotation_a_new_kid_is_fetched_within_the_cool_down_u11(
    events: list[tuple[float, str, str]], random: float
) -> None:
    """With the default limits, whatever strangers ask for, as long as fetches succeed."""
    run = Simulated(Limits(), random)
    run.attempt("refresh")
    for pause, _, _ in events:
        run.now += pause
        if run.now >= run.machine.refresh_at:
            run.attempt("refresh")
        run.attempt("on demand")
    rotated_at = run.now
    while not any(start > rotated_at for start in run.starts):
        run.now += 0.25
        if run.now >= run.machine.refresh_at:
            run.attempt("refresh")
        run.attempt("on demand")
    assert run.starts[-1] - rotated_at <= 30


@given(LIMITS, EVENTS, st.floats(0, 1))
def test_without_failures_a_new_kid_is_fetched_within_a_minute_or_the_cool_down_u11(
    limits: Limits, events: list[tuple[float, str, str]], random: float
) -> None:
    run = simulated(limits, [(p, k, "success") for p, k, _ in events], random)
    asked_at = run.now
    while not run.attempt("on demand"):
        run.now += 0.25
    assert run.now - asked_at <= max(60, limits.cooldown)


@given(LIMITS, EVENTS, st.floats(0, 1))
def test_every_attempt_ends_as_a_success_or_as_a_failure_u13(
    limits: Limits, events: list[tuple[float, str, str]], random: float
) -> None:
    run = simulated(limits, events, random)
    run.now += 1000
    run.machine.expire_lease(run.now)
    status = run.machine.status(run.now, None, None)
    assert status.attempts == status.successes + status.failures == len(run.starts)


@given(st.integers(1, 5), st.sampled_from([0, 1, 30]), st.lists(QUARTERS, max_size=40))
def test_a_burst_never_holds_more_than_its_size(
    size: int, cooldown: float, pauses: list[float]
) -> None:
    burst = Burst(size, cooldown)
    now = NOW
    for pause in pauses:
        now += pause
        if not burst.is_spent(now):
            burst.take(now)
    now += (size + 1) * cooldown + 100
    taken = 0
    while not burst.is_spent(now) and taken < 100:
        burst.take(now)
        taken += 1
    assert taken == (size if cooldown else 100)
