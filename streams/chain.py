"""A chain: the landing files of one source partition, each claimed by put-if-absent.

A file begins at the source offset after the last one of the file before it and is named for that alone, so
two writers that do not know of each other claim the same name, and the second one is refused. A file gets its
name only when it is whole and on disk; what has another name is not part of the chain.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from contracts.durability import sync_folder
from contracts.errors import ConflictError, ContractError
from contracts.landing import META_FIRST_OFFSET, META_LAST_OFFSET, META_TOPIC_ID, META_WATERMARK, TIMESTAMP
from contracts.layout import chain_file_name
from streams.frames import arrow_table

SUFFIX = ".parquet"
_DISTINCT = frozenset(
    {"event_id", "click_id", "record_id", "change_id", "properties", "extra", "dimensions"}
    | {"envelope", "before", "after", "key", "sequence"}
)
"""Text columns of which nearly every value is another."""
ABANDONED_SECONDS = 900.0
"""A hidden file that nobody has touched for so long is a dead writer's."""

Step = Callable[[str], None]
"""Told the name of each step as it is done; tests stop or kill the process there."""


def no_step(name: str) -> None:
    """The step callback of production."""


class ChainFile(Struct, frozen=True, kw_only=True):
    """One file. Offsets are source offsets, both inclusive; a file may cover offsets without a row."""

    path: Path
    first: int
    last: int
    watermark: int | None
    """Watermark after this file, microseconds since 1970 UTC; none before the first event."""


class Chain:
    """The files of one source partition of one topic. Not safe for use by two threads at once."""

    def __init__(self, folder: Path, topic_id: str, schema: pa.Schema) -> None:
        self.folder = folder
        self.topic_id = topic_id
        self._schema = schema

    def tail(self) -> ChainFile | None:
        """The newest file, or none. Raises ContractError where it cannot be read."""
        names = self._names()
        return self._read(names[-1]) if names else None

    def files_above(self, offset: int) -> Iterator[ChainFile]:
        """The files that hold offsets greater than ``offset``, in order. Raises ContractError where one is
        unreadable or does not follow its predecessor."""
        names = self._names()
        start = sum(1 for name in names if _first_of(name) <= offset + 1)
        previous: ChainFile | None = None
        for name in names[max(start - 1, 0) :]:
            file = self._read(name)
            if previous is not None and file.first != previous.last + 1:
                raise ContractError(
                    f"chain {self.folder}: {name} begins at {file.first}, its predecessor ends at "
                    f"{previous.last}; restore the missing file"
                )
            previous = file
            if file.last > offset:
                yield file

    def append(
        self, frame: pl.DataFrame, *, last: int, after: int, watermark: int | None, step: Step = no_step
    ) -> ChainFile:
        """Writes the offsets ``after + 1`` to ``last`` as the chain's next file; durable when it returns.

        ``frame`` has the landing columns, rows in the order of offsets. Raises ConflictError where somebody
        else has written that file, OSError where the disk refuses; then nothing of the chain has changed.
        """
        first = after + 1
        metadata = {
            META_FIRST_OFFSET: str(first),
            META_LAST_OFFSET: str(last),
            META_TOPIC_ID: self.topic_id,
            META_WATERMARK: "" if watermark is None else str(watermark),
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        final = self.folder / chain_file_name(first)
        hidden = self.folder / f".{final.name}.{uuid.uuid4().hex}"
        table = arrow_table(frame, self._schema).replace_schema_metadata(metadata)
        try:
            write_durably(hidden, table)
            step("hidden")
            os.link(hidden, final)
        except FileExistsError:
            raise ConflictError(f"{final} has been written by another worker") from None
        finally:
            hidden.unlink(missing_ok=True)
        step("linked")
        sync_folder(self.folder)
        step("synced")
        return ChainFile(path=final, first=first, last=last, watermark=watermark)

    def clean_abandoned(self) -> int:
        """Removes hidden files of writers that died; returns how many."""
        removed = 0
        limit = time.time() - ABANDONED_SECONDS
        for path in self._hidden():
            try:
                if path.stat().st_mtime < limit:
                    path.unlink()
                    removed += 1
            except FileNotFoundError:
                continue
        return removed

    def _names(self) -> Sequence[str]:
        try:
            with os.scandir(self.folder) as entries:
                names = [entry.name for entry in entries]
        except FileNotFoundError:
            return []
        return sorted(name for name in names if name.endswith(SUFFIX) and not name.startswith("."))

    def _hidden(self) -> list[Path]:
        return list(self.folder.glob(".*")) if self.folder.is_dir() else []

    def _read(self, name: str) -> ChainFile:
        path = self.folder / name
        try:
            metadata = pq.read_metadata(path).metadata or {}
            file = ChainFile(
                path=path,
                first=int(metadata[META_FIRST_OFFSET]),
                last=int(metadata[META_LAST_OFFSET]),
                watermark=int(metadata.get(META_WATERMARK) or 0) or None,
            )
        except (pa.ArrowException, KeyError, ValueError) as error:
            raise ContractError(
                f"chain file {path} is damaged ({error}); put a good copy in its place"
            ) from error
        if file.first != _first_of(name) or metadata[META_TOPIC_ID].decode() != self.topic_id:
            raise ContractError(f"chain file {path} does not belong there: its metadata says otherwise")
        return file


def write_durably(path: Path, table: pa.Table) -> None:
    """Writes a Parquet file that is on disk when this returns. Leaves nothing behind when it fails."""
    try:
        with open(path, "xb") as file:
            pq.write_table(table, file, **_encodings(table.schema))
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _encodings(schema: pa.Schema) -> dict[str, Any]:
    """zstd, dictionaries for texts that repeat, differences for whole numbers and times: a third of the
    bytes of the library's defaults for the same CPU time, and every reader of ours knows them."""
    texts = [field.name for field in schema if field.type == pa.string() and field.name not in _DISTINCT]
    numbers = [field.name for field in schema if field.type in (pa.int64(), TIMESTAMP)]
    return {
        "compression": "zstd",
        "compression_level": 1,
        "use_dictionary": texts,
        "column_encoding": dict.fromkeys(numbers, "DELTA_BINARY_PACKED"),
    }


def _first_of(name: str) -> int:
    stem = name.removesuffix(SUFFIX)
    if not stem.isdigit():
        raise ContractError(f"{name} is not a chain file's name")
    return int(stem)
