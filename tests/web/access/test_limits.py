"""How often a caller may ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.settings import Settings
from web.access import limits
from web.access.limits import RateLimits


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_then_the_rate() -> None:
    clock = Seconds()
    bucket = RateLimits(2.0, clock)
    assert [bucket.wait("a", 5) for _ in range(11)] == [0] * 10 + [1]
    assert bucket.wait("b", 5) == 0  # each has its own
    clock.now += 0.2
    assert [bucket.wait("a", 5), bucket.wait("a", 5)] == [0, 1]
    clock.now += 60
    assert [bucket.wait("a", 5) for _ in range(11)] == [0] * 10 + [1]


def test_a_slow_rate_lets_one_through_and_says_how_long_to_wait() -> None:
    clock = Seconds()
    bucket = RateLimits(2.0, clock)
    assert [bucket.wait("a", 0.1), bucket.wait("a", 0.1)] == [0, 10]
    clock.now += 4
    assert bucket.wait("a", 0.1) == 6
    clock.now += 6
    assert bucket.wait("a", 0.1) == 0


def test_no_rate_is_no_limit() -> None:
    bucket = RateLimits(2.0, Seconds())
    assert {bucket.wait("a", 0) for _ in range(1000)} == {0}


@given(st.lists(st.floats(0, 3), max_size=60), st.floats(0.2, 20))
def test_never_more_than_a_burst_and_the_rate(pauses: list[float], rate: float) -> None:
    clock = Seconds()
    bucket = RateLimits(2.0, clock)
    began, passed = clock.now, 0
    for pause in pauses:
        clock.now += pause
        passed += bucket.wait("a", rate) == 0
        assert passed <= max(2 * rate, 1) + (clock.now - began) * rate + 1e-6


def test_who_waits_as_told_gets_through() -> None:
    clock = Seconds()
    bucket = RateLimits(1.0, clock)
    for rate in (0.3, 3, 7.7):
        while not (wait := bucket.wait(str(rate), rate)):
            pass
        clock.now += wait
        assert bucket.wait(str(rate), rate) == 0


def test_strangers_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_CALLERS", 100)
    clock = Seconds()
    bucket = RateLimits(2.0, clock)
    for number in range(1000):
        clock.now += 0.01
        bucket.wait(f"stranger {number}", 5)
    assert len(bucket._full_at) <= 100


def test_each_key_has_its_limit_and_strangers_one_by_address(
    guarded: Callable[..., Settings], ask: Any, make_key: Any, bearing: Any
) -> None:
    settings = guarded(requests_per_second=0.001)  # one request, then none for a quarter of an hour
    slow = bearing(make_key(settings, "slow"))
    fast = bearing(make_key(settings, "fast", requests_per_second=1000.0))
    free = bearing(make_key(settings, "free", requests_per_second=0.0))

    async def body(client: httpx.AsyncClient) -> None:
        async def statuses(headers: dict[str, str], path: str = "/jobs") -> list[int]:
            return [(await client.get(path, headers=headers)).status_code for _ in range(3)]

        assert await statuses(slow) == [200, 429, 429]
        assert await statuses(fast) == [200] * 3
        assert await statuses(free) == [200] * 3
        assert await statuses({}) == [401, 429, 429]
        assert await statuses({}, "/health") == [429] * 3
        answer = await client.get("/tables", headers=slow)
        assert answer.json()["code"] == "rate_limited"
        assert 0 < int(answer.headers["retry-after"]) <= 1000

    ask(settings, body)


def test_on_loopback_without_keys_there_is_no_limit(guarded: Callable[..., Settings], ask: Any) -> None:
    settings = guarded(host="127.0.0.1", requests_per_second=0.001)

    async def body(client: httpx.AsyncClient) -> None:
        for _ in range(5):
            assert (await client.get("/problems/busy")).status_code == 200

    ask(settings, body, host="localhost")
