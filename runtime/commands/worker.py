"""`dp worker`: one stream worker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

import click

from contracts.configuration import Resolved

if TYPE_CHECKING:
    import polars as pl

    from contracts.sources import Source


@click.command(
    "worker",
    epilog="""\b
Examples:
  dp worker                  one worker, until Ctrl-C
  dp worker                  in another terminal, one more beside it: they share the partitions
  dp worker --index 2        the second one, by its number
  dp --set streams.flush_seconds=2 worker""",
)
@click.option(
    "--index",
    type=click.IntRange(min=1),
    default=None,
    help="Number of the worker; the first free one by default. Its page is on ports.worker_web + index - 1.",
)
@click.pass_obj
def command(resolved: Resolved, index: int | None) -> None:
    """Runs a stream worker: internal topics to landing files and live views, exactly once.

    It flushes and commits on SIGTERM or Ctrl-C. Any number may run; each holds some of the partitions.
    """
    from runtime.process_number import claim
    from streams.worker import run

    settings = resolved.settings

    def bronze(
        source: Source, topic_id: str, partition: int, offset: int, day: date
    ) -> Iterator[pl.DataFrame]:
        # Loaded when it is needed, which is hardly ever: it would double the time and memory of a start.
        from lakehouse.medallion.bronze_rows import rows_below

        return rows_below(settings, source, topic_id, partition, offset, day)

    number = claim(settings, "stream-worker", settings.ports.worker_web, index)
    run(settings, number, bronze=bronze)
