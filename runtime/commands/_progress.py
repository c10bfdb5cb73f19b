"""How a command on tables shows its progress."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lakehouse.driver.refresh import Progress


def show(steps: Iterator[Progress], dry_run: bool) -> None:
    """A bar in a terminal; elsewhere, and for a dry run, a line for each step."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    console = Console()
    if not console.is_terminal or dry_run:
        for step in steps:
            if step.state == "running":
                click.echo(_line(step, dry_run))
            elif step.state == "done":
                click.echo(_summary(step))
        return
    bar = Bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console)
    last = None
    with bar:
        task = bar.add_task("waiting for the driver", total=None)
        for step in steps:
            last = step
            if step.state == "running":
                bar.update(task, description=step.partition, completed=step.done, total=step.total or None)
    if last is not None:
        click.echo(_summary(last))


def _line(step: Progress, dry_run: bool) -> str:
    if step.message:
        return f"{step.partition}: {step.message}"
    return step.partition if dry_run else f"{step.partition}: {step.rows:,} rows"


def _summary(step: Progress) -> str:
    return step.message or f"{step.table}: {step.rows:,} rows written"
