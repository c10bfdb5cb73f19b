"""How a lakehouse grows: some hours of commits for real, then arithmetic for months.

Bronze and silver are fed by their own code at the default cadence, without waiting for it, and maintenance
does its passes in between as the driver would. What is measured is then carried on to the steady state, in
which as much of the log is removed as is added.
"""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from msgspec import Struct

from contracts.errors import NotFound
from contracts.landing import LANDING, META_FIRST_OFFSET, META_LAST_OFFSET, META_TOPIC_ID
from contracts.layout import chain_file_name, chain_folder
from contracts.settings import Settings
from contracts.sources import APP_EVENTS
from lakehouse.datasets import Dataset, dataset
from lakehouse.embedded import EmbeddedEngine
from lakehouse.maintenance.logs import kept_at_most
from lakehouse.maintenance.tables import due, rewrite
from lakehouse.medallion.bronze import BronzeTable
from lakehouse.medallion.silver import SilverTable
from lakehouse.storage import tables

TOPIC_ID = "growth"
LOG_LIMIT = 1e9
LOAD_LIMIT = 1.0
BYTES_LIMIT = 0.4


class Growth(Struct, frozen=True, kw_only=True):
    """What was found of one table. Bytes are of the disk's files."""

    table: str
    commits: int
    commits_a_day: int
    files: int
    """Live files at the end."""
    log_bytes: int
    """`_delta_log` after these commits."""
    steady_log_bytes: int
    """The same in the steady state: as many days as the table's log keeps."""
    load_seconds: float
    """To load the newest snapshot, now."""
    steady_load_seconds: float
    """The same with the checkpoint that the steady state has."""
    bytes_a_row: float
    json_bytes_a_row: float
    """Of the event as its producer sent it."""

    @property
    def met(self) -> bool:
        stored = self.bytes_a_row / self.json_bytes_a_row if self.table.endswith("_bronze") else 0.0
        return (
            self.steady_log_bytes < LOG_LIMIT
            and self.steady_load_seconds < LOAD_LIMIT
            and stored <= BYTES_LIMIT
        )


def measure(settings: Settings, *, rounds: int, rate: int, told: Callable[[str], None]) -> list[Growth]:
    """``rounds`` bronze rounds at ``rate`` events a second, with silver at its own cadence."""
    root = settings.data_root / "bench" / f"growth-{uuid.uuid4().hex[:8]}"
    paths = msgspec.structs.replace(settings.paths, data=str(root), outputs="")
    own = msgspec.structs.replace(settings, paths=paths)
    try:
        with closing(EmbeddedEngine(own)) as engine:
            return _grown(own, engine, rounds, rate, told)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _grown(
    settings: Settings, engine: EmbeddedEngine, rounds: int, rate: int, told: Callable[[str], None]
) -> list[Growth]:
    every = settings.bronze_seconds
    silver_every = max(settings.silver_seconds // every, 1)
    pass_every = max(settings.lakehouse.maintenance_seconds // every, 1)
    bronze = BronzeTable(settings, dataset("app_events_bronze"))
    silver = SilverTable(settings, dataset("app_events_silver"), engine)
    start = datetime(2026, 3, 5, tzinfo=UTC)
    offset, sent = 0, 0
    for number in range(rounds):
        at = start + timedelta(seconds=number * every)
        rows = _events(rate * every, at, every, offset)
        sent += sum(len(line) for line in _as_json(rows.slice(0, 50))) * rows.num_rows // 50
        offset = _land(settings, rows, offset)
        bronze.take()
        if number % silver_every == 0:
            silver.advance()
        if number % pass_every == pass_every - 1:
            for path, declared in ((bronze.path, bronze.declared), (silver.path, silver.declared)):
                for work in due(path, declared, at):
                    rewrite(path, declared, work)
                    bronze.forget()
        if number % 100 == 99:
            told(f"{number + 1:,} of {rounds:,} rounds")
    bronze.close()
    silver.advance()
    cadence = {bronze.declared.name: every, silver.declared.name: every * silver_every}
    return [
        _growth(path, declared, 86_400 // cadence[declared.name], sent / offset)
        for path, declared in ((bronze.path, bronze.declared), (silver.path, silver.declared))
    ]


def _growth(path: Path, declared: Dataset, commits_a_day: int, json_bytes: float) -> Growth:
    started = time.perf_counter()
    table = DeltaTable(str(path))
    loading = time.perf_counter() - started
    files = tables.snapshot_files(table, path, declared)
    log = path / "_delta_log"
    sizes = {entry.name: entry.stat().st_size for entry in os.scandir(log) if entry.is_file()}
    commits = [size for name, size in sizes.items() if name.endswith(".json") and name[0].isdigit()]
    days = max(declared.time_travel // timedelta(days=1), 1)
    # In the steady state a checkpoint holds a tombstone of every file that was replaced within the retention.
    checkpoint, loading_then = _with_tombstones(path, days * commits_a_day)
    json_bytes_a_commit = sum(commits) / len(commits)
    steady = days * commits_a_day * json_bytes_a_commit + kept_at_most(days) * checkpoint
    return Growth(
        table=declared.name,
        commits=len(commits),
        commits_a_day=commits_a_day,
        files=len(files),
        log_bytes=sum(sizes.values()),
        steady_log_bytes=int(steady),
        load_seconds=round(loading, 3),
        steady_load_seconds=loading_then,
        bytes_a_row=round(sum(file.size for file in files) / sum(file.rows for file in files), 1),
        json_bytes_a_row=round(json_bytes, 1),
    )


def _with_tombstones(path: Path, count: int) -> tuple[int, float]:
    """Size of a checkpoint with so many tombstones, and the seconds to load the table with it.

    The table's own log in a folder of its own, and a commit that removes files of the kind that it has: data
    files are not read for either.
    """
    copy = path.with_name(f"{path.name}-steady")
    shutil.copytree(path / "_delta_log", copy / "_delta_log")
    version = DeltaTable(str(copy)).version() + 1
    example = _last_add(path)
    now = int(time.time() * 1000)
    lines = [msgspec.json.encode({"commitInfo": {"timestamp": now, "operation": "WRITE"}})]
    folder = str(example["path"]).rpartition("/")[0]
    for number in range(count):
        removed = {
            "path": f"{folder}/part-{number:05d}-{uuid.uuid4()}-c000.snappy.parquet",
            "deletionTimestamp": now,
            "dataChange": False,
            "extendedFileMetadata": True,
            "partitionValues": example["partitionValues"],
            "size": example["size"],
        }
        lines.append(msgspec.json.encode({"remove": removed}))
    (copy / "_delta_log" / f"{version:020d}.json").write_bytes(b"\n".join(lines) + b"\n")
    DeltaTable(str(copy)).create_checkpoint()
    (checkpoint,) = (copy / "_delta_log").glob(f"{version:020d}.checkpoint*.parquet")
    size = checkpoint.stat().st_size
    started = time.perf_counter()
    DeltaTable(str(copy))
    return size, round(time.perf_counter() - started, 3)


def _last_add(path: Path) -> dict[str, Any]:
    """The newest file that the log names."""
    for file in sorted((path / "_delta_log").glob("*.json"), reverse=True):
        for line in file.read_bytes().splitlines():
            action = msgspec.json.decode(line)
            if "add" in action:
                added: dict[str, Any] = action["add"]
                return added
    raise NotFound(f"{path} has no file")


def _events(count: int, at: datetime, seconds: int, first: int) -> pa.Table:
    """Landing rows as an app would cause them: ids, users and values of much variety, properties in JSON."""
    chance = np.random.default_rng(first)
    base = int(at.timestamp() * 1e6)
    times = np.sort(base + chance.integers(0, seconds * 1_000_000, count))
    ids = [
        str(uuid.UUID(int=int(high) << 64 | int(low))) for high, low in chance.integers(0, 2**62, (count, 2))
    ]
    users = [f"user-{n:06d}" for n in chance.integers(0, 10_000, count)]
    kinds = np.array(["screen_view", "page_view", "button_click", "search", "add_to_cart", "purchase"])
    kind = kinds[chance.integers(0, len(kinds), count)]
    moments = pa.array(times, pa.int64()).cast(pa.timestamp("us", "UTC"))
    given: dict[str, Any] = {
        "event_id": ids,
        "user_id": users,
        "session_id": [f"{user}-{at:%H}" for user in users],
        "event_type": kind,
        "app_type": np.array(["mobile", "web"])[chance.integers(0, 2, count)],
        "platform": np.array(["ios", "android", "chrome"])[chance.integers(0, 3, count)],
        "app_version": ["4.2.0"] * count,
        "country": np.array(["DE", "FR", "US", "IN"])[chance.integers(0, 4, count)],
        "event_value": [
            float(v) if k == "purchase" else None
            for v, k in zip(chance.integers(1, 99, count), kind, strict=True)
        ],
        "response_time_ms": chance.gamma(2, 60, count).round(1),
        "status_code": [200] * count,
        "properties": [f'{{"screen":"s{n}","position":{n % 40}}}' for n in chance.integers(0, 400, count)],
        "source_topic": [APP_EVENTS.topic] * count,
        "source_partition": [0] * count,
        "source_offset": range(first, first + count),
        "source_system": ["simulator"] * count,
        "is_late": [False] * count,
    }
    schema = LANDING[APP_EVENTS.name]
    arrays = []
    for field in schema:
        if pa.types.is_timestamp(field.type):
            arrays.append(moments)
        elif field.name in given:
            arrays.append(pa.array(given[field.name]).cast(field.type))
        else:
            arrays.append(pa.nulls(count, field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _as_json(rows: pa.Table) -> list[bytes]:
    """The events as producers send them: their own fields, those that they have."""
    own = [name for name in rows.schema.names if not name.startswith(("source_", "ingest_", "is_late"))]
    lines = []
    for row in rows.select(own).to_pylist():
        event = {name: value for name, value in row.items() if value is not None}
        event["properties"] = msgspec.Raw(event["properties"].encode())
        lines.append(msgspec.json.encode(event))
    return lines


def _land(settings: Settings, rows: pa.Table, first: int) -> int:
    """Lands the rows as the chain's next file; returns the next offset."""
    folder = chain_folder(settings, APP_EVENTS, TOPIC_ID, 0)
    folder.mkdir(parents=True, exist_ok=True)
    metadata = {
        META_FIRST_OFFSET: str(first),
        META_LAST_OFFSET: str(first + rows.num_rows - 1),
        META_TOPIC_ID: TOPIC_ID,
    }
    pq.write_table(rows.replace_schema_metadata(metadata), folder / chain_file_name(first))
    return first + int(rows.num_rows)
