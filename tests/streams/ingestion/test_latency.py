"""Latency as ingestion tells it, against numpy over every event."""

from __future__ import annotations

import numpy as np

from streams.ingestion.latency import SECONDS, Latency

NOW = 1_795_836_826_000


def test_every_event_counts_once_however_they_are_packed() -> None:
    random = np.random.default_rng(7)
    latency, every = Latency(), []
    for _ in range(SECONDS):
        for _ in range(40):
            size = int(random.choice([1, 3, 40, 500]))
            behind = np.sort(random.gamma(2.0, 150.0, size))[::-1].astype(int)  # the oldest first
            every.append(behind)
            latency.add([NOW - int(one) for one in behind], NOW)
        found = latency.quantiles()
    assert found is not None
    true = np.quantile(np.concatenate(every), [0.5, 0.95])
    np.testing.assert_allclose([found["p50"], found["p95"]], true, rtol=0.1)


def test_it_forgets_and_says_when_nothing_came() -> None:
    latency = Latency()
    assert latency.quantiles() is None and latency.newest_at is None
    latency.add([NOW - 250], NOW)
    assert latency.quantiles() == {"p50": 250.0, "p95": 250.0}
    for _ in range(SECONDS - 1):
        assert latency.quantiles() == {"p50": 250.0, "p95": 250.0}
    assert latency.quantiles() is None
    assert latency.newest_at == (NOW - 250) / 1000


def test_a_clock_that_is_ahead_has_no_latency() -> None:
    latency = Latency()
    latency.add([NOW + 60_000], NOW)
    assert latency.quantiles() == {"p50": 0.0, "p95": 0.0}
    latency.add([], NOW)
    latency.add([NOW], NOW)
    assert latency.newest_at == (NOW + 60_000) / 1000
