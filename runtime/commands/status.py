"""`dp status`: what runs, and how it is doing."""

from __future__ import annotations

import json
import sys

import click
import msgspec
from rich.console import Console

from contracts.configuration import Resolved

NOT_READY = 1
NOT_RUNNING = 3


@click.command(
    "status",
    epilog="""\b
Examples:
  dp status
  dp status --json | jq '.services[] | {name, state}'

\b
Exit code: 0 all ready, 1 something is not, 3 nothing runs.""",
)
@click.option("as_json", "--json", is_flag=True, help="The state as JSON.")
@click.pass_obj
def command(resolved: Resolved, as_json: bool) -> None:
    """Show each service's state, memory and rate, what each consumer reads and how far it is behind, how long
    Kafka's disk lasts, and the newest events."""
    from runtime.topology.state import read_snapshot, running_supervisor
    from runtime.topology.view import render

    settings = resolved.settings
    supervisor = running_supervisor(settings)
    snapshot = read_snapshot(settings)
    if supervisor is None or snapshot is None or snapshot.pid != supervisor.pid:
        text = f"nothing runs on {settings.data_root}; `dp up` starts it"
        if as_json:
            click.echo(json.dumps({"state": "not running", "data": str(settings.data_root), "services": []}))
        else:
            click.echo(text)
        sys.exit(NOT_RUNNING)
    if as_json:
        click.echo(json.dumps({**msgspec.to_builtins(snapshot), "ready": snapshot.ready}, indent=2))
    else:
        console = Console()
        if not console.is_terminal:
            console.width = 200
        console.print(render(snapshot, consumers=True))
    sys.exit(0 if snapshot.ready else NOT_READY)
