"""`dp down`: stops the platform."""

from __future__ import annotations

import click
from rich.console import Console

from contracts.configuration import Resolved


@click.command(
    "down",
    epilog="""\b
Examples:
  dp down
  dp --set paths.data=/tmp/other down     the copy that runs on that data root""",
)
@click.pass_obj
def command(resolved: Resolved) -> None:
    """Stop the platform that runs on this data root; returns when no process of it is left.

    What a killed `dp up` has left behind is cleared away too. Not an error when nothing runs.
    """
    from runtime.topology import detached
    from runtime.topology.view import view_for

    with view_for(Console(), from_now=True) as view:
        found = detached.stop(resolved.settings, view.update)
    click.echo("stopped" if found else f"nothing runs on {resolved.settings.data_root}")
