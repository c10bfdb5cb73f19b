"""`dp settings`: every setting, its value, and where the value came from."""

from __future__ import annotations

import json

import click

from contracts.configuration import Resolved


@click.command(
    "settings",
    epilog="""\b
Examples:
  dp settings
  dp settings --changed
  dp --set kafka.partitions=8 settings --json""",
)
@click.option("as_json", "--json", is_flag=True, help="JSON: a list of {key, value, origin}.")
@click.option("--changed", is_flag=True, help="Only what is not at its default.")
@click.pass_obj
def command(resolved: Resolved, as_json: bool, changed: bool) -> None:
    """Every setting, its value, and where it came from (default, file, variable or flag)."""
    rows = [row for row in resolved.rows() if not changed or row[2] != "default"]
    if as_json:
        content = [{"key": key, "value": value, "origin": origin} for key, value, origin in rows]
        click.echo(json.dumps(content, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("setting", "value", "origin"):
        table.add_column(column, overflow="fold")
    for key, value, origin in rows:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        style = None if origin == "default" else "bold"
        table.add_row(key, text or "–", origin, style=style)
    console = Console()
    if not console.is_terminal:
        console.width = 1000  # a line a setting for grep, never folded
    console.print(table)
