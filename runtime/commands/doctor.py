"""`dp doctor`: goes through the checklist of a platform, and says what to do where a line is red."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click
import msgspec

from contracts.configuration import Resolved

if TYPE_CHECKING:
    from rich.console import Console

    from runtime.doctor.checkup import Checkup
    from runtime.doctor.line import Status

AREAS = ("infrastructure", "data-flow", "quality", "operations", "documentation")
_STYLES: dict[Status, str] = {"green": "green", "warning": "yellow", "red": "bold red", "skipped": "dim"}
_MARKS: dict[Status, str] = {"green": "ok", "warning": "warn", "red": "RED", "skipped": "skip"}


@click.command(
    "doctor",
    epilog="""\b
Examples:
  dp doctor
  dp doctor --area infrastructure --area data-flow
  dp doctor --json | jq '.lines[] | select(.status == "red") | {line, measured, repair}'

\b
Exit code: 0 no line is red, 1 one is. Warnings and lines that are skipped do not fail.""",
)
@click.option(
    "areas", "--area", type=click.Choice(AREAS), multiple=True, help="Only this area; may be repeated."
)
@click.option("as_json", "--json", is_flag=True, help="The same as JSON (docs/doctor.schema.json).")
@click.option(
    "--days",
    type=click.IntRange(min=0),
    default=2,
    show_default=True,
    help="Newest UTC dates whose rows are checked against the rules; 0: all.",
)
@click.option("--notify", is_flag=True, help="Send the test notice over webhooks too.")
@click.pass_obj
def command(resolved: Resolved, areas: tuple[str, ...], as_json: bool, days: int, notify: bool) -> None:
    """Go through the checklist of a running platform: what was measured, and what to do where it is red.

    Changes nothing, but for a test notice in each channel of alerts. Works beside `dp up`, and in containers
    against the settings alone; where the API is elsewhere, DP_API_URL says where.
    """
    import logging

    from runtime.bootstrap.place import checkout
    from runtime.doctor.checklist import lines_of
    from runtime.doctor.checkup import check_up
    from runtime.doctor.evidence import Evidence
    from runtime.version import version

    # What is wrong is a line of the checklist; logs of clients that do not get through would hide it.
    logging.disable(logging.CRITICAL)
    evidence = Evidence(
        resolved.settings,
        root=checkout(),
        api_url=os.environ.get("DP_API_URL", ""),
        days=days,
        notify=notify,
    )
    checkup = check_up(evidence, lines_of(areas), version())
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(checkup), indent=2).decode())
    else:
        _print(checkup)
    sys.stdout.flush()
    # Not sys.exit: a line that hangs in a library would hold up the end, or crash in it.
    os._exit(0 if checkup.green else 1)


def _print(checkup: Checkup) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console.width = 160
    counts = {mark: sum(one.status == mark for one in checkup.lines) for mark in _MARKS}
    area = ""
    for one in checkup.lines:
        if one.area != area:
            area = one.area
            console.print(Text(f"\n{area}", "bold"))
        head = Text.assemble("  ", (f"{_MARKS[one.status]:<5}", _STYLES[one.status]), f"{one.line:<14} ")
        _hang(console, head, one.measured)
        if one.repair:
            _hang(console, Text(" " * 22 + "→ "), f"{one.repair} ({one.page})")
    told = ", ".join(f"{number} {mark}" for mark, number in counts.items() if number)
    told += f"; {checkup.seconds:.1f} s, dp {checkup.version}, {checkup.engine} engine, {checkup.data}"
    console.print(Text(f"\n{told}"))


def _hang(console: Console, head: object, text: str) -> None:
    """The text beside its head, its further lines under its first."""
    from rich.table import Table
    from rich.text import Text

    row = Table.grid()
    row.add_column(no_wrap=True)
    row.add_column(overflow="fold")
    row.add_row(head, Text(text))  # type: ignore[arg-type]
    console.print(row)
