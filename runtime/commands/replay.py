"""`dp replay`: rebuilds a stream's live view after a change of logic."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
import msgspec

from contracts.configuration import Resolved
from contracts.sources import source_named
from runtime.commands._audited import command_log, os_user

if TYPE_CHECKING:
    import polars as pl

    from streams.replay import Rebuilt

PROGRESS_SECONDS = 5.0


class Moment(click.ParamType):
    """A day or an RFC 3339 time; without an offset it is UTC."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r}: expected a day (2026-11-24) or a time (2026-11-24T10:00:00Z)", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.command(
    epilog="""\b
Examples:
  dp replay app_events --from 2026-11-24
  dp replay app_events --from 2026-11-20 --to 2026-11-22 --dry-run"""
)
@click.argument("source", metavar="SOURCE")
@click.option(
    "start", "--from", type=Moment(), required=True, help="First UTC day to rebuild; a time means its day."
)
@click.option("end", "--to", type=Moment(), help="Last UTC day to rebuild; the newest by default.")
@click.option("--dry-run", is_flag=True, help="Compute all of it, replace nothing.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(
    resolved: Resolved, source: str, start: datetime, end: datetime | None, dry_run: bool, as_json: bool
) -> None:
    """Rebuilds the live view of SOURCE from what has landed, after a change of its logic or settings.

    Rows that landing no longer has are taken from bronze. Landing and the tables stay as they are. Workers
    may run on, once they have been restarted with the new logic. It works by whole UTC days.
    """
    from lakehouse.medallion.bronze_rows import rows_below
    from streams import replay

    settings = resolved.settings
    chosen = source_named(source)
    if end is not None and end < start:
        raise click.BadParameter("is before --from", param_hint="--to")
    since = start.astimezone(UTC) - replay.MARGIN

    def bronze(topic_id: str, partition: int, offset: int) -> Iterator[pl.DataFrame]:
        return rows_below(settings, chosen, topic_id, partition, offset, since.date())

    said_at = time.monotonic()

    def say(done: Rebuilt) -> None:
        nonlocal said_at
        if time.monotonic() - said_at >= PROGRESS_SECONDS:
            said_at = time.monotonic()
            click.echo(
                f"{done.chains} of {done.chains_total} partitions, {done.rows_read:,} events read",
                file=sys.stderr,
            )

    if not dry_run:
        days = {"from": start.isoformat(), **({"to": end.isoformat()} if end else {})}
        with command_log(settings) as audit:
            audit.record_durably("views.replay", user=os_user(), subject=chosen.name, details=days)
    started = time.monotonic()
    done = replay.rebuild(settings, chosen, start, end, bronze, dry_run=dry_run, on_progress=say)
    if as_json:
        click.echo(msgspec.json.encode(done).decode())
        return
    from_bronze = f", {done.rows_from_bronze:,} of them from bronze" if done.rows_from_bronze else ""
    click.echo(
        f"{done.view} from {done.first_day}{f' to {done.last_day}' if done.last_day else ''}: "
        f"{done.rows_read:,} events of {done.chains} partitions read{from_bronze} "
        f"in {time.monotonic() - started:.1f} s"
    )
    verb = "would be " if dry_run else ""
    click.echo(
        f"{done.rows_written:,} rows in {done.files_written:,} files {verb}written, "
        f"{done.files_removed:,} files {verb}removed"
    )
