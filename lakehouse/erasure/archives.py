"""Archives without a person.

Each table that has the id is changed as the living one is, in the archive itself, and its manifest is written
anew: an archive that retention relies on may be the only one to hold the other rows. The versions before go,
as what is archived once more would be found once more.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from msgspec import structs

from contracts.errors import ContractError
from contracts.settings import Settings
from lakehouse.archive import manifest as manifests
from lakehouse.archive import store
from lakehouse.archive.manifest import ArchivedFile, ArchivedTable
from lakehouse.datasets import dataset
from lakehouse.erasure import tables
from lakehouse.erasure.tables import Counts
from lakehouse.persons.declared import kinds_of_files
from lakehouse.persons.person import Person
from lakehouse.persons.rows import without
from lakehouse.storage import delta_log
from lakehouse.storage.durable import sha256_of, sync_tree


def erase(settings: Settings, person: Person, *, dry_run: bool) -> dict[str, Counts]:
    """By archive. For who holds the archives' lock; interrupted, it is run again.

    Raises ContractError where an archive has a table that is no longer declared: what it holds is not known.
    """
    found = {}
    for manifest in store.archives(settings):
        root = store.folder_of(settings, manifest.name)
        counts = Counts()
        changed: dict[str, ArchivedTable] = {}
        for table in manifest.tables:
            path = root / table.folder
            declared = dataset(table.table)
            if not _has(path, person):
                continue
            done = tables.erase(path, declared, person, dry_run=dry_run)
            counts = Counts(
                files=counts.files + done.files,
                rows=counts.rows + done.rows,
                values=counts.values + done.values,
            )
            if not dry_run:
                tables.forget_versions(path)
                changed[table.table] = _listed(path, table)
        if changed:
            sync_tree(root)
            manifests.write(
                root,
                structs.replace(
                    manifest, tables=tuple(changed.get(table.table, table) for table in manifest.tables)
                ),
            )
        if counts:
            found[manifest.name] = counts
    return found


def _has(path: Path, person: Person) -> bool:
    """Whether any file of the table, of older versions and of its log too, has the id."""
    for file in path.rglob("*"):
        if file.suffix == ".json" and any(needle.encode() in file.read_bytes() for needle in person.needles):
            return True
        if file.suffix == ".parquet":
            try:
                rows = pq.ParquetFile(file).read()
            except (pa.ArrowException, OSError) as error:
                raise ContractError(f"{file} cannot be read: dp lakehouse archive --verify") from error
            if delta_log.LOG_FOLDER in file.parts:
                rows = pa.table({"stats": pc.struct_field(rows["add"], "stats")})
            if without(person, rows, kinds_of_files()).is_changed:
                return True
    return False


def _listed(path: Path, table: ArchivedTable) -> ArchivedTable:
    files = [file for file in sorted(path.rglob("*")) if file.is_file()]
    return structs.replace(
        table,
        version=delta_log.latest_version(path),
        files=tuple(
            ArchivedFile(path=str(file.relative_to(path)), size=file.stat().st_size, sha256=sha256_of(file))
            for file in files
        ),
    )
