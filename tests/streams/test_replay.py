"""A rebuilt view equals the one before it, and with other windows a recomputation from the events."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from contracts.configuration import load
from contracts.errors import ConflictError, NotFound
from contracts.heartbeat import HeartbeatWriter
from contracts.layout import view_folder
from contracts.settings import Settings
from contracts.sources import APP_EVENTS, CLICKSTREAM, USERS, Source
from contracts.view_lock import rewriting
from contracts.views import windows_query
from streams import replay
from streams.logic import logic_of
from streams.packing import encode
from streams.partition import Partition
from streams.replay import Rebuilt, rebuild
from tests.examples import examples
from tests.streams.feeding import canonical_click, canonical_event, payload_of
from tests.streams.oracle import chain_files, check_rows, from_input, read_by_rule
from tests.streams.scenario import TOPIC_ID
from tests.streams.session_oracle import check_sessions, read_sessions

pytestmark = pytest.mark.heavy

MIDNIGHT = datetime(2026, 3, 6, tzinfo=UTC)
MICRO = 1_000_000
PARTITIONS = (0, 1)


def settings_in(folder: Path, **streams: object) -> Settings:
    defaults: dict[str, object] = {"window_seconds": 60, "grace_seconds": 120, "idle_close_seconds": 3600}
    flags = {f"streams.{name}": value for name, value in (defaults | streams).items()}
    return load(flags={"paths.data": str(folder), **flags}, environ={}).settings


class Stream:
    """Two partitions that take events around midnight, some of them late, in flushes of random size."""

    def __init__(self, settings: Settings, seed: int, source: Source = APP_EVENTS) -> None:
        self.settings = settings
        self.source = source
        self.chance = random.Random(seed)
        self.events: list[tuple[int, dict[str, Any]]] = []
        self.partitions = {number: self._loaded(number) for number in PARTITIONS}
        self.next = dict.fromkeys(PARTITIONS, 0)
        self.clock = MIDNIGHT - timedelta(minutes=10)

    def go_on(self, flushes: int) -> None:
        for _ in range(flushes):
            self.clock += timedelta(seconds=self.chance.randrange(10, 300))
            number = self.chance.choice(PARTITIONS)
            self._arrive(number, self.chance.randrange(1, 20))
            partition = self.partitions[number]
            partition.settle(partition.flush())

    def restart(self, settings: Settings) -> None:
        """New workers, with other settings."""
        self.settings = settings
        self.partitions = {number: self._loaded(number) for number in PARTITIONS}
        for partition in self.partitions.values():
            partition.settle(partition.flush())

    def _loaded(self, number: int) -> Partition:
        partition = Partition(self.settings, self.source, number, TOPIC_ID)
        partition.load({})
        return partition

    def _arrive(self, number: int, count: int) -> None:
        first, chance = self.next[number], self.chance
        events = []
        for offset in range(first, first + count):
            age = chance.choice((0, 1, 20, 90, 240, 3000))
            at = self.clock - timedelta(seconds=age)
            events.append(self._event(f"{number}-{offset}", at))
            self.events.append((number, {**events[-1], "event_timestamp": at.isoformat()}))
        stamp = int(self.clock.timestamp() * 1000)
        data = encode(
            topic_id=TOPIC_ID,
            prev=first - 1,
            first=first,
            through=first + count - 1,
            ingest_timestamp=stamp * 1000,
            offsets=list(range(first, first + count)),
            source_timestamps_ms=[stamp] * count,
            source_systems=["simulator"] * count,
            payload=payload_of(events),
        )
        self.next[number] += count
        self.partitions[number].append(first, data)

    def _event(self, name: str, at: datetime) -> dict[str, Any]:
        chance, moment = self.chance, int(at.timestamp() * MICRO)
        user = f"user-{chance.randrange(6)}"
        if self.source is CLICKSTREAM:
            session = chance.choice((None, "s1"))
            return canonical_click(name, user, moment, session=session, page=f"/{chance.randrange(5)}")
        kind = chance.choice(("purchase", "login", "error"))
        value = chance.randrange(100) / 4 if kind == "purchase" else None
        return canonical_event(name, user, kind, moment, value)


def nothing(topic_id: str, partition: int, offset: int) -> Iterator[pl.DataFrame]:
    yield from ()


def whole_view(settings: Settings) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Every column of the view by the reading rule, but for the revision, by key."""
    files = f"{view_folder(settings, 'events_aggregated_realtime')}/date=*/topic_id=*/[0-9]*.parquet"
    relation = f"read_parquet('{files}', hive_partitioning = true)"
    rows = duckdb.sql(
        f"SELECT * EXCLUDE (revision) FROM ({windows_query(relation)}) "
        "ORDER BY source_partition, window_start, user_id, event_type, app_type"
    ).fetchall()
    return {(*row[:5], row[12]): row[5:] for row in rows}


def again(settings: Settings, **options: Any) -> Rebuilt:
    return rebuild(settings, APP_EVENTS, MIDNIGHT - timedelta(days=1), None, nothing, **options)


@hypothesis_settings(max_examples=examples(4), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_a_rebuilt_view_equals_the_one_before(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    stream = Stream(settings_in(tmp_path_factory.mktemp("view")), seed)
    stream.go_on(12)
    before = whole_view(stream.settings)
    done = again(stream.settings)
    assert whole_view(stream.settings) == before
    assert done.rows_read == len(stream.events)
    assert again(stream.settings).files_removed == done.files_written
    assert whole_view(stream.settings) == before
    stream.go_on(5)  # the workers have gone on with what they had
    check_rows(read_by_rule(stream.settings), from_input(stream.settings, stream.events))


@pytest.mark.parametrize("changes", [{"window_seconds": 45}, {"grace_seconds": 1}, {"grace_seconds": 900}])
def test_after_a_change_of_the_windows_it_is_the_recomputation(
    tmp_path: Path, changes: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "EMIT_ROWS", 7)
    stream = Stream(settings_in(tmp_path), 1)
    stream.go_on(12)
    changed = settings_in(tmp_path, **changes)
    stream.restart(changed)
    stream.go_on(3)
    again(changed)
    check_rows(read_by_rule(changed), from_input(changed, stream.events))
    stream.go_on(5)
    check_rows(read_by_rule(changed), from_input(changed, stream.events))


def test_sessions_are_rebuilt_across_midnight_and_by_another_gap(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, session_gap_seconds=400)
    stream = Stream(settings, 8, CLICKSTREAM)
    stream.go_on(14)
    check_sessions(settings, TOPIC_ID, PARTITIONS)
    before = read_sessions(settings, "* EXCLUDE (revision)")
    done = rebuild(settings, CLICKSTREAM, MIDNIGHT, None, nothing)
    assert done.rows_written and read_sessions(settings, "* EXCLUDE (revision)") == before
    stream.go_on(4)
    check_sessions(settings, TOPIC_ID, PARTITIONS)
    changed = settings_in(tmp_path, session_gap_seconds=150)
    rebuild(changed, CLICKSTREAM, MIDNIGHT - timedelta(days=1), None, nothing)
    check_sessions(changed, TOPIC_ID, PARTITIONS, landed_so=False)


def test_what_landing_no_longer_has_comes_from_bronze(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "RUN_ROWS", 11)
    stream = Stream(settings_in(tmp_path), 3)
    stream.go_on(14)
    bronze: dict[int, list[pl.DataFrame]] = {number: [] for number in PARTITIONS}
    for number in PARTITIONS:
        for path in chain_files(stream.settings, APP_EVENTS, TOPIC_ID, number)[:-2]:
            bronze[number].append(pl.read_parquet(path, hive_partitioning=False))
            path.unlink()

    def rows(topic_id: str, partition: int, offset: int) -> Iterator[pl.DataFrame]:
        assert topic_id == TOPIC_ID
        yield from bronze[partition]

    changed = settings_in(tmp_path, window_seconds=30)
    done = rebuild(changed, APP_EVENTS, MIDNIGHT - timedelta(days=1), None, rows)
    assert done.rows_from_bronze == sum(frame.height for many in bronze.values() for frame in many)
    check_rows(read_by_rule(changed), from_input(changed, stream.events))


def test_only_the_days_that_were_named_are_replaced(tmp_path: Path) -> None:
    stream = Stream(settings_in(tmp_path), 4)
    stream.go_on(14)
    before = whole_view(stream.settings)
    root = view_folder(stream.settings, "events_aggregated_realtime")
    kept = set(root.glob("date=2026-03-05/*/*.parquet"))
    gone = set(root.glob("date=2026-03-06/*/*.parquet"))
    assert kept and gone
    done = rebuild(stream.settings, APP_EVENTS, MIDNIGHT, MIDNIGHT, nothing)
    assert done.files_removed == len(gone)
    assert set(root.glob("date=2026-03-05/*/*.parquet")) == kept
    assert not set(root.glob("date=2026-03-06/*/*.parquet")) & gone
    assert whole_view(stream.settings) == before


def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    stream = Stream(settings_in(tmp_path), 5)
    stream.go_on(10)
    files = sorted(tmp_path.rglob("*.parquet"))
    done = again(stream.settings, dry_run=True)
    assert sorted(tmp_path.rglob("*.parquet")) == files
    real = again(stream.settings)
    assert (done.rows_written, done.files_written, done.files_removed) == (
        real.rows_written,
        real.files_written,
        real.files_removed,
    )


def test_a_worker_of_other_logic_or_another_rebuild_refuses_it(tmp_path: Path) -> None:
    stream = Stream(settings_in(tmp_path), 6)
    stream.go_on(5)
    worker = HeartbeatWriter(stream.settings, "stream-worker-1")
    old = logic_of(APP_EVENTS, settings_in(tmp_path, window_seconds=5))
    worker.beat(details={"logic": {"app_events": old}}, force=True)
    with pytest.raises(ConflictError, match="stream-worker-1"):
        again(stream.settings)
    worker.beat(details={"logic": {"app_events": logic_of(APP_EVENTS, stream.settings)}}, force=True)
    with rewriting(stream.settings, "events_aggregated_realtime"), pytest.raises(ConflictError):
        again(stream.settings)
    again(stream.settings)


def test_a_source_without_a_view_says_which_have_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="app_events"):
        rebuild(settings_in(tmp_path), USERS, MIDNIGHT, None, nothing)
