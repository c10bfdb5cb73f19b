"""`dp lakehouse`: the driver, and operations on its tables."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from typing import Any

import click
import msgspec

from contracts.configuration import Resolved
from runtime.commands._archive import archive
from runtime.commands._audited import os_user
from runtime.commands._catalog import annotate, catalog, lineage
from runtime.commands._progress import show
from runtime.commands._quality import check
from runtime.commands._tables import optimize, restore, retention, vacuum

DAY = click.DateTime(["%Y-%m-%d"])


@click.group(
    "lakehouse",
    epilog="""\b
Examples:
  dp lakehouse run                                     the driver, until Ctrl-C
  dp lakehouse health
  dp lakehouse refresh event_metrics_gold --full
  dp lakehouse optimize
  dp lakehouse restore app_events_silver --version 120
  dp lakehouse check app_events_silver --from 2026-11-20
  dp lakehouse archive
  dp lakehouse catalog "response time"
  dp lakehouse lineage daily_summary_gold""",
)
def command() -> None:
    """Run the lakehouse driver, and see and change its tables."""


for one in (optimize, vacuum, retention, restore, check, archive, catalog, lineage, annotate):
    command.add_command(one)


@command.command(
    "run",
    epilog="""\b
Examples:
  dp lakehouse run
  dp --set lakehouse.engine=embedded lakehouse run     without a JVM""",
)
@click.pass_obj
def run_driver(resolved: Resolved) -> None:
    """Runs the driver: bronze, silver and gold, each at its cadence; the only writer of tables.

    It finishes the commit in hand on SIGTERM or Ctrl-C.
    """
    from contracts import logs
    from lakehouse.driver import loop as driver
    from runtime.engines import make_engine

    settings = resolved.settings
    logs.configure(driver.SERVICE, settings.logs.level)
    driver.run(settings, make_engine(settings))


@command.command(
    "refresh",
    epilog="""\b
Examples:
  dp lakehouse refresh app_events_silver                 what is not in it yet
  dp lakehouse refresh app_events_silver --from 2026-11-20 --to 2026-11-21
  dp lakehouse refresh event_metrics_gold --full
  dp lakehouse refresh app_events_silver --full --dry-run""",
)
@click.argument("table")
@click.option("start", "--from", type=DAY, metavar="DATE", help="First UTC date to build anew.")
@click.option("end", "--to", type=DAY, metavar="DATE", help="Last UTC date to build anew, itself included.")
@click.option("full", "--full", is_flag=True, help="Build all of the table anew.")
@click.option("dry_run", "--dry-run", is_flag=True, help="Name the partitions, change nothing.")
@click.option("as_json", "--json", is_flag=True, help="Progress as JSON lines.")
@click.pass_obj
def refresh_table(
    resolved: Resolved,
    table: str,
    start: datetime | None,
    end: datetime | None,
    full: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Brings TABLE up to date, or builds days of it, or all of it, anew.

    The running driver does it between its rounds; where none runs, it is done here. Every step leaves a right
    table: interrupt it and run it again as you like (a driver that has begun goes on).
    """
    from lakehouse.driver.commands import run_command
    from lakehouse.driver.refresh import RefreshRequest
    from runtime.engines import make_engine

    settings = resolved.settings
    request = RefreshRequest(table=table, start=_day(start), end=_day(end), full=full, dry_run=dry_run)
    steps = run_command(settings, request, lambda: make_engine(settings), os_user())
    if as_json:
        for step in steps:
            click.echo(msgspec.json.encode(step).decode())
    else:
        show(steps, dry_run)


@command.command(
    "health",
    epilog="""\b
Examples:
  dp lakehouse health
  dp lakehouse health --json | jq '.tables[] | select(.fresh == false).name'

\b
Exit code: 0 all well, 1 the driver is not running well or a table is not fresh.""",
)
@click.option("as_json", "--json", is_flag=True, help="The same as JSON.")
@click.pass_obj
def health(resolved: Resolved, as_json: bool) -> None:
    """Shows the driver's state and, of each table, its size and its newest event."""
    from contracts.heartbeat import read_heartbeats
    from lakehouse.datasets import DATASETS
    from lakehouse.driver.loop import SERVICE
    from lakehouse.storage.tables import table_info

    settings = resolved.settings
    now = datetime.now(UTC)
    beat = read_heartbeats(settings).get(SERVICE)
    alive = beat is not None and now.timestamp() - beat.at < 10
    state = beat.state if beat is not None and alive else "not running"
    tables = []
    for declared in DATASETS.values():
        info = table_info(settings, declared)
        age = (now - info.newest).total_seconds() if info.newest else None
        tables.append(
            {
                **msgspec.to_builtins(info),
                "layer": declared.layer,
                "age_seconds": None if age is None else round(age, 1),
                "fresh": age is not None and age <= declared.freshness.total_seconds(),
            }
        )
    well = state == "running" and all(table["fresh"] or table["newest"] is None for table in tables)
    driver = {"state": state, "message": beat.message if beat and alive else ""}
    answer = {"healthy": well, "driver": driver, "tables": tables}
    if as_json:
        click.echo(msgspec.json.encode(answer).decode())
    else:
        _print_health(answer)
    sys.exit(0 if well else 1)


def _day(at: datetime | None) -> date | None:
    return at.date() if at else None


def _print_health(answer: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console.width = 160
    driver = answer["driver"]
    console.print(f"driver: {driver['state']}" + (f" ({driver['message']})" if driver["message"] else ""))
    shown = Table("layer", "table", "version", "rows", "files", "MB", "newest event", "age")
    for table in answer["tables"]:
        age = table["age_seconds"]
        shown.add_row(
            table["layer"],
            table["name"],
            str(table["version"]) if table["version"] >= 0 else "–",
            f"{table['rows']:,}",
            f"{table['files']:,}",
            f"{table['bytes'] / 1e6:,.1f}",
            table["newest"] or "–",
            "–" if age is None else f"{age:,.0f} s" + ("" if table["fresh"] else " (late)"),
        )
    console.print(shown)
