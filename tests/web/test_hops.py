"""The hops of a moment: figures against what heartbeats and logs were made from, health as the report's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from deltalake import DeltaTable

from contracts.heartbeat import Heartbeat
from contracts.layout import table_path
from contracts.settings import Health as HealthSettings
from contracts.settings import Settings
from lakehouse.catalog import TABLES
from lakehouse.health.examination import Examination
from lakehouse.health.memory import Memory
from lakehouse.reading.stream_snapshots import AllSnapshots
from web import table_rates
from web.hops import Hop, Hops
from web.live import Latency, source_rates

NOW = datetime(2025, 11, 25, 12, 0, tzinfo=UTC).timestamp()
WAY = ["producers", "kafka", "ingestion", "workers", "landing", "bronze", "silver", "gold"]


class World:
    """Heartbeats at a time that is set, and the hops as they are seen then."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.now = NOW
        self.beats: dict[str, Heartbeat] = {}
        self._snapshots = AllSnapshots(settings, TABLES)
        self._examination = Examination(
            settings, self._snapshots, now=lambda: datetime.fromtimestamp(self.now, UTC)
        )
        self._hops = Hops(settings, TABLES)

    def beat(self, name: str, *, pid: int = 1, total: int = 0, rate: float = 0.0, **details: Any) -> None:
        self.beats[name] = Heartbeat(
            service=name, pid=pid, at=self.now, total=total, rate=rate, details=details
        )

    def look(self) -> dict[str, Hop]:
        report = self._examination.report(Memory())
        snapshots = {name: self._snapshots.look(name)[0] for name in TABLES}
        hops = self._hops.look(self.beats, snapshots, report, self.now)
        assert [hop.name for hop in hops] == WAY
        return {hop.name: hop for hop in hops}


@pytest.fixture
def world(settings: Settings) -> World:
    settings.data_root.mkdir(parents=True)
    return World(settings)


def part(pending: int, lag: int = 0, watermark: str | None = None) -> dict[str, Any]:
    return {"H": 1, "pending": pending, "lag": lag, "watermark": watermark}


def test_where_nothing_runs_everything_is_idle_and_nothing_is_guessed(world: World) -> None:
    for hop in world.look().values():
        assert (hop.events_per_second, hop.status, hop.reasons) == (0.0, "idle", [])
        assert hop.lag is None and hop.freshness_seconds is None


def test_rates_lag_and_freshness_are_those_of_the_services(world: World) -> None:
    found = {}
    for second in range(61):
        # 200 events a second come, 150 are read; the worker reads them at once and lands them every 10 s.
        world.now = NOW + second
        read, landed = 150 * second, 150 * (second // 10 * 10)
        world.beat("web-simulator", rate=100.0, unsent=7)
        world.beat(
            "ingestion",
            total=read,
            sources={
                "app_events": {"messages_per_second": 150.0, "lag": 50 * second, "newest_at": world.now - 3},
                "users": {"messages_per_second": 0.0, "lag": 4, "newest_at": world.now - 40},
            },
        )
        mark = datetime.fromtimestamp(world.now - 5, UTC).isoformat()
        world.beat(
            "stream-worker-1",
            total=landed,
            rate=150.0,
            partitions={"app_events": {"0": part(read - landed, 2, mark), "1": part(0, 1)}},
            committed_at=NOW + second // 10 * 10,
        )
        found = world.look()
    assert (found["producers"].events_per_second, found["producers"].lag) == (100.0, 7)
    assert found["kafka"].events_per_second == 200.0
    assert (found["ingestion"].events_per_second, found["ingestion"].lag) == (150.0, 3004)
    assert (found["workers"].events_per_second, found["workers"].lag) == (150.0, 3)
    assert (found["landing"].events_per_second, found["landing"].lag) == (150.0, 0)
    ages = [found[name].freshness_seconds for name in ("kafka", "ingestion", "workers", "landing")]
    assert ages == [3.0, 3.0, 5.0, 0.0]
    assert {found[name].lag_unit for name in ("producers", "landing")} == {"events"}
    assert {found[name].lag_unit for name in ("ingestion", "workers")} == {"records"}
    assert {found[name].status for name in WAY[:5]} == {"ok"}


def test_a_restart_counts_anew_and_a_lost_service_does_not_flow(world: World) -> None:
    for second in range(31):
        world.now = NOW + second
        world.beat(
            "ingestion", pid=1, total=1000 * second, sources={"users": {"messages_per_second": 1000.0}}
        )
        found = world.look()
    assert found["kafka"].events_per_second == 1000.0
    for second in range(31, 62):
        world.now = NOW + second
        said = {"users": {"messages_per_second": 9.0}}
        world.beat("ingestion", pid=2, total=10 * (second - 31), sources=said)
        found = world.look()
        assert found["kafka"].events_per_second <= 10.0
    assert found["kafka"].events_per_second == 10.0
    world.now += 60  # nothing is heard of it
    assert world.look()["kafka"].events_per_second == 0.0


def test_layers_tell_rows_a_second_of_their_commits(
    world: World, add: Any, make_rows: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_rates, "LEAST_SECONDS", 3600.0)
    settings = world.settings
    for number in range(4):
        add(settings, "app_events_bronze", make_rows("app_events_bronze", 50, number * 50))
        add(settings, "app_events_silver", make_rows("app_events_silver", 30, number * 30))
        add(settings, "user_activity_silver", make_rows("user_activity_silver", 7, number * 7))
    # From commit to commit, as deltalake reads the log: the rows of the first came before it.
    history = DeltaTable(str(table_path(settings, "bronze", "app_events_bronze"))).history()
    times = sorted(one["timestamp"] / 1000 for one in history)
    world.now = times[-1] + 6
    first = world.look()
    silent = max(world.now - times[-1] - max(b - a for a, b in pairwise(times)), 0)
    true = 150 / (times[-1] - times[0] + silent)
    assert first["bronze"].events_per_second == pytest.approx(true, abs=0.1)
    world.now += 2
    before = world.look()["silver"].events_per_second
    add(settings, "user_activity_silver", make_rows("user_activity_silver", 5000, 100))
    assert world.look()["silver"].events_per_second == before  # they are made of rows that are in silver
    table = DeltaTable(str(table_path(settings, "silver", "app_events_silver")))
    table.optimize.compact()
    world.now += 1
    assert world.look()["silver"].events_per_second <= before  # no row has come
    world.now += 20_000
    late = world.look()
    assert (late["bronze"].events_per_second, late["bronze"].status) == (0.0, "idle")


def test_freshness_of_layers(world: World, add: Any, make_rows: Callable[..., Any]) -> None:
    add(world.settings, "app_events_silver", make_rows("app_events_silver", 30))
    add(
        world.settings,
        "event_metrics_gold",
        make_rows("event_metrics_gold", 3, metric_date=date(2025, 11, 24)),
    )
    world.now = datetime(2025, 11, 24, 12, 5, 0, tzinfo=UTC).timestamp()
    silver = world.look()["silver"]
    assert silver.freshness_seconds == 300 - 29  # its newest event is of 12:00:29
    world.now = datetime.now(UTC).timestamp() + 100
    gold = world.look()["gold"]
    assert gold.freshness_seconds is not None
    assert 100 <= gold.freshness_seconds < 160  # its hours are written now, whatever hours they are


def test_health_is_that_of_the_report(settings: Settings) -> None:
    settings.data_root.mkdir(parents=True)
    world = World(Settings(paths=settings.paths, health=HealthSettings(lag_records=10, start_seconds=0)))
    for name, state in (
        ("ingestion", "running"),
        ("lakehouse-driver", "degraded"),
        ("stream-worker-1", "failed"),
    ):
        world.beat(name, sources={"app_events": {"lag": 20}} if name == "ingestion" else {})
        world.beats[name].state = state
        world.beats[name].message = f"{name} has a reason"
    from_disk = world.settings.data_root / "run" / "heartbeats"
    from_disk.mkdir(parents=True)

    for name, beat in world.beats.items():
        (from_disk / f"{name}.json").write_bytes(msgspec.json.encode(beat))
    found = world.look()
    assert {name: hop.status for name, hop in found.items()} == {
        "producers": "idle",
        "kafka": "idle",
        "ingestion": "degraded",
        "workers": "failing",
        "landing": "idle",
        "bronze": "idle",
        "silver": "degraded",
        "gold": "degraded",
    }
    assert found["ingestion"].reasons == ["app_events_consumer has 20 records to read; the limit is 10"]
    assert found["workers"].reasons == ["stream-worker-1: stream-worker-1 has a reason"]
    assert ["lakehouse-driver has a reason" in one for one in found["gold"].reasons] == [True]


def test_latency_of_several_processes_is_the_slowest() -> None:
    said = [
        {"latency_ms": {"p50": 10.0, "p95": 90.0}, "newest_at": NOW - 8},
        {"latency_ms": None, "newest_at": NOW - 2},
        {"latency_ms": {"p50": 20.0, "p95": 30.0}, "newest_at": None},
        {},  # of an older version
    ]
    beats = [
        Heartbeat(service=f"ingestion-{number}", pid=number, at=NOW, details={"sources": {"users": one}})
        for number, one in enumerate(said)
    ]
    rates = {rate.name: rate for rate in source_rates(beats, NOW)}
    assert rates["users"].latency_ms == Latency(p50=20.0, p95=90.0)
    assert rates["users"].newest_event_age_seconds == 2.0
    assert (rates["app_events"].latency_ms, rates["app_events"].newest_event_age_seconds) == (None, None)
