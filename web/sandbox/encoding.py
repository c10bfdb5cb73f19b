"""A query's rows as bytes: JSON, CSV, an Arrow IPC stream or Parquet, cut at a number of rows and bytes."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import duckdb

from contracts.errors import QueryError
from web.sandbox.protocol import Run
from web.sandbox.values import csv_header, csv_row, json_row

PART_BYTES = 64 * 1024
"""About the size of one part of an answer."""
_ROWS = 256
_BATCH_ROWS = 2048


class Cut:
    """Counts what an answer holds, and says where it ends."""

    def __init__(self, run: Run) -> None:
        self.limit = run.limit
        self.max_bytes = run.max_bytes
        self.rows = 0
        self.size = 0
        self.truncated = False

    def took(self, rows: int, size: int) -> None:
        self.rows += rows
        self.size += size

    def room(self, size: int) -> bool:
        """Whether another row of ``size`` bytes may follow. Raises QueryError where that is the first one."""
        if self.rows >= self.limit:
            self.truncated = True
        elif self.size + size > self.max_bytes:
            if not self.rows:
                raise QueryError("one row alone is larger than an answer may be", code="memory")
            self.truncated = True
        return not self.truncated


def parts(cursor: duckdb.DuckDBPyConnection, names: Sequence[str], run: Run, cut: Cut) -> Iterator[bytes]:
    """The executed query's answer, in the format that the run asks for; ``cut`` knows the end afterwards."""
    match run.format:
        case "json":
            return _lines(cursor, cut, json_row, b",")
        case "csv":
            return _with_header(csv_header(names), _lines(cursor, cut, csv_row, b""))
        case "arrow":
            return _arrow(cursor, cut)
        case "parquet":
            return _parquet(cursor, names, cut)


def _with_header(header: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield header
    yield from rest


def _lines(
    cursor: duckdb.DuckDBPyConnection, cut: Cut, encode: Callable[[Sequence[Any]], bytes], between: bytes
) -> Iterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    while chunk := cursor.fetchmany(min(_ROWS, cut.limit + 1 - cut.rows)):
        for row in chunk:
            line = encode(row)
            if not cut.room(len(line)):
                break
            cut.took(1, len(line))
            waiting.append(line)
            size += len(line)
        if size >= PART_BYTES:
            yield between.join(waiting)
            waiting, size = [], 0
        if cut.truncated:
            break
    if waiting:
        yield between.join(waiting)


def _batches(cursor: duckdb.DuckDBPyConnection, cut: Cut) -> tuple[Any, Iterator[Any]]:
    """The answer's Arrow schema, and its record batches up to the cut."""
    reader: Any = cursor.to_arrow_reader(_BATCH_ROWS)

    def until_cut() -> Iterator[Any]:
        for batch in reader:
            size = batch.nbytes // max(batch.num_rows, 1)
            if batch.num_rows and not cut.room(size):
                return
            left = min(cut.limit - cut.rows, (cut.max_bytes - cut.size) // max(size, 1))
            kept = batch.slice(0, left) if batch.num_rows > left else batch
            cut.took(kept.num_rows, kept.nbytes)
            yield kept
            if kept.num_rows < batch.num_rows:
                cut.truncated = True
                return

    return reader.schema, until_cut()


def _arrow(cursor: duckdb.DuckDBPyConnection, cut: Cut) -> Iterator[bytes]:
    import pyarrow as pa  # loaded only by a worker that is asked for it

    schema, batches = _batches(cursor, cut)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            if sink.tell() >= PART_BYTES:
                yield _taken(sink)
    yield _taken(sink)


def _parquet(cursor: duckdb.DuckDBPyConnection, names: Sequence[str], cut: Cut) -> Iterator[bytes]:
    import pyarrow.parquet as pq  # loaded only by a worker that is asked for it

    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise QueryError(f"Parquet has one column of a name, and the query gives several: {', '.join(twice)}")
    schema, batches = _batches(cursor, cut)
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
    whole = sink.getvalue()
    for start in range(0, len(whole), PART_BYTES):
        yield whole[start : start + PART_BYTES]


def _taken(sink: io.BytesIO) -> bytes:
    data = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return data
