"""Seeded faults by a simulated clock: each is found by its rule, told once, and over once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from contracts.layout import table_path
from contracts.settings import Settings
from lakehouse.alerts.rules import RULES
from lakehouse.health.report import Disk
from lakehouse.jobs.history import Run, record
from lakehouse.medallion import platform_landing
from lakehouse.reading.view_files import view_folder
from tests.lakehouse.health.conftest import Simulation


class Fault(Struct, frozen=True):
    rule: str
    subject: str
    says: str
    begin: Callable[[Simulation], object]
    end: Callable[[Simulation], object]
    minutes: int = 2
    """Within which it is told; a stale table is one that has been behind for two minutes."""


def set_to(**values: Any) -> Callable[[Simulation], None]:
    def change(platform: Simulation) -> None:
        for name, value in values.items():
            setattr(platform, name, value)

    return change


def run(platform: Simulation, status: Any) -> None:
    at = platform.now
    row = Run(
        run_id=f"{status}-{at}",
        job="daily_summaries",
        run_date=date(2026, 3, 4),
        trigger="schedule",
        attempt=4,
        status=status,
        engine="embedded",
        started_at=at,
        ended_at=at,
        error="no memory left" if status == "failed" else None,
    )
    record(platform.settings, row)


def check(platform: Simulation, held: int) -> None:
    """Results of ten rules, of which some hold."""
    from contracts.platform import PLATFORM_LANDING, RESULTS

    rows = [
        {
            "checked_at": platform.now,
            "run_id": str(platform.now),
            "dataset": "app_events_silver",
            "rule": f"rule_{number}",
            "severity": "flag",
            "passed": number < held,
            "rows_checked": 1,
            "rows_failed": 0,
            "message": None,
        }
        for number in range(10)
    ]
    import pyarrow as pa

    platform_landing.append(
        platform.settings, RESULTS.name, pa.Table.from_pylist(rows, PLATFORM_LANDING[RESULTS.name])
    )


def log_of(settings: Settings) -> Path:
    return table_path(settings, "silver", "app_events_silver") / "_delta_log"


def break_log(platform: Simulation) -> None:
    newest = sorted(log_of(platform.settings).glob("*.json"))[-1]
    newest.with_name(f"{int(newest.stem) + 1:020d}.json").write_bytes(b"\x00not a commit")
    platform.stuck.add("app_events_silver")


def mend_log(platform: Simulation) -> None:
    newest = sorted(log_of(platform.settings).glob("*.json"))[-1]
    newest.unlink()
    platform.stuck.clear()


def hide_file(platform: Simulation) -> None:
    platform.stuck.add("app_events_silver")
    folder = table_path(platform.settings, "silver", "app_events_silver")
    for file in folder.rglob("*.parquet"):
        file.rename(file.with_suffix(".gone"))


def bring_back(platform: Simulation) -> None:
    for file in table_path(platform.settings, "silver", "app_events_silver").rglob("*.gone"):
        file.rename(file.with_suffix(".parquet"))
    platform.stuck.clear()


def stop_landing(platform: Simulation) -> None:
    platform.worker = {"part": {"pending": 7000}, "committed_at": platform.now.timestamp()}


HOLE = {"source": "app_events", "partition": 0, "next_offset": 812, "seconds": 75}

FAULTS = [
    Fault(
        "service_down",
        "stream-worker-1",
        "stream-worker-1 is lost: last heard of 120 s ago",
        lambda p: p.silent.add("stream-worker-1"),
        lambda p: p.silent.clear(),
    ),
    Fault(
        "service_down",
        "kafka",
        "kafka is restarting",
        set_to(states={"kafka": "restarting"}),
        set_to(states={}),
    ),
    Fault(
        "service_degraded",
        "lakehouse-driver",
        "lakehouse-driver is degraded",
        set_to(states={"lakehouse-driver": "degraded"}),
        set_to(states={}),
    ),
    Fault(
        "table_stale",
        "app_events_silver",
        "app_events_silver is 180 s behind app_events_bronze; its target is 60 s",
        set_to(stuck={"app_events_silver"}),
        set_to(stuck=set()),
        minutes=4,
    ),
    Fault(
        "table_unreadable",
        "app_events_silver",
        "app_events_silver cannot be read: ",
        break_log,
        mend_log,
    ),
    Fault("table_unreadable", "app_events_silver", "is missing (version ", hide_file, bring_back),
    Fault(
        "disk_low",
        "data",
        "little disk left: 4.0 GiB free, 4.0% of it",
        set_to(disk=Disk(total=100 * 2**30, free=4 * 2**30)),
        set_to(disk=Disk(total=100 * 2**30, free=50 * 2**30)),
    ),
    Fault(
        "disk_full",
        "data",
        "the disk is full: 100 MiB free",
        set_to(disk=Disk(total=100 * 2**30, free=100 * 2**20)),
        set_to(disk=Disk(total=100 * 2**30, free=50 * 2**30)),
    ),
    Fault(
        "lag_high",
        "dp-streams",
        "dp-streams has 250,000 records to read; the limit is 100,000",
        set_to(lag=250_000),
        set_to(lag=3),
    ),
    Fault(
        "flush_stuck",
        "stream-worker-1",
        "stream-worker-1 has landed nothing for 120 s, and 7,000 events wait",
        stop_landing,
        set_to(worker={}),
    ),
    Fault(
        "holes",
        "app_events/0",
        "stream-worker-1 misses records of app_events/0 from source offset 812, for 75 s",
        set_to(worker={"holes": [HOLE]}),
        set_to(worker={}),
    ),
    Fault(
        "dead_letters",
        "app_events",
        "5,000 records of app_events a minute are refused; the limit is 100",
        set_to(refused=5_000),
        lambda p: None,
    ),
    Fault(
        "job_failed",
        "daily_summaries",
        "daily_summaries for 2026-03-04 failed in attempt 4: no memory left",
        lambda p: run(p, "failed"),
        lambda p: run(p, "succeeded"),
    ),
    Fault(
        "quality_low",
        "app_events_silver",
        "app_events_silver has a quality score of 0.50; the limit is 0.90",
        lambda p: check(p, 5),
        lambda p: check(p, 10),
    ),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.rule} {fault.subject}")
def test_a_fault_is_told_once_and_over_once(platform: Simulation, fault: Fault) -> None:
    platform.minutes(3, platform.flow)
    fault.begin(platform)
    platform.minutes(fault.minutes, platform.flow)
    (notice,) = platform.heard.notices
    assert (notice.kind, notice.rule, notice.subject) == ("fired", fault.rule, fault.subject)
    assert fault.says in notice.says
    assert Path(notice.runbook).exists()
    # The dead letters are over by themselves: they were a burst.
    fault.end(platform)
    platform.minutes(5, platform.flow)
    ours = (fault.rule, fault.subject)
    assert platform.heard.told == [("fired", *ours), ("resolved", *ours)]


def test_a_well_platform_raises_nothing(platform: Simulation) -> None:
    report = platform.minutes(15, platform.flow)
    assert (report.status, report.ready, report.findings) == ("ok", True, [])
    assert platform.heard.notices == []


def test_nothing_is_told_while_it_starts(platform: Simulation) -> None:
    """Backlogs, stale tables and services that are not there yet belong to every start."""
    platform.append("app_events_bronze")
    platform.append("app_events_silver")
    platform.now += timedelta(hours=9)
    platform.started = platform.now
    platform.states = dict.fromkeys(("ingestion", "stream-worker-1", "lakehouse-driver"), "starting")
    platform.copy_state, platform.lag = "starting", 400_000
    platform.stuck = {"app_events_silver"}
    platform.minutes(2)
    platform.states, platform.copy_state = {}, "ready"
    platform.minutes(2, platform.flow)
    platform.stuck, platform.lag = set(), 0
    platform.minutes(8, platform.flow)
    assert platform.heard.notices == []


def test_nothing_is_told_when_it_is_stopped_on_purpose(platform: Simulation) -> None:
    platform.minutes(3, platform.flow)
    platform.copy_state = "stopping"
    platform.silent = {"ingestion", "stream-worker-1"}
    platform.states = {"kafka": "failed"}
    platform.minutes(4)
    # And up again, with an alert that fired before neither told anew nor forgotten.
    assert platform.heard.notices == []


def test_idle_is_no_fault_and_neither_is_the_first_event_after_it(platform: Simulation) -> None:
    platform.minutes(3, platform.flow)
    platform.worker = {"part": {"watermark": platform.now.isoformat()}}
    platform.minutes(1)
    platform.now += timedelta(minutes=9)
    platform.minutes(10)
    # Bronze has an event that is minutes ahead of silver and gold, which follow a minute later.
    platform.append("app_events_bronze")
    platform.minutes(1)
    platform.minutes(2, platform.flow)
    assert platform.heard.notices == []


def test_a_service_that_keeps_dying_is_told_of(platform: Simulation) -> None:
    platform.minutes(2, platform.flow)
    platform.restarts = {"ingestion": 1}
    platform.minutes(3, platform.flow)
    assert platform.heard.notices == []
    for count in (2, 3, 4, 5):
        platform.restarts = {"ingestion": count}
        platform.minutes(1, platform.flow)
    (notice,) = platform.heard.notices
    assert notice.says.startswith("ingestion has died ") and "within ten minutes" in notice.says


def test_a_missed_job_is_told_of_hours_after_its_time(platform: Simulation) -> None:
    day = view_folder(platform.settings, "events_aggregated_realtime") / "date=2026-03-04"
    (day / "topic_id=t").mkdir(parents=True)
    (day / "topic_id=t" / "00000-00000000000000000009-0123456789ab.parquet").touch()
    platform.now = datetime(2026, 3, 5, 4, 50, tzinfo=UTC)
    platform.started = platform.now - timedelta(hours=1)
    platform.minutes(5)
    assert platform.heard.notices == []
    platform.minutes(10)
    assert ("fired", "job_missed", "daily_summaries") in platform.heard.told
    assert "daily_summaries has no result for 2026-03-04" in " ".join(n.says for n in platform.heard.notices)


def test_a_part_that_cannot_be_seen_leaves_its_alerts_open(
    platform: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.lag = 250_000
    platform.minutes(3, platform.flow)
    assert platform.heard.told == [("fired", "lag_high", "dp-streams")]
    from lakehouse.health import flows

    def broken(*_: Any) -> Any:
        raise ValueError("no such thing")

    with monkeypatch.context() as patched:
        patched.setattr(flows, "groups", broken)
        report = platform.minutes(4, platform.flow)
    assert "lag_high" in report.undecided
    assert platform.heard.told[1:] == [("fired", "monitor_blind", "streams")]
    platform.minutes(1, platform.flow)
    assert ("resolved", "lag_high", "dp-streams") not in platform.heard.told


def test_every_rule_has_a_runbook_and_the_table_of_rules_has_every_rule() -> None:
    page = Path("docs/alerts.md").read_text("utf-8")
    for rule in RULES.values():
        text = Path(rule.runbook).read_text("utf-8")
        assert text.startswith(f"# {rule.name}\n")
        assert f"`{rule.name}`" in page
    assert {path.stem for path in Path("docs/runbooks").glob("*.md")} == set(RULES)
