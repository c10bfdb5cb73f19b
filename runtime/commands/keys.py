"""`dp keys`: who may use the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click
import msgspec

from contracts.configuration import Resolved
from contracts.settings import Settings
from runtime.commands._audited import command_log, os_user
from runtime.commands._span import Span, Until

if TYPE_CHECKING:
    from web.access.keys import Key, Keys, Scope

json_option = click.option("as_json", "--json", is_flag=True, help="Print JSON.")
expires_option = click.option(
    "expires_at", "--expires", type=Until(), metavar="90d|DATE", help="When it ends; never by default."
)


@click.group()
def command() -> None:
    """Makes, lists, rotates and revokes the API's keys. A running API follows at once."""


@command.command(
    epilog="""\b
Examples:
  dp keys create alice --scope query --expires 90d
  dp keys create dashboard --scope read --rate 20
  export DP_KEY=$(dp keys create job --scope query)     the token alone goes to stdout
  curl -H "Authorization: Bearer $DP_KEY" localhost:8888/tables"""
)
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice(["read", "query", "admin"]),
    required=True,
    help="read: tables and health; query: also SQL and rows; admin: everything.",
)
@expires_option
@click.option(
    "--rate", type=click.FloatRange(min=0), help="Requests a second; 0: no limit. The settings' by default."
)
@json_option
@click.pass_obj
def create(
    resolved: Resolved,
    name: str,
    scope: Scope,
    expires_at: datetime | None,
    rate: float | None,
    as_json: bool,
) -> None:
    """A new key for NAME, under which the log has its calls. Its token is shown this once."""
    from web.access.keys import editing_keys

    now = datetime.now(UTC)
    with editing_keys(resolved.settings) as keys:
        key, token = keys.create(name, scope, now=now, expires_at=expires_at, requests_per_second=rate)
        told = {"scope": scope, "expires_at": expires_at, "requests_per_second": rate}
        _record(resolved.settings, "keys.create", key.name, key=key.id, **told)
    _show(resolved.settings, key, token, as_json)


@command.command(
    "list",
    epilog="""\b
Examples:
  dp keys list
  dp keys list --json | jq '.[] | select(.state == "valid") | .name'""",
)
@json_option
@click.pass_obj
def list_command(resolved: Resolved, as_json: bool) -> None:
    """All keys, the first one among them; never a token or what one could be found by."""
    from web.access.keys import read_keys

    settings = resolved.settings
    keys = read_keys(settings)
    rows = [_first(settings, keys), *(_row(key) for key in keys.keys)]
    if as_json:
        click.echo(msgspec.json.encode(rows).decode())
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None)
    columns = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    for name in columns:
        table.add_column(name.replace("_", " "), no_wrap=True)
    for row in rows:
        table.add_row(*(_as_text(row[name]) for name in columns))
    console = Console()
    if not console.is_terminal:
        console.width = 200
    console.print(table)
    if rows[0]["state"] == "valid" and keys.keys:
        click.echo(
            "The first key, which was made at the start, is still valid; `dp keys revoke first` ends it."
        )
    _say_whether_asked(settings)


@command.command(
    epilog="""\b
Examples:
  dp keys rotate alice                  the old token is valid for another day
  dp keys rotate alice --grace 0        it ends now
  dp keys rotate alice --expires 90d    with a new expiry"""
)
@click.argument("name_or_id")
@click.option(
    "--grace",
    type=Span(),
    default="24h",
    show_default=True,
    metavar="SPAN",
    help="How long the old token stays valid.",
)
@expires_option
@json_option
@click.pass_obj
def rotate(
    resolved: Resolved, name_or_id: str, grace: timedelta, expires_at: datetime | None, as_json: bool
) -> None:
    """A new token for a key, whose name, scope and limits stay. It is shown this once."""
    from web.access.keys import editing_keys

    now = datetime.now(UTC)
    with editing_keys(resolved.settings) as keys:
        key, token = keys.rotate(name_or_id, now=now, grace=grace, expires_at=expires_at)
        told = {"grace_seconds": grace.total_seconds(), "expires_at": expires_at}
        _record(resolved.settings, "keys.rotate", key.name, key=key.id, **told)
    click.echo(f"The old token ends {f'at {_as_text(now + grace)}' if grace else 'now'}.", err=True)
    _show(resolved.settings, key, token, as_json)


@command.command(
    epilog="""\b
Examples:
  dp keys revoke alice
  dp keys revoke first     the key that was made at the first start"""
)
@click.argument("name_or_id")
@click.pass_obj
def revoke(resolved: Resolved, name_or_id: str) -> None:
    """Ends a key at once, with every token that it ever had."""
    from contracts.secrets import secret_path
    from web.access.keys import FIRST, FIRST_SECRET, editing_keys

    now = datetime.now(UTC)
    with editing_keys(resolved.settings) as keys:
        if name_or_id == FIRST:
            _record(resolved.settings, "keys.revoke", FIRST, key=FIRST)
            keys.first_revoked_at = keys.first_revoked_at or now
            # Gone for good, so that it is not valid again should the file of keys be lost.
            secret_path(resolved.settings, FIRST_SECRET).unlink(missing_ok=True)
            told = "the first key"
        else:
            key = keys.revoke(name_or_id, now=now)
            _record(resolved.settings, "keys.revoke", key.name, key=key.id)
            told = f"the key {key.name} ({key.id})"
        admins = [key for key in keys.keys if key.scope == "admin" and key.state(now) == "valid"]
        left = bool(admins) or _first(resolved.settings, keys)["state"] == "valid"
    click.echo(f"revoked {told}")
    if not left and resolved.settings.asks_for_keys:
        click.echo("No key with the scope admin is left; `dp keys create` makes one.", err=True)


def _record(settings: Settings, action: str, name: str, **details: Any) -> None:
    """On disk before the keys change. Raises DependencyError; then they do not."""
    told = {key: value for key, value in details.items() if value is not None}
    with command_log(settings) as audit:
        audit.record_durably(action, user=os_user(), subject=name, details=told)


def _show(settings: Settings, key: Key, token: str, as_json: bool) -> None:
    """The token on stdout, for a program; what it is on stderr."""
    if as_json:
        click.echo(msgspec.json.encode({**_row(key), "token": token}).decode())
    else:
        click.echo(token)
    ends = f"until {_as_text(key.expires_at)}" if key.expires_at else "without an end"
    click.echo(f"Key {key.id} of {key.name}, scope {key.scope}, valid {ends}.", err=True)
    click.echo("The token is stored nowhere: keep it now. Send it as `Authorization: Bearer …`.", err=True)
    _say_whether_asked(settings)


def _say_whether_asked(settings: Settings) -> None:
    if not settings.asks_for_keys:
        click.echo(
            "The API asks for no key now: api.keys is off"
            + ("." if settings.on_loopback else ", and access.open_to_network on."),
            err=True,
        )


def _row(key: Key) -> dict[str, Any]:
    """What may be told of a key."""
    now = datetime.now(UTC)
    ends = [old.until for old in key.previous if old.until > now]
    return {
        "id": key.id,
        "name": key.name,
        "scope": key.scope,
        "state": key.state(now),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "rotated_at": key.rotated_at,
        "old_token_until": max(ends, default=None),
        "revoked_at": key.revoked_at,
        "requests_per_second": key.requests_per_second,
    }


def _first(settings: Settings, keys: Keys) -> dict[str, Any]:
    """The first key as a row: `not made` where none has been needed."""
    from contracts.secrets import secret_path
    from web.access.keys import FIRST, FIRST_SECRET

    if keys.first_revoked_at is not None:
        state = "revoked"
    else:
        state = "valid" if secret_path(settings, FIRST_SECRET).exists() else "not made"
    blank = dict.fromkeys(("created_at", "expires_at", "rotated_at", "old_token_until"))
    row = {"id": FIRST, "name": FIRST, "scope": "admin", "state": state, **blank}
    return {**row, "revoked_at": keys.first_revoked_at, "requests_per_second": None}


def _as_text(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return f"{value:%Y-%m-%d %H:%M} UTC"
        case _:
            return f"{value:g}" if isinstance(value, float) else str(value)
