"""`dp bench dashboards`: what open dashboards cost the API."""

from __future__ import annotations

import json
import sys

import click
import msgspec

from contracts.configuration import Resolved

MOST_PERCENT = 10.0
MOST_SECONDS = 2.0


@click.command(
    "dashboards",
    epilog="""\b
Examples:
  dp bench dashboards                   fifty watchers against one
  dp bench dashboards --watchers 200 --seconds 60 --check""",
)
@click.option("--watchers", type=click.IntRange(2), default=50, show_default=True, help="Open dashboards.")
@click.option("--seconds", type=float, default=30.0, show_default=True, help="Length of each measurement.")
@click.option(
    "--rounds", type=click.IntRange(1), default=3, show_default=True, help="One and many, in turns."
)
@click.option("--check", is_flag=True, help="Exit 1 where they cost 10 % of a core or a moment is 2 s late.")
@click.option("as_json", "--json", is_flag=True, help="The result as JSON instead of a table.")
@click.option("--output", metavar="FILE", default="", help="Where the JSON goes; <data>/bench/ by default.")
@click.pass_obj
def dashboards(
    resolved: Resolved,
    watchers: int,
    seconds: float,
    rounds: int,
    check: bool,
    as_json: bool,
    output: str,
) -> None:
    """What open dashboards cost the API that runs: processor time with one watcher of `GET /events` and with
    many, and how late moments come. A key, where one is needed, goes into DP_API_KEY."""
    from runtime.bench.dashboards import measure
    from runtime.bench.report import print_table, write_json

    found = [measure(resolved.settings, count, seconds) for _ in range(rounds) for count in (1, watchers)]
    one, many = (
        sorted(result.core_percent for result in found if result.watchers == count)[rounds // 2]
        for count in (1, watchers)
    )
    latest = max(max(result.longest_gap_seconds, result.oldest_seconds) for result in found)
    held = many - one < MOST_PERCENT and latest < MOST_SECONDS
    result = {
        "more_percent": round(many - one, 2),
        "latest_seconds": latest,
        "held": held,
        "measured": [msgspec.to_builtins(one) for one in found],
    }
    path = write_json(resolved.settings, "dashboards", result, output)
    if as_json:
        click.echo(json.dumps(result))
    else:
        print_table(
            f"{watchers} dashboards cost {many - one:.1f} % of a core more than one (medians)",
            ("watchers", "% of a core", "moments", "longest gap, s", "oldest, s", "bytes"),
            [list(msgspec.structs.astuple(one)) for one in found],
        )
        click.echo(str(path))
    if check and not held:
        sys.exit(1)
