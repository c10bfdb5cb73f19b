"""`dp simulate NAME`: one simulator, into Kafka or into a file."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from contracts.configuration import Resolved

NAMES = ("mobile", "web", "clickstream", "cdc", "external-data")


class Time(click.ParamType):
    """An RFC 3339 time; without an offset it is UTC."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            time = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a time such as 2026-01-31T08:00:00Z", param, ctx)
        return time if time.tzinfo else time.replace(tzinfo=UTC)


@click.command(
    "simulate",
    epilog="""\b
Examples:
  dp simulate mobile                                into topic_app_events, until Ctrl-C
  dp simulate clickstream --rate 1000
  dp simulate web --faults 0.05                     malformed, duplicate and late records too
  dp simulate cdc --output - --count 20 --keyed     look at what it sends
  dp simulate web --start 2026-01-01 --count 100000 history, as fast as possible""",
)
@click.argument("name", type=click.Choice(NAMES))
@click.option("--rate", type=float, help="Events per second; simulators.rate by default.")
@click.option("--seed", type=int, help="Seed of the shared population; simulators.seed by default.")
@click.option("--users", type=int, help="Size of the shared population; simulators.users by default.")
@click.option("--faults", type=float, help="Share of malformed, duplicate and late records, 0 to 1.")
@click.option("--count", type=click.IntRange(min=0), help="Stop after so many records.")
@click.option(
    "--start",
    type=Time(),
    help="Begin at this time and run as fast as possible: the same records at every run.",
)
@click.option("--output", metavar="FILE|-", default="", help="NDJSON to a file or the terminal, not Kafka.")
@click.option("--keyed", is_flag=True, help="With --output: topic and key beside each value.")
@click.pass_obj
def command(
    resolved: Resolved,
    name: str,
    rate: float | None,
    seed: int | None,
    users: int | None,
    faults: float | None,
    count: int | None,
    start: datetime | None,
    output: str,
    keyed: bool,
) -> None:
    """Simulate one source of events.

    All five share one population of users: who buys in the mobile app also shows in the orders of cdc and
    in the clickstream. The same seed, start, rate, users, faults and count give the same records.
    """
    from contracts import logs
    from simulators import runner

    if keyed and not output:
        raise click.UsageError("--keyed goes with --output")
    logs.configure(runner.service_name(name), resolved.settings.logs.level)
    runner.run(
        resolved.settings,
        name,
        rate=rate,
        seed=seed,
        users=users,
        faults=faults,
        count=count,
        start=start,
        output=output,
        keyed=keyed,
    )
