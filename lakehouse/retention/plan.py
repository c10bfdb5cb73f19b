"""What of a table is past its retention, by its log and its files' statistics."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable
from msgspec import Struct

from contracts.settings import Settings
from lakehouse.archive.holding import held_files
from lakehouse.datasets import Dataset
from lakehouse.retention.policy import archive_first, kept_from
from lakehouse.storage import tables
from lakehouse.storage.tables import DataFile


class Piece(Struct, frozen=True, kw_only=True):
    """A partition of which files go, or would."""

    table: str
    partition: str
    files: tuple[Path, ...]
    """Those that go as they are."""
    cut: tuple[Path, ...] = ()
    """Those of which some rows go: of tables that have no date for partition."""
    rows: int
    """That go."""
    bytes: int
    kept: str = ""
    """Why it stays for the time being; empty: it goes."""
    archives: tuple[str, ...] = ()
    """Archives that hold it, where one has to."""


class Plan(Struct, frozen=True, kw_only=True):
    """What of a table is past its retention."""

    table: str
    kept_from: date | None
    """The first date that is kept whole; None: the table is kept for good."""
    pieces: tuple[Piece, ...] = ()
    oldest_kept: str = ""
    """The oldest date, or event time, that stays; empty: nothing does, or nobody knows."""

    @property
    def going(self) -> tuple[Piece, ...]:
        return tuple(piece for piece in self.pieces if not piece.kept)


def plan(settings: Settings, declared: Dataset, now: datetime) -> Plan:
    """For a table that exists. Reads its log; of files that are in part past it the column of time."""
    first = kept_from(settings, declared, now)
    if first is None:
        return Plan(table=declared.name, kept_from=None)
    path = tables.path_of(settings, declared)
    table = DeltaTable(str(path))
    held: Mapping[Path, str] | None = None
    if archive_first(settings, declared):
        held = held_files(settings, declared.name, str(table.metadata().id), path)
    groups: dict[str, list[DataFile]] = {}
    for file in tables.snapshot_files(table, path, declared):
        groups.setdefault(file.partition or "", []).append(file)
    by_date = bool(declared.partition) and pa.types.is_date(declared.schema.field(declared.partition).type)
    pieces: list[Piece] = []
    stay: list[str] = []
    for partition, files in sorted(groups.items()):
        if by_date:
            past = bool(partition) and date.fromisoformat(partition) < first
            piece = _whole(declared.name, partition, files) if past else None
        else:
            piece = _by_time(declared, partition, files, datetime.combine(first, time(), UTC))
        if piece is not None and held is not None:
            piece = _archived(piece, held)
        if piece is not None:
            pieces.append(piece)
        if piece is None or piece.kept:
            stay.append(partition)
    oldest = min((text for text in stay if text), default="") if by_date else first.isoformat()
    return Plan(table=declared.name, kept_from=first, pieces=tuple(pieces), oldest_kept=oldest)


def _whole(table: str, partition: str, files: list[DataFile]) -> Piece:
    return Piece(
        table=table,
        partition=partition,
        files=tuple(file.path for file in files),
        rows=sum(file.rows for file in files),
        bytes=sum(file.size for file in files),
    )


def _by_time(declared: Dataset, partition: str, files: list[DataFile], first: datetime) -> Piece | None:
    """By the files' statistics of time: whole files, and the rows of those that hold both."""
    whole = [file for file in files if file.high is not None and file.high < first]
    both = [file for file in files if file not in whole and (file.low is None or file.low < first)]
    past = {file: _rows_before(file.path, declared.until or declared.time, first) for file in both}
    cut = [file for file in both if past[file]]
    if not whole and not cut:
        return None
    piece = _whole(declared.name, partition, whole)
    return Piece(
        table=declared.name,
        partition=partition,
        files=piece.files,
        cut=tuple(file.path for file in cut),
        rows=piece.rows + sum(past[file] for file in cut),
        bytes=piece.bytes + sum(file.size * past[file] // max(file.rows, 1) for file in cut),
    )


def _rows_before(path: Path, column: str, first: datetime) -> int:
    values = pq.ParquetFile(path).read(columns=[column])[column]
    return int(pc.sum(pc.less(values, pa.scalar(first, values.type))).as_py() or 0)


def _archived(piece: Piece, held: Mapping[Path, str]) -> Piece:
    files = (*piece.files, *piece.cut)
    missing = sum(path not in held for path in files)
    kept = f"no archive holds {missing} of its {len(files)} files" if missing else ""
    names = tuple(sorted({held[path] for path in files if path in held}))
    return Piece(
        table=piece.table,
        partition=piece.partition,
        files=piece.files,
        cut=piece.cut,
        rows=piece.rows,
        bytes=piece.bytes,
        kept=kept,
        archives=() if kept else names,
    )
