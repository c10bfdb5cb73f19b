"""`dp lakehouse optimize|vacuum|restore`: what is done to tables besides building them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from contracts.configuration import Resolved
from runtime.commands._archive import restore_archive
from runtime.commands._audited import os_user
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
  dp lakehouse restore event_metrics_gold --as-of 2026-11-20T10:00:00Z --dry-run
  dp lakehouse restore --archive 20261124T020000Z
  dp lakehouse restore --archive 20261124T020000Z users_silver --to /tmp/looked-at""",
)
@click.argument("tables", nargs=-1, metavar="[TABLE]...")
@click.option("version", "--version", type=click.IntRange(min=0), help="The version to go back to.")
@click.option("at", "--as-of", type=Moment(), metavar="TIME", help="Go back to what it was at this time.")
@click.option("archive", "--archive", metavar="NAME", help="Put tables (none named: all) of an archive back.")
@click.option("to", "--to", type=click.Path(path_type=Path), help="Of an archive: put them there instead.")
@click.option("dry_run", "--dry-run", is_flag=True, help="Name the version, change nothing.")
@click.option("as_json", "--json", is_flag=True, help="Progress as JSON lines.")
@click.pass_obj
def restore(
    resolved: Resolved,
    tables: tuple[str, ...],
    version: int | None,
    at: datetime | None,
    archive: str | None,
    to: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Puts TABLE back to one of its versions, as a new version: it can be undone in the same way.

    Nothing else changes: tables built from it keep their rows, and what TABLE had taken in since is not taken
    in again. `dp lakehouse refresh` builds days of it, or of others, anew.

    With --archive, tables of an archive take the place of those that are there, with the versions that they
    had, while no driver runs; it goes on from them.
    """
    if archive is not None:
        if version is not None or at is not None or dry_run:
            raise click.UsageError("--archive takes tables and --to only")
        restore_archive(resolved.settings, archive, tables, to, as_json)
        return
    if len(tables) != 1 or to is not None:
        raise click.UsageError("name one TABLE; several, and --to, go with --archive")
    from lakehouse.driver.operations import RestoreRequest

    request = RestoreRequest(table=tables[0], version=version, at=at, dry_run=dry_run)
    _run(resolved, request, dry_run, as_json)


@click.command(
    "retention",
    epilog="""\b
Examples:
  dp lakehouse retention --dry-run
  dp lakehouse retention app_events_bronze clickstream_bronze
  dp --set retention.bronze_days=30 lakehouse retention --dry-run --json""",
)
@click.argument("tables", nargs=-1, metavar="[TABLE]...")
@click.option("dry_run", "--dry-run", is_flag=True, help="Say what would go, remove nothing.")
@click.option("as_json", "--json", is_flag=True, help="The same as JSON lines.")
@click.pass_obj
def retention(resolved: Resolved, tables: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Removes rows past their retention of TABLE, or of all tables, and of all also old views and landing.

    The running driver does the same once a day. Nothing that is computed from the rows changes; their files
    stay until time travel ends (`dp lakehouse vacuum`).
    """
    from lakehouse.driver.operations import RetentionRequest

    for table in tables or ("*",):
        _run(resolved, RetentionRequest(table=table, dry_run=dry_run), dry_run, as_json)


def _run(resolved: Resolved, request: Request, dry_run: bool, as_json: bool) -> None:
    from lakehouse.driver.commands import run_command
    from runtime.engines import make_engine

    settings = resolved.settings
    steps = run_command(settings, request, lambda: make_engine(settings), os_user())
    if as_json:
        for step in steps:
            click.echo(msgspec.json.encode(step).decode())
    else:
        show(steps, dry_run)
