"""`dp lakehouse erase`: one person out of everything that is kept."""

from __future__ import annotations

import click
import msgspec

from contracts.configuration import Resolved
from runtime.commands._audited import os_user


@click.command(
    "erase",
    epilog="""\b
Examples:
  dp lakehouse erase u-4711 --dry-run
  dp lakehouse erase - --yes < id.txt                 the id stays out of lists of processes
  dp lakehouse erase u-4711 --purge                   older versions of tables as well, now""",
)
@click.argument("user_id")
@click.option("dry_run", "--dry-run", is_flag=True, help="Count what would go, remove nothing.")
@click.option(
    "purge", "--purge", is_flag=True, help="End the time travel of tables here, so that it holds nothing."
)
@click.option("yes", "--yes", is_flag=True, help="Do not ask.")
@click.option("as_json", "--json", is_flag=True, help="The receipt as JSON.")
@click.pass_obj
def erase(resolved: Resolved, user_id: str, dry_run: bool, purge: bool, yes: bool, as_json: bool) -> None:
    """Removes the user USER_ID (`-`: read from the input) from landing, views, tables, results and archives.

    It cannot be undone. The receipt says what was removed where and what goes by itself later; it is kept
    under `erasures/`, by a keyed hash of the id. Run it again as often as you like.
    """
    from lakehouse.driver.commands import run_command
    from lakehouse.driver.operations import EraseRequest
    from lakehouse.persons.receipt import Receipt
    from runtime.engines import make_engine

    settings = resolved.settings
    if user_id == "-":
        user_id = click.get_text_stream("stdin").readline().rstrip("\r\n")
    if not dry_run and not yes:
        click.confirm("Remove this user everywhere, for good?", abort=True, err=True)
    request = EraseRequest(user_id=user_id, purge=purge, dry_run=dry_run)
    for step in run_command(settings, request, lambda: make_engine(settings), os_user()):
        if step.state == "done":
            text = step.message
            click.echo(text if as_json else msgspec.json.decode(text, type=Receipt).text, nl=as_json)
        elif step.state == "running" and not as_json:
            click.echo(f"{step.partition}: {step.message}", err=True)
