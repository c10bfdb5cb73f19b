"""`dp bench quality`: what checks cost."""

from __future__ import annotations

import json
import statistics
import sys

import click
import msgspec

from contracts.configuration import Resolved


@click.command(
    "quality",
    epilog="""\b
Examples:
  dp bench quality
  dp bench quality --rows 1000000 --pairs 8 --check""",
)
@click.option(
    "--rows", type=click.IntRange(min=1000), default=5_000_000, show_default=True, help="Of silver."
)
@click.option(
    "--times", type=click.IntRange(min=1), default=5, show_default=True, help="Checks of each table."
)
@click.option("--pairs", type=click.IntRange(min=1), default=20, show_default=True, help="Of silver runs.")
@click.option(
    "--new", "new_rows", type=click.IntRange(min=1), default=50_000, show_default=True, help="A run."
)
@click.option("--check", is_flag=True, help="Exit 1 where a limit is missed.")
@click.option("as_json", "--json", is_flag=True, help="The result as JSON instead of a table.")
@click.option("--output", metavar="FILE", default="", help="Where the JSON goes; <data>/bench/ by default.")
@click.pass_obj
def quality(
    resolved: Resolved,
    rows: int,
    times: int,
    pairs: int,
    new_rows: int,
    check: bool,
    as_json: bool,
    output: str,
) -> None:
    """What a full check of app_events_silver takes, and what its rules add to a silver run.

    Makes tables of its own; needs no running platform. The check compares silver with bronze too: once where
    no event came twice, once where some did in every hour, so that rows are compared one by one. Limits: 3 s
    for the check (without duplicates), 10 % of a run's CPU time for the rules.
    """
    from runtime.bench.quality import full_pass, inline, load
    from runtime.bench.report import print_table, write_json

    def told(text: str) -> None:
        click.echo(text, err=True)

    settings = resolved.settings
    before = load()
    passes = [full_pass(settings, rows=rows, duplicate_share=s, times=times, told=told) for s in (0.0, 0.02)]
    found = inline(settings, rows=min(rows, 1_000_000), new_rows=new_rows, pairs=pairs, told=told)
    clock, cpu = found.shares
    result = {
        "load": [before, load()],
        "passes": [{**msgspec.to_builtins(one), "met": one.met} for one in passes],
        "inline": {
            **msgspec.to_builtins(found),
            "added_share": clock,
            "added_cpu_share": cpu,
            "met": found.met,
        },
    }
    path = write_json(settings, "quality", result, output)
    if as_json:
        click.echo(json.dumps(result, indent=2))
    else:
        print_table(
            f"Full checks of app_events_silver, load average {before} before",
            ("rows", "duplicates", "rules", "median s", "least s", "most s", "median CPU s", "not held"),
            [
                (
                    *(one.rows, one.duplicates, one.rules, f"{statistics.median(one.seconds):.2f}"),
                    *(f"{min(one.seconds):.2f}", f"{max(one.seconds):.2f}"),
                    *(f"{statistics.median(one.cpu):.2f}", ", ".join(one.failed) or "none"),
                )
                for one in passes
            ],
        )
        print_table(
            f"Silver runs of {new_rows:,} events into {found.rows:,}: medians of {pairs} pairs",
            ("", "with rules", "without", "rules add"),
            [
                ("seconds", *_medians(found.with_rules, found.without), f"{clock:+.1%}"),
                ("CPU seconds", *_medians(found.with_rules_cpu, found.without_cpu), f"{cpu:+.1%}"),
            ],
        )
        click.echo(f"written to {path}")
    if check and not (passes[0].met and found.met):
        sys.exit(1)


def _medians(*sides: list[float]) -> list[str]:
    return [f"{statistics.median(side):.3f}" for side in sides]
