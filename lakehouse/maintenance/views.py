"""Compaction of the stream's views: many files of a day become one, with the rows that the reading rule looks
at.

The rule gives the same over the new file as over the old ones, whatever comes later, so any files of a day
may be compacted at any time. The old ones are removed only a while later: somebody may be reading them, and
till then both are there, which the rule does not mind either. The new file names in its metadata what it
replaces, so a crash in between leaves nothing to guess.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from contracts.durability import sync_folder
from contracts.layout import view_folder
from contracts.settings import Settings
from lakehouse.embedded.insert import quoted
from lakehouse.embedded.jobs import files_query, open_duckdb
from lakehouse.reading.view_files import (
    COMPACTED,
    META_REVISIONS,
    VIEWS,
    days_of,
    files_of_day,
    revisions_of,
    view_contract,
    view_files_of,
)

META_REPLACES = b"dp.replaces"
"""Parquet metadata of a compacted file: JSON, names of the files of its folder that it stands for."""
MOST_FILES = 500
"""So many files become one in one step: about a second."""
MOST_BYTES = 256 * 1024**2
"""… and so many bytes at most: a very large day stays in several files."""
LOOSE_FILES = 128
"""A folder of the open day with so many files is compacted."""
LATE_FILES = 16
"""The same for a closed day, which only late data adds to; fewer are compacted once they are an hour old."""
QUIET_SECONDS = 3600.0
READERS_SECONDS = 900.0
"""Replaced files are kept so long for those that have listed them."""
MEMORY_MB = 512

log = logging.getLogger(__name__)


class Folder(Struct, frozen=True, kw_only=True):
    """The files of one day and topic."""

    view: str
    path: Path
    day: date
    live: tuple[Path, ...]
    """Files that no other replaces, the oldest first."""
    replaced: tuple[Path, ...]
    """Files that another replaces and nobody reads any more."""


def folders(settings: Settings) -> Iterator[Folder]:
    """Every day and topic of every view."""
    for view in VIEWS:
        root = view_folder(settings, view)
        for day in days_of(settings, view):
            by_folder: dict[Path, list[Path]] = {}
            for file in files_of_day(root, day):
                by_folder.setdefault(file.parent, []).append(file)
            for path, files in by_folder.items():
                yield _folder(view, path, day, files)


def wants_compaction(folder: Folder, now: datetime) -> bool:
    """Whether the folder has more files than it should."""
    loose = len(folder.live)
    if folder.day >= now.astimezone(UTC).date():
        return loose >= LOOSE_FILES
    if loose < 2:
        return False
    newest = max(_age(path, now) for path in folder.live)
    return loose >= LATE_FILES or now.timestamp() - newest > QUIET_SECONDS


def compact(folder: Folder, settings: Settings) -> Path | None:
    """Makes one file of the folder's oldest ones; None where they are too large to be put together.

    For who holds the right to rewrite the view; files that somebody has removed before are left out.
    """
    chosen: list[Path] = []
    size = 0
    for path in (path for path in folder.live if path.exists()):
        size += path.stat().st_size
        if len(chosen) == MOST_FILES or (size > MOST_BYTES and len(chosen) > 1):
            break
        if size > MOST_BYTES:
            chosen, size = [], 0
            continue
        chosen.append(path)
    if len(chosen) < 2:
        return None
    contract = view_contract(folder.view)
    metadata = {
        META_REVISIONS: msgspec.json.encode(_revisions(chosen)),
        META_REPLACES: msgspec.json.encode([path.name for path in chosen]),
    }
    final = folder.path / f"{COMPACTED}{uuid.uuid4().hex[:12]}.parquet"
    hidden = final.with_name(f".{final.name}")
    spill = Path(tempfile.mkdtemp(prefix="dp-views-"))
    try:
        with open_duckdb(MEMORY_MB, spill, threads=1) as connection:
            relation = f"({files_query(view_files_of(settings, folder.view, chosen))}) AS files"
            columns = ", ".join(quoted(name) for name in contract.schema.names)
            rows = connection.sql(f"SELECT {columns} FROM ({contract.newest(relation)}) AS kept")
            _write(hidden, rows.to_arrow_reader(65_536), contract.schema.with_metadata(metadata))
        hidden.replace(final)
    finally:
        hidden.unlink(missing_ok=True)
        shutil.rmtree(spill, ignore_errors=True)
    sync_folder(folder.path)
    log.info("compacted a view", extra={"view": folder.view, "date": str(folder.day), "files": len(chosen)})
    return final


def remove_replaced(folder: Folder) -> int:
    """Removes what nobody reads any more; returns how many files."""
    for path in folder.replaced:
        path.unlink(missing_ok=True)
    return len(folder.replaced)


def _folder(view: str, path: Path, day: date, files: list[Path]) -> Folder:
    replaced: set[str] = set()
    gone: set[str] = set()
    for file in files:
        if not file.name.startswith(COMPACTED):
            continue
        metadata = pq.read_metadata(file).metadata or {}
        names = msgspec.json.decode(metadata.get(META_REPLACES, b"[]"), type=list[str])
        replaced.update(names)
        if time.time() - file.stat().st_mtime > READERS_SECONDS:
            gone.update(names)
    live = [file for file in files if file.name not in replaced]
    live.sort(key=lambda file: (file.stat().st_mtime, file.name))
    return Folder(
        view=view,
        path=path,
        day=day,
        live=tuple(live),
        replaced=tuple(file for file in files if file.name in gone),
    )


def _revisions(files: list[Path]) -> dict[str, int]:
    newest: dict[str, int] = {}
    for file in files:
        for partition, revision in revisions_of(file).items():
            newest[partition] = max(revision, newest.get(partition, revision))
    return newest


def _write(path: Path, rows: pa.RecordBatchReader, schema: pa.Schema) -> None:
    with open(path, "xb") as file:
        with pq.ParquetWriter(file, schema, compression="zstd", compression_level=1) as writer:
            for batch in rows:
                writer.write_batch(batch.cast(schema))
        file.flush()
        os.fsync(file.fileno())


def _age(path: Path, now: datetime) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return now.timestamp()
