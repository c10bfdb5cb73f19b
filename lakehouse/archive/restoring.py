"""Puts tables of an archive back: into another folder, or to their place, while nobody writes there."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from contracts.durability import sync_folder
from contracts.errors import ConflictError, ContractError, NotFound
from contracts.layout import table_path
from contracts.settings import Settings
from lakehouse.archive.following import ensure_they_agree
from lakehouse.archive.landing import continue_chains
from lakehouse.archive.manifest import ArchivedTable, Manifest
from lakehouse.archive.store import folder_of
from lakehouse.storage.durable import copy_file, sync_tree
from lakehouse.storage.lock import archive_lock, lakehouse_lock

log = logging.getLogger(__name__)


def restore_elsewhere(
    settings: Settings, manifest: Manifest, names: Sequence[str], to: Path
) -> Iterator[ArchivedTable]:
    """Copies tables (none named: all) to `<to>/<layer>/<table>`, checked against the manifest.

    Raises NotFound for one that the archive does not have, ConflictError where there is one already,
    ContractError where a file is not what was archived.
    """
    chosen = _chosen(manifest, names)
    for table in chosen:
        if (to / table.folder).exists():
            raise ConflictError(f"{to / table.folder} is there already: name another folder")
    for table in chosen:
        hidden = _copied(settings, manifest, table, to / table.layer)
        hidden.rename(to / table.folder)
        sync_folder(to / table.layer)
        yield table


def restore_in_place(settings: Settings, manifest: Manifest, names: Sequence[str]) -> Iterator[ArchivedTable]:
    """Puts tables (none named: all) in the place of those that are there; the driver goes on from them.

    Nothing is touched before all of them are copied and checked. Interrupted, it is run again. Raises
    ConflictError where a driver runs, or where a table that is not restored has seen more of one that is than
    the archive holds; NotFound and ContractError as ``restore_elsewhere`` does.
    """
    chosen = _chosen(manifest, names)
    with lakehouse_lock(settings), archive_lock(settings):
        ensure_they_agree(settings, manifest, chosen)
        hidden = {
            table.table: _copied(
                settings, manifest, table, table_path(settings, table.layer, table.table).parent
            )
            for table in chosen
        }
        for table in chosen:
            place = table_path(settings, table.layer, table.table)
            replaced = place.with_name(f".replaced-{table.table}")
            shutil.rmtree(replaced, ignore_errors=True)
            if place.exists():
                place.rename(replaced)
            hidden[table.table].rename(place)
            sync_folder(place.parent)
            shutil.rmtree(replaced, ignore_errors=True)
            log.warning(
                "restored a table from an archive",
                extra={"table": table.table, "archive": manifest.name, "version": table.version},
            )
            continue_chains(settings, table.table)
            yield table


def _chosen(manifest: Manifest, names: Sequence[str]) -> list[ArchivedTable]:
    missing = set(names) - {table.table for table in manifest.tables}
    if missing:
        raise NotFound(
            f"archive {manifest.name} has no table {', '.join(sorted(missing))}; it has "
            + ", ".join(table.table for table in manifest.tables)
        )
    return [table for table in manifest.tables if not names or table.table in names]


def _copied(settings: Settings, manifest: Manifest, table: ArchivedTable, parent: Path) -> Path:
    """A checked, durable copy under a name that no reader looks at."""
    source = folder_of(settings, manifest.name) / table.folder
    hidden = parent / f".restoring-{table.table}"
    shutil.rmtree(hidden, ignore_errors=True)
    hidden.mkdir(parents=True)
    for file in table.files:
        try:
            copied = copy_file(source / file.path, hidden / file.path)
        except FileNotFoundError:
            copied = (0, "")
        if copied != (file.size, file.sha256):
            raise ContractError(
                f"archive {manifest.name}: {source / file.path} is not what was archived; nothing was changed"
            )
    sync_tree(hidden)
    return hidden
