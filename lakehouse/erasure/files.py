"""Single Parquet files without a person: landing, views, results of batch jobs.

A file is exchanged at once for one of the same name, metadata and time. A chain's file so keeps the offsets
that it covers: it may cover some without a row, and that is what it then does. Workers that recover read
what is left; what they had in memory of the person is not touched.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from contracts.durability import sync_folder
from contracts.layout import chains_root
from contracts.platform import PLATFORM_SOURCES, Landed
from contracts.settings import Settings
from contracts.sources import SOURCES
from lakehouse.erasure.tables import Counts
from lakehouse.persons.declared import kinds_of_files
from lakehouse.persons.person import Person
from lakehouse.persons.rows import without


def chain_files(settings: Settings) -> dict[str, list[Path]]:
    """Every file of every chain, those set aside too, by source."""
    found = {}
    sources: tuple[Landed, ...] = (*SOURCES, *PLATFORM_SOURCES)
    for source in sources:
        files = sorted(chains_root(settings, source).rglob("*.parquet"))
        found[f"landing of {source.name}"] = [path for path in files if not path.name.startswith(".")]
    return found


def erase(files: list[Path], person: Person, unreadable: list[Path], *, dry_run: bool) -> Counts:
    """What cannot be read as Parquet is added to ``unreadable``; a file that has gone meanwhile is left
    out."""
    counts = Counts()
    for path in files:
        try:
            rows = pq.ParquetFile(path).read()
        except FileNotFoundError:
            continue
        except (pa.ArrowException, OSError):
            unreadable.append(path)
            continue
        left = without(person, rows, kinds_of_files())
        if not left.is_changed:
            continue
        counts.files += 1
        counts.rows += left.removed
        counts.values += left.blotted
        if not dry_run:
            _exchange(path, left.rows)
    return counts


def _exchange(path: Path, rows: pa.Table) -> None:
    hidden = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        times = path.stat()
        with open(hidden, "xb") as file:
            pq.write_table(rows, file, compression="zstd", compression_level=1)
            file.flush()
            os.fsync(file.fileno())
        os.utime(hidden, ns=(times.st_atime_ns, times.st_mtime_ns))
        # A chain's clean-up may have taken it: it must not come back.
        if path.exists():
            hidden.replace(path)
    finally:
        hidden.unlink(missing_ok=True)
    sync_folder(path.parent)


def outputs(settings: Settings, names: Iterable[str]) -> dict[str, list[Path]]:
    """Files of folders of outputs, by the folder's name."""
    return {
        name: [
            path
            for path in sorted((settings.outputs_root / name).rglob("*.parquet"))
            if not path.name.startswith(".")
        ]
        for name in names
    }
