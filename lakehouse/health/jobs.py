"""The batch jobs: how the newest run of each went, and whether a closed day has its results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from contracts.settings import Settings
from lakehouse.alerts.rules import Finding, finding
from lakehouse.health.report import JobHealth
from lakehouse.jobs.declaration import JOBS, output_file
from lakehouse.jobs.history import Run
from lakehouse.reading.view_files import days_of

DATES = 8
"""Runs of so many of the newest dates are looked at."""
LastTime = Callable[[datetime], datetime]
"""The last time at or before a time (UTC) at which the jobs were to start."""


def newest_runs(rows: Iterable[dict[str, Any]]) -> dict[str, Run]:
    """The newest run of each job, by rows of `batch_runs`."""
    found: dict[str, Run] = {}
    for row in rows:
        job = row["job"]
        if job not in found or found[job].started_at < row["started_at"]:
            found[job] = msgspec.convert({name: row[name] for name in Run.__struct_fields__}, Run)
    return found


def jobs(runs: dict[str, Run]) -> list[JobHealth]:
    """Every declared job."""
    found = []
    for job in JOBS:
        run = runs.get(job.name)
        health = JobHealth(name=job.name)
        if run is not None:
            health.run_date, health.run_status = run.run_date.isoformat(), run.status
            health.started_at = run.started_at
            health.seconds = round((run.ended_at - run.started_at).total_seconds(), 1)
        found.append(health)
    return found


def failed(runs: dict[str, Run]) -> Iterator[Finding]:
    """Jobs whose newest run has failed."""
    for job in JOBS:
        run = runs.get(job.name)
        if run is not None and run.status == "failed":
            reason = (run.error or "no reason given").splitlines()[0]
            says = f"{job.name} for {run.run_date} failed in attempt {run.attempt}: {reason}"
            yield finding("job_failed", job.name, says)


def missed(settings: Settings, now: datetime, last_time: LastTime) -> Iterator[Finding]:
    """Jobs that have no result for the last closed day long after their time, though there was something to
    compute."""
    due = last_time(now)
    late = now - due
    if late < timedelta(minutes=settings.health.job_late_minutes):
        return
    day = due.astimezone(UTC).date() - timedelta(days=1)
    for job in JOBS:
        days: list[date] = [one for view in job.views for one in days_of(settings, view)]
        if days and min(days) <= day and not output_file(settings, job.name, day).exists():
            hours = late.total_seconds() / 3600
            says = f"{job.name} has no result for {day}, {hours:.1f} hours after its time"
            yield finding("job_missed", job.name, says)
