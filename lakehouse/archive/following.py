"""Whether tables that follow others still agree with them once some are put back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deltalake import DeltaTable

from contracts.errors import ConflictError
from contracts.settings import Settings
from lakehouse.archive.manifest import ArchivedTable, Manifest
from lakehouse.archive.store import folder_of
from lakehouse.datasets import DATASETS, Dataset, dataset
from lakehouse.storage import delta_log, tables
from lakehouse.storage.position import position_of


def ensure_they_agree(settings: Settings, manifest: Manifest, restored: Sequence[ArchivedTable]) -> None:
    """Raises ConflictError where a table would say that it has taken in versions of another which that one
    does not have: it would never see those that are written under their numbers."""
    root = folder_of(settings, manifest.name)
    back = {table.table: root / table.folder for table in restored}
    archived = {table.table: table.id for table in manifest.tables}
    for declared in DATASETS.values():
        path = back.get(declared.name) or tables.path_of(settings, declared)
        if delta_log.latest_version(path) < 0:
            continue
        seen = _seen(path, declared)
        for name in declared.upstream:
            if name not in back and declared.name not in back:
                continue
            upstream = back.get(name) or tables.path_of(settings, dataset(name))
            newest = delta_log.latest_version(upstream)
            one_of_both = (name in back) != (declared.name in back)
            place = tables.path_of(settings, dataset(name))
            another = one_of_both and name in archived and _id_of(place) not in (None, archived[name])
            if seen.get(name, -1) > newest or (another and seen.get(name, -1) >= 0):
                more = name if declared.name in back else declared.name
                raise ConflictError(
                    f"{declared.name} would be at version {seen[name]} of {name}, which would have {newest} "
                    f"{'of another table of that name ' if another else ''}only: restore {more} as well, "
                    "or to another folder"
                )


def _seen(path: Path, declared: Dataset) -> dict[str, int]:
    """The version of each upstream that is in the table, as far as it follows versions."""
    position = position_of(path, declared)
    first = declared.upstream[0] if declared.upstream else ""
    seen = {first: position.source_version} if first else {}
    return {**seen, **position.source_versions}


def _id_of(path: Path) -> str | None:
    return str(DeltaTable(str(path)).metadata().id) if delta_log.latest_version(path) >= 0 else None
