"""Faults that are put into a lakehouse: each is found by the check that is for it, with the right figures; a
clean one raises nothing. What is expected is computed by polars."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake

from contracts.errors import NotFound, SettingsError
from contracts.platform import RESULTS
from contracts.settings import Settings
from contracts.sources import APP_EVENTS
from lakehouse.datasets import DATASETS
from lakehouse.embedded import EmbeddedEngine
from lakehouse.medallion import platform_landing
from lakehouse.medallion.bronze import BronzeTable
from lakehouse.medallion.rounds import Rounds
from lakehouse.quality import Finding, check
from lakehouse.storage import commits
from tests.lakehouse import seeded, simulated
from tests.lakehouse.conftest import NOON, Landing
from tests.lakehouse.seeded import append, copy, delete, frame, path_of, rewrite, rows_of, with_values

pytestmark = pytest.mark.heavy

DAY = date(2026, 3, 5)


@pytest.fixture(scope="module")
def engine() -> Iterator[EmbeddedEngine]:
    made = EmbeddedEngine(Settings())
    yield made
    made.close()


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory, engine: EmbeddedEngine) -> Settings:
    return seeded.build(tmp_path_factory.mktemp("clean") / "data", engine, seeded.clean_batches(7))


@pytest.fixture
def broken(clean: Settings, tmp_path: Path) -> Settings:
    """A copy to be broken."""
    return copy(clean, tmp_path / "data")


def found(settings: Settings, table: str, **options: Any) -> dict[str, Finding]:
    findings = check(settings, tables=(table,), **options)
    by_rule = {one.rule: one for one in findings}
    assert len(by_rule) == len(findings)
    return by_rule


def failing(settings: Settings, table: str, **options: Any) -> dict[str, Finding]:
    return {rule: one for rule, one in found(settings, table, **options).items() if not one.passed}


def test_a_clean_lakehouse_raises_nothing_and_every_declared_rule_is_asked(broken: Settings) -> None:
    findings = check(broken)
    assert [one.message for one in findings if not one.passed] == []
    asked = {(one.table, one.rule) for one in findings}
    for name, declared in DATASETS.items():
        assert {(name, rule.name) for rule in (*declared.rules, *declared.set_rules)} <= asked
        assert {(name, rule) for rule in ("schema", "schema_unknown", "schema_required", "readable")} <= asked
    for name in ("app_events_silver", "event_metrics_gold", "hourly_metrics_gold", "daily_summary_gold"):
        assert frame(broken, name).height == next(
            one.rows_checked for one in findings if (one.table, one.rule) == (name, "schema_required")
        )
    (landed,) = platform_landing.read(broken, RESULTS.name)
    assert landed.num_rows == len(findings)
    assert set(landed["run_id"].to_pylist()) == {findings[0].run_id}
    assert all(one.message.endswith(".") and ".." not in one.message for one in findings)


@pytest.mark.parametrize("seed", [1, 2])
def test_what_rules_refuse_and_deliveries_that_come_again_are_accounted_for(
    seed: int, tmp_path: Path, engine: EmbeddedEngine
) -> None:
    settings = seeded.build(tmp_path / "data", engine, simulated.batches(seed))
    findings = check(settings)
    faults = {(one.table, one.rule): one for one in findings if not one.passed}
    assert {table for table, _ in faults} <= {name for name in DATASETS if name.endswith("_bronze")}
    bronze, silver = frame(settings, "app_events_bronze"), frame(settings, "app_events_silver")
    refused = frame(settings, "quarantine_silver").height
    (complete,) = (one for one in findings if (one.table, one.rule) == ("app_events_silver", "complete"))
    duplicates = bronze.height - silver.height - refused
    assert duplicates > 0 and refused > 0
    assert complete.message == (
        f"{bronze.height} rows of app_events_bronze are {silver.height} in app_events_silver, {refused} "
        f"quarantined and {duplicates} duplicates."
    )
    negative = bronze.filter(pl.col("event_value") < 0).height
    assert faults["app_events_bronze", "negative_event_value"].rows_failed == negative > 0
    flagged = bronze.filter(pl.col("quality_flags").list.contains("duplicate_in_batch")).height
    assert faults["app_events_bronze", "duplicate_in_batch"].rows_failed == flagged > 0


def test_rows_without_a_required_value(broken: Settings) -> None:
    rewrite(broken, "app_events_silver", with_values("user_id", {0: None, 2: None}))
    rewrite(broken, "app_events_silver", with_values("event_type", {2: None}))
    faults = failing(broken, "app_events_silver")
    total = frame(broken, "app_events_silver").height
    required = faults["schema_required"]
    assert (required.rows_failed, required.rows_checked, required.severity) == (2, total, "fail")
    assert "user_id in 2 rows, event_type in 1 row" in required.message
    assert "for example event_id 'e-" in required.message and len(required.samples) == 2
    share = faults["user_id_null_share"]
    assert share.rows_failed == 2
    said = f"2 of {total} rows have no user_id, that is {2 / total:.2%}; at most 0% may"
    assert share.message.startswith(said)


def test_rows_that_come_twice(broken: Settings) -> None:
    again = rows_of(broken, "app_events_silver")[:3]
    later = again[0] | {"event_timestamp": again[0]["event_timestamp"] + timedelta(minutes=20)}
    append(broken, "app_events_silver", [*again, later])
    faults = failing(broken, "app_events_silver")
    unique, total = faults["key_unique"], frame(broken, "app_events_silver").height
    assert unique.rows_failed == 4
    assert unique.message.startswith(
        f"4 of {total} rows of app_events_silver repeat the event_id of another within 1 h"
    )
    assert sorted(f"event_id {row['event_id']!r}" for row in again) == sorted(unique.samples)
    assert faults["complete"].message.startswith(
        "4 rows of app_events_silver come from a row of app_events_bronze that another comes from"
    )
    # Beyond the window an id is another event.
    assert set(faults) == {"key_unique", "complete"}
    users = rows_of(broken, "users_silver")[:2]
    append(broken, "users_silver", users)
    fault = failing(broken, "users_silver")["user_id_unique"]
    assert fault.rows_failed == 2 and len(fault.samples) == 2
    assert users[0]["user_id"] not in fault.message  # it is stored, for whoever may read


def test_values_out_of_range(broken: Settings) -> None:
    def worse(rows: pa.Table) -> pa.Table:
        rows = with_values("event_value", {0: float("inf"), 1: float("nan"), 2: -1.0})(rows)
        return with_values("event_type", {2: "purchase"})(rows)

    rewrite(broken, "app_events_silver", worse)
    faults = failing(broken, "app_events_silver")
    silver = frame(broken, "app_events_silver")
    infinite = silver.filter(~pl.col("event_value").is_finite()).height
    assert faults["event_value_not_finite"].rows_failed == infinite == 2
    assert faults["negative_purchase"].rows_failed == 1
    assert faults["negative_purchase"].severity == "quarantine"
    assert "Money spent is not negative" in faults["negative_purchase"].message
    rewrite(broken, "hourly_metrics_gold", with_values("error_rate", {0: 1.5, 1: float("nan")}))
    fault = failing(broken, "hourly_metrics_gold")["error_rate_out_of_range"]
    assert (fault.rows_failed, fault.severity) == (2, "fail")


def test_an_hour_that_is_missing_in_silver_and_in_gold(broken: Settings) -> None:
    counts = frame(broken, "app_events_silver").group_by("event_date", "event_hour").len().sort("len")
    day, hour, rows = counts.row(-1)
    assert delete(broken, "app_events_silver", f"event_date = '{day}' AND event_hour = {hour}") == rows
    faults = failing(broken, "app_events_silver")
    place = f"{day} {hour:02d}h ({rows} rows)"
    total = frame(broken, "app_events_bronze").height
    assert faults["complete"].message.startswith(
        f"{rows} of {total} rows of app_events_bronze are neither in app_events_silver nor quarantined nor "
        f"duplicates: {place}"
    )
    assert (faults["complete"].rows_failed, len(faults["complete"].samples)) == (rows, min(rows, 5))
    assert (
        faults["hours_present"].message
        == f"1 hour of app_events_bronze has no row in app_events_silver: {place}."
    )
    gone = delete(broken, "event_metrics_gold", f"metric_date = '{day}' AND metric_hour = {hour}")
    faults = failing(broken, "event_metrics_gold")
    assert faults["hours_present"].message == (
        f"1 hour of app_events_silver has no row in event_metrics_gold: {day} {hour:02d}h ({rows} events)."
    )
    said = f"metric_date {day}, metric_hour {hour} has 0, not {rows}"
    assert said in faults["total_events_of_app_events_silver"].message
    assert faults["equals_silver"].rows_failed == gone
    assert "is missing" in faults["equals_silver"].message


def test_an_hour_that_is_missing_in_bronze(settings: Settings, landing: Landing) -> None:
    hours = [0, 1, 2, 5, 6, 7, 9]
    rows = [
        {"event_id": f"{hour}-{n}", "event_timestamp": NOON + timedelta(hours=hour, seconds=n)}
        for hour in hours
        for n in range(25)
    ]
    late = {"event_id": "late", "event_timestamp": NOON - timedelta(days=2)}
    landing.add(APP_EVENTS, [*rows, late])
    BronzeTable(settings, DATASETS["app_events_bronze"]).take()
    fault = found(settings, "app_events_bronze")["hours_present"]
    assert (fault.passed, fault.rows_failed) == (False, 3)
    assert fault.message == (
        "app_events_bronze: 3 hours between the first and the last have no row: "
        "2026-03-05 15h to 2026-03-05 16h; 2026-03-05 20h."
    )


def test_an_hour_with_far_fewer_rows_than_usual(settings: Settings, landing: Landing) -> None:
    rows = []
    for day in range(8):
        for hour in (0, 1, 2):
            count = 4 if (day, hour) == (7, 1) else 40
            at = NOON + timedelta(days=day, hours=hour)
            rows += [{"event_id": f"{day}-{hour}-{n}", "event_timestamp": at} for n in range(count)]
    landing.add(APP_EVENTS, rows)
    BronzeTable(settings, DATASETS["app_events_bronze"]).take()
    fault = found(settings, "app_events_bronze")["usual_level"]
    assert (fault.passed, fault.rows_failed, fault.rows_checked) == (False, 1, 3)
    assert "2026-03-12 13h has 4, usually 40" in fault.message
    last = (NOON + timedelta(days=7)).date()
    ranged = found(settings, "app_events_bronze", from_=last)["usual_level"]
    assert ranged.message == fault.message


def test_columns_that_drifted(broken: Settings) -> None:
    rows = rows_of(broken, "external_data_silver")
    path = path_of(broken, "external_data_silver")
    schema = DATASETS["external_data_silver"].schema
    extra = pa.Table.from_pylist(rows[:1], schema).append_column("colour", pa.array(["red"]))
    write_deltalake(str(path), extra, mode="append", schema_mode="merge", partition_by=["observed_date"])
    faults = failing(broken, "external_data_silver")
    assert (faults["schema_unknown"].severity, faults["schema_unknown"].rows_failed) == ("flag", 1)
    assert "has columns that are not declared: colour" in faults["schema_unknown"].message
    other = pa.schema([field for field in schema if field.name not in ("unit", "metric")])
    other = other.set(other.get_field_index("value"), pa.field("value", pa.string()))
    told = [row | {"value": "much"} for row in rows]
    write_deltalake(
        str(path),
        pa.Table.from_pylist([{n: row[n] for n in other.names} for row in told], other),
        mode="overwrite",
        schema_mode="overwrite",
        partition_by=["observed_date"],
    )
    faults = failing(broken, "external_data_silver")
    for text in ("lacks the column metric", "lacks the column unit", "the column value (string, not double)"):
        assert text in faults["schema"].message
    assert faults["schema_required"].rows_failed == len(rows)


def test_a_file_with_a_column_of_another_type(broken: Settings) -> None:
    def as_text(rows: pa.Table) -> pa.Table:
        at = rows.schema.get_field_index("total_events")
        return rows.set_column(at, "total_events", rows["total_events"].cast(pa.string()))

    rewrite(broken, "event_metrics_gold", as_text)
    fault = failing(broken, "event_metrics_gold")["schema"]
    assert "has the column total_events (string, not int64) in 1 file" in fault.message


def test_a_table_that_is_behind_and_one_for_which_nothing_comes(broken: Settings) -> None:
    quiet = found(broken, "app_events_silver")["freshness"]
    newest = frame(broken, "app_events_silver")["event_timestamp"].max()
    assert quiet.passed and quiet.message.startswith(
        f"Nothing is late: no event has come since {newest:%Y-%m-%d %H:%M:%S} UTC"
    )
    landing = Landing(broken)
    for number in (1, 2):
        # Beside the chains that were copied: they go on elsewhere.
        landing.add(APP_EVENTS, [{"event_id": f"new-{number}"}], partition=7)
        BronzeTable(broken, DATASETS["app_events_bronze"]).take()
    seeded.backdate(broken, "app_events_bronze", 7200, newest=2)
    late = found(broken, "app_events_silver")
    assert not late["freshness"].passed and late["freshness"].rows_failed == 2
    assert "app_events_silver is 2 h" in late["freshness"].message
    assert "behind: 2 versions of app_events_bronze since" in late["freshness"].message
    # What is on its way is not lost.
    assert late["complete"].passed
    assert found(broken, "event_metrics_gold")["freshness"].passed


def test_landing_that_is_not_taken(broken: Settings) -> None:
    path = Landing(broken).add(APP_EVENTS, [{"event_id": "waits"}], partition=7)
    waits = found(broken, "app_events_bronze")["freshness"]
    assert waits.passed and "On the way" in waits.message and "1 landing file" in waits.message
    before = path.stat().st_mtime - 600
    os.utime(path, (before, before))
    late = found(broken, "app_events_bronze")["freshness"]
    assert not late.passed and "10 min" in late.message and "1 landing file since" in late.message


def test_gold_that_is_not_what_silver_gives(broken: Settings) -> None:
    rewrite(broken, "event_metrics_gold", with_values("max_event_value", {0: 77.25}))
    fault = failing(broken, "event_metrics_gold")
    assert set(fault) == {"equals_silver"}
    assert fault["equals_silver"].rows_failed == 1
    assert "max_event_value is 77.25, not" in fault["equals_silver"].message
    rewrite(broken, "event_metrics_gold", with_values("total_events", {0: 1_000}))
    assert set(failing(broken, "event_metrics_gold")) == {
        "equals_silver",
        "total_events_of_app_events_silver",
    }
    rewrite(broken, "hourly_metrics_gold", with_values("late_events", {0: 50, 1: 51}))
    assert failing(broken, "hourly_metrics_gold")["equals_silver"].rows_failed == 2
    rewrite(broken, "daily_summary_gold", with_values("new_users", {0: 99}))
    assert "new_users is 99, not" in failing(broken, "daily_summary_gold")["equals_silver"].message
    rewrite(broken, "user_activity_silver", with_values("total_sessions", {0: 40}))
    activity = failing(broken, "user_activity_silver")
    assert set(activity) == {"total_sessions_of_clickstream_silver"}
    rewrite(broken, "users_silver", with_values("total_events", {0: 4_000}))
    users = failing(broken, "users_silver")["total_events_of_user_activity_silver"]
    assert users.rows_failed == 1 and "4,000, not" in users.samples[0]


def test_what_gold_has_put_off_is_not_wrong(broken: Settings) -> None:
    day, hour = frame(broken, "event_metrics_gold").select("metric_date", "metric_hour").row(0)
    where = f"metric_date = '{day}' AND metric_hour = {hour}"
    table = DeltaTable(str(path_of(broken, "event_metrics_gold")))
    told = commits.last_metadata(path_of(broken, "event_metrics_gold"))
    assert told is not None
    put_off = commits.as_custom_metadata(told | {"deferred": [commits.hour_text(day, hour)]})
    table.delete(where, commit_properties=CommitProperties(custom_metadata=put_off))
    results = found(broken, "event_metrics_gold")
    assert [one.message for one in results.values() if not one.passed] == []
    assert "slice that was put off" in results["freshness"].message


def test_a_user_that_nobody_knows(broken: Settings) -> None:
    row = rows_of(broken, "user_segments_gold")[0]
    append(broken, "user_segments_gold", [row | {"user_id": "nobody"}, row | {"user_id": "no one"}])
    faults = failing(broken, "user_segments_gold")
    assert set(faults) == {"user_id_in_users_silver"}
    fault = faults["user_id_in_users_silver"]
    assert fault.rows_failed == 2
    assert set(fault.samples) == {"user_id 'nobody'", "user_id 'no one'"}
    assert "2 of 9 rows of user_segments_gold have a user_id that users_silver does not have" in fault.message


def test_clicks_that_are_in_no_session(broken: Settings) -> None:
    sessions = frame(broken, "clickstream_silver")
    key, clicks = sessions.select("session_key", "click_count").row(0)
    delete(broken, "clickstream_silver", f"session_key = '{key}'")
    fault = failing(broken, "clickstream_silver")["complete"]
    assert fault.rows_failed == clicks
    assert fault.message.startswith(f"{clicks} click")


def test_a_row_that_bronze_does_not_have(broken: Settings) -> None:
    row = rows_of(broken, "external_data_silver")[0]
    append(broken, "external_data_silver", [row | {"record_id": "made up", "source_offset": 10**9}])
    fault = failing(broken, "external_data_silver")["complete"]
    assert fault.rows_failed == 1
    assert "1 row of external_data_silver is not in external_data_bronze" in fault.message
    assert fault.samples == ("record_id 'made up'",)


def test_files_that_cannot_be_read_or_were_passed_over(settings: Settings, landing: Landing) -> None:
    landing.add(APP_EVENTS, [{"event_id": "a"}])
    path = landing.add(APP_EVENTS, [{"event_id": "b"}, {"event_id": "c"}])
    landing.add(APP_EVENTS, [{"event_id": "d"}])
    path.write_bytes(b"no Parquet")
    bronze = BronzeTable(settings, DATASETS["app_events_bronze"])
    bronze.take()
    bronze.take()
    fault = failing(settings, "app_events_bronze")["chains_whole"]
    assert fault.rows_failed == 2 and "1 to 2 of" in fault.message
    for file in DeltaTable(str(bronze.path)).file_uris():
        Path(file).unlink()
    unreadable = failing(settings, "app_events_bronze")
    assert set(unreadable) == {"readable"}
    assert unreadable["readable"].message.startswith("app_events_bronze cannot be read: ")


def test_dates_choose_rows_of_every_kind_of_table(broken: Settings) -> None:
    rewrite(broken, "app_events_silver", with_values("event_value", {0: float("inf")}))
    bad = frame(broken, "app_events_silver").filter(pl.col("event_value").is_infinite())["event_date"][0]
    other = bad + timedelta(days=1) if bad < date(2026, 3, 6) else bad - timedelta(days=1)
    assert set(failing(broken, "app_events_silver", from_=bad, to=bad)) == {"event_value_not_finite"}
    assert failing(broken, "app_events_silver", from_=other, to=other) == {}
    for name, column in (
        ("app_events_bronze", "event_date"),
        ("app_events_silver", "event_date"),
        ("clickstream_silver", "session_date"),
        ("user_activity_silver", "activity_date"),
        ("event_metrics_gold", "metric_date"),
        ("daily_summary_gold", "summary_date"),
    ):
        rows = frame(broken, name).filter(pl.col(column).is_between(DAY, DAY)).height
        results = found(broken, name, from_=DAY, to=DAY)
        assert results["schema_required"].rows_checked == rows > 0, name
        bad_rows = [one.message for one in results.values() if not one.passed]
        assert name == "app_events_silver" or bad_rows == [] or bad == DAY, bad_rows
    entities = frame(broken, "entities_silver")
    rows = entities.filter(pl.col("valid_from").dt.date() == DAY).height
    assert found(broken, "entities_silver", from_=DAY, to=DAY)["schema_required"].rows_checked == rows > 0
    users = found(broken, "users_silver", from_=DAY, to=DAY)
    assert users["schema_required"].rows_checked == frame(broken, "users_silver").height
    empty = found(broken, "app_events_silver", from_=date(2020, 1, 1), to=date(2020, 1, 2))
    assert empty["schema_required"].rows_checked == 0
    assert [one.message for one in empty.values() if not one.passed] == []


def test_a_lakehouse_that_goes_on_is_well(broken: Settings, engine: EmbeddedEngine) -> None:
    rounds = Rounds(broken, engine)
    Landing(broken).add(APP_EVENTS, [{"event_id": f"on-{n}"} for n in range(5)], partition=7)
    rounds.bronze()
    between = check(broken, record=False)
    assert [one.message for one in between if not one.passed] == []
    seeded.advance(rounds)
    rounds.close()
    after = check(broken, record=False)
    assert [one.message for one in after if not one.passed] == []


def test_what_is_asked_wrongly(clean: Settings, settings: Settings) -> None:
    with pytest.raises(NotFound) as caught:
        check(clean, tables=("app_event_silver",))
    assert caught.value.suggestions[0] == "app_events_silver"
    with pytest.raises(SettingsError, match="after"):
        check(clean, from_=DAY, to=DAY - timedelta(days=1))
    with pytest.raises(NotFound, match="has not been written yet"):
        check(settings, tables=("app_events_silver",))
    assert check(settings) == []
    assert platform_landing.names(settings, RESULTS.name) == ()
