"""`dp lakehouse optimize|vacuum|restore`: what is done to tables besides building them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click
import msgspec

from contracts.configuration import Resolved
from runtime.commands._moment import Moment
from runtime.commands._progress import show

if TYPE_CHECKING:
    from lakehouse.driver.operations import Request


@click.command(
    "optimize",
    epilog="""\b
Examples:
  dp lakehouse optimize
  dp lakehouse optimize app_events_silver --dry-run""",
)
@click.argument("table", default="*", metavar="[TABLE]")
@click.option("dry_run", "--dry-run", is_flag=True, help="Name the partitions, change nothing.")
@click.option("as_json", "--json", is_flag=True, help="Progress as JSON lines.")
@click.pass_obj
def optimize(resolved: Resolved, table: str, dry_run: bool, as_json: bool) -> None:
    """Compacts the small files of TABLE, or of all tables, and orders closed days for reading.

    The running driver does the same by itself, as far as needed. No row changes, and readers notice nothing.
    """
    from lakehouse.driver.operations import OptimizeRequest

    _run(resolved, OptimizeRequest(table=table, dry_run=dry_run), dry_run, as_json)


@click.command(
    "vacuum",
    epilog="""\b
Examples:
  dp lakehouse vacuum --dry-run
  dp lakehouse vacuum app_events_bronze""",
)
@click.argument("table", default="*", metavar="[TABLE]")
@click.option("dry_run", "--dry-run", is_flag=True, help="Count the files, remove none.")
@click.option("as_json", "--json", is_flag=True, help="Progress as JSON lines.")
@click.pass_obj
def vacuum(resolved: Resolved, table: str, dry_run: bool, as_json: bool) -> None:
    """Removes files of TABLE, or of all tables, that no version within its time travel needs.

    That is 30 days for silver and gold, 7 for bronze. The running driver does it once a day.
    """
    from lakehouse.driver.operations import VacuumRequest

    _run(resolved, VacuumRequest(table=table, dry_run=dry_run), dry_run, as_json)


@click.command(
    "restore",
    epilog="""\b
Examples:
  dp lakehouse restore app_events_silver --version 120
  dp lakehouse restore event_metrics_gold --as-of 2026-11-20T10:00:00Z --dry-run""",
)
@click.argument("table")
@click.option("version", "--version", type=click.IntRange(min=0), help="The version to go back to.")
@click.option("at", "--as-of", type=Moment(), metavar="TIME", help="Go back to what it was at this time.")
@click.option("dry_run", "--dry-run", is_flag=True, help="Name the version, change nothing.")
@click.option("as_json", "--json", is_flag=True, help="Progress as JSON lines.")
@click.pass_obj
def restore(
    resolved: Resolved, table: str, version: int | None, at: datetime | None, dry_run: bool, as_json: bool
) -> None:
    """Puts TABLE back to one of its versions, as a new version: it can be undone in the same way.

    Nothing else changes: tables built from it keep their rows, and what TABLE had taken in since is not taken
    in again. `dp lakehouse refresh` builds days of it, or of others, anew.
    """
    from lakehouse.driver.operations import RestoreRequest

    _run(resolved, RestoreRequest(table=table, version=version, at=at, dry_run=dry_run), dry_run, as_json)


def _run(resolved: Resolved, request: Request, dry_run: bool, as_json: bool) -> None:
    from lakehouse.driver.commands import run_command
    from runtime.engines import make_engine

    settings = resolved.settings
    steps = run_command(settings, request, lambda: make_engine(settings))
    if as_json:
        for step in steps:
            click.echo(msgspec.json.encode(step).decode())
    else:
        show(steps, dry_run)
