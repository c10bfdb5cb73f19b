"""`dp lakehouse health`: how the platform is, in the terminal, as JSON, or as one HTML file."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from contracts.configuration import Resolved
from contracts.errors import DependencyError

if TYPE_CHECKING:
    from lakehouse.alerts.rules import Status
    from lakehouse.health.report import Report

_COLOURS: dict[Status, str] = {"ok": "green", "degraded": "yellow", "failing": "bold red"}


@click.command(
    "health",
    epilog="""\b
Examples:
  dp lakehouse health
  dp lakehouse health --html health.html
  dp lakehouse health --json | jq '.tables[] | select(.status != "ok").name'

\b
Exit code: 0 all well, 1 something is not, or the driver does not run.""",
)
@click.option("as_json", "--json", is_flag=True, help="The whole report as JSON.")
@click.option(
    "html",
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the report to FILE; it needs no other file and no network.",
)
@click.pass_obj
def health(resolved: Resolved, as_json: bool, html: Path | None) -> None:
    """Shows how services, tables, consumers, storage and batch jobs are, and what is wrong."""
    from lakehouse.health.examination import Examination
    from lakehouse.health.html import page
    from lakehouse.health.memory import read_memory

    settings = resolved.settings
    report = Examination(settings).report(read_memory(settings))
    driver = _driver(report)
    well = report.status == "ok" and driver["state"] in ("running", "ready")
    if html is not None:
        try:
            html.write_text(page(report), "utf-8")
        except OSError as error:
            raise DependencyError(f"{html} cannot be written: {error.strerror}") from error
    if as_json:
        told = {"healthy": well, "driver": driver, **msgspec.to_builtins(report)}
        for table in told["tables"]:
            table["fresh"] = table["freshness"] == "fresh"
        click.echo(msgspec.json.encode(told).decode())
    elif html is None:
        _print(report, driver)
    sys.exit(0 if well else 1)


def _driver(report: Report) -> dict[str, str]:
    from lakehouse.driver.loop import SERVICE

    for service in report.services:
        if service.name == SERVICE and service.state != "lost":
            return {"state": service.state, "message": service.message}
    return {"state": "not running", "message": ""}


def _print(report: Report, driver: dict[str, str]) -> None:
    from rich.console import Console
    from rich.text import Text

    from lakehouse.health import words

    console = Console()
    if not console.is_terminal:
        console.width = 160
    console.print(Text("health: ").append(report.status, _COLOURS[report.status]))
    for found in report.findings:
        console.print(Text("  ").append(found.status, _COLOURS[found.status]).append(f" {found.says}"))
    if report.undecided:
        console.print(Text(f"  nothing is known yet of: {', '.join(report.undecided)}", "dim"))
    told = f" ({driver['message']})" if driver["message"] else ""
    console.print(Text(f"driver: {driver['state']}{told}"))
    rows = (
        (
            t.layer,
            t.name,
            Text(t.status, _COLOURS[t.status]),
            "–" if t.version is None else str(t.version),
            words.count(t.rows),
            words.count(t.files),
            words.size(t.bytes),
            f"{t.newest_event:%Y-%m-%d %H:%M:%S}" if t.newest_event else "–",
            words.age(t.lag_seconds),
            "–" if t.quality_score is None else f"{t.quality_score:.2f}",
        )
        for t in report.tables
    )
    heads = ("layer", "table", "status", "version", "rows", "files", "size", "newest event", "age", "quality")
    _table(console, heads, rows)
    groups = (
        (
            g.group,
            Text(g.status, _COLOURS[g.status]),
            words.count(g.lag),
            words.count(g.messages_per_second),
            words.age(g.commit_age_seconds),
        )
        for g in report.groups
    )
    _table(console, ("consumer", "status", "lag", "events/s", "last commit"), groups)
    places = (
        (p.name, words.size(p.bytes), words.count(p.files), words.count(p.small_files))
        for p in report.storage.places
    )
    _table(console, ("place", "size", "files", "small files"), places)
    for line in words.share_left(report):
        console.print(Text(line))
    refused = sum(source.dead_letters for source in report.sources)
    console.print(Text(f"Dead letters: {refused:,} in all."))


def _table(console: Any, heads: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> None:
    from rich.table import Table

    table = Table(*heads)
    for row in rows:
        table.add_row(*row)
    console.print(table)
