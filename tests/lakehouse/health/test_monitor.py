"""The monitor's samples: what they say, that dead letters count once, and what one failure leaves alone."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from contracts.errors import DependencyError
from contracts.heartbeat import Heartbeat
from contracts.platform import METRICS
from lakehouse.health import dead_letters, monitor, storage
from lakehouse.health.html import page
from lakehouse.health.memory import Memory, memory_path, read_memory
from lakehouse.health.report import Disk
from lakehouse.medallion import platform_landing
from tests.examples import examples
from tests.lakehouse.health.conftest import Simulation


def samples(platform: Simulation) -> list[dict[str, Any]]:
    tables = platform_landing.read(platform.settings, METRICS.name)
    return [row for table in tables for row in table.to_pylist()]


def counted(platform: Simulation) -> list[float]:
    return [
        row["value"]
        for row in samples(platform)
        if row["metric"] == "dead_letters" and row["component"] == "app_events"
    ]


def test_a_sample_has_every_component_once(platform: Simulation) -> None:
    platform.minutes(2, platform.flow)
    rows = samples(platform)
    keys = [(row["sampled_at"], row["component"], row["metric"]) for row in rows]
    assert len(keys) == len(set(keys))
    assert {row["status"] for row in rows} == {"healthy"}
    found = {(row["component"], row["metric"]): row["value"] for row in rows}
    assert found["app_events_silver", "files"] == 2
    assert found["storage", "disk_free_bytes"] == 60 * 2**30
    assert found["dp-streams", "lag"] == 0
    assert found["service/ingestion", "status"] == 0


def test_the_status_of_a_sample_is_the_components(platform: Simulation) -> None:
    platform.lag = 250_000
    platform.disk = Disk(total=100 * 2**30, free=0)
    platform.minutes(1, platform.flow)
    statuses = {(row["component"], row["metric"]): row["status"] for row in samples(platform)}
    assert statuses["dp-streams", "lag"] == "degraded"
    assert statuses["platform", "status"] == "unhealthy"
    assert statuses["app_events_silver", "bytes"] == "healthy"


def test_dead_letters_count_once_whoever_restarts(platform: Simulation) -> None:
    platform.refused = 7  # before the first sample: of the time since the platform was made
    platform.minutes(1)
    platform.refused = 10
    platform.minutes(1)
    platform.new_monitor()
    platform.minutes(1)
    # Ingestion dies and another goes on; the monitor is away meanwhile.
    platform.silent.add("ingestion")
    platform.minutes(1)
    platform.silent.clear()
    platform.refused = 15
    platform.now += timedelta(minutes=30)
    platform.new_monitor()
    platform.minutes(1)
    # A group that was reset counts in another series.
    platform.ingestion = {"refused": {"0/0000bbbb": 2}}
    platform.minutes(2)
    assert counted(platform) == [7, 3, 0, 0, 5, 2, 0]


def test_a_sample_that_is_not_written_loses_none(
    platform: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.refused = 4
    platform.minutes(1)

    def full(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    platform.refused = 9
    with monkeypatch.context() as patched:
        patched.setattr(monitor.platform_landing, "append", full)
        platform.lag = 250_000
        for _ in range(2):
            with pytest.raises(DependencyError, match="No space left"):
                platform.minutes(1)
    # What else it does is done all the same.
    assert ("fired", "lag_high", "dp-streams") in platform.heard.told
    assert read_memory(platform.settings).failures == 2
    platform.minutes(1)
    assert counted(platform) == [4, 5]


@hypothesis_settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["one", "two"]), st.integers(0, 3), st.integers(0, 5), st.booleans()),
        max_size=15,
    )
)
def test_differences_sum_up_to_the_counts(steps: list[tuple[str, int, int, bool]]) -> None:
    """Processes hand partitions to each other, and old heartbeats lie about."""
    beats: dict[str, Heartbeat] = {}
    true: dict[str, int] = {}
    taken: dict[str, int] = {}
    told = 0
    for process, partition, more, sampled in steps:
        series = f"{partition}/aaaaaaaa"
        true[series] = true.get(series, 0) + more
        details = {"sources": {"users": {"refused": {series: true[series]}}}}
        beats[process] = Heartbeat(service=process, pid=1, at=0.0, details=details)
        if sampled:
            now = dead_letters.merged(taken, dead_letters.told(beats.values()))
            told += dead_letters.by_source(now)["users"] - dead_letters.by_source(taken)["users"]
            taken = now
    now = dead_letters.merged(taken, dead_letters.told(beats.values()))
    assert told == sum(taken.values())
    assert all(now[f"users/{series}"] <= count for series, count in true.items() if f"users/{series}" in now)


def test_a_damaged_memory_is_done_without(platform: Simulation) -> None:
    platform.minutes(1)
    memory_path(platform.settings).write_bytes(b"{")
    platform.new_monitor()
    assert platform.minutes(1, platform.flow).status == "ok"


def test_a_sample_that_cannot_count_is_not_written(
    platform: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.refused = 4
    platform.minutes(1)

    def damaged(*_: Any) -> Any:
        raise OSError(5, "Input/output error")

    platform.refused = 6
    with monkeypatch.context() as patched:
        patched.setattr(dead_letters, "taken", damaged)
        with pytest.raises(DependencyError, match="dead letters"):
            platform.minutes(1)
    platform.minutes(1)
    assert counted(platform) == [4, 2]


def test_growth_and_the_days_that_are_left() -> None:
    memory = Memory()
    for hour in range(30):
        memory.saw_size(hour * 3600.0, hour * 2**30)
    assert memory.growth() == pytest.approx(24 * 2**30)
    assert len(memory.sizes) == 25
    young = Memory(sizes=[(0.0, 0), (1200.0, 2**30)])
    assert young.growth() is None


def test_a_disk_that_fills_up_is_told_of_before_it_is_full(platform: Simulation) -> None:
    now = platform.now.timestamp()
    memory = Memory(sizes=[(now - 7 * 3600, 0), (now, 21 * 2**30)])
    disk = Disk(total=500 * 2**30, free=100 * 2**30)
    kept = storage.storage(platform.settings, [], memory, disk)
    (found,) = storage.disk_findings(platform.settings, disk, kept, memory)
    assert found.says == "the disk is full in 1.4 days: 100.0 GiB free, 72.0 GiB more a day"
    memory.sizes = [(now - 2 * 3600, 0), (now, 21 * 2**30)]
    kept = storage.storage(platform.settings, [], memory, disk)
    assert list(storage.disk_findings(platform.settings, disk, kept, memory)) == []


def test_landing_and_outputs_are_walked_now_and_then(platform: Simulation) -> None:
    folder = platform.settings.data_root / "landing" / "app_events"
    folder.mkdir(parents=True)
    (folder / "a.parquet").write_bytes(b"x" * 100)
    report = platform.minutes(1)
    places = {place.name: place for place in report.storage.places}
    assert (places["landing"].files, places["landing"].bytes) == (1, 100)
    (folder / "b.parquet").write_bytes(b"x")
    first = platform.minutes(2)
    assert {p.name: p.files for p in first.storage.places}["landing"] == 1
    later = platform.minutes(3)
    assert {p.name: p.files for p in later.storage.places}["landing"] > 1


def test_a_report_in_html_needs_nothing_and_runs_nothing(platform: Simulation) -> None:
    platform.states = {"kafka": "<script>alert(1)</script>"}
    text = page(platform.minutes(1, platform.flow))
    assert "<script" not in text and "&lt;script&gt;" in text
    assert not any(mark in text for mark in ("http:", "https:", "src=", "<link", "url(", "@import"))
    assert "color-scheme: light dark" in text
    for name in ("app_events_silver", "dp-streams", "daily_summaries", "landing"):
        assert name in text


def test_the_next_sample_is_at_the_minute(platform: Simulation) -> None:
    at = platform.now.replace(second=17)
    assert platform.monitor.next_after(at) == platform.now + timedelta(minutes=1)
    assert platform.monitor.next_after(platform.now) == platform.now + timedelta(minutes=1)
    platform.monitor.do(platform.now, threading.Event())
