"""Rates of totals that grow in bursts."""

from __future__ import annotations

import pytest

from contracts.rates import Rate


def steps(rate: Rate, every: int, events: int, seconds: range) -> list[float]:
    """The rate at each second of a total that grows by ``events`` each ``every`` seconds."""
    return [rate.observe(float(second), float(second // every * events)) for second in seconds]


@pytest.mark.parametrize(("every", "events"), [(1, 100), (10, 1000), (15, 1500), (7, 700)])
def test_bursts_have_the_rate_of_a_steady_flow(every: int, events: int) -> None:
    found = steps(Rate(), every, events, range(3, 300))
    assert set(found[2 * every :]) == {100.0}


def test_it_falls_when_nothing_comes_any_more_and_ends_at_zero() -> None:
    rate = Rate()
    steps(rate, 10, 1000, range(101))
    silent = [rate.observe(float(second), 10_000.0) for second in range(101, 200)]
    assert silent[8] == 100.0  # no longer than usual
    assert silent[10:30] == sorted(silent[10:30], reverse=True)
    assert silent[12] < 100.0
    assert set(silent[30:]) == {0.0}
    assert [rate.observe(200.0, 10_000.0), rate.observe(201.0, 10_100.0) > 0] == [0.0, True]


def test_at_the_first_look_nothing_is_known() -> None:
    rate = Rate()
    assert rate.observe(0.0, 5_000.0) == 0.0
    assert rate.observe(2.0, 6_000.0) == 500.0  # may be the end of a longer burst: it falls until the next
    assert rate.observe(10.0, 6_000.0) == 100.0
    assert rate.observe(12.0, 7_000.0) == 100.0


def test_a_total_that_begins_anew_has_no_rate_below_zero() -> None:
    rate = Rate()
    steps(rate, 1, 100, range(40))
    assert rate.observe(40.0, 0.0) == 0.0
    assert rate.observe(41.0, 50.0) == 50.0
