"""Copies tables into a new archive, beside a running driver: what is there when it begins, as one whole.

The versions are taken first, of tables that follow others before those that they follow. So no table in the
archive has seen more of another than the archive holds of it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from contracts.durability import sync_folder
from contracts.errors import ContractError, NotFound
from contracts.settings import Settings
from lakehouse.archive import manifest as manifests
from lakehouse.archive import store
from lakehouse.archive.manifest import ArchivedFile, ArchivedTable, Manifest
from lakehouse.archive.needed import LAST_CHECKPOINT, Needed, last_checkpoint, needed
from lakehouse.datasets import DATASETS, Dataset, Refused, dataset
from lakehouse.storage import delta_log, tables
from lakehouse.storage.durable import copy_file, sha256_of, sync_tree, write_text
from lakehouse.storage.lock import archive_lock

ATTEMPTS = 5
"""A table whose files are cleaned up in mid-copy is begun anew so often."""

log = logging.getLogger(__name__)


class Copied(Struct, frozen=True, kw_only=True):
    """One table that is in the archive now."""

    table: str
    version: int
    files: int
    bytes: int
    linked: int
    """Files that the archive before has, shared with it."""


class _Taken(Struct, frozen=True, kw_only=True):
    declared: Dataset
    path: Path
    version: int
    last_checkpoint: bytes | None


def make(
    settings: Settings, names: Sequence[str] = (), now: datetime | None = None
) -> Iterator[Copied | Manifest]:
    """Makes an archive of these tables, or of all that there are; the manifest is the last that it gives.

    Until then nothing of it counts: an interrupted run leaves nothing but space, which the next one frees.
    Raises NotFound for a table that does not exist, ConflictError where another archive is being made,
    ContractError where a table lacks a file or the disk does not keep what is written.
    """
    with archive_lock(settings):
        store.clear_remains(settings)
        taken = _take(settings, names)
        known = store.archives(settings)
        created = now or datetime.now(UTC)
        name = store.new_name(settings, created)
        partial = settings.archive_root / f".partial-{name}"
        partial.mkdir(parents=True)
        copied = []
        for one in taken:
            before = _before(settings, known, one)
            table, linked = _copy_table(one, partial, before)
            copied.append(table)
            yield Copied(
                table=table.table,
                version=table.version,
                files=len(table.files),
                bytes=table.bytes,
                linked=linked,
            )
        manifest = Manifest(name=name, created_at=created, whole=not names, tables=tuple(_in_order(copied)))
        manifests.write(partial, manifest)
        sync_tree(partial)
        partial.rename(store.folder_of(settings, name))
        sync_folder(settings.archive_root)
        log.info("archived", extra={"archive": name, "tables": len(copied), "bytes": manifest.bytes})
        for old in store.superfluous(settings, [*known, manifest]):
            store.remove(settings, old.name)
        yield manifest


def _take(settings: Settings, names: Sequence[str]) -> list[_Taken]:
    chosen = [dataset(name) for name in dict.fromkeys(names)] or list(DATASETS.values())
    found = []
    for declared in sorted(chosen, key=_followers_first):
        path = tables.path_of(settings, declared)
        checkpoint = last_checkpoint(path)
        version = delta_log.latest_version(path)
        if version >= 0:
            found.append(_Taken(declared=declared, path=path, version=version, last_checkpoint=checkpoint))
        elif names:
            raise NotFound(f"table {declared.name} has not been written yet")
    if not found:
        raise NotFound("there is no table yet")
    return found


def _followers_first(declared: Dataset) -> tuple[int, int]:
    """What is refused is written before the table that it is kept out of: it comes after that one."""
    order = list(DATASETS)
    late = declared.layer == "bronze" or isinstance(declared.build, Refused)
    return int(late) + int(declared.layer == "bronze"), -order.index(declared.name)


def _in_order(copied: Iterable[ArchivedTable]) -> list[ArchivedTable]:
    order = list(DATASETS)
    return sorted(copied, key=lambda table: order.index(table.table))


def _before(settings: Settings, known: Sequence[Manifest], one: _Taken) -> tuple[Path, ArchivedTable] | None:
    """The same table in the newest archive that has it."""
    for manifest in reversed(known):
        for table in manifest.tables:
            if table.table == one.declared.name:
                return store.folder_of(settings, manifest.name) / table.folder, table
    return None


def _copy_table(
    one: _Taken, partial: Path, before: tuple[Path, ArchivedTable] | None
) -> tuple[ArchivedTable, int]:
    target = partial / one.declared.layer / one.declared.name
    files: dict[str, ArchivedFile] = {}
    links = [0]
    for attempt in range(ATTEMPTS):
        try:
            wanted = needed(one.path, one.version, one.last_checkpoint)
            _copy_files(one.path, target, wanted, before, files, links)
        except FileNotFoundError as error:
            # The driver's vacuum, or its clean-up of the log: a later list does without the file, unless the
            # version itself needs it.
            log.info("a file went while %s was copied: %s", one.declared.name, error.filename)
            if attempt + 1 == ATTEMPTS:
                raise ContractError(
                    f"{one.declared.name} cannot be archived: {error.filename} is missing"
                ) from error
        else:
            break
    return (
        ArchivedTable(
            table=one.declared.name,
            layer=one.declared.layer,
            id=wanted.id,
            version=one.version,
            files=tuple(files[path] for path in sorted(files)),
        ),
        links[0],
    )


def _copy_files(
    source: Path,
    target: Path,
    wanted: Needed,
    before: tuple[Path, ArchivedTable] | None,
    files: dict[str, ArchivedFile],
    links: list[int],
) -> None:
    known: dict[str, ArchivedFile] = {}
    if before is not None and before[1].id == wanted.id:
        known = {file.path: file for file in before[1].files}
    for path in (*wanted.log, *sorted(wanted.live), *sorted(wanted.earlier)):
        if path in files:
            continue
        try:
            file, linked = _copy_one(source / path, target / path, path, known.get(path), before)
        except FileNotFoundError:
            if path in wanted.earlier:
                continue  # vacuumed: the versions that need it could not be read any more
            raise
        files[path] = file
        links[0] += linked
    gone = [path for path in files if path.startswith(delta_log.LOG_FOLDER) and path not in wanted.log]
    for path in gone:
        (target / path).unlink()
        del files[path]
    if wanted.last_checkpoint is not None:
        path = f"{delta_log.LOG_FOLDER}/{LAST_CHECKPOINT}"
        write_text(target / path, wanted.last_checkpoint)
        files[path] = ArchivedFile(
            path=path, size=len(wanted.last_checkpoint), sha256=sha256_of(target / path)
        )


def _copy_one(
    source: Path,
    target: Path,
    path: str,
    known: ArchivedFile | None,
    before: tuple[Path, ArchivedTable] | None,
) -> tuple[ArchivedFile, bool]:
    """A copy, or a link to the same file of the archive before: the same by name, size and checksum."""
    target.unlink(missing_ok=True)
    if (
        known is not None
        and before is not None
        and source.stat().st_size == known.size
        and sha256_of(source) == known.sha256
        and _linked(before[0] / path, target, known.size)
    ):
        return known, True
    size, checksum = copy_file(source, target)
    return ArchivedFile(path=path, size=size, sha256=checksum), False


def _linked(source: Path, target: Path, size: int) -> bool:
    try:
        if source.stat().st_size != size:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, target)
    except OSError:
        return False  # no links there, or too many: it is copied
    return True
