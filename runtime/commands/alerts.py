"""`dp alerts`: what fires, silences, and a test of the channels."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click
import msgspec

from contracts.configuration import Resolved
from contracts.errors import PlatformError
from runtime.commands._audited import command_log, os_user
from runtime.commands._span import Span

if TYPE_CHECKING:
    from contracts.settings import Settings
    from lakehouse.alerts.announcements import Announcements
    from lakehouse.alerts.listing import AlertList

_COLOURS = {"critical": "bold red", "warning": "yellow", "info": "cyan"}


@click.group(
    "alerts",
    epilog="""\b
Examples:
  dp alerts list
  dp alerts silence table_stale app_events_silver --for 2h --reason "rebuilt today"
  dp alerts test webhook""",
)
def command() -> None:
    """See alerts, silence them, and test where their notices go."""


@command.command(
    "list",
    epilog="""\b
Examples:
  dp alerts list
  dp alerts list --all --json | jq '.alerts[] | select(.rule == "lag_high")'

\b
Exit code: 0 nothing fires, 1 something does.""",
)
@click.option("everything", "--all", is_flag=True, help="Also those that were resolved in the last week.")
@click.option("as_json", "--json", is_flag=True, help="The same as JSON.")
@click.pass_obj
def list_command(resolved: Resolved, everything: bool, as_json: bool) -> None:
    """Shows what fires, what is about to, and what is silenced."""
    from lakehouse.alerts.listing import alert_list

    found = alert_list(resolved.settings, datetime.now(UTC), everything=everything)
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
    else:
        _print(found)
    sys.exit(1 if any(alert.state == "firing" for alert in found.alerts) else 0)


@command.command(
    "silence",
    epilog="""\b
Examples:
  dp alerts silence dead_letters --for 30m --reason "load test"
  dp alerts silence "table_*" users_silver --for 1d --reason "see ticket 12\"""",
)
@click.argument("rule")
@click.argument("subject", default="*")
@click.option("lasts", "--for", type=Span(), required=True, metavar="SPAN", help="How long: 30m, 2h, 1d.")
@click.option("--reason", required=True, help="Why; for the others.")
@click.pass_obj
def silence(resolved: Resolved, rule: str, subject: str, lasts: timedelta, reason: str) -> None:
    """Tells nobody of the alerts of RULE and SUBJECT for a while. Both may have wildcards.

    They are found and listed all the same; what still fires afterwards is told then.
    """
    from lakehouse.alerts.silences import add_silence

    with _announced(resolved.settings) as announcements:
        made = add_silence(
            resolved.settings,
            rule,
            subject,
            lasts=lasts,
            by=os_user(),
            reason=reason,
            now=datetime.now(UTC),
            announcements=announcements,
        )
    click.echo(made.id)
    click.echo(f"{rule} {made.subject} is silenced until {made.until:%Y-%m-%d %H:%M} UTC.", err=True)


@command.command("unsilence", epilog="\b\nExample:\n  dp alerts unsilence 3f2a9c01")
@click.argument("silence_id", metavar="ID")
@click.pass_obj
def unsilence(resolved: Resolved, silence_id: str) -> None:
    """Ends a silence; `dp alerts list` shows the ids."""
    from lakehouse.alerts.silences import remove_silence

    settings, now = resolved.settings, datetime.now(UTC)
    with _announced(settings) as announcements:
        ended = remove_silence(settings, silence_id, by=os_user(), now=now, announcements=announcements)
    click.echo(f"{ended.rule} {ended.subject} is no longer silenced.")


@command.command("test", epilog="\b\nExamples:\n  dp alerts test\n  dp alerts test webhook")
@click.argument("channel", default="")
@click.pass_obj
def test(resolved: Resolved, channel: str) -> None:
    """Sends a test notice over CHANNEL (log, file, webhook), or over all that are on."""
    from contracts import logs
    from lakehouse.alerts.channels import channel_named, channels
    from lakehouse.alerts.notices import trial

    settings = resolved.settings
    logs.configure("alerts", "info")
    failed = False
    for one in [channel_named(settings, channel)] if channel else channels(settings):
        try:
            one.deliver(trial(datetime.now(UTC)))
        except PlatformError as error:
            failed = True
            click.echo(f"{one.name}: {error}", err=True)
        else:
            click.echo(f"{one.name}: delivered")
    sys.exit(1 if failed else 0)


@contextmanager
def _announced(settings: Settings) -> Iterator[Announcements]:
    """What is done to silences meanwhile is in the audit log at the end."""
    from lakehouse.alerts.announcements import Announcements
    from lakehouse.alerts.audited import recording

    with command_log(settings) as audit:
        announcements = Announcements()
        announcements.subscribe(recording(audit))
        yield announcements


def _print(found: AlertList) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console.width = 200
    looked = f"{found.at:%Y-%m-%d %H:%M:%S} UTC" if found.at else "never: `dp up` starts the monitor"
    console.print(Text(f"The monitor last looked: {looked}"))
    if found.alerts:
        table = Table("state", "severity", "rule", "subject", "since", "what", "runbook", box=None)
        for alert in found.alerts:
            quiet = f" (silence {alert.silenced_by})" if alert.silenced_by else ""
            table.add_row(
                alert.state + quiet,
                Text(alert.severity, _COLOURS[alert.severity]),
                alert.rule,
                Text(alert.subject),
                f"{alert.since:%m-%d %H:%M}",
                Text(alert.says),
                alert.runbook,
            )
        console.print(table)
    else:
        console.print("No alerts.")
    for silence in found.silences:
        what = f"{silence.rule} {silence.subject} until {silence.until:%Y-%m-%d %H:%M} UTC"
        console.print(Text(f"Silence {silence.id}: {what}, by {silence.by}: {silence.reason}"))
    if found.undelivered:
        console.print(Text(f"{found.undelivered} notices could not be delivered yet.", "yellow"))
