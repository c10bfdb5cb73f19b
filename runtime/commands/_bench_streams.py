"""`dp bench streams`, `latency` and `soak`: the streaming half, on a broker of their own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
import msgspec
from rich.console import Console

from contracts.configuration import Resolved
from runtime.commands._bench_report import keep, machine, report_option

_CASES = (
    *("produce", "bare", "quix", "bytewax", "flink"),
    *("path", "ingestion", "worker", "sessions", "steady"),
)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """A line on a terminal's standard error that says what goes on; else nothing."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    with Console(stderr=True).status("starting") as status:
        yield status.update


@click.command(
    "streams",
    epilog="""\b
Examples:
  dp bench streams                            everything, with 3,000,000 events
  dp bench streams --only path --only quix    two of the cases
  dp bench streams --events 600000 --json""",
)
@click.option("--only", type=click.Choice(_CASES), multiple=True, help="This case; may be given again.")
@click.option("--events", type=click.IntRange(min=50_000), default=3_000_000, show_default=True)
@click.option("--seconds", type=float, default=60.0, show_default=True, help="Length of the steady case.")
@click.option("as_json", "--json", is_flag=True, help="The result as JSON instead of a table.")
@click.option("--output", metavar="FILE", default="", help="Where the JSON goes; <data>/bench/ by default.")
@click.pass_obj
def streams(
    resolved: Resolved, only: tuple[str, ...], events: int, seconds: float, as_json: bool, output: str
) -> None:
    """Throughput and CPU an event of ingestion and workers, beside Quix Streams, Bytewax and Flink SQL.

    Starts a broker and everything else by itself, on free ports, and removes it at the end; nothing else
    should run meanwhile. All take the same events from one topic, with the same keys and one-minute windows;
    event time goes on by a second for 2,000 events. Quix Streams and Bytewax take the first 600,000 at most.
    Measured is between 15 % and 95 % of the events, so starting is left out; Flink warms up on a third of
    them. CPU is that of all processes of a system, but the broker's. The peers' environments are made under
    <data>/bench/peers/ and kept.
    """
    from runtime.bench.report import print_table, write_json
    from runtime.bench.streams import suite
    from runtime.bench.streams.cases import Produced
    from runtime.bench.streams.metering import Measured

    with _progress() as told:
        found = list(suite.run(resolved, wanted=only or _CASES, count=events, seconds=seconds, told=told))
    rows = [each for each in found if isinstance(each, Measured)]
    produced = next((each for each in found if isinstance(each, Produced)), None)
    missing = [each for each in found if isinstance(each, str)]
    result: dict[str, Any] = {
        "events": events,
        "produce": None if produced is None else {**_plain(produced), "reduction": produced.reduction},
        "systems": [{**_plain(each), "events_per_second": each.events_per_second} for each in rows],
        "missing": missing,
    }
    path = write_json(resolved.settings, "streams", result, output)
    if as_json:
        click.echo(json.dumps(result, indent=2))
        return
    path_row = next((each for each in rows if each.case.startswith("raw topic")), None)
    print_table(
        f"{events:,} events",
        ("system", "case", "events/s", "CPU µs/event", "path: speed ×", "path: CPU ÷"),
        [
            (
                each.system,
                each.case,
                round(each.events_per_second),
                each.cpu_us,
                path_row.events_per_second / each.events_per_second if path_row else None,
                each.cpu_us / path_row.cpu_us if path_row else None,
            )
            for each in rows
        ],
    )
    if produced is not None:
        click.echo(
            f"dp produce: {produced.lines:,} lines, {produced.megabytes_per_second:.0f} MB/s of JSON; on the "
            f"broker's disk {produced.reduction:.0%} less than the JSON"
        )
    for reason in missing:
        click.echo(reason, err=True)
    click.echo(f"written to {path}")


@click.command(
    "latency",
    epilog="""\b
Examples:
  dp bench latency                  with the flush interval that is set (10 s)
  dp bench latency --flush 2""",
)
@click.option("--rate", type=click.FloatRange(min=1), default=5_000.0, show_default=True, help="Events/s.")
@click.option("--seconds", type=click.FloatRange(min=1), default=120.0, show_default=True, help="Length.")
@click.option("--warm-up", type=click.FloatRange(min=0), default=30.0, show_default=True)
@click.option("--flush", type=click.FloatRange(min=0.1), help="streams.flush_seconds of this run.")
@click.option("--check", is_flag=True, help="Exit 1 where a target is missed.")
@click.option("as_json", "--json", is_flag=True, help="The result as JSON instead of a table.")
@click.option("--output", metavar="FILE", default="", help="Where the JSON goes; <data>/bench/ by default.")
@report_option
@click.pass_obj
def latency(
    resolved: Resolved,
    rate: float,
    seconds: float,
    warm_up: float,
    flush: float | None,
    check: bool,
    as_json: bool,
    output: str,
    report: str,
) -> None:
    """How old events are when they are in Parquet, by their own clock, at a steady rate of all sources.

    Starts a broker, ingestion, stream workers and simulators by itself and removes them at the end: 60 % app
    events, 30 % clicks, changes and external data share the rest.
    """
    from runtime.bench.report import print_table, write_json
    from runtime.bench.streams.latency import measure

    if flush is not None:
        streams_settings = msgspec.structs.replace(resolved.settings.streams, flush_seconds=flush)
        settings = msgspec.structs.replace(resolved.settings, streams=streams_settings)
        origins = {**resolved.origins, "streams.flush_seconds": "flag"}
        resolved = msgspec.structs.replace(resolved, settings=settings, origins=origins)
    with _progress() as told:
        found = measure(resolved, rate=rate, seconds=seconds, warm=warm_up, told=told)
    result = {**_plain(found), "met": found.met}
    path = write_json(resolved.settings, "latency", result, output)
    if as_json:
        click.echo(json.dumps(result, indent=2))
    else:
        print_table(
            f"Age of events in landing at {rate:,.0f} events/s, flushes every {found.flush_seconds:g} s",
            ("source", "events", "p50 s", "p95 s", "p99 s", "most s", "p95 target", "met"),
            [(a.source, a.events, a.p50, a.p95, a.p99, a.most, a.target, a.met) for a in found.ages],
        )
        click.echo(f"flushes: p50 {found.flush_p50} s, p95 {found.flush_p95} s, most {found.flush_most} s")
        click.echo(f"written to {path}")
    if report:
        every = next(ages for ages in found.ages if ages.source == "all")
        seconds_of = [f"{age:.1f} s" for age in (every.p50, every.p95, every.p99, every.most)]
        flushes = f"{found.flush_p50:.2f} / {found.flush_p95:.2f} / {found.flush_most:.2f} s"
        keep(
            "latency",
            [f"{found.flush_seconds:g} s, {machine(report)}", f"{every.events:,}", *seconds_of, flushes],
        )
    if check and not found.met:
        sys.exit(1)


@click.command(
    "soak",
    epilog="""\b
Examples:
  dp bench soak                       30 minutes at 5,000 events/s
  dp bench soak --minutes 3 --json""",
)
@click.option("--minutes", type=click.FloatRange(min=0.5), default=30.0, show_default=True)
@click.option("--rate", type=click.FloatRange(min=1), default=5_000.0, show_default=True, help="Events/s.")
@click.option("as_json", "--json", is_flag=True, help="The result as JSON instead of a table.")
@click.option("--output", metavar="FILE", default="", help="Where the JSON goes; <data>/bench/ by default.")
@click.pass_obj
def soak(resolved: Resolved, minutes: float, rate: float, as_json: bool, output: str) -> None:
    """Memory, lag, files and errors while events keep coming; exit code 1 where one is not bounded.

    Memory counts as flat where the median of the last third is at most a tenth above that of the second.
    """
    from runtime.bench.report import print_table, write_json
    from runtime.bench.streams import soak as bench

    with _progress() as told:
        found = bench.run(resolved, minutes=minutes, rate=rate, told=told)
    result = {**_plain(found), "passed": found.passed}
    path = write_json(resolved.settings, "soak", result, output)
    if as_json:
        click.echo(json.dumps(result, indent=2))
    else:
        print_table(
            f"{minutes:g} minutes at {rate:,.0f} events/s, {found.events:,} events; resident MiB by thirds",
            ("process", "first", "second", "last", "peak", "flat"),
            [(m.process, m.first, m.second, m.last, m.peak, m.flat) for m in found.memory],
        )
        click.echo(
            f"most lag: {found.most_lag:,} events, {found.most_packed_lag:,} packed records; files: "
            f"{found.landing_files:,} in landing (bound {found.landing_bound:,}), "
            f"{found.view_files:,} of views (bound {found.view_bound:,}); errors: {len(found.errors)}"
        )
        for line in found.errors:
            click.echo(line, err=True)
        click.echo(f"written to {path}")
    if not found.passed:
        sys.exit(1)


def _plain(content: Any) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(content)
    return plain
