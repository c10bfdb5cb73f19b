"""`dp audit`: who did what; and whether the log of it is as it was written."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from contracts.configuration import Resolved
from contracts.errors import DependencyError, QueryError
from runtime.commands._span import Since

if TYPE_CHECKING:
    from rich.console import Console

    from lakehouse.audit.reading import Recorded, Wanted
    from lakehouse.audit.verify import Report

FOLLOW_SECONDS = 0.3
json_option = click.option("as_json", "--json", is_flag=True, help="Print JSON.")


@click.group()
def command() -> None:
    """Reads the audit log, and proves that nobody has touched it."""


@command.command(
    epilog="""\b
Examples:
  dp audit verify
  dp audit verify --json > report.json        to be kept where nobody here can write
  dp audit verify --against report.json       finds also what has been rolled back since

\b
Exit code: 0 all as it was written, 1 tampered with."""
)
@click.option(
    "against",
    "--against",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An earlier report: what it proves must still be there.",
)
@json_option
@click.pass_obj
def verify(resolved: Resolved, against: Path | None, as_json: bool) -> None:
    """Walks every line of the log, and names the first of each chain that is not as it was written."""
    from lakehouse.audit import verify as verifying

    earlier = None
    if against is not None:
        try:
            earlier = msgspec.json.decode(against.read_bytes(), type=verifying.Report)
        except msgspec.MsgspecError as error:
            raise QueryError(f"{against} is no report of dp audit verify: {error}") from error
    try:
        report = verifying.verify(resolved.settings, earlier)
    except OSError as error:
        raise DependencyError(f"the audit log cannot be read: {error}") from error
    if as_json:
        click.echo(msgspec.json.encode(report).decode())
    else:
        _print_report(report)
    sys.exit(0 if report.right else 1)


@command.command(
    epilog="""\b
Examples:
  dp audit tail
  dp audit tail -n 500 --since 24h --filter user=alice
  dp audit tail --filter action='table.*' --filter table=app_events_silver
  dp audit tail --follow --filter action=api.denied
  dp audit tail --json --since 1h | jq 'select(.details.rows > 1000)'"""
)
@click.option("count", "-n", "--lines", type=click.IntRange(min=0), default=50, show_default=True)
@click.option(
    "filters",
    "--filter",
    multiple=True,
    metavar="KEY=VALUE",
    help="action (a pattern), user, table, service, or a detail; may be repeated: all must hold.",
)
@click.option("since", "--since", type=Since(), metavar="24h|TIME", help="Entries since then.")
@click.option("follow", "-f", "--follow", is_flag=True, help="Go on with what comes from now on.")
@json_option
@click.pass_obj
def tail(
    resolved: Resolved,
    count: int,
    filters: tuple[str, ...],
    since: datetime | None,
    follow: bool,
    as_json: bool,
) -> None:
    """Shows the newest entries, in the order of their time."""
    from rich.console import Console

    from lakehouse.audit.reading import Follower, newest

    settings = resolved.settings
    wanted = _wanted(filters, since)
    console = Console(highlight=False, soft_wrap=True)
    follower = Follower(settings, wanted) if follow else None
    for entry in reversed(newest(settings, wanted, count)):
        _show(console, entry, as_json)
    while follower is not None:
        for entry in follower.entries():
            _show(console, entry, as_json)
        try:
            time.sleep(FOLLOW_SECONDS)
        except KeyboardInterrupt:
            return


def _wanted(filters: tuple[str, ...], since: datetime | None) -> Wanted:
    from lakehouse.audit.reading import Wanted

    named: dict[str, str | None] = dict.fromkeys(("action", "user", "table"))
    details: dict[str, str] = {}
    for text in filters:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise QueryError(f"--filter {text}: expected KEY=VALUE")
        if key in named:
            named[key] = value
        else:
            details[key] = value
    action, user, table = named.values()
    return Wanted(since=since, action=action, user=user, table=table, details=details)


def _show(console: Console, entry: Recorded, as_json: bool) -> None:
    from rich.text import Text

    if as_json:
        click.echo(msgspec.json.encode(entry).decode())
        return
    text = Text()
    text.append(f"{entry.at:%Y-%m-%d %H:%M:%S} ", "dim")
    text.append(f"{entry.service:<18}", "cyan")
    text.append(f"{entry.action:<20}", "bold")
    text.append(f"{entry.user or '–':<14}")
    text.append(f"{entry.subject or ''} ")
    told = {**entry.details, **{name: "(redacted)" if t is None else t for name, t in entry.texts.items()}}
    # Control characters of somebody's text are not the terminal's business.
    plain = " ".join(f"{name}={_plain(value)}" for name, value in told.items())
    text.append("".join(c if c.isprintable() else "·" for c in plain), "dim")
    console.print(text)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _print_report(report: Report) -> None:
    for chain in report.chains:
        told = f"{chain.chain}: {chain.lines:,} lines in {chain.files} files"
        if chain.first > 1:
            told += f", from number {chain.first:,} on (what was before went by retention)"
        if chain.beyond_head:
            told += f", {chain.beyond_head} of them not confirmed yet"
        click.echo(told)
        for left in chain.crashes:
            click.echo(f"  {left.file}:{left.line}: {left.bytes} bytes of a process that was killed")
    if report.redacted:
        click.echo(f"{report.redacted} texts were redacted, as the log says")
    for number, fault in enumerate(report.faults):
        click.echo(f"{'TAMPERED' if not number else 'also'}: {fault}", err=True)
    if report.right:
        click.echo("every line is as it was written" if report.chains else "there is no audit log yet")
