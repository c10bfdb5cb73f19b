"""Commits that exchange single files of a Delta table, written as the protocol says.

deltalake replaces rows by a predicate and then writes all that is left in one file; what is exchanged here is
chosen file by file. Needs a file system with hard links, as the one writer of the tables has.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from contracts.durability import sync_folder
from contracts.errors import ConflictError
from lakehouse.datasets import Dataset
from lakehouse.storage import commits, delta_log
from lakehouse.storage.tables import statistics_columns

TEXT_LIMIT = 256
"""Statistics of longer texts are left out: a reader then takes the file to hold any."""


class FileAction(msgspec.Struct, frozen=True, kw_only=True):
    """A file as a commit names it."""

    path: str
    """Relative to the table, URL-encoded as in the log."""
    size: int
    partition: dict[str, str | None]
    stats: str = ""


def write_file(table: Path, declared: Dataset, rows: pa.Table, partition: str | None) -> FileAction:
    """Writes rows of one partition, with or without its column, as a data file of the table: durable, not yet
    part of it."""
    name = f"part-00000-{uuid.uuid4()}-c000.snappy.parquet"
    folder = ""
    if declared.partition:
        assert partition is not None
        folder = f"{declared.partition}={folder_name(partition)}/"
        (table / folder).mkdir(exist_ok=True)
        rows = rows.drop_columns([name for name in rows.column_names if name == declared.partition])
    file = table / f"{folder}{name}"
    with open(file, "xb") as stream:
        pq.write_table(rows, stream, compression="snappy", use_deprecated_int96_timestamps=False)
        stream.flush()
        os.fsync(stream.fileno())
    return FileAction(
        path=quote(f"{folder}{name}", safe="/="),
        size=file.stat().st_size,
        partition={declared.partition: partition} if declared.partition else {},
        stats=_statistics(declared, rows),
    )


def folder_name(value: str) -> str:
    """A partition value as part of a path. Letters of all scripts stay, as names are of at most 255 bytes."""
    return "".join(c if c.isalnum() or c in "-_." else quote(c, safe="") for c in value)


def commit(
    handle: DeltaTable,
    table: Path,
    *,
    adds: Sequence[FileAction],
    removes: Sequence[str],
    metadata: dict[str, Any] | None,
    app: str = "",
    txn: int = 0,
    operation: str = "MERGE",
) -> int:
    """Writes the next version after the one that ``handle`` has loaded, and moves it on; returns the version.

    ``removes`` are absolute paths of live files; ``app``: empty where it is no transaction of one. Raises
    ConflictError where that version exists already.
    """
    version = handle.version() + 1
    now = time.time_ns() // 1_000_000
    live = _live(handle, table) if removes else {}
    info = {
        "timestamp": now,
        "operation": operation,
        "operationParameters": {},
        "operationMetrics": {"num_added_files": len(adds), "num_removed_files": len(removes)},
        "engineInfo": "lakehouse",
        **(commits.as_custom_metadata(metadata) if metadata is not None else {}),
    }
    actions: list[dict[str, Any]] = [{"commitInfo": info}]
    if app:
        actions.append({"txn": {"appId": app, "version": txn, "lastUpdated": now}})
    for removed in removes:
        path, size, partition = live[removed]
        actions.append(
            {
                "remove": {
                    "path": path,
                    "deletionTimestamp": now,
                    "dataChange": True,
                    "extendedFileMetadata": True,
                    "partitionValues": partition,
                    "size": size,
                }
            }
        )
    for add in adds:
        actions.append(
            {
                "add": {
                    "path": add.path,
                    "partitionValues": add.partition,
                    "size": add.size,
                    "modificationTime": now,
                    "dataChange": True,
                    "stats": add.stats,
                }
            }
        )
    _publish(delta_log.commit_file(table, version), b"\n".join(msgspec.json.encode(a) for a in actions))
    handle.update_incremental()
    interval = int(handle.metadata().configuration.get("delta.checkpointInterval") or 10)
    if version % interval == 0:
        handle.create_checkpoint()
        handle.cleanup_metadata()
    return version


def _publish(file: Path, content: bytes) -> None:
    """Puts the content in place, if nobody has."""
    hidden = file.with_name(f".{file.name}.{uuid.uuid4().hex}.tmp")
    try:
        with open(hidden, "xb") as stream:
            stream.write(content + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.link(hidden, file)
    except FileExistsError as error:
        raise ConflictError(f"somebody else has written {file.parent.parent}: {file.name} exists") from error
    finally:
        hidden.unlink(missing_ok=True)
    sync_folder(file.parent)


def _live(handle: DeltaTable, table: Path) -> dict[str, tuple[str, int, dict[str, str | None]]]:
    """The log's own path, the size and the partition values of the live files, by their absolute path.

    A file is removed by the very text that it was added with: writers escape differently (Spark leaves `é` as
    it is), and readers compare texts.
    """
    actions = pa.table(handle.get_add_actions(flatten=True))
    names = handle.metadata().partition_columns
    values = {name: actions[f"partition.{name}"].to_pylist() for name in names}
    return {
        str(table / unquote(path)): (
            path,
            size,
            {name: _partition_text(values[name][index]) for name in names},
        )
        for index, (path, size) in enumerate(
            zip(actions["path"].to_pylist(), actions["size_bytes"].to_pylist(), strict=True)
        )
    }


def _partition_text(value: Any) -> str | None:
    return None if value is None else value.isoformat() if isinstance(value, date) else str(value)


def _statistics(declared: Dataset, rows: pa.Table) -> str:
    low: dict[str, Any] = {}
    high: dict[str, Any] = {}
    nulls: dict[str, int] = {}
    for name in statistics_columns(declared):
        column = rows[name]
        nulls[name] = column.null_count
        if column.null_count == rows.num_rows or pa.types.is_nested(column.type):
            continue
        bounds = pc.min_max(column).as_py()
        if isinstance(bounds["min"], str) and max(len(bounds["min"]), len(bounds["max"])) > TEXT_LIMIT:
            continue
        if isinstance(bounds["min"], bool):
            continue
        low[name], high[name] = _statistic(bounds["min"]), _statistic(bounds["max"])
    return msgspec.json.encode(
        {"numRecords": rows.num_rows, "minValues": low, "maxValues": high, "nullCount": nulls}
    ).decode()


def _statistic(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value.isoformat() if isinstance(value, date) else value
