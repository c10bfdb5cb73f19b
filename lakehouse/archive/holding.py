"""Which files of a table archives hold, and how those are kept from being cleaned up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from contracts.errors import NotFound
from contracts.settings import Settings
from lakehouse.archive.manifest import PIN
from lakehouse.archive.store import archives, folder_of
from lakehouse.storage.durable import write_text


def held_files(settings: Settings, table: str, table_id: str, path: Path) -> dict[Path, str]:
    """The files of the table (``path`` is its folder) that an archive has, with the newest such archive.

    A file has been checked when it was archived; here it is looked whether it is still there, in full length.
    """
    held: dict[Path, str] = {}
    for manifest in archives(settings):
        for archived in manifest.tables:
            if archived.table != table or archived.id != table_id:
                continue
            root = folder_of(settings, manifest.name) / archived.folder
            for file in archived.files:
                try:
                    whole = (root / file.path).stat().st_size == file.size
                except OSError:
                    whole = False
                if whole:
                    held[path / file.path] = manifest.name
    return held


def pin(settings: Settings, name: str, table: str, partitions: Sequence[str]) -> None:
    """From now on the archive is not cleaned up by itself: it is the only one to hold these partitions.

    Raises NotFound where it has just been removed.
    """
    path = folder_of(settings, name) / PIN
    if not path.parent.is_dir():
        raise NotFound(f"archive {name} is no longer there")
    known: dict[str, list[str]] = {}
    if path.exists():
        known = msgspec.json.decode(path.read_bytes() or b"{}", type=dict[str, list[str]])
    known[table] = sorted({*known.get(table, ()), *partitions})
    write_text(path, msgspec.json.format(msgspec.json.encode(known)))
