"""`dp api`: the REST API and its pages, as a service."""

from __future__ import annotations

import click

from contracts.configuration import Resolved


@click.command(
    "api",
    epilog="""\b
Examples:
  dp api
  dp --set ports.api=9000 api
  curl localhost:8888/tables?layer=gold""",
)
@click.pass_obj
def command(resolved: Resolved) -> None:
    """Serve the REST API, read-only SQL and a page of the tables until stopped.

    Needs nothing else of the platform: tables that have not been created yet are empty.
    """
    from contracts import logs
    from web import server

    settings = resolved.settings
    logs.configure(server.SERVICE, settings.logs.level)
    server.run(settings)
