"""`dp worker`: one stream worker."""

from __future__ import annotations

import click

from contracts.configuration import Resolved


@click.command(
    "worker",
    epilog="""\b
Examples:
  dp worker                  the first worker, until Ctrl-C
  dp worker --index 2        a second one beside it: they share the partitions
  dp --set streams.flush_seconds=2 worker""",
)
@click.option(
    "--index",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Number of the worker; its web page is on ports.worker_web + index - 1.",
)
@click.pass_obj
def command(resolved: Resolved, index: int) -> None:
    """Runs a stream worker: internal topics to landing files and live views, exactly once.

    It flushes and commits on SIGTERM or Ctrl-C. Any number may run; each holds some of the partitions.
    """
    from streams.worker import run

    run(resolved.settings, index)
