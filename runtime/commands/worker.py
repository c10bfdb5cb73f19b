"""`dp worker`: one stream worker."""

from __future__ import annotations

import click

from contracts.configuration import Resolved


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
    from runtime.worker_index import claim
    from streams.worker import run

    run(resolved.settings, claim(resolved.settings, index))
