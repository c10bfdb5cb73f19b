"""Maintenance: fewer files and the same rows, at any time, and nothing that is needed is removed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from contracts.errors import NotFound, SettingsError
from contracts.settings import Settings
from contracts.sources import APP_EVENTS
from lakehouse.datasets import dataset
from lakehouse.driver.operations import OptimizeRequest, Request, RestoreRequest, VacuumRequest, perform
from lakehouse.embedded import EmbeddedEngine
from lakehouse.maintenance import landing as cleaning
from lakehouse.maintenance import logs
from lakehouse.maintenance import tables as maintenance
from lakehouse.maintenance.steps import Maintenance
from lakehouse.medallion.rounds import Rounds
from lakehouse.storage import commits, tables
from lakehouse.storage.versions import version_at

pytestmark = pytest.mark.heavy

Event = Callable[..., dict[str, Any]]
SILVER = "app_events_silver"


def rounds_of(
    settings: Settings, engine: EmbeddedEngine, landing: Any, events: list[dict[str, Any]]
) -> Rounds:
    """Rounds with a commit in bronze and silver for each event, and one in the tables beyond."""
    rounds = Rounds(settings, engine)
    bronze = next(one for one in rounds.bronze_tables if one.declared.name == "app_events_bronze")
    silver = next(one for one in rounds.silver_tables if one.declared.name == SILVER)
    for event in events:
        landing.add(APP_EVENTS, [event])
        bronze.take(), silver.advance()
    rounds.bronze(), rounds.silver(), rounds.gold()
    return rounds


def path_of(settings: Settings, name: str) -> Path:
    return tables.path_of(settings, dataset(name))


def ids(settings: Settings, name: str = SILVER) -> list[str]:
    return sorted(pl.read_delta(str(path_of(settings, name)))["event_id"].to_list())


def events(make_event: Event, count: int) -> list[dict[str, Any]]:
    start = datetime(2026, 3, 5, 12, tzinfo=UTC)
    return [make_event(f"e{n}", start + timedelta(minutes=n), user_id=f"u{n % 3}") for n in range(count)]


def carry_out(rounds: Rounds, request: Request) -> str:
    steps = list(perform(rounds, request))
    assert steps[-1].state == "done"
    return steps[-1].message


def test_optimize_leaves_the_rows_the_position_and_what_is_stale_alone(
    settings: Settings, landing: Any, make_event: Event, engine: EmbeddedEngine
) -> None:
    with closing(rounds_of(settings, engine, landing, events(make_event, 6))) as rounds:
        before = {
            name: commits.last_metadata(path_of(settings, name)) for name in (SILVER, "app_events_bronze")
        }
        assert "dry run" in carry_out(rounds, OptimizeRequest(dry_run=True))
        assert len(DeltaTable(str(path_of(settings, SILVER))).file_uris()) == 6
        carry_out(rounds, OptimizeRequest())
        for name, known in before.items():
            assert len(DeltaTable(str(path_of(settings, name))).file_uris()) == 1
            after = commits.last_metadata(path_of(settings, name))
            assert known is not None and after is not None
            assert after == {k: v for k, v in known.items() if k not in commits.ABOUT_ROWS}
        assert ids(settings) == ids(settings, "app_events_bronze") == sorted(f"e{n}" for n in range(6))
        versions = [table.version for table in rounds.bronze_tables]
        # Nothing is new, nothing is stale.
        rounds.bronze(), rounds.silver(), rounds.gold()
        assert [table.version for table in rounds.bronze_tables] == versions
        assert sum(rounds.status.lag.values()) == 0
        assert rounds.status.rounds["silver"]["rows"] == rounds.status.rounds["gold"]["rows"] == 0
        landing.add(
            APP_EVENTS, [make_event("new"), make_event("e1", datetime(2026, 3, 5, 12, 1, tzinfo=UTC))]
        )
        rounds.bronze(), rounds.silver()
        assert len(ids(settings)) == 7
        assert carry_out(rounds, OptimizeRequest(table="event_metrics_gold")).startswith("0 ")


def test_closed_days_are_ordered_once(
    settings: Settings, landing: Any, make_event: Event, engine: EmbeddedEngine
) -> None:
    with closing(rounds_of(settings, engine, landing, events(make_event, 4))):
        path, declared = path_of(settings, SILVER), dataset(SILVER)
        open_day = datetime(2026, 3, 5, 23, tzinfo=UTC)
        assert maintenance.due(path, declared, open_day) == []
        # Files of a test are younger than the day that they are about: the clock says that it closes later.
        later = datetime.now(UTC) + timedelta(days=400)
        closing_time = (later - timedelta(hours=2)).replace(hour=1, minute=0)
        closed = pytest.MonkeyPatch()
        closed.setattr(maintenance, "_closed_at", lambda partition: closing_time)
        try:
            (work,) = maintenance.due(path, declared, later)
            assert (work.how, work.files, work.partition) == ("z-order", 4, "2026-03-05")
            outcome = maintenance.rewrite(path, declared, work)
            assert (outcome.files_before, outcome.files_after) == (4, 1)
            assert maintenance.due(path, declared, later) == []
        finally:
            closed.undo()
        assert DeltaTable(str(path)).history(1)[0]["operation"] == "OPTIMIZE"
        assert ids(settings) == ["e0", "e1", "e2", "e3"]


def test_many_small_files_are_compacted_on_an_open_day_too(
    settings: Settings,
    landing: Any,
    make_event: Event,
    engine: EmbeddedEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(maintenance, "SMALL_FILES", 5)
    with closing(rounds_of(settings, engine, landing, events(make_event, 5))) as rounds:
        now = datetime(2026, 3, 5, 23, tzinfo=UTC)
        clock = [0.0]
        steps = Maintenance(settings, rounds, lambda: clock[0], lambda: now)
        steps.step()
        assert steps.done == 0 and steps.due_in() == settings.lakehouse.maintenance_seconds
        clock[0] += steps.due_in()
        while steps.due_in() == 0:
            steps.step()
        assert (steps.done, steps.failed) == (2, 0)
        for name in ("app_events_bronze", SILVER):
            assert len(DeltaTable(str(path_of(settings, name))).file_uris()) == 1
        landing.add(APP_EVENTS, [make_event("later")])
        rounds.bronze(), rounds.silver()
        assert len(ids(settings)) == len(ids(settings, "app_events_bronze")) == 6


def test_vacuum_keeps_time_travel(
    settings: Settings, landing: Any, make_event: Event, engine: EmbeddedEngine
) -> None:
    with closing(rounds_of(settings, engine, landing, events(make_event, 3))) as rounds:
        carry_out(rounds, OptimizeRequest())
        assert carry_out(rounds, VacuumRequest()) == "0 files"
        path = path_of(settings, SILVER)
        assert DeltaTable(str(path), version=2).to_pyarrow_table().num_rows == 2
        old = time.time() - 40 * 86400
        stray = path / "event_date=2026-03-05" / "part-of-a-dead-writer.parquet"
        stray.write_bytes(b"")
        os.utime(stray, (old, old))
        assert "1 files" in carry_out(rounds, VacuumRequest(table=SILVER, dry_run=True)) and stray.exists()
        carry_out(rounds, VacuumRequest(table=SILVER))
        assert not stray.exists()
        assert ids(settings) == ["e0", "e1", "e2"]
        assert DeltaTable(str(path), version=2).to_pyarrow_table().num_rows == 2
        assert commits.last_metadata(path) is not None


def test_restore_goes_back_and_forth_and_is_no_change(
    settings: Settings, landing: Any, make_event: Event, engine: EmbeddedEngine
) -> None:
    with closing(rounds_of(settings, engine, landing, events(make_event, 3))) as rounds:
        path = path_of(settings, SILVER)
        assert "to what version 1 was" in carry_out(
            rounds, RestoreRequest(table=SILVER, version=1, dry_run=True)
        )
        assert len(ids(settings)) == 3
        carry_out(rounds, RestoreRequest(table=SILVER, version=1))
        assert ids(settings) == ["e0"]
        metadata = commits.last_metadata(path)
        assert metadata is not None
        assert metadata["restored"] == {"to": 1, "from": 3} and "hours" not in metadata
        rounds.bronze(), rounds.silver(), rounds.gold()
        assert ids(settings) == ["e0"]
        gold = pl.read_delta(str(path_of(settings, "event_metrics_gold")))
        assert gold["total_events"].sum() == 3
        carry_out(rounds, RestoreRequest(table=SILVER, version=3))
        assert len(ids(settings)) == 3
        landing.add(APP_EVENTS, [make_event("new")])
        rounds.bronze(), rounds.silver(), rounds.gold()
        assert len(ids(settings)) == 4
        for request, error in (
            (RestoreRequest(table=SILVER, version=99), NotFound),
            (RestoreRequest(table=SILVER, at=datetime(2000, 1, 1, tzinfo=UTC)), NotFound),
            (RestoreRequest(table="nix", version=1), NotFound),
            (RestoreRequest(table=SILVER), SettingsError),
        ):
            with pytest.raises(error):
                carry_out(rounds, request)


def test_what_follows_a_restored_table_does_not_take_it_for_news(
    settings: Settings, landing: Any, make_event: Event, engine: EmbeddedEngine
) -> None:
    with closing(rounds_of(settings, engine, landing, events(make_event, 3))) as rounds:
        carry_out(rounds, OptimizeRequest(table="app_events_bronze"))
        carry_out(rounds, RestoreRequest(table="app_events_bronze", version=1))
        carry_out(rounds, RestoreRequest(table="app_events_bronze", version=4))
        rounds.bronze(), rounds.silver()
        assert rounds.status.rounds["silver"]["rows"] == 0
        assert rounds.status.lag[f"{SILVER}_versions"] == 0
        carry_out(rounds, RestoreRequest(table="app_events_bronze", version=3))
        carry_out(rounds, OptimizeRequest())
        metadata = commits.last_metadata(path_of(settings, "app_events_bronze"))
        assert metadata is not None and commits.RESTORED not in metadata
        landing.add(APP_EVENTS, [make_event("new")])
        rounds.bronze(), rounds.silver()
        assert len(ids(settings)) == len(ids(settings, "app_events_bronze")) == 4


def test_the_version_of_a_time(
    settings: Settings, landing: Any, make_event: Event, engine: EmbeddedEngine
) -> None:
    with closing(rounds_of(settings, engine, landing, events(make_event, 5))):
        path = path_of(settings, SILVER)
        history = DeltaTable(str(path)).history()
        for entry in history:
            at = datetime.fromtimestamp(entry["timestamp"] / 1000, UTC)
            newest = max(e["version"] for e in history if e["timestamp"] <= entry["timestamp"])
            assert version_at(path, at) == newest
        assert version_at(path, datetime.now(UTC) + timedelta(days=1)) == 5
        with pytest.raises(NotFound, match="it was made later"):
            version_at(path, datetime(2020, 1, 1, tzinfo=UTC))


def test_landing_loses_only_what_is_in_bronze_and_old(
    settings: Settings, landing: Any, make_event: Event
) -> None:
    from lakehouse.medallion.bronze import BronzeTable

    table = BronzeTable(settings, dataset("app_events_bronze"))
    paths = [landing.add(APP_EVENTS, [make_event(f"e{n}")]) for n in range(6)]
    old = time.time() - 25 * 3600
    for path in paths[:4] + paths[5:]:
        os.utime(path, (old, old))
    assert cleaning.clean(settings, table) == 0  # none of them is in bronze
    for path in paths[3:]:
        path.rename(path.with_name(f".{path.name}"))
    table.take()
    for path in paths[3:]:
        path.with_name(f".{path.name}").rename(path)
    assert cleaning.clean(settings, table) == 3
    table.take()
    # The fifth is young and holds up the sixth, which would stay as the newest in any case.
    assert cleaning.clean(settings, table) == 1
    assert [path.exists() for path in paths] == [False] * 4 + [True] * 2
    os.utime(paths[4], (old, old))
    assert cleaning.clean(settings, table) == 1
    assert cleaning.clean(settings, table) == 0
    assert paths[5].exists()
    landing.add(APP_EVENTS, [make_event("new")])
    assert BronzeTable(settings, dataset("app_events_bronze")).take().rows == 1


def test_landing_keeps_what_bronze_has_passed_over(
    settings: Settings, landing: Any, make_event: Event
) -> None:
    from lakehouse.medallion.bronze import BronzeTable

    table = BronzeTable(settings, dataset("app_events_bronze"))
    paths = [landing.add(APP_EVENTS, [make_event(f"e{n}")]) for n in range(3)]
    intact = paths[0].read_bytes()
    paths[0].write_bytes(b"torn")
    assert table.take().rows == 2
    paths[0].write_bytes(intact)
    old = time.time() - 25 * 3600
    for path in paths:
        os.utime(path, (old, old))
    assert cleaning.clean(settings, table) == 0
    assert table.take().rows == 1
    assert cleaning.clean(settings, table) == 2


def test_checkpoints_are_thinned_and_every_version_can_still_be_read(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    table = tmp_path / "table"
    configuration = {"delta.checkpointInterval": "5", "delta.logRetentionDuration": "interval 30 days"}
    ages = {}
    for version in range(60):
        write_deltalake(table, pa.table({"x": [version]}), mode="append", configuration=configuration)
        if version % 5 == 4:
            ages[version] = timedelta(hours=8 * (60 - version))
    folder = table / "_delta_log"
    for version, age in ages.items():
        at = (now - age).timestamp()
        os.utime(folder / f"{version:020d}.checkpoint.parquet", (at, at))
    assert len(ages) == 12
    assert logs.thin(table, now) > 3
    kept = sorted(int(file.name[:20]) for file in folder.glob("*.checkpoint.parquet"))
    assert kept[0] == 4 and kept[-2:] == [54, 59]
    assert len(kept) <= logs.kept_at_most(8 * 56 / 24)
    assert logs.thin(table, now) == 0
    for version in range(60):
        assert len(DeltaTable(table, version=version).file_uris()) == version + 1
    # The log's own clean-up, later, leaves every version within the retention readable.
    for file in folder.iterdir():
        if file.name[:20].isdecimal() and int(file.name[:20]) < 33:
            os.utime(file, (0, 0))
    DeltaTable(table).cleanup_metadata()
    for version in range(33, 60):
        assert len(DeltaTable(table, version=version).file_uris()) == version + 1
    assert DeltaTable(table, version=33).to_pyarrow_table().num_rows == 34
    assert logs.thin(table, now) == 0
