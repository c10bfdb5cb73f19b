"""Forty days by an injected clock: each table keeps what its policy says, and gold never notices."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from contracts.errors import SettingsError
from contracts.layout import view_folder
from contracts.platform import METRICS, PLATFORM_LANDING
from contracts.settings import Archive, Lakehouse, Paths, Retention, Settings
from contracts.sources import APP_EVENTS, CDC_CHANGES, CLICKSTREAM, EXTERNAL_DATA, USERS
from lakehouse.archive import store
from lakehouse.archive.copying import make
from lakehouse.archive.manifest import PIN
from lakehouse.datasets import DATASETS, ReplaceKeys, Versions, dataset
from lakehouse.driver.operations import OptimizeRequest, RetentionRequest, perform
from lakehouse.driver.refresh import RefreshRequest, refresh
from lakehouse.embedded import EmbeddedEngine
from lakehouse.maintenance.steps import Maintenance
from lakehouse.medallion import platform_landing
from lakehouse.medallion.rounds import Rounds
from lakehouse.retention import view_days
from lakehouse.retention.plan import plan
from lakehouse.retention.policy import kept_from, retention_of
from lakehouse.storage import tables
from lakehouse.storage.delta_log import latest_version
from lakehouse.storage.retained import retained_from

pytestmark = pytest.mark.heavy

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
DAYS = 40
NOW = START + timedelta(days=DAYS - 1, hours=5)
BRONZE, SILVER = 10, 20


def settings_of(root: Path, **retention: Any) -> Settings:
    policy = {
        "bronze_days": BRONZE,
        "silver_days": SILVER,
        "platform_days": 30,
        "views_days": 15,
        **retention,
    }
    return Settings(
        paths=Paths(data=str(root / "data")),
        lakehouse=Lakehouse(engine="embedded", gold_seconds=1),
        archive=Archive(keep=1),
        retention=Retention(**policy),
    )


def events_of(day: int) -> list[dict[str, Any]]:
    at = START + timedelta(days=day)
    own = {"event_type": "purchase", "event_value": 1.0}
    rows = [
        {
            **own,
            "event_id": f"e{day}-{n}",
            "user_id": f"u{(day + n) % 5}",
            "event_timestamp": at + timedelta(minutes=n),
        }
        for n in range(3)
    ]
    return [*rows, {**own, "event_id": f"bad{day}", "event_timestamp": at, "event_value": -1.0}]


def land(settings: Settings, landing: Any, days: range) -> None:
    events, clicks, users, changes, observed, samples = [], [], [], [], [], []
    for day in days:
        at = START + timedelta(days=day)
        events += events_of(day)
        clicks += [
            {
                "click_id": f"c{day}-{n}",
                "user_id": f"u{day % 5}",
                "click_timestamp": at + timedelta(minutes=n),
            }
            for n in range(3)
        ]
        users.append({"user_id": f"u{day % 5}", "updated_at": at, "name": f"name {day}"})
        changes.append(
            {"change_id": f"t/0/{day}", "sequence": f"{day:020d}", "commit_timestamp": at, "after": "{}"}
        )
        observed.append({"record_id": f"r{day}", "observed_at": at})
        samples.append(
            {"sampled_at": at, "component": "ingestion", "metric": "lag", "value": 1.0, "status": "healthy"}
        )
    for source, rows in (
        (APP_EVENTS, events),
        (CLICKSTREAM, clicks),
        (USERS, users),
        (CDC_CHANGES, changes),
        (EXTERNAL_DATA, observed),
    ):
        landing.add(source, rows)
    platform_landing.append(
        settings, METRICS.name, pa.Table.from_pylist(samples, PLATFORM_LANDING[METRICS.name])
    )


def rounds_of(settings: Settings, engine: EmbeddedEngine) -> Rounds:
    engine._handles.clear()
    rounds = Rounds(settings, engine)
    for gold in rounds.gold_tables:
        gold._every = 0
    return rounds


def go_on(rounds: Rounds) -> None:
    rounds.bronze(), rounds.silver(), rounds.gold()
    assert rounds.status.failures == dict.fromkeys(rounds.status.failures, 0), rounds.status.errors


@pytest.fixture(scope="module")
def built(
    tmp_path_factory: pytest.TempPathFactory, make_landing: Callable[[Settings], Any], engine: EmbeddedEngine
) -> tuple[Path, dict[Path, int]]:
    root = tmp_path_factory.mktemp("forty")
    settings = settings_of(root)
    landing = make_landing(settings)
    with closing(rounds_of(settings, engine)) as rounds:
        for days in (range(25), range(25, DAYS)):
            land(settings, landing, days)
            go_on(rounds)
    for day in range(DAYS):
        folder = (
            view_folder(settings, "clickstream_sessions")
            / f"date={START.date() + timedelta(days=day)}/topic_id=t"
        )
        folder.mkdir(parents=True)
        (folder / f"00000-{day:020d}-{day:012d}.parquet").write_bytes(b"x")
    return root, landing._ends


@pytest.fixture
def copy(built: tuple[Path, dict[Path, int]], tmp_path: Path) -> Settings:
    shutil.copytree(built[0], tmp_path, dirs_exist_ok=True)
    return settings_of(tmp_path)


@pytest.fixture
def landed(
    built: tuple[Path, dict[Path, int]], copy: Settings, make_landing: Callable[[Settings], Any]
) -> Any:
    landing = make_landing(copy)
    landing._ends = {copy.data_root / f.relative_to(built[0] / "data"): end for f, end in built[1].items()}
    return landing


def frame(settings: Settings, name: str) -> pl.DataFrame:
    return pl.read_delta(str(tables.path_of(settings, dataset(name))))


def exact(settings: Settings, *layers: str) -> dict[str, list[str]]:
    """Rows of the tables of these layers, and of those that are kept for good."""
    return {
        name: sorted(map(repr, frame(settings, name).rows()))
        for name, declared in DATASETS.items()
        if declared.layer in layers or declared.retention is None
    }


def dates(settings: Settings, name: str, column: str) -> tuple[date, date]:
    days = frame(settings, name)[column].cast(pl.Date)
    found = days.min(), days.max()
    assert isinstance(found[0], date) and isinstance(found[1], date)
    return found[0], found[1]


def a_day_of_maintenance(settings: Settings, rounds: Rounds, now: datetime) -> Maintenance:
    clock = [0.0]
    steps = Maintenance(settings, rounds, lambda: clock[0], lambda: now)
    clock[0] += steps.due_in()
    while steps.due_in() == 0:
        steps.step()
    assert steps.failed == 0
    return steps


def test_each_table_keeps_what_its_policy_says_and_gold_is_as_before(
    copy: Settings, landed: Any, engine: EmbeddedEngine
) -> None:
    before = exact(copy, "gold")
    first, last = START.date(), NOW.date()
    with closing(rounds_of(copy, engine)) as rounds:
        assert a_day_of_maintenance(copy, rounds, NOW).done > 5
        for name, column, days in (
            ("app_events_bronze", "event_date", BRONZE),
            ("clickstream_bronze", "click_date", BRONZE),
            ("external_data_bronze", "observed_date", BRONZE),
            ("app_events_silver", "event_date", SILVER),
            ("clickstream_silver", "session_date", SILVER),
            ("external_data_silver", "observed_date", SILVER),
            ("platform_metrics_silver", "sampled_date", SILVER),
        ):
            assert dates(copy, name, column) == (last - timedelta(days=days), last), name
            assert retained_from(tables.path_of(copy, dataset(name))) == last - timedelta(days=days)
        for name, column in (
            ("users_bronze", "updated_date"),
            ("cdc_changes_bronze", "commit_date"),
            ("user_activity_silver", "activity_date"),
            ("event_metrics_gold", "metric_date"),
            ("daily_summary_gold", "summary_date"),
        ):
            assert dates(copy, name, column) == (first, last), name
        views = view_folder(copy, "clickstream_sessions")
        assert min(folder.name for folder in views.iterdir()) == f"date={last - timedelta(days=15)}"
        assert exact(copy, "gold") == before
        # To followers nothing has happened, now or after a restart, and new rows go their way.
        go_on(rounds)
        assert rounds.status.rounds["silver"]["rows"] == rounds.status.rounds["gold"]["rows"] == 0
    with closing(rounds_of(copy, engine)) as rounds:
        go_on(rounds)
        assert sum(rounds.status.lag.values()) == 0 and exact(copy, "gold") == before
        landed.add(APP_EVENTS, [{"event_id": "new", "event_timestamp": NOW, "user_id": "u9"}])
        go_on(rounds)
        assert frame(copy, "event_metrics_gold")["total_events"].sum() == DAYS * 3 + 1


def test_what_comes_too_late_and_what_is_read_anew_do_not_shrink_what_is_kept(
    copy: Settings, landed: Any, engine: EmbeddedEngine
) -> None:
    before = exact(copy, "gold")
    with closing(rounds_of(copy, engine)) as rounds:
        a_day_of_maintenance(copy, rounds, NOW)
        # A second delivery of an event whose first has been removed, a late one, and late clicks: within a
        # session that silver keeps but bronze has lost, and before all that is kept.
        kept = START + timedelta(days=DAYS - 1 - SILVER + 3, minutes=1, seconds=30)
        landed.add(APP_EVENTS, [events_of(0)[0], {"event_id": "late", "event_timestamp": START}])
        landed.add(
            CLICKSTREAM,
            [{"click_id": "l1", "user_id": f"u{(DAYS - 1 - SILVER + 3) % 5}", "click_timestamp": kept}],
        )
        landed.add(CLICKSTREAM, [{"click_id": "l2", "click_timestamp": START}])
        sessions = frame(copy, "clickstream_silver").sort("session_key").rows()
        go_on(rounds)
        assert frame(copy, "clickstream_silver").sort("session_key").rows() == sessions
        assert exact(copy, "gold") == before
        a_day_of_maintenance(copy, rounds, NOW)
        assert dates(copy, "app_events_silver", "event_date")[0] == NOW.date() - timedelta(days=SILVER)
    # A gold table that finds that its upstream's log no longer reaches back builds anew what it can.
    log = tables.path_of(copy, dataset("app_events_silver")) / "_delta_log"
    with closing(rounds_of(copy, engine)) as rounds:
        for name in ("one", "two"):
            landed.add(APP_EVENTS, [{"event_id": name, "event_timestamp": NOW, "user_id": "u1"}])
            rounds.bronze(), rounds.silver()
    DeltaTable(str(log.parent)).create_checkpoint()
    for file in log.glob("*.json"):
        if int(file.name[:20]) < latest_version(log.parent):
            file.unlink()
    with closing(rounds_of(copy, engine)) as rounds:
        go_on(rounds)
    assert frame(copy, "event_metrics_gold")["total_events"].sum() == DAYS * 3 + 2
    assert frame(copy, "user_activity_silver")["total_events"].sum() == DAYS * 3 + 2
    assert frame(copy, "daily_summary_gold").height == DAYS


def test_building_anew_what_retention_has_removed_is_refused(copy: Settings, engine: EmbeddedEngine) -> None:
    with closing(rounds_of(copy, engine)) as rounds:
        a_day_of_maintenance(copy, rounds, NOW)
        before = exact(copy, "gold", "silver")
        silver_from, bronze_from = (NOW.date() - timedelta(days=days) for days in (SILVER, BRONZE))
        for table, first in (
            ("event_metrics_gold", silver_from),
            ("user_activity_silver", silver_from),
            ("app_events_silver", bronze_from + timedelta(days=1)),
            ("clickstream_silver", bronze_from + timedelta(days=2)),
        ):
            for request in (
                RefreshRequest(table=table, full=True),
                RefreshRequest(table=table, end=NOW.date()),
                RefreshRequest(table=table, start=first - timedelta(days=1)),
            ):
                with pytest.raises(SettingsError, match=f"--from {first}"):
                    list(refresh(rounds, request))
        assert exact(copy, "gold", "silver") == before
        for table, first in (("event_metrics_gold", silver_from), ("app_events_silver", bronze_from)):
            request = RefreshRequest(table=table, start=first + timedelta(days=1))
            assert list(refresh(rounds, request))[-1].rows > 0
        for table in ("daily_summary_gold", "users_silver", "entities_silver"):
            list(refresh(rounds, RefreshRequest(table=table, full=True)))
        after = exact(copy, "gold", "silver")
        assert {name: len(rows) for name, rows in after.items()} == {
            name: len(rows) for name, rows in before.items()
        }


def test_the_command_says_what_would_go_and_archives_come_first(
    copy: Settings, engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(copy.data_root.parent, archive_first="app_events_bronze")
    declared = dataset("app_events_bronze")

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return NOW

    monkeypatch.setattr("lakehouse.driver.operations.datetime", Later)
    with closing(rounds_of(settings, engine)) as rounds:
        shown = list(perform(rounds, RetentionRequest(table="app_events_bronze", dry_run=True)))
        assert len(shown) == DAYS - 1 - BRONZE + 2 and "no archive holds 1 of its 1 files" in shown[0].message
        assert (shown[-1].rows, shown[-1].message) == (0, "dry run, nothing was changed: 0 rows, 0.0 MB")
        list(perform(rounds, RetentionRequest(table="app_events_bronze")))
        assert dates(settings, "app_events_bronze", "event_date")[0] == START.date()
        *_, manifest = make(settings, ["app_events_bronze"])
        # Compacted since, a partition is in no archive.
        list(perform(rounds, OptimizeRequest(table="app_events_bronze")))
        planned = plan(settings, declared, NOW)
        assert len(planned.going) == DAYS - 1 - BRONZE
        *_, end = perform(rounds, RetentionRequest())
        assert end.rows > (DAYS - 1 - BRONZE) * 4 and end.bytes > 0
        assert dates(settings, "app_events_bronze", "event_date")[0] == NOW.date() - timedelta(days=BRONZE)
        # The archive that holds them is not cleaned up by itself.
        assert (store.folder_of(settings, manifest.name) / PIN).exists()  # type: ignore[union-attr]
        list(make(settings)), list(make(settings))
        assert manifest.name in [one.name for one in store.archives(settings)]  # type: ignore[union-attr]
        assert list(perform(rounds, RetentionRequest()))[-1].rows == 0


def test_rows_of_a_table_without_dates_go_by_their_time(copy: Settings, engine: EmbeddedEngine) -> None:
    refused = frame(copy, "quarantine_silver")
    assert refused.height == DAYS
    written = refused["quarantined_at"].max()
    assert isinstance(written, datetime)
    with closing(rounds_of(copy, engine)) as rounds:
        for days, left in ((SILVER, DAYS), (SILVER + 1, 0)):
            planned = plan(copy, dataset("quarantine_silver"), written.astimezone(UTC) + timedelta(days=days))
            assert sum(piece.rows for piece in planned.going) == DAYS - left
            now = written.astimezone(UTC) + timedelta(days=days)
            a_day_of_maintenance(settings_of(copy.data_root.parent, platform_days=999), rounds, now)
            assert frame(copy, "quarantine_silver").height == left


def test_what_others_are_computed_from_as_a_whole_is_kept_for_good() -> None:
    for declared in DATASETS.values():
        if isinstance(declared.build, ReplaceKeys | Versions):
            kept = {name for name in declared.upstream if dataset(name).retention is None}
            assert kept == set(declared.upstream), declared.name
    with pytest.raises(SettingsError, match="at least 15"):
        list(view_days.past(Settings(retention=Retention(views_days=3)), NOW))
    settings = Settings(retention=Retention(bronze_days=1, gold_days=1))
    assert list(view_days.past(settings, NOW)) == []
    assert retention_of(settings, dataset("users_bronze")) is None
    assert retention_of(settings, dataset("app_events_bronze")) == timedelta(days=1)
    assert kept_from(settings, dataset("user_segments_gold"), NOW) is None
