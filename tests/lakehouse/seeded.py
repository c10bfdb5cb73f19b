"""A clean lakehouse of three days, and ways to break a copy of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake

from contracts.layout import table_path
from contracts.platform import METRICS, PLATFORM_LANDING
from contracts.settings import Lakehouse, Paths, Settings
from contracts.sources import Source
from lakehouse.datasets import dataset
from lakehouse.embedded import EmbeddedEngine
from lakehouse.medallion import platform_landing
from lakehouse.medallion.rounds import Rounds
from lakehouse.storage import delta_log
from tests.lakehouse import simulated
from tests.lakehouse.conftest import Landing

Row = dict[str, Any]
IDS = {"app_events": "event_id", "clickstream": "click_id", "external_data": "record_id"}


def settings_at(root: Path) -> Settings:
    return Settings(paths=Paths(data=str(root)), lakehouse=Lakehouse(engine="embedded", gold_seconds=1))


def clean_batches(seed: int) -> Iterator[list[tuple[Source, int, list[Row]]]]:
    """The simulated ones without what rules note or refuse: every id once, every purchase with its price."""
    known: set[str] = set()
    for files in simulated.batches(seed):
        kept = []
        for source, partition, rows in files:
            name = IDS.get(source.name)
            fresh = []
            for row in rows:
                if name and row[name] in known:
                    continue
                known.add(row[name] if name else "")
                if row.get("event_type") == "purchase":
                    row = row | {"event_value": 9.99}
                fresh.append(row)
            kept.append((source, partition, fresh))
        yield kept


def build(
    root: Path,
    engine: EmbeddedEngine,
    batches: Iterator[list[tuple[Source, int, list[Row]]]],
) -> Settings:
    settings = settings_at(root)
    landing = Landing(settings)
    rounds = Rounds(settings, engine)
    for number, files in enumerate(batches):
        for source, partition, rows in files:
            if rows:
                landing.add(source, rows, partition=partition)
        sampled = {
            "sampled_at": simulated.START.replace(hour=number),
            "component": "ingestion",
            "metric": "dead_letters",
            "value": 0.0,
            "status": "healthy",
        }
        rows_sampled = pa.Table.from_pylist([sampled], PLATFORM_LANDING[METRICS.name])
        platform_landing.append(settings, METRICS.name, rows_sampled)
        advance(rounds)
    assert rounds.status.failures == dict.fromkeys(rounds.status.failures, 0), rounds.status.errors
    rounds.close()
    return settings


def advance(rounds: Rounds) -> None:
    for gold in rounds.gold_tables:
        gold._every = 0
    rounds.bronze()
    rounds.silver()
    rounds.gold()


def copy(settings: Settings, root: Path) -> Settings:
    shutil.copytree(settings.data_root, root)
    return settings_at(root)


def path_of(settings: Settings, name: str) -> Path:
    return table_path(settings, dataset(name).layer, name)


def frame(settings: Settings, name: str) -> pl.DataFrame:
    """The table's rows, by another reader than the one that checks use."""
    # Not by polars' own reader of Delta, which trusts the sizes in the log: some tests change files.
    return pl.read_parquet(DeltaTable(str(path_of(settings, name))).file_uris(), hive_partitioning=True)


def rows_of(settings: Settings, name: str) -> list[Row]:
    return list(DeltaTable(str(path_of(settings, name))).to_pyarrow_table().to_pylist())


def append(settings: Settings, name: str, rows: list[Row]) -> None:
    declared = dataset(name)
    write_deltalake(
        str(path_of(settings, name)),
        pa.Table.from_pylist(rows, declared.schema),
        mode="append",
        partition_by=[declared.partition] if declared.partition else None,
    )


def delete(settings: Settings, name: str, predicate: str) -> int:
    """Rows that were deleted."""
    done = DeltaTable(str(path_of(settings, name))).delete(predicate)
    return int(done["num_deleted_rows"])


def rewrite(settings: Settings, name: str, change: Callable[[pa.Table], pa.Table]) -> Path:
    """Changes the rows of the table's largest file behind the back of its log, as a broken writer might."""
    path = path_of(settings, name)
    files = [path / one for one in DeltaTable(str(path)).get_add_actions(flatten=True)["path"].to_pylist()]
    chosen = max(files, key=lambda file: pq.read_metadata(file).num_rows)
    with pq.ParquetFile(chosen) as file:
        rows = file.read()
    loose = pa.schema([field.with_nullable(True) for field in rows.schema])
    pq.write_table(change(rows.cast(loose)), chosen)
    return chosen


def with_values(column: str, values: dict[int, Any]) -> Callable[[pa.Table], pa.Table]:
    """Sets some rows' values of a column, by their place."""

    def change(rows: pa.Table) -> pa.Table:
        at = rows.schema.get_field_index(column)
        found = rows[column].to_pylist()
        for place, value in values.items():
            found[place] = value
        return rows.set_column(at, rows.schema.field(at), pa.array(found, rows.schema.field(at).type))

    return change


def backdate(settings: Settings, name: str, seconds: float, *, newest: int = 1) -> None:
    """Makes the table's newest commits so much older."""
    path = path_of(settings, name)
    last = delta_log.latest_version(path)
    for version in range(last - newest + 1, last + 1):
        file = delta_log.commit_file(path, version)
        lines = [msgspec.json.decode(line) for line in file.read_bytes().splitlines() if line.strip()]
        for action in lines:
            if "commitInfo" in action:
                action["commitInfo"]["timestamp"] -= int(seconds * 1000)
        replaced = file.with_suffix(".new")
        replaced.write_bytes(b"\n".join(map(msgspec.json.encode, lines)) + b"\n")
        replaced.replace(file)
