"""`dp dead-letters`: what ingestion has refused, why, and how to send it again."""

from __future__ import annotations

import base64
import sys
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click
import msgspec

from contracts.configuration import Resolved
from contracts.errors import NotFound
from runtime.commands._audited import command_log, os_user

if TYPE_CHECKING:
    from kafka_cluster.dead_letter_box import Entry
    from kafka_cluster.dead_letters import DeadLetter, Position

PREVIEW = 2000
where_option = click.option(
    "where",
    "--where",
    multiple=True,
    metavar="CONDITION",
    help="topic=…, kind=…, reason~REGEX, partition=…, offset>=…, attempts=…; repeated: all must hold.",
)
json_option = click.option("as_json", "--json", is_flag=True, help="Print JSON.")


@click.group()
def command() -> None:
    """Lists, shows and replays the records that ingestion has refused."""


@command.command(
    "list",
    epilog="""\b
Examples:
  dp dead-letters list
  dp dead-letters list --where topic=topic_app_events --where reason~timestamp
  dp dead-letters list --json --limit 0      all of them, for a program
""",
)
@where_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(0), help="Newest N; 0: all.")
@click.option("with_replayed", "--all", is_flag=True, help="Also those that have been replayed.")
@json_option
@click.pass_obj
def list_command(
    resolved: Resolved, where: tuple[str, ...], limit: int, with_replayed: bool, as_json: bool
) -> None:
    """Dead letters, oldest first, each once, and how many there are of each topic and kind."""
    found = _selected(resolved, where, with_replayed=with_replayed)
    shown = found[-limit:] if limit else found
    if as_json:
        click.echo(msgspec.json.encode([_summary(entry) for entry in shown]).decode())
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None)
    for name in ("position", "kind", "reason", "attempts", "bytes", "refused at"):
        table.add_column(name, no_wrap=name != "reason", overflow="fold")
    for entry in shown:
        letter = entry.letter
        table.add_row(
            Text(letter.origin),
            Text(letter.kind),
            Text(_readable(letter.reason[:200])),
            str(letter.attempts),
            f"{letter.raw_bytes:,}",
            f"{letter.dead_lettered_at:%Y-%m-%d %H:%M:%S}",
        )
    Console(width=None if sys.stdout.isatty() else 200).print(table)
    hidden = f", the newest {len(shown):,} shown" if len(shown) < len(found) else ""
    click.echo(f"{len(found):,} dead letters{hidden}")
    counts = Counter((entry.letter.identity.topic, entry.letter.kind) for entry in found)
    for (topic, kind), count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        click.echo(f"{count:>8,}  {topic}  {kind}")


@command.command(
    epilog="""\b
Example:
  dp dead-letters show topic_app_events/2/18231
"""
)
@click.argument("position", metavar="TOPIC/PARTITION/OFFSET")
@json_option
@click.pass_obj
def show(resolved: Resolved, position: str, as_json: bool) -> None:
    """One dead letter, with its bytes."""
    from kafka_cluster import dead_letter_box
    from kafka_cluster.dead_letters import Position

    identity = Position.parse(position)
    entry = dead_letter_box.entries(resolved.settings).get(identity)
    if entry is None:
        raise NotFound(f"no dead letter {identity}; `dp dead-letters list` shows those that are")
    letter = entry.letter
    if as_json:
        click.echo(msgspec.json.encode({**msgspec.to_builtins(letter), "replayed": entry.replayed}).decode())
        return
    for name, value in _summary(entry).items():
        click.echo(f"{name:18} {_readable(_as_text(value))}")
    if letter.key is not None:
        click.echo(f"{'key':18} {_readable((letter.key_bytes() or b'')[:PREVIEW])}")
    for name, content in letter.headers:
        text = "null" if content is None else _readable(base64.b64decode(content))
        click.echo(f"{'header':18} {_readable(name)} = {text}")
    value = letter.value()
    click.echo(f"{'value':18} {'null' if value is None else _readable(value[:PREVIEW])}")
    if len(value or b"") > PREVIEW:
        click.echo(f"{'':18} … {letter.raw_bytes} bytes; --json has them, in base64")


@command.command(
    epilog="""\b
Examples:
  dp dead-letters replay --where topic=topic_users --dry-run
  dp dead-letters replay --where kind=future_timestamp
"""
)
@where_option
@click.option("--dry-run", is_flag=True, help="Only say what would be sent.")
@json_option
@click.pass_obj
def replay(resolved: Resolved, where: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Sends the bytes of dead letters to their topics again, after a fix.

    Each is sent once: those replayed before are left out, unless they have been refused again since.
    """
    from kafka_cluster import dead_letter_box

    letters = [entry.letter for entry in _selected(resolved, where, with_replayed=False)]
    counts: dict[str, int] = {}
    for letter in letters:
        counts[letter.source_topic] = counts.get(letter.source_topic, 0) + 1
    sent = 0
    if not dry_run:
        with command_log(resolved.settings) as audit:
            asked = {"where": " ".join(where)} if where else {}
            audit.record_durably("dead_letters.replay", user=os_user(), details=counts, texts=asked)
        sent = dead_letter_box.replay(resolved.settings, letters)
    if as_json:
        click.echo(msgspec.json.encode({"selected": len(letters), "sent": sent, "topics": counts}).decode())
        return
    for topic, count in sorted(counts.items()):
        click.echo(f"{topic:24} {count:>8,}")
    click.echo(f"{len(letters):,} would be sent" if dry_run else f"{sent:,} sent again")


def _as_text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S.%f} UTC"
        case _:
            return str(value)


def _readable(content: bytes | str) -> str:
    """As text in which nothing can move a terminal's cursor: what is no UTF-8 or no printable character is
    escaped."""
    text = content.decode("utf-8", "backslashreplace") if isinstance(content, bytes) else content
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def _selected(resolved: Resolved, where: tuple[str, ...], *, with_replayed: bool) -> list[Entry]:
    from kafka_cluster import dead_letter_box

    matches = dead_letter_box.conditions(where)
    found: dict[Position, Entry] = dead_letter_box.entries(resolved.settings)
    return [
        entry for entry in found.values() if matches(entry.letter) and (with_replayed or not entry.replayed)
    ]


def _summary(entry: Entry) -> dict[str, Any]:
    letter: DeadLetter = entry.letter
    identity = letter.identity
    return {
        "position": letter.origin,
        "topic": identity.topic,
        "partition": identity.partition,
        "offset": identity.offset,
        "kind": letter.kind,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "bytes": letter.raw_bytes,
        "source_timestamp": letter.source_timestamp,
        "dead_lettered_at": letter.dead_lettered_at,
        "replayed": entry.replayed,
    }
