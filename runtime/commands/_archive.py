"""`dp lakehouse archive`, and the half of `dp lakehouse restore` that takes tables from an archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from contracts.configuration import Resolved
from runtime.commands._audited import command_log, os_user

if TYPE_CHECKING:
    from contracts.settings import Settings
    from lakehouse.archive.manifest import Manifest

EVERY = "*"


@click.command(
    "archive",
    epilog="""\b
Examples:
  dp lakehouse archive
  dp lakehouse archive users_silver entities_silver
  dp lakehouse archive --list
  dp lakehouse archive --verify 20261124T020000Z

\b
Exit code of --verify: 0 all is as archived, 1 a file is not; it is named.""",
)
@click.argument("tables", nargs=-1, metavar="[TABLE]...")
@click.option("listing", "--list", is_flag=True, help="Name the archives.")
@click.option(
    "verified",
    "--verify",
    is_flag=False,
    flag_value=EVERY,
    metavar="[NAME]",
    help="Compute all checksums of an archive (without a name: of all) anew.",
)
@click.option("as_json", "--json", is_flag=True, help="The same as JSON lines.")
@click.pass_obj
def archive(
    resolved: Resolved, tables: tuple[str, ...], listing: bool, verified: str | None, as_json: bool
) -> None:
    """Copies tables, or all of them, to `paths.archive`, with their logs and checksums.

    The driver may run. Files that the archive before has are shared with it. `archive.schedule` does it by
    itself, `archive.keep` says how many stay. `dp lakehouse restore --archive NAME` puts tables back.
    """
    from lakehouse.archive.copying import Copied, make
    from lakehouse.archive.manifest import Manifest

    settings = resolved.settings
    if listing or verified is not None:
        if tables or (listing and verified is not None):
            raise click.UsageError("--list and --verify take no tables, and not each other")
        _show(settings, as_json) if listing else _verify(settings, str(verified), as_json)
        return
    with command_log(settings) as audit:
        for step in make(settings, tables):
            if isinstance(step, Manifest):
                audit.record("lakehouse.archive", user=os_user(), details=_summary(step))
            match step:
                case Copied() if not as_json:
                    shared = f", {step.linked:,} of them shared" if step.linked else ""
                    click.echo(f"{step.table}: version {step.version}, {step.files:,} files{shared}")
                case Manifest() if not as_json:
                    click.echo(f"archive {step.name}: {len(step.tables)} tables, {step.bytes / 1e6:,.1f} MB")
                case Manifest():
                    click.echo(msgspec.json.encode(_summary(step)).decode())
                case _:
                    click.echo(msgspec.json.encode(step).decode())


def restore_archive(
    settings: Settings, name: str, tables: tuple[str, ...], to: Path | None, as_json: bool
) -> None:
    """Puts tables of an archive back to their place, or into a folder."""
    from lakehouse.archive.restoring import restore_elsewhere, restore_in_place
    from lakehouse.archive.store import archive_named

    manifest = archive_named(settings, name)
    steps = (
        restore_elsewhere(settings, manifest, tables, to)
        if to
        else restore_in_place(settings, manifest, tables)
    )
    asked = {"archive": name, "tables": list(tables), "elsewhere": to is not None}
    with command_log(settings) as audit:
        action, user = "lakehouse.restore_archive", os_user()
        audit.record_durably(action, user=user, details={**asked, "state": "begun"})
        for table in steps:
            told = {"table": table.table, "version": table.version, "files": len(table.files)}
            audit.record(action, user=user, subject=table.table, details={**asked, **told, "state": "done"})
            if as_json:
                click.echo(msgspec.json.encode(told).decode())
            else:
                click.echo(f"{table.table}: version {table.version}, {len(table.files):,} files")


def _show(settings: Settings, as_json: bool) -> None:
    from lakehouse.archive.store import archives

    for manifest in archives(settings):
        if as_json:
            click.echo(msgspec.json.encode(_summary(manifest)).decode())
        else:
            what = "all tables" if manifest.whole else ", ".join(table.table for table in manifest.tables)
            at = manifest.created_at.isoformat(timespec="seconds")
            click.echo(f"{manifest.name}  {at}  {manifest.bytes / 1e6:,.1f} MB  {what}")


def _verify(settings: Settings, name: str, as_json: bool) -> None:
    from lakehouse.archive.checking import verify
    from lakehouse.archive.store import archive_named, archives

    for manifest in archives(settings) if name == EVERY else [archive_named(settings, name)]:
        files = sum(len(table.files) for table in verify(settings, manifest))
        if as_json:
            click.echo(msgspec.json.encode({"archive": manifest.name, "files": files}).decode())
        else:
            click.echo(f"archive {manifest.name}: {files:,} files are as archived")


def _summary(manifest: Manifest) -> dict[str, object]:
    return {
        "archive": manifest.name,
        "created_at": manifest.created_at.isoformat(),
        "whole": manifest.whole,
        "bytes": manifest.bytes,
        "tables": {table.table: table.version for table in manifest.tables},
    }
