"""`dp bench api`: the API's speed, beside ROAPI and a plain DuckDB over HTTP."""

from __future__ import annotations

import json
import shutil
import sys
from contextlib import AbstractContextManager
from typing import Any

import click
import msgspec

from contracts.configuration import Resolved

_SERVERS = ("ours", "roapi", "duckdb")


@click.command(
    "api",
    epilog="""\b
Examples:
  dp bench api                          all three, five million rows
  dp bench api --only ours --rows 100000 --check""",
)
@click.option("--only", type=click.Choice(_SERVERS), multiple=True, help="This one; may be given again.")
@click.option(
    "--rows", type=click.IntRange(min=1000), default=5_000_000, show_default=True, help="Of silver."
)
@click.option("--seconds", type=float, default=10.0, show_default=True, help="Length of each load.")
@click.option(
    "--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="Servers take turns."
)
@click.option("--check", is_flag=True, help="Exit 1 where our API misses a target.")
@click.option("as_json", "--json", is_flag=True, help="The result as JSON instead of a table.")
@click.option("--output", metavar="FILE", default="", help="Where the JSON goes; <data>/bench/ by default.")
@click.pass_obj
def api(
    resolved: Resolved,
    only: tuple[str, ...],
    rows: int,
    seconds: float,
    rounds: int,
    check: bool,
    as_json: bool,
    output: str,
) -> None:
    """How fast the API answers, and how many a core, beside ROAPI and a plain DuckDB over HTTP.

    Makes tables of its own under <data>/bench/ and starts the servers itself, one at a time; nothing else
    should run meanwhile. `gold` are dashboard queries that nobody has asked before, `same gold` one that was;
    `mixed` are nine of ten requests for what was asked before. The open load comes at random at half the rate
    that the server can give to 16 clients; its times count from when a request was due. Load and server share
    the machine's cores.
    """
    from runtime.bench.api import servers, suite
    from runtime.bench.api.tables import fill
    from runtime.bench.report import print_table, write_json
    from runtime.bench.streams.local import free_ports

    settings = resolved.settings

    def told(text: str) -> None:
        click.echo(text, err=True)

    root = suite.folder_of(settings.data_root)
    shutil.rmtree(root, ignore_errors=True)
    own = msgspec.structs.replace(settings, paths=msgspec.structs.replace(settings.paths, data=str(root)))
    told(f"making the tables: {rows:,} rows of silver")
    fill(own, rows)
    runs: list[list[suite.Measure]] = []
    try:
        for _ in range(rounds):
            for name in only or _SERVERS:
                (port,) = free_ports(1)
                starts: dict[str, AbstractContextManager[servers.Server]] = {
                    "ours": servers.ours(resolved, root, port),
                    "roapi": servers.roapi(own, settings.data_root / "bench" / "peers", port, told),
                    "duckdb": servers.plain_duckdb(own, port),
                }
                with starts[name] as server:
                    runs.append(suite.measure(server, seconds=seconds, told=told))
    finally:
        shutil.rmtree(root, ignore_errors=True)
    found = suite.medians(runs)
    mine = {one.case: one for one in found if one.server == "ours"}
    targets = [
        {"case": t.case, "figure": t.figure, "limit": t.limit, "met": t.met(mine[t.case])}
        for t in suite.TARGETS
        if t.case in mine
    ]
    result: dict[str, Any] = {
        "rows": rows,
        "rounds": rounds,
        "cores": suite.cores(),
        "targets": targets,
        "measures": [{**msgspec.to_builtins(m), "per_second": m.load.per_second} for m in found],
    }
    path = write_json(settings, "api", result, output)
    if as_json:
        click.echo(json.dumps(result, indent=2))
    else:
        print_table(
            f"{rows:,} rows of silver, medians of {rounds} rounds; times in ms",
            ("case", "server", "requests", "a second", "a core", "p50", "p95", "p99"),
            suite.as_rows(found),
        )
        print_table(
            "Targets of ours",
            ("case", "figure", "limit", "met"),
            [tuple(target.values()) for target in targets],
        )
        click.echo(f"written to {path}")
    if check and not all(target["met"] for target in targets):
        sys.exit(1)
