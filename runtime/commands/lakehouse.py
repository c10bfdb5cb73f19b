"""`dp lakehouse`: the driver, and operations on its tables."""

from __future__ import annotations

from datetime import date, datetime

import click
import msgspec

from contracts.configuration import Resolved
from runtime.commands._archive import archive
from runtime.commands._audited import os_user
from runtime.commands._catalog import annotate, catalog, lineage
from runtime.commands._erase import erase
from runtime.commands._health import health
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


COMMANDS = (
    *(optimize, vacuum, retention, restore, check, health, archive, erase),
    *(catalog, lineage, annotate),
)
for one in COMMANDS:
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


def _day(at: datetime | None) -> date | None:
    return at.date() if at else None
