"""`dp logs`: what the services have said."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from contracts.configuration import Resolved
from contracts.errors import NotFound
from contracts.settings import Settings

FOLLOW_SECONDS = 0.3
STYLES = {"warning": "yellow", "error": "red", "critical": "bold red", "debug": "dim"}
SHOWN = frozenset({"ts", "level", "service", "message", "logger", "exception"})


@click.command(
    "logs",
    epilog="""\b
Examples:
  dp logs                    the newest lines of all services, by time
  dp logs kafka -n 200
  dp logs stream-worker-1 -f
  dp logs --json | jq 'select(.level == "error")'""",
)
@click.argument("name", required=False)
@click.option("count", "-n", "--lines", type=click.IntRange(min=0), default=50, show_default=True)
@click.option("follow", "-f", "--follow", is_flag=True, help="Go on with what is written from now on.")
@click.option("as_json", "--json", is_flag=True, help="The lines as they are stored: one JSON object each.")
@click.pass_obj
def command(resolved: Resolved, name: str | None, count: int, follow: bool, as_json: bool) -> None:
    """Show the newest log lines of one service, or of all, in the order of their time."""
    from runtime.topology import logfiles

    settings = resolved.settings
    names = _names(settings, name)
    console = Console(highlight=False, soft_wrap=True)
    followers = [logfiles.Follower(logfiles.log_path(settings, each)) for each in names] if follow else []
    tails = [logfiles.last_lines(logfiles.log_path(settings, each), count) for each in names]
    for line in logfiles.merged(tails, count):
        _show(console, line, as_json)
    while followers:
        for line in _fresh(followers):
            _show(console, line, as_json)
        try:
            time.sleep(FOLLOW_SECONDS)
        except KeyboardInterrupt:
            return


def _names(settings: Settings, name: str | None) -> list[str]:
    from runtime.topology.logfiles import services_with_logs

    present = services_with_logs(settings)
    if name is None:
        return present
    if name not in present:
        known = f"logs of: {', '.join(present)}" if present else "there are none yet"
        raise NotFound(f"no log of {name!r} in {settings.data_root}; {known}")
    return [name]


def _fresh(followers: Sequence[Any]) -> Iterator[str]:
    from runtime.topology.logfiles import timestamp

    yield from sorted((line for follower in followers for line in follower.lines()), key=timestamp)


def _show(console: Console, line: str, as_json: bool) -> None:
    if as_json:
        click.echo(line)
        return
    try:
        entry = json.loads(line)
    except ValueError:
        click.echo(line)
        return
    level = str(entry.get("level", ""))
    text = Text()
    text.append(str(entry.get("ts", ""))[11:23] + " ", "dim")
    text.append(f"{entry.get('service', ''):<24}", "cyan")
    text.append(f"{level:<8}", STYLES.get(level, ""))
    text.append(str(entry.get("message", "")))
    extras = {key: value for key, value in entry.items() if key not in SHOWN}
    if extras:
        text.append(" " + " ".join(f"{key}={value}" for key, value in extras.items()), "dim")
    if entry.get("exception"):
        text.append(f"\n{entry['exception']}", "dim")
    console.print(text)
