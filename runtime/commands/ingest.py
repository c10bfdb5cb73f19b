"""`dp ingest`: validates events and packs them for the stream workers."""

from __future__ import annotations

import click

from contracts import logs
from contracts.configuration import Resolved
from contracts.sources import SOURCES, source_named


@click.command(
    epilog="""\b
Examples:
  dp ingest                          all five sources
  dp ingest app_events clickstream   two of them
"""
)
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.pass_obj
def command(resolved: Resolved, sources: tuple[str, ...]) -> None:
    """Reads the source topics, validates every record, and packs the valid ones for the stream workers.

    What is refused goes to the dead letters (`dp dead-letters list`). Runs until SIGTERM or Ctrl-C. Without a
    SOURCE it runs all of them; several processes share the partitions.
    """
    chosen = [source_named(name) for name in dict.fromkeys(sources)] or list(SOURCES)
    logs.configure("ingestion", resolved.settings.logs.level)

    from streams.ingestion import orchestrator

    orchestrator.run(resolved.settings, chosen)
