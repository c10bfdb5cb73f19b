"""`dp ingest`: validates events and packs them for the stream workers."""

from __future__ import annotations

import os

import click

from contracts import logs
from contracts.configuration import Resolved
from contracts.sources import SOURCES, source_named


@click.command(
    epilog="""\b
Examples:
  dp ingest                          all five sources
  dp ingest app_events clickstream   two of them
  dp ingest users                    in another terminal, one more beside it
"""
)
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.pass_obj
def command(resolved: Resolved, sources: tuple[str, ...]) -> None:
    """Reads the source topics, validates every record, and packs the valid ones for the stream workers.

    What is refused goes to the dead letters (`dp dead-letters list`). Runs until SIGTERM or Ctrl-C. Without a
    SOURCE it runs all of them. Any number may run, they share the partitions; the Nth serves its metrics on
    ports.ingestion_metrics + N - 1.
    """
    chosen = [source_named(name) for name in dict.fromkeys(sources)] or list(SOURCES)
    settings = resolved.settings
    logs.configure("ingestion", settings.logs.level)

    from runtime.process_number import claim
    from streams.ingestion import orchestrator

    # One that was given its service name is the one of that name.
    given = 1 if "DP_SERVICE" in os.environ else None
    number = claim(settings, orchestrator.SERVICE, settings.ports.ingestion_metrics, given)
    orchestrator.run(settings, chosen, number)
