"""The schedule of fetches: a pure state machine that receives the time and the jitter."""

from __future__ import annotations

import pytest

from jwt_wsgi.jwks.schedule import Limits, Schedule

NOW = 1000.0


def schedule(random: float = 0.5, **limits: float) -> Schedule:
    return Schedule(Limits(**limits), lambda: random)


def begin(machine: Schedule, now: float, *, unknown_kid: bool = False) -> int:
    lease = machine.start(now, unknown_kid=unknown_kid)
    assert lease is not None
    return lease


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
def test_the_budget_is_a_whole_number_of_at_least_one(value: object) -> None:
    with pytest.raises(ValueError, match=r"^requests_per_minute=.*write a whole number, 1 or more"):
        Limits(requests_per_minute=value)


def test_the_defaults_are_as_documented() -> None:
    limits = Limits()
    assert (limits.cache_ttl, limits.cooldown, limits.stale_for) == (600, 30, 14400)
    assert (limits.timeout, limits.requests_per_minute) == (5, 5)


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
    assert machine.record_success(newer, NOW + 22, None)


def test_a_late_success_ends_the_back_off_of_a_newer_failure() -> None:
    machine = schedule()
    late = begin(machine, NOW)
    machine.record_failure(begin(machine, NOW + 20), NOW + 21)
    assert machine.start(NOW + 21) is None
    assert machine.record_success(late, NOW + 21, None)
    assert not machine.awaiting_success
    assert machine.start(NOW + 21) is not None


def test_failures_back_off_from_one_second_doubling_to_sixty() -> None:
    machine = schedule(requests_per_minute=100)
    now = NOW
    pauses = []
    for _ in range(12):
        machine.record_failure(begin(machine, now), now)
        assert machine.awaiting_success
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
    assert not machine.awaiting_success
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


def test_an_unknown_kid_is_fetched_at_once_and_the_next_after_the_cool_down() -> None:
    machine = loaded(cooldown=30)
    machine.record_success(begin(machine, NOW + 1, unknown_kid=True), NOW + 2, None)
    assert machine.start(NOW + 30.9, unknown_kid=True) is None
    assert machine.start(NOW + 31, unknown_kid=True) is not None


def test_the_cool_down_does_not_delay_a_refresh() -> None:
    machine = loaded()
    machine.start_cool_down(NOW)
    assert machine.start(NOW, unknown_kid=True) is None
    assert machine.start(NOW) is not None


def start_fetches(machine: Schedule, times: int, *, unknown_kid: bool) -> list[bool]:
    """Try so many fetches, a second apart and all good; return which ones could start."""
    started = []
    for second in range(times):
        lease = machine.start(NOW + second, unknown_kid=unknown_kid)
        started.append(lease is not None)
        if lease is not None:
            machine.record_success(lease, NOW + second, None)
    return started


@pytest.mark.parametrize(
    ("unknown_kid", "granted"),
    [
        pytest.param(False, 5, id="all of it for refreshes"),
        pytest.param(True, 4, id="one less for unknown kids"),
    ],
)
def test_the_budget_limits_the_fetches_of_a_minute(unknown_kid: bool, granted: int) -> None:
    machine = schedule(requests_per_minute=5, cooldown=0)
    assert start_fetches(machine, 10, unknown_kid=unknown_kid).count(True) == granted
    if unknown_kid:
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
    machine = schedule(requests_per_minute=1)
    assert machine.retry_after(NOW) == 1
    begin(machine, NOW)
    assert machine.retry_after(NOW + 59.5 + later) == 1
