"""How a process that may not write Delta tables hands rows to the driver: as a chain in landing.

`landing/<name>/topic_id=platform/partition=0/<first row number, 20 digits>.parquet`, the layout of a source,
with the number of the row in the place of an offset. Put-if-absent: two writers never take one number.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from contracts.durability import sync_folder
from contracts.landing import META_FIRST_OFFSET, META_LAST_OFFSET, META_TOPIC_ID
from contracts.layout import chain_file_name
from contracts.settings import Settings

TOPIC_ID = "platform"
PARTITION = 0


def folder(settings: Settings, name: str) -> Path:
    """The chain's folder."""
    return settings.data_root / "landing" / name / f"topic_id={TOPIC_ID}" / f"partition={PARTITION}"


def append(settings: Settings, name: str, rows: pa.Table) -> Path:
    """Adds rows as the chain's next file, durable when it returns. Raises OSError where the disk refuses."""
    place = folder(settings, name)
    place.mkdir(parents=True, exist_ok=True)
    while True:
        files = _files(place)
        try:
            first = _last_of(files[-1]) + 1 if files else 0
        except FileNotFoundError:
            continue  # cleaned up meanwhile, as a newer one has come
        final = place / chain_file_name(first)
        hidden = place / f".{final.name}.{uuid.uuid4().hex}"
        metadata = {
            META_FIRST_OFFSET: str(first),
            META_LAST_OFFSET: str(first + rows.num_rows - 1),
            META_TOPIC_ID: TOPIC_ID,
        }
        try:
            with open(hidden, "xb") as file:
                pq.write_table(rows.replace_schema_metadata(metadata), file)
                file.flush()
                os.fsync(file.fileno())
            os.link(hidden, final)
        except FileExistsError:
            continue  # somebody else took the number
        finally:
            hidden.unlink(missing_ok=True)
        sync_folder(place)
        return final


def read(settings: Settings, name: str) -> Iterator[pa.Table]:
    """The chain's files that are there, in order."""
    for path in _files(folder(settings, name)):
        try:
            yield pq.ParquetFile(path).read()
        except FileNotFoundError:
            continue  # cleaned up meanwhile


def newest(settings: Settings, name: str) -> pa.Table | None:
    """The chain's newest file, which clean-up leaves; None: there has been none."""
    files = _files(folder(settings, name))
    return pq.ParquetFile(files[-1]).read() if files else None


def names(settings: Settings, name: str) -> tuple[str, ...]:
    """Names of the chain's files that are there: equal as long as nobody adds to it or cleans it up."""
    return tuple(path.name for path in _files(folder(settings, name)))


def _files(place: Path) -> list[Path]:
    return sorted(path for path in place.glob("*.parquet") if not path.name.startswith("."))


def _last_of(path: Path) -> int:
    metadata = pq.read_metadata(path).metadata or {}
    return int(metadata[META_LAST_OFFSET])
