"""`dp trace`: where one event is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from contracts.configuration import Resolved

if TYPE_CHECKING:
    from lakehouse.reading.trace import Copy, GoldRow
    from web.journeys import Journey


@click.command(
    "trace",
    epilog="""\b
Examples:
  dp trace 0b8a4a5e-63c5-4f9c-8f6e-0d1f2a3b4c5d
  dp trace --json 0b8a4a5e-63c5-4f9c-8f6e-0d1f2a3b4c5d""",
)
@click.argument("event_id")
@click.option("as_json", "--json", is_flag=True, help="JSON.")
@click.pass_obj
def command(resolved: Resolved, event_id: str, as_json: bool) -> None:
    """Show the journey of one event: source offset, landing file, bronze, silver, the gold row it counts in.

    Reads files only; the broker is asked for dead letters where no table has the event.
    """
    from web.journeys import encode, journey

    found = journey(resolved.settings, event_id)
    if as_json:
        click.echo(encode(found))
        return
    _print(found)
    for letter in found.dead_letters:
        click.echo(f"refused      {letter.origin} at {letter.dead_lettered_at:%Y-%m-%d %H:%M:%S}")
        click.echo(f"             {letter.reason}")
        click.echo(
            "             `dp dead-letters show` has its bytes, `dp dead-letters replay` sends it again"
        )


def _print(found: Journey) -> None:
    for number, copy in enumerate(found.copies, start=1):
        if len(found.copies) > 1:
            click.echo(f"delivery {number} of {len(found.copies)}")
        _print_copy(copy)
    for gold in found.gold:
        click.echo(f"{'gold':12} {gold.table}{_standing(gold)}")
        for name, value in (gold.row or {}).items():
            click.echo(f"{'':12} {name:24} {value}")


def _standing(gold: GoldRow) -> str:
    if gold.row is None:
        return ": not computed yet"
    if not gold.includes_event:
        return ": not in it yet; the row as it was before, taken in at its next refresh"
    return ""


def _print_copy(copy: Copy) -> None:
    rows = [
        ("happened", f"{copy.event_timestamp:%Y-%m-%d %H:%M:%S.%f} UTC"),
        ("source", f"{copy.topic}, partition {copy.partition}, offset {copy.offset}"),
        ("", f"in Kafka {copy.source_timestamp:%H:%M:%S.%f}, validated {copy.ingest_timestamp:%H:%M:%S.%f}"),
        ("landing", copy.landing_file or "cleaned up; bronze has it"),
    ]
    if copy.bronze_loaded_at is None:
        rows.append(("bronze", "not yet"))
    else:
        version = f"version {copy.bronze_version}, " if copy.bronze_version is not None else ""
        flags = f", flags {', '.join(copy.quality_flags)}" if copy.quality_flags else ""
        rows.append(("bronze", f"{version}loaded {copy.bronze_loaded_at:%Y-%m-%d %H:%M:%S.%f}{flags}"))
    if copy.silver is not None:
        at = f", loaded {copy.silver_loaded_at:%Y-%m-%d %H:%M:%S.%f}" if copy.silver_loaded_at else ""
        rows.append(("silver", f"{copy.silver}{at}"))
    for name, text in rows:
        click.echo(f"{name:12} {text}")
