"""`dp trace`: where one event is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from contracts.configuration import Resolved
from contracts.errors import DependencyError, NotFound

if TYPE_CHECKING:
    from contracts.settings import Settings
    from lakehouse.reading.trace import Copy, GoldRow, Trace
    from streams.ingestion.dead_letters import DeadLetter


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
    from lakehouse.reading.trace import trace

    found = trace(resolved.settings, event_id)
    letters, unsearched = ([], "") if found else _dead_letters(resolved.settings, event_id)
    if found is None and not letters:
        raise NotFound(
            f"no event {event_id!r} in landing, bronze, silver"
            + (f"; dead letters were not searched: {unsearched}" if unsearched else " or the dead letters")
            + ". An event takes up to a flush (10 s) to land: `dp status` shows lag; is the id complete?"
        )
    if as_json:
        document: dict[str, Any] = {"event_id": event_id, "dead_letters": [_letter(one) for one in letters]}
        if found is not None:
            document |= msgspec.to_builtins(found, builtin_types=())
        click.echo(msgspec.json.encode(document, enc_hook=str))
        return
    if found is not None:
        _print(found)
    for letter in letters:
        click.echo(f"refused      {letter.origin} at {letter.dead_lettered_at:%Y-%m-%d %H:%M:%S}")
        click.echo(f"             {letter.reason}")
        click.echo(
            "             `dp dead-letters show` has its bytes, `dp dead-letters replay` sends it again"
        )


def _dead_letters(settings: Settings, event_id: str) -> tuple[list[DeadLetter], str]:
    """The dead letters whose bytes have the id, and why they could not be searched, if so."""
    from streams.ingestion import dead_letter_box

    wanted = event_id.encode()
    try:
        entries = dead_letter_box.entries(settings)
    except (DependencyError, NotFound) as error:
        return [], str(error)
    return [entry.letter for entry in entries.values() if wanted in (entry.letter.value() or b"")], ""


def _letter(letter: DeadLetter) -> dict[str, Any]:
    return {
        "origin": letter.origin,
        "kind": letter.kind,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "dead_lettered_at": letter.dead_lettered_at,
    }


def _print(found: Trace) -> None:
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
