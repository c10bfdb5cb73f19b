"""Rules over made-up rows against polars; the score; what is usual; and results as they are kept and read."""

from __future__ import annotations

import shutil
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from contracts.layout import run_folder
from contracts.platform import RESULTS
from contracts.settings import Settings
from lakehouse.catalog import Catalog
from lakehouse.datasets import DATASETS, dataset
from lakehouse.medallion import platform_landing
from lakehouse.medallion.bronze import BronzeTable
from lakehouse.quality import Finding, check, score
from lakehouse.quality.checking import checking
from lakehouse.quality.findings import WEIGHTS, worst
from lakehouse.quality.hours import DENSE_ROWS, missing, unusual
from lakehouse.quality.results import Results, record
from lakehouse.reading.snapshots import Snapshots
from lakehouse.storage import tables
from tests.examples import examples
from tests.lakehouse.conftest import NOON
from tests.lakehouse.seeded import append, frame, settings_at

HOUR = timedelta(hours=1)
EVENT = {
    "app_type": "web",
    "source_topic": "topic_app_events",
    "source_partition": 0,
    "source_timestamp": NOON,
    "ingest_timestamp": NOON,
    "source_system": "test",
    "is_late": False,
    "load_timestamp": NOON,
}

rows = st.lists(
    st.fixed_dictionaries(
        {
            "event_id": st.sampled_from(["a", "b", "c", "d"]),
            "user_id": st.sampled_from(["u", "v"]),
            "event_type": st.sampled_from(["purchase", "login"]),
            "event_value": st.sampled_from([None, -1.0, 0.0, 2.5, float("nan"), float("inf")]),
            "minutes": st.integers(-70, 200),
        }
    ),
    max_size=25,
)


@given(rows=rows)
@hypothesis_settings(max_examples=examples(30), deadline=None)
def test_counts_are_those_of_polars(rows: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as root:
        settings = settings_at(Path(root))
        tables.create(settings, dataset("app_events_silver"))
        full = [
            EVENT
            | {name: value for name, value in row.items() if name != "minutes"}
            | {
                "event_timestamp": (at := NOON + timedelta(minutes=row["minutes"])),
                "event_date": at.date(),
                "event_hour": at.hour,
                "source_offset": number,
            }
            for number, row in enumerate(rows)
        ]
        for part in (full[::2], full[1::2]):
            if part:
                append(settings, "app_events_silver", part)
        by_rule = {one.rule: one for one in check(settings, tables=("app_events_silver",), record=False)}
        assert {one.rows_checked for rule, one in by_rule.items() if "schema" not in rule} == {len(rows)}
        if not rows:
            assert all(one.passed for one in by_rule.values())
            return
        known = frame(settings, "app_events_silver")
        value = pl.col("event_value")
        wanted = {
            "negative_purchase": known.filter((pl.col("event_type") == "purchase") & (value < 0)).height,
            "event_value_not_finite": known.filter(value.is_not_null() & ~value.is_finite()).height,
            "user_id_null_share": 0,
            "key_unique": known.sort("event_timestamp")
            .with_columns(since=pl.col("event_timestamp").diff().over("event_id"))
            .filter(pl.col("since") <= HOUR)
            .height,
        }
        assert {rule: by_rule[rule].rows_failed for rule in wanted} == wanted
        assert {rule: by_rule[rule].passed for rule in wanted} == {r: not n for r, n in wanted.items()}


@given(
    st.lists(st.tuples(st.sampled_from(["flag", "quarantine", "fail"]), st.booleans()), max_size=12),
    st.sampled_from(["flag", "quarantine", "fail"]),
)
def test_the_score_weighs_severities(rules: list[tuple[Any, bool]], least: Any) -> None:
    findings = [finding(f"r{n}", severity, passed) for n, (severity, passed) in enumerate(rules)]
    reached = score(findings)
    assert 0 <= reached <= 1
    assert (reached == 1) == all(passed for _, passed in rules)
    if rules:
        held = sum(WEIGHTS[severity] for severity, passed in rules if passed)
        assert reached == round(held / sum(WEIGHTS[severity] for severity, _ in rules), 4)
    order = ["flag", "quarantine", "fail"]
    graver = [not passed and order.index(severity) >= order.index(least) for severity, passed in rules]
    assert len(worst(findings, least)) == sum(graver)


@given(
    first=st.integers(0, 1000),
    present=st.lists(st.booleans(), min_size=2, max_size=60),
    rows=st.integers(1, 2 * DENSE_ROWS),
)
def test_hours_are_missing_between_the_first_and_the_last_where_rows_are_dense(
    first: int, present: list[bool], rows: int
) -> None:
    counts = {first + n: rows for n, there in enumerate(present) if there}
    wanted = [h for h in range(min(counts, default=0), max(counts, default=0)) if h not in counts]
    assert missing(counts) == (wanted if rows >= DENSE_ROWS else [])


@given(
    days=st.integers(1, 14),
    usual=st.integers(1, 10_000),
    now=st.integers(0, 10_000),
    wobble=st.lists(st.integers(-2, 2), min_size=14, max_size=14),
)
def test_only_an_hour_far_below_the_usual_is_low(days: int, usual: int, now: int, wobble: list[int]) -> None:
    newest = 1000
    counts = {newest - 1 - 24 * back: max(usual + wobble[back - 1], 0) for back in range(1, days + 1)}
    low, compared = unusual(counts | {newest - 1: now}, newest)
    assert compared <= int(days >= 5)
    if low:
        assert now < usual / 2 + 2 and low[0].rows == now
    if compared and usual > 200 and now < usual / 3:
        assert low


def finding(rule: str, severity: Any, passed: bool, **values: Any) -> Finding:
    told: dict[str, Any] = {
        "run_id": "run",
        "checked_at": NOON,
        "table": "app_events_silver",
        "rows_checked": 10,
        "rows_failed": 0 if passed else 3,
        "message": "So it is.",
    }
    return Finding(rule=rule, severity=severity, passed=passed, **(told | values))


def run(settings: Settings, number: int, table: str, passed: bool, at: datetime) -> None:
    findings = [
        finding("a", "fail", True, run_id=f"run-{number}", table=table, checked_at=at),
        finding("b", "flag", passed, run_id=f"run-{number}", table=table, checked_at=at),
    ]
    record(settings, findings)


def take(settings: Settings) -> None:
    BronzeTable(settings, dataset(RESULTS.table)).take()
    shutil.rmtree(platform_landing.folder(settings, RESULTS.name), ignore_errors=True)


def test_the_newest_run_of_each_table_counts_and_older_ones_are_a_trend(settings: Settings) -> None:
    results = Results(settings, Snapshots(settings, DATASETS))
    assert results.newest() == {} and results.trend("users_silver", 5) == []
    run(settings, 0, "users_silver", False, NOON)
    for number in range(1, 7):
        run(settings, number, "app_events_silver", number % 2 == 0, NOON + number * timedelta(hours=9))
        if number == 4:
            BronzeTable(settings, dataset(RESULTS.table)).take()  # the same rows in landing and in the table
    newest = results.newest()
    assert newest["users_silver"].run_id == "run-0" and newest["users_silver"].score == round(5 / 6, 4)
    assert newest["app_events_silver"].run_id == "run-6" and newest["app_events_silver"].score == 1.0
    for _ in range(2):
        assert [one.run_id for one in results.trend("app_events_silver", 4)] == [
            f"run-{n}" for n in (6, 5, 4, 3)
        ]
        assert [one.score for one in results.trend("app_events_silver", 2)] == [1.0, round(5 / 6, 4)]
        assert [one.run_id for one in results.trend("users_silver", 100)] == ["run-0"]
        assert {len(one.results) for one in results.trend("app_events_silver", 100)} == {2}
        take(settings)
    catalog = Catalog(settings)
    assert catalog.table("users_silver").quality_score == round(5 / 6, 4)
    quality = catalog.table("app_events_silver").quality
    assert quality is not None and quality.score == score(newest["app_events_silver"].results)


def test_an_interrupted_check_leaves_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    tables.create(settings, dataset("users_silver"))
    with pytest.raises(KeyboardInterrupt), checking(settings) as begun:
        begun.of("users_silver")
        assert begun.findings and list(run_folder(settings).glob("quality-*"))
        raise KeyboardInterrupt
    assert list(run_folder(settings).glob("quality-*")) == []
    assert platform_landing.names(settings, RESULTS.name) == ()
    left_over = run_folder(settings) / "quality-4194999-killed"
    left_over.mkdir()
    check(settings, record=False)
    assert not left_over.exists()
    assert platform_landing.names(settings, RESULTS.name) == ()


def test_a_finding_is_json(settings: Settings) -> None:
    tables.create(settings, dataset("users_silver"))
    told = msgspec.json.decode(msgspec.json.encode(check(settings)))
    assert {one["table"] for one in told} == {"users_silver"}
    assert set(told[0]) >= {"table", "rule", "severity", "passed", "rows_checked", "rows_failed", "message"}
