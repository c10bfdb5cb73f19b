"""`dp batch`: the batch jobs, now, and their runs."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click
import msgspec

from contracts.configuration import Resolved
from contracts.errors import ConflictError
from runtime.commands._audited import os_user

if TYPE_CHECKING:
    from contracts.settings import Settings
    from lakehouse.jobs.history import Run, Trigger

DAY = click.DateTime(["%Y-%m-%d"])
WAIT_SECONDS = 600.0
"""How long a run waits for the one that goes on."""


@click.group(
    "batch",
    epilog="""\b
Examples:
  dp batch run hourly_aggregates --date 2026-11-24
  dp batch history
  dp batch due""",
)
def command() -> None:
    """Run the batch jobs, and see their runs. `dp scheduler` runs them at the time that is set."""


@command.command(
    "run",
    epilog="""\b
Examples:
  dp batch run daily_summaries
  dp batch run user_segments --date 2026-11-24 --json""",
)
@click.argument("name")
@click.option("day", "--date", type=DAY, metavar="DATE", help="UTC date; yesterday by default.")
@click.option(
    "trigger",
    "--trigger",
    type=click.Choice(["command", "schedule", "missed", "late"]),
    default="command",
    hidden=True,
)
@click.option("attempt", "--attempt", type=click.IntRange(min=1), default=1, hidden=True)
@click.option("as_json", "--json", is_flag=True, help="The run as JSON.")
@click.pass_obj
def run(
    resolved: Resolved, name: str, day: datetime | None, trigger: Trigger, attempt: int, as_json: bool
) -> None:
    """Computes the job NAME for one day and replaces its result. Run it again as you like.

    NAME is hourly_aggregates, daily_summaries or user_segments. Runs on the engine of the running platform,
    or else of the settings; one run goes at a time.
    """
    from contracts import logs
    from lakehouse.audit import AuditLog
    from lakehouse.jobs.audited import RunAudit
    from lakehouse.jobs.declaration import job_named, output_file
    from lakehouse.jobs.runner import run_job
    from runtime.engines import make_job_engine

    settings = _with_running_engine(resolved.settings)
    logs.configure("batch", settings.logs.level)
    signal.signal(signal.SIGTERM, _ended)
    job = job_named(name)
    chosen = day.date() if day else datetime.now(UTC).date() - timedelta(days=1)
    user = os_user() if trigger == "command" else None
    with _one_at_a_time(settings), AuditLog(settings, "batch") as audit:
        engine = make_job_engine(settings)
        told = RunAudit(audit, user)
        done = run_job(settings, job, chosen, engine, trigger=trigger, attempt=attempt, audit=told)
    if as_json:
        click.echo(msgspec.json.encode(done).decode())
    else:
        seconds = (done.ended_at - done.started_at).total_seconds()
        click.echo(
            f"{name} {chosen}: {done.rows_in:,} rows in, {done.rows_out:,} out in {seconds:.1f} s, "
            f"{output_file(settings, name, chosen)}"
        )


@command.command(
    "history",
    epilog="""\b
Examples:
  dp batch history
  dp batch history --limit 100 --json | jq '.[] | select(.status == "failed")'""",
)
@click.option("limit", "--limit", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("as_json", "--json", is_flag=True, help="The runs as JSON.")
@click.pass_obj
def history(resolved: Resolved, limit: int, as_json: bool) -> None:
    """Shows the runs of all jobs, the newest first."""
    from lakehouse.jobs.history import runs

    found = runs(resolved.settings)[:limit]
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
    else:
        _print(found)


@command.command(
    "due",
    epilog="""\b
Examples:
  dp batch due
  dp batch due --json""",
)
@click.option("today", "--today", type=DAY, metavar="DATE", help="As of this UTC date; today by default.")
@click.option("as_json", "--json", is_flag=True, help="The same as JSON.")
@click.pass_obj
def due(resolved: Resolved, today: datetime | None, as_json: bool) -> None:
    """Shows what the scheduler would run now: closed days without a result, or with data that came late."""
    from lakehouse.jobs.due import due_runs

    found = due_runs(resolved.settings, (today or datetime.now(UTC)).date())
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    for one in found:
        click.echo(f"{one.job} {one.run_date} ({one.trigger})")
    if not found:
        click.echo("nothing is due")


def _with_running_engine(settings: Settings) -> Settings:
    from runtime.topology.state import read_snapshot

    snapshot = read_snapshot(settings)
    if snapshot is None or snapshot.state not in ("starting", "ready") or not snapshot.engine:
        return settings
    engine = msgspec.structs.replace(settings.lakehouse, engine=snapshot.engine)
    return msgspec.structs.replace(settings, lakehouse=engine)


@contextmanager
def _one_at_a_time(settings: Settings) -> Iterator[None]:
    """Holds the lock of the batch runs; waits for a run that goes on. Raises ConflictError."""
    from lakehouse.storage.lock import batch_lock

    deadline = time.monotonic() + WAIT_SECONDS
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(batch_lock(settings))
                break
            except ConflictError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        yield


def _ended(number: int, frame: object) -> None:
    """SIGTERM unwinds the run, so that what it began is taken away."""
    raise SystemExit(128 + number)


def _print(found: list[Run]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console.width = 200
    shown = Table(
        "started", "job", "date", "why", "engine", "status", "seconds", "rows in", "rows out", "error"
    )
    for run in found:
        shown.add_row(
            f"{run.started_at:%Y-%m-%d %H:%M:%S}",
            run.job,
            run.run_date.isoformat(),
            run.trigger if run.attempt == 1 else f"{run.trigger}, attempt {run.attempt}",
            run.engine,
            run.status,
            f"{(run.ended_at - run.started_at).total_seconds():.1f}",
            "–" if run.rows_in is None else f"{run.rows_in:,}",
            "–" if run.rows_out is None else f"{run.rows_out:,}",
            (run.error or "").splitlines()[0] if run.error else "",
        )
    console.print(shown)
