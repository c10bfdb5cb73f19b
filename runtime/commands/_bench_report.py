"""`--report` of benchmarks: keeps a run's figures with the code and makes their page anew."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from runtime.bench.freshness import Ages

report_option = click.option(
    "--report",
    metavar="LOAD",
    default="",
    help="Keep the figures in docs/benchmarks/ and make their page anew; LOAD: what else ran on the machine.",
)


def keep(name: str, cells: list[str]) -> None:
    """Puts a row on top of the table ``name`` of the page. Raises what `runtime.bench.kept.keep` raises."""
    from runtime.bench import kept
    from runtime.documentation import benchmarks, pages, site

    root = site.checkout()
    path = kept.keep(root, name, cells)
    page = root / pages.FOLDER / "benchmarks.md"
    page.write_text(benchmarks.render(path.parent), "utf-8")
    click.echo(f"kept in {path.relative_to(root)} and {page.relative_to(root)}; commit both", err=True)


def machine(load: str, *more: str) -> str:
    return ", ".join([f"{os.cpu_count()} cores", load, *more])


def percentiles(ages: Ages | None) -> str:
    """`p50 / p95 / p99`; a dash where there was no event."""
    if ages is None or ages.p50 is None or ages.p95 is None or ages.p99 is None:
        return "–"
    return f"{ages.p50:.1f} / {ages.p95:.1f} / {ages.p99:.1f} s"
