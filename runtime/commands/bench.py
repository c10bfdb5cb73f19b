"""`dp bench`: measures a running platform; each benchmark prints a table and writes JSON."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

import click
import msgspec
from rich.console import Console

from contracts.configuration import Resolved
from runtime.commands import _bench_api, _bench_dashboards, _bench_quality, _bench_streams
from runtime.commands._bench_report import keep, machine, percentiles, report_option


@click.group(
    "bench",
    epilog="""\b
Examples:
  dp bench freshness
  dp bench path""",
)
def command() -> None:
    """Measure the running platform; results go to <data>/bench/ as JSON too."""


@command.command(
    "freshness",
    epilog="""\b
Examples:
  dp bench freshness                  two minutes at the rate that runs
  dp bench freshness --seconds 600 --check --json""",
)
@click.option("--seconds", type=click.FloatRange(min=1), default=120.0, show_default=True, help="Length.")
@click.option(
    "--warm-up",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    help="Events of the first so many seconds are left out.",
)
@click.option("--check", is_flag=True, help="Exit 1 where a target is missed.")
@click.option("as_json", "--json", is_flag=True, help="The result as JSON instead of a table.")
@click.option("--output", metavar="FILE", default="", help="Where the JSON goes; <data>/bench/ by default.")
@report_option
@click.pass_obj
def freshness(
    resolved: Resolved, seconds: float, warm_up: float, check: bool, as_json: bool, output: str, report: str
) -> None:
    """How old events are when they are in landing, and when POST /query shows them in silver.

    By the events' own clock. Run it while the simulators run (`dp up`), some minutes after the start: the
    first rounds of Spark are slower. The age at /query includes up to one second between two polls.
    """
    from runtime.bench.freshness import measure
    from runtime.bench.report import print_table, write_json
    from runtime.topology.state import read_snapshot

    settings = resolved.settings
    with Console(stderr=True).status("") as status:
        found = measure(settings, seconds=seconds, warm_up=warm_up, progress=status.update)
    snapshot = read_snapshot(settings)
    result: dict[str, Any] = {
        "seconds": seconds,
        "warm_up_seconds": warm_up,
        "engine": settings.lakehouse.engine if snapshot is None else snapshot.engine,
        "memory_bytes": snapshot.memory if snapshot else None,
        "ages": [{**msgspec.to_builtins(ages), "met": ages.met} for ages in found],
    }
    path = write_json(settings, "freshness", result, output)
    if as_json:
        click.echo(json.dumps(result, indent=2))
    else:
        columns = ("place", "source", "events", "p50 s", "p95 s", "p99 s", "most s", "p95 target", "met")
        print_table(
            f"Age of events over {seconds:.0f} s, after a warm-up of {warm_up:.0f} s",
            columns,
            [(a.place, a.source, a.events, a.p50, a.p95, a.p99, a.most, a.target, a.met) for a in found],
        )
        click.echo(f"written to {path}")
    if not any(ages.events for ages in found):
        raise click.ClickException("no event arrived: are the simulators running?")
    if report:
        # In landing, live and in silver, in this order.
        ages_of = [percentiles(ages) for ages in found if ages.source == "app_events"]
        keep("freshness", [str(result["engine"]), *ages_of, machine(report, f"{seconds:.0f} s")])
    if check and not all(ages.met for ages in found):
        sys.exit(1)


@command.command(
    "cadence",
    epilog="""\b
Examples:
  dp bench cadence                    five minutes at the rate that runs
  dp bench cadence --seconds 1200 --check""",
)
@click.option("--seconds", type=click.FloatRange(min=1), default=300.0, show_default=True, help="Length.")
@click.option("--check", is_flag=True, help="Exit 1 where a limit is missed.")
@click.option("as_json", "--json", is_flag=True, help="The result as JSON instead of a table.")
@click.option("--output", metavar="FILE", default="", help="Where the JSON goes; <data>/bench/ by default.")
@click.pass_obj
def cadence(resolved: Resolved, seconds: float, check: bool, as_json: bool, output: str) -> None:
    """How often bronze, silver and gold are committed, what waits before and after, what the driver costs.

    From the tables' own logs, while the platform runs (`dp up`); begin some minutes after its start. Limits
    for bronze and silver: Spark 15 and 30 s up to 1,000 events/s, 30 and 60 s beyond; embedded 10 and 20 s;
    gold follows within its own cadence and two rounds of silver.
    """
    from runtime.bench.cadence import measure
    from runtime.bench.report import print_table, write_json
    from runtime.topology.state import read_snapshot

    settings = resolved.settings
    if (snapshot := read_snapshot(settings)) is not None and snapshot.engine in ("spark", "embedded"):
        # As it was started: `dp up --engine` is no setting of this process.
        settings = msgspec.structs.replace(
            settings, lakehouse=msgspec.structs.replace(settings.lakehouse, engine=snapshot.engine)
        )
    with Console(stderr=True).status("") as status:
        found = measure(settings, seconds=seconds, progress=status.update)
    result = {
        **msgspec.to_builtins(found),
        "tables": [{**msgspec.to_builtins(table), "met": table.met} for table in found.tables],
        "met": found.met,
    }
    path = write_json(settings, "cadence", result, output)
    if as_json:
        click.echo(json.dumps(result, indent=2))
    else:
        shown = {
            "table": "table", "commits": "commits", "rows": "rows", "mean s": "mean", "p95 s": "p95",
            "most s": "most", "limit s": "limit", "behind": "behind_before", "then": "behind_after",
            "met": "met",
        }  # fmt: skip
        print_table(
            f"{found.engine}, {found.rate:,.0f} events/s for {found.seconds:.0f} s; "
            f"driver {found.driver_cores:.2f} cores, Spark workers {found.executor_cores:.2f}",
            tuple(shown),
            [[getattr(table, name) for name in shown.values()] for table in found.tables],
        )
        click.echo(f"written to {path}")
    if not found.rate:
        raise click.ClickException("no event arrived: are the simulators running?")
    if check and not found.met:
        sys.exit(1)


@command.command(
    "path",
    epilog="""\b
Examples:
  dp bench path
  dp bench path --events 20000 --duplicates 200 --malformed 50
  dp bench path --split               dp down and dp up between the halves""",
)
@click.option("--events", type=click.IntRange(min=1), default=200_000, show_default=True)
@click.option("--duplicates", type=click.IntRange(min=0), default=2_000, show_default=True)
@click.option("--malformed", type=click.IntRange(min=0), default=500, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Other seeds are other shapes.")
@click.option("--split", is_flag=True, help="In two halves, with dp down and dp up between.")
@click.option("--timeout", type=float, default=1800.0, show_default=True, help="Seconds to wait in all.")
@click.option("as_json", "--json", is_flag=True, help="The result as JSON instead of a table.")
@click.option("--output", metavar="FILE", default="", help="Where the JSON goes; <data>/bench/ by default.")
@click.pass_obj
def path(
    resolved: Resolved,
    events: int,
    duplicates: int,
    malformed: int,
    seed: int,
    split: bool,
    timeout: float,
    as_json: bool,
    output: str,
) -> None:
    """Send generated app events with dp produce and compare every figure with the input's own.

    Distinct events, exact duplicates of some and malformed lines of many kinds. Bronze, silver, gold and the
    dead letters must say exactly what the input says, else the exit code is 1. Safe beside other data:
    everything it sends carries a mark of its own, and only that is counted. The events stay in the platform.
    """
    from runtime.bench import path as bench
    from runtime.bench.acceptance_data import generate
    from runtime.bench.report import print_table, write_json

    if duplicates > events:
        raise click.UsageError("--duplicates cannot be more than --events")
    settings = resolved.settings
    data = generate(events, duplicates, malformed, seed=seed, end=datetime.now(UTC))
    first = bench.dead_letter_end(settings)
    began = time.monotonic()
    parts = data.parts(2 if split else 1)
    bench.produce(resolved, parts[0])
    for part in parts[1:]:
        bench.restart(resolved)
        bench.produce(resolved, part)
    sent = time.monotonic() - began
    checks = list(bench.verify(settings, data, first_dead_letter=first, began=began, timeout=timeout))
    result = {
        "events": events,
        "duplicates": duplicates,
        "malformed": dict(data.malformed),
        "split": split,
        "engine": settings.lakehouse.engine,
        "produce_seconds": round(sent, 1),
        "checks": [{**msgspec.to_builtins(check), "passed": check.passed} for check in checks],
    }
    written = write_json(settings, "path", result, output)
    if as_json:
        click.echo(json.dumps(result, indent=2, default=str))
    else:
        print_table(
            f"{events:,} events, {duplicates:,} duplicates, {malformed:,} malformed, sent in {sent:.1f} s",
            ("figure", "expected", "found", "seconds", "result"),
            [(c.name, c.expected, c.found, c.seconds, c.passed) for c in checks],
        )
        click.echo(f"written to {written}")
    if not all(check.passed for check in checks):
        sys.exit(1)


@command.command(
    "medallion",
    epilog="""\b
Examples:
  dp bench medallion --engine embedded
  dp bench medallion --engine spark --rows events --size 1000000 --size 5000000 --pairs 3
  dp --set lakehouse.embedded_memory_mb=4096 bench medallion --engine embedded --size 20000000""",
)
@click.option(
    "engines",
    "--engine",
    type=click.Choice(["embedded", "spark"]),
    multiple=True,
    default=("embedded", "spark"),
    help="Which engines; both by default. Spark needs its cluster, as dp up starts it.",
)
@click.option(
    "sizes",
    "--size",
    type=click.IntRange(min=1),
    multiple=True,
    default=(1_000_000, 5_000_000, 20_000_000),
    help="Rows of the day that is merged into; 1, 5 and 20 million by default.",
)
@click.option(
    "kinds",
    "--rows",
    type=click.Choice(["events", "sessions"]),
    multiple=True,
    default=("events", "sessions"),
    help="What is merged: app events, or clicks into sessions; both by default.",
)
@click.option("--events", type=click.IntRange(min=2), default=50_000, show_default=True, help="New events.")
@click.option("--pairs", type=click.IntRange(min=1), default=5, show_default=True, help="Pairs of merges.")
@click.option("late", "--late/--no-late", default=True, help="Also new events spread over thirty days.")
@click.option("as_json", "--json", is_flag=True, help="The result as JSON instead of a table.")
@click.option("--output", metavar="FILE", default="", help="Where the JSON goes; <data>/bench/ by default.")
@click.pass_obj
def medallion(
    resolved: Resolved,
    engines: tuple[str, ...],
    kinds: tuple[str, ...],
    sizes: tuple[int, ...],
    events: int,
    pairs: int,
    late: bool,
    as_json: bool,
    output: str,
) -> None:
    """What a silver merge costs, by the size of the day that it goes into, beside the same by hand.

    By hand is polars and deltalake for the embedded engine, PySpark for Spark, written for this one table.
    The two take turns on equal tables of their own, which are made for it under <data>/bench/ and removed
    again.
    """
    from contextlib import closing

    from runtime.bench import by_hand
    from runtime.bench.medallion import ByHand, Merges, measure
    from runtime.bench.report import print_table, write_json
    from runtime.engines import make_engine

    settings = resolved.settings
    found: list[Merges] = []
    for name in dict.fromkeys(engines):
        own = msgspec.structs.replace(
            settings, lakehouse=msgspec.structs.replace(settings.lakehouse, engine=name)
        )
        with closing(make_engine(own)) as engine:
            engine.connect()
            hands: dict[str, ByHand] = {"events": by_hand.merge_events, "sessions": by_hand.merge_sessions}
            if name == "spark":
                from batch.by_hand import MergeByHand

                with_spark = MergeByHand(engine)  # type: ignore[arg-type]
                hands = {"events": with_spark.events, "sessions": with_spark.sessions}
            told = lambda text: click.echo(text, err=True)  # noqa: E731
            for rows in dict.fromkeys(kinds):
                found += measure(
                    own,
                    engine,
                    hands[rows],
                    rows=rows,
                    sizes=sizes,
                    new_rows=events,
                    pairs=pairs,
                    late=late,
                    told=told,
                )
    result = {
        "events": events,
        "merges": [
            {
                **msgspec.to_builtins(one),
                "medians": one.medians,
                "cpu_medians": one.cpu_medians,
                "ratio": one.ratio,
            }
            for one in found
        ],
    }
    path = write_json(settings, "medallion", result, output)
    if as_json:
        click.echo(json.dumps(result, indent=2))
        return
    print_table(
        f"Silver merges of {events:,} events: medians of {pairs} pairs, seconds",
        (
            "engine",
            "rows",
            "new ones are",
            "events in the table",
            "ours",
            "by hand",
            "ours / by hand",
            "Python's CPU",
        ),
        [
            (
                *(m.engine, m.rows, m.case, m.table_rows, *(f"{s:.2f}" for s in m.medians)),
                f"{m.ratio:.2f}",
                " / ".join(f"{s:.2f}" for s in m.cpu_medians),
            )
            for m in found
        ],
    )
    click.echo(f"written to {path}")


@command.command(
    "growth",
    epilog="""\b
Examples:
  dp bench growth
  dp bench growth --rounds 5760 --rate 500 --check""",
)
@click.option("--rounds", type=click.IntRange(min=1), default=1_200, show_default=True, help="Bronze rounds.")
@click.option("--rate", type=click.IntRange(min=1), default=100, show_default=True, help="Events a second.")
@click.option("--check", is_flag=True, help="Exit 1 where a limit is exceeded.")
@click.option("as_json", "--json", is_flag=True, help="The result as JSON instead of a table.")
@click.option("--output", metavar="FILE", default="", help="Where the JSON goes; <data>/bench/ by default.")
@click.pass_obj
def growth(resolved: Resolved, rounds: int, rate: int, check: bool, as_json: bool, output: str) -> None:
    """How logs and files grow: some hours of commits for real, without waiting, then arithmetic for months.

    Limits: each log under 1 GB in the steady state, each snapshot loaded within a second, bronze's bytes at
    most 40 % of the JSON's.
    """
    from runtime.bench.growth import measure
    from runtime.bench.report import print_table, write_json

    found = measure(resolved.settings, rounds=rounds, rate=rate, told=lambda text: click.echo(text, err=True))
    result = {
        "rounds": rounds,
        "rate": rate,
        "tables": [{**msgspec.to_builtins(g), "met": g.met} for g in found],
    }
    path = write_json(resolved.settings, "growth", result, output)
    if as_json:
        click.echo(json.dumps(result, indent=2))
    else:
        print_table(
            f"After {rounds:,} rounds at {rate:,} events a second, and in the steady state",
            ("table", "commits", "a day", "files", "log MB", "steady log MB", "load s", "steady load s",
             "bytes a row", "of its JSON", "met"),
            [
                (g.table, g.commits, g.commits_a_day, g.files, g.log_bytes / 1e6, g.steady_log_bytes / 1e6,
                 f"{g.load_seconds:.3f}", f"{g.steady_load_seconds:.3f}", g.bytes_a_row,
                 f"{g.bytes_a_row / g.json_bytes_a_row:.0%}", g.met)
                for g in found
            ],
        )  # fmt: skip
        click.echo(f"written to {path}")
    if check and not all(g.met for g in found):
        sys.exit(1)


for _each in (
    _bench_api.api,
    _bench_dashboards.dashboards,
    _bench_quality.quality,
    _bench_streams.streams,
    _bench_streams.latency,
    _bench_streams.soak,
):
    command.add_command(_each)
