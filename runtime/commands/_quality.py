"""`dp lakehouse check`: every rule of quality, over any table, now."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

import click
import msgspec

from contracts.configuration import Resolved
from runtime.commands._catalog import LAYERS

if TYPE_CHECKING:
    from lakehouse.datasets import Layer, Severity
    from lakehouse.quality import Finding
    from lakehouse.quality.checking import Checking

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command(
    "check",
    epilog="""\b
Examples:
  dp lakehouse check
  dp lakehouse check app_events_silver event_metrics_gold
  dp lakehouse check --layer gold --from 2026-11-20 --to 2026-11-24
  dp lakehouse check --fail-on flag --json | jq '.findings[] | select(.passed == false)'

\b
Exit code: 0 all well, 1 a rule of at least the severity of --fail-on does not hold.""",
)
@click.argument("tables", nargs=-1, metavar="[TABLE]...")
@click.option("--layer", type=LAYERS, help="Tables of this layer.")
@click.option("start", "--from", type=_DAY, metavar="DATE", help="First UTC date whose rows are checked.")
@click.option("end", "--to", type=_DAY, metavar="DATE", help="Last UTC date, itself included.")
@click.option(
    "--fail-on",
    type=click.Choice(["flag", "quarantine", "fail"]),
    default="quarantine",
    show_default=True,
    help="Exit 1 where a rule of this severity, or a graver one, does not hold.",
)
@click.option("as_json", "--json", is_flag=True, help="Every finding, and the scores, as JSON.")
@click.pass_obj
def check(
    resolved: Resolved,
    tables: tuple[str, ...],
    layer: Layer | None,
    start: datetime | None,
    end: datetime | None,
    fail_on: Severity,
    as_json: bool,
) -> None:
    """Checks every declared rule of each TABLE (default: all), its schema, completeness and freshness.

    Works whether or not the platform runs: tables are read, and the results land for the driver, which puts
    them into quality_results. Interrupted, it leaves no result.
    """
    from lakehouse.quality import score
    from lakehouse.quality.checking import checking
    from lakehouse.quality.findings import worst

    with checking(resolved.settings, tables=tables, layer=layer, from_=_date(start), to=_date(end)) as run:
        _work(run, quiet=as_json)
        run.record()
    by_table = {name: [one for one in run.findings if one.table == name] for name in run.tables}
    scores = {name: score(found) for name, found in by_table.items() if found}
    failing = worst(run.findings, fail_on)
    if as_json:
        told = {
            "run_id": run.run_id,
            "checked_at": run.checked_at,
            "passed": not failing,
            "scores": scores,
            "findings": run.findings,
        }
        click.echo(msgspec.json.encode(told).decode())
    else:
        _print(run.findings, scores)
    sys.exit(1 if failing else 0)


def _date(at: datetime | None) -> date | None:
    return at.date() if at else None


def _work(run: Checking, *, quiet: bool) -> None:
    """A bar on a terminal; elsewhere nothing is said before the end."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    shown = console.is_terminal and not quiet
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console, transient=True
    )
    with bar if shown else console:
        task = bar.add_task("", total=len(run.tables))
        for name in run.tables:
            bar.update(task, description=name)
            run.of(name)
            bar.advance(task)


def _print(findings: Sequence[Finding], scores: dict[str, float]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console.width = 160
    shown = Table("table", "score", "rows", "rules", "not held")
    for name, reached in scores.items():
        own = [one for one in findings if one.table == name]
        failed = [one for one in own if not one.passed]
        rows = next((one.rows_checked for one in own if one.rule == "schema_required"), 0)
        cells = (
            name,
            f"{reached:.0%}" if reached in (0, 1) else f"{reached:.1%}",
            f"{rows:,}",
            str(len(own)),
            ", ".join(one.rule for one in failed) or "–",
        )
        shown.add_row(*map(Text, cells))
    console.print(shown)
    for one in findings:
        if not one.passed:
            console.print(
                Text.assemble((f"{one.severity}  ", "bold"), f"{one.table}.{one.rule}: ", one.message)
            )
            if one.samples and one.samples[0] not in one.message:
                console.print(Text(f"    for example {'; '.join(one.samples)}", style="dim"))
    held = sum(one.passed for one in findings)
    click.echo(f"{held:,} of {len(findings):,} rules hold in {len(scores)} tables")
