"""The batch jobs on the embedded engine, against sums made by hand, and what their history says."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from datetime import date, timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
from msgspec import structs

from contracts.errors import DependencyError, SettingsError
from contracts.layout import run_folder
from contracts.settings import Segments, Settings
from lakehouse.datasets import dataset
from lakehouse.embedded.jobs import EmbeddedJobs
from lakehouse.jobs.declaration import JOBS, job_named, output_file
from lakehouse.jobs.due import due_runs
from lakehouse.jobs.history import runs
from lakehouse.jobs.runner import run_job
from lakehouse.medallion.bronze import BronzeTable
from tests.lakehouse.driver_process import environment
from tests.lakehouse.view_rows import DAY, TOPIC, Views, session, window

TODAY = DAY + timedelta(days=1)


@pytest.fixture
def views(settings: Settings) -> Views:
    return Views(settings)


def run(settings: Settings, job: str, day: date = DAY, today: date = TODAY) -> list[dict[str, Any]]:
    run_job(settings, job_named(job), day, EmbeddedJobs(settings), today=today)
    rows: list[dict[str, Any]] = pq.read_table(output_file(settings, job, day)).to_pylist()
    return rows


def test_hours_are_summed_by_the_reading_rule(settings: Settings, views: Views) -> None:
    views.add([window(5, "u1", 1, is_final=False)], 10)
    views.add([window(5, "u1", 3), window(6, "u2", 2, event_type="login", event_value_sum=None)], 20)
    views.add([window(5, "u1", 4, is_late=True)], 30)
    views.add([window(5, "u1", 4, is_late=True)], 30)  # written again after a crash
    views.add([window(65, "u1", 1, source_partition=1)], 5)
    rows = {(row["metric_hour"], row["event_type"]): row for row in run(settings, "hourly_aggregates")}
    assert set(rows) == {(0, "purchase"), (0, "login"), (1, "purchase")}
    first = rows[0, "purchase"]
    assert (first["event_count"], first["unique_users"], first["event_value_sum"]) == (7, 1, 70.0)
    assert first["event_value_avg"] == 10.0
    assert rows[0, "login"]["event_value_avg"] is None
    assert rows[1, "purchase"]["event_count"] == 1
    assert pq.read_schema(output_file(settings, "hourly_aggregates", DAY)).names == (
        job_named("hourly_aggregates").schema.names
    )


def test_a_day_in_one_row(settings: Settings, views: Views) -> None:
    views.add([window(1, "old", 1, day=DAY - timedelta(days=3))], 1)
    views.add([window(1, "old", 2), window(2, "new", 1)], 2)
    sessions = [session("s1", "old", 30), session("s2", "seen", 0, bounce=True)]
    views.add(sessions, 3, "clickstream_sessions")
    (row,) = run(settings, "daily_summaries")
    assert row == {
        "summary_date": DAY,
        "total_users": 3,
        "new_users": 2,
        "returning_users": 1,
        "return_user_percentage": pytest.approx(100 / 3),
        "total_sessions": 2,
        "bounce_rate": 0.5,
        "avg_session_duration_seconds": 15.0,
        "total_events": 3,
        "total_event_value": 30.0,
        "retention_d1": None,
        "retention_d7": None,
        "summary_year": 2026,
    }
    views.add([window(1, "new", 1, day=DAY + timedelta(days=1))], 4)
    views.add([window(1, "old", 1, day=DAY + timedelta(days=7))], 5)
    (row,) = run(settings, "daily_summaries", today=DAY + timedelta(days=2))
    assert (row["retention_d1"], row["retention_d7"], row["total_events"]) == (pytest.approx(1 / 3), None, 3)
    (row,) = run(settings, "daily_summaries", today=DAY + timedelta(days=8))
    assert (row["retention_d1"], row["retention_d7"]) == (pytest.approx(1 / 3), pytest.approx(1 / 3))


def test_everybody_has_a_segment(settings: Settings, views: Views) -> None:
    views.add([window(1, "gone", 50, day=DAY - timedelta(days=20))], 1)
    for back in range(6):
        views.add([window(1, "fan", 9, day=DAY - timedelta(days=back))], 10 - back)
    views.add([window(1, "some", 1, day=DAY - timedelta(days=5))], 20)
    rows = {row["user_id"]: row for row in run(settings, "user_segments")}
    assert {user: row["segment"] for user, row in rows.items()} == {
        "gone": "Inactive",
        "fan": "VIP",
        "some": "Regular",
    }
    assert rows["fan"]["churn_risk"] == 0.0 < rows["some"]["churn_risk"] < rows["gone"]["churn_risk"]
    assert (rows["gone"]["last_seen_date"], rows["gone"]["recommended_action"]) == (
        DAY - timedelta(days=20),
        "win_back",
    )


def test_segments_follow_the_settings(settings: Settings, views: Views) -> None:
    views.add([window(1, "fan", 9), window(1, "gone", 1, day=DAY - timedelta(days=3))], 1)
    strict = structs.replace(settings, segments=Segments(inactive_days=3, vip_score=100.0, days=2))
    rows = {row["user_id"]: row for row in run(strict, "user_segments")}
    assert {user: row["segment"] for user, row in rows.items()} == {"fan": "VIP", "gone": "Inactive"}
    assert rows["fan"]["reasons"] == ["last seen 0 days ago", "9 events in 2 days"]
    assert rows["gone"]["engagement_score"] == 0.0


@pytest.mark.parametrize("job", [job.name for job in JOBS])
def test_a_day_of_nothing_and_twice_the_same(settings: Settings, job: str) -> None:
    assert run(settings, job) == run(settings, job)
    assert len(list(output_file(settings, job, DAY).parent.iterdir())) == 1


def test_runs_are_remembered_also_failed_ones(settings: Settings, views: Views) -> None:
    path = views.add([window(5, "u1", 1)], 10)
    before = run(settings, "hourly_aggregates")
    path.write_bytes(b"PAR1 torn")
    with pytest.raises(DependencyError, match="cannot be read"):
        run(settings, "hourly_aggregates")
    assert pq.read_table(output_file(settings, "hourly_aggregates", DAY)).to_pylist() == before
    with pytest.raises(SettingsError, match="has not begun"):
        run(settings, "hourly_aggregates", day=TODAY + timedelta(days=1))
    failed, good = runs(settings)
    assert (good.status, good.rows_in, good.rows_out, good.engine) == ("succeeded", 1, 1, "embedded")
    assert json.loads(good.versions) == {"events_aggregated_realtime": {f"{DAY}/{TOPIC}/0": 10}}
    assert failed.status == "failed" and failed.error and "cannot be read" in failed.error
    assert good.started_at <= good.ended_at <= failed.started_at


@pytest.mark.heavy
def test_runs_in_the_table_are_read_and_the_reader_ends_in_peace(settings: Settings, views: Views) -> None:
    views.add([window(5, "u1", 1)], 10)
    run(settings, "hourly_aggregates")
    told = runs(settings)
    BronzeTable(settings, dataset("batch_runs")).take()
    shutil.rmtree(settings.data_root / "landing")
    assert runs(settings) == told
    command = [sys.executable, "-P", "-m", "runtime", "batch", "history", "--json"]
    for _ in range(8):
        said = subprocess.run(command, env=environment(settings), capture_output=True, check=False)
        assert (said.returncode, said.stderr) == (0, b"")
        assert [each["run_id"] for each in json.loads(said.stdout)] == [each.run_id for each in told]


KILLED = """
import os, signal
from lakehouse.embedded.jobs import EmbeddedJobs
from runtime.cli import main
EmbeddedJobs.compute = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
main(["batch", "run", "hourly_aggregates", "--date", "DAY"])
"""


@pytest.mark.heavy
def test_a_run_that_was_killed_leaves_a_row_at_the_next(settings: Settings, views: Views) -> None:
    views.add([window(5, "u1", 1)], 10)
    code = KILLED.replace("DAY", DAY.isoformat())
    ended = subprocess.run([sys.executable, "-P", "-c", code], env=environment(settings), check=False)
    assert ended.returncode == -signal.SIGKILL
    run(settings, "daily_summaries")
    run(settings, "daily_summaries")
    _, good, killed = runs(settings)
    assert (killed.job, killed.run_date, killed.status) == ("hourly_aggregates", DAY, "failed")
    assert killed.error and "killed" in killed.error
    assert killed.started_at < killed.ended_at <= good.ended_at


def test_a_torn_name_of_the_run_before_holds_up_no_run(settings: Settings, views: Views) -> None:
    views.add([window(5, "u1", 1)], 10)
    torn = run_folder(settings) / "batch-run.json"
    torn.parent.mkdir(parents=True, exist_ok=True)
    torn.write_bytes(b"")
    run(settings, "hourly_aggregates")
    assert [each.status for each in runs(settings)] == ["succeeded"]


def test_what_is_due(settings: Settings, views: Views) -> None:
    assert due_runs(settings, TODAY) == []
    views.add([window(5, "u1", 1, day=DAY - timedelta(days=1))], 1)
    views.add([window(5, "u1", 1)], 2)
    due = [(one.job, one.run_date, one.trigger) for one in due_runs(settings, TODAY)]
    names = [job.name for job in JOBS]
    assert due == [
        *((name, DAY - timedelta(days=1), "missed") for name in names),
        *((name, DAY, "schedule") for name in names),
    ]
    for name, day, _ in due:
        run(settings, name, day)
    assert due_runs(settings, TODAY) == []
    # The stream writes what it knew once more, which is nothing new.
    views.add([window(5, "u1", 1)], 2)
    assert due_runs(settings, TODAY) == []
    views.add([window(5, "u2", 1, day=DAY - timedelta(days=1), is_late=True)], 3)
    late = {(one.job, one.run_date, one.trigger) for one in due_runs(settings, TODAY)}
    assert late == {
        ("hourly_aggregates", DAY - timedelta(days=1), "late"),
        *((name, day, "late") for name in names[1:] for day in (DAY - timedelta(days=1), DAY)),
    }


def test_an_open_window_counts_as_far_as_it_is_known(settings: Settings, views: Views) -> None:
    views.add([window(5, "u1", 2, is_final=False)], 10)
    (row,) = run(settings, "hourly_aggregates", today=DAY)
    assert row["event_count"] == 2
