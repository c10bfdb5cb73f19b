"""The journey of one event: source position, landing file, bronze, silver, and the gold row it counts in.

Told from files alone, whether or not the platform runs. An id has no order, so statistics of files do not
help: the id column of bronze is read whole, and of landing only what bronze does not have yet.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import duckdb
from msgspec import Struct, field

from contracts.errors import DependencyError, QueryError
from contracts.layout import table_path
from contracts.settings import Settings
from contracts.sources import SOURCES, Source
from lakehouse.datasets import DATASETS, Dataset, InsertNew, ReplaceHours
from lakehouse.datasets.declaration import LOAD_TIMESTAMP
from lakehouse.medallion.chains import discover
from lakehouse.reading.relations import identifier, select_of
from lakehouse.reading.snapshot import Snapshot
from lakehouse.reading.snapshots import Snapshots
from lakehouse.storage import delta_log
from lakehouse.storage.commits import last_metadata

CHUNK_FILES = 256
"""Landing files that are searched at a time, newest first."""

Place = Literal["landing", "bronze", "silver"]
Fate = Literal["waiting", "kept", "duplicate", "not kept"]


class Copy(Struct, kw_only=True):
    """One delivery of the event; a producer that retries makes several. Times are UTC."""

    topic: str
    partition: int
    offset: int
    source_timestamp: datetime
    """Kafka's own timestamp of the record."""
    ingest_timestamp: datetime
    event_timestamp: datetime
    landing_file: str | None
    """The chain file that holds it; null: cleaned up already."""
    bronze_version: int | None = None
    """The version that brought it, while the log still tells; null also while it is not in bronze."""
    bronze_loaded_at: datetime | None = None
    quality_flags: list[str] = field(default_factory=list)
    silver: Fate | None = None
    """`kept`: this is the row in silver; `duplicate`: another copy is; `waiting`: silver has not read it yet;
    `not kept`: it has, and has no row of it; null: the source has no such table yet."""
    silver_loaded_at: datetime | None = None


class GoldRow(Struct, kw_only=True):
    """A gold row that the event counts in."""

    table: str
    row: dict[str, Any] | None
    """Null: not computed yet. Values as DuckDB gives them."""
    includes_event: bool = False
    """Whether the row was computed after the event came into silver; else its next refresh takes it in."""


class Trace(Struct, kw_only=True):
    """Where one event is."""

    event_id: str
    source: str
    reached: Place
    copies: list[Copy]
    """In source order of each partition."""
    gold: list[GoldRow]


def trace(
    settings: Settings,
    event_id: str,
    datasets: Mapping[str, Dataset] = DATASETS,
    *,
    seconds: float = threading.TIMEOUT_MAX,
) -> Trace | None:
    """The journey of the event (an app event, click, external record or change); None where it is nowhere.

    Raises DependencyError where a file cannot be read, QueryError (`timeout`) where it takes longer than
    ``seconds``.
    """
    snapshots = Snapshots(settings, datasets)
    with (
        duckdb.connect(config={"memory_limit": "512MiB", "temp_directory": ""}) as connection,
        _limited(connection, seconds),
    ):
        connection.execute("SET TimeZone = 'UTC'")
        try:
            for source in SOURCES:
                if source.id_field:
                    found = _Search(settings, datasets, snapshots, connection, source, event_id).run()
                    if found is not None:
                        return found
        except duckdb.IOException as error:
            raise DependencyError(f"a file of the lakehouse cannot be read: {error}") from error
    return None


@contextmanager
def _limited(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Ends what ``connection`` runs when the time is over."""
    over = threading.Event()

    def end() -> None:
        over.set()
        connection.interrupt()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except duckdb.InterruptException:
        if not over.is_set():
            raise
        raise QueryError(f"the event was not found within {seconds:g} s", code="timeout") from None
    finally:
        timer.cancel()


class _Search:
    """One source's search for one id."""

    def __init__(
        self,
        settings: Settings,
        datasets: Mapping[str, Dataset],
        snapshots: Snapshots,
        connection: duckdb.DuckDBPyConnection,
        source: Source,
        event_id: str,
    ) -> None:
        self.settings = settings
        self.datasets = datasets
        self.snapshots = snapshots
        self.connection = connection
        self.source = source
        self.event_id = event_id
        self.chains = discover(settings, source)

    def run(self) -> Trace | None:
        bronze = self._snapshot(self.source.bronze_table)
        rows = self._rows(select_of(bronze)) if bronze else []
        copies = [self._copy(row) for row in rows]
        held = {(copy.topic, copy.partition, copy.offset) for copy in copies}
        for path, row in self._landed():
            if (row["source_topic"], row["source_partition"], row["source_offset"]) not in held:
                copies.append(self._copy(row, path))
        if not copies:
            return None
        copies.sort(key=lambda copy: (copy.topic, copy.partition, copy.offset))
        silver = self._silver()
        kept = self._follow_to_silver(silver, copies) if silver else []
        return Trace(
            event_id=self.event_id,
            source=self.source.name,
            reached="silver" if kept else "bronze" if rows else "landing",
            copies=copies,
            gold=self._gold(silver, kept) if silver else [],
        )

    def _copy(self, row: dict[str, Any], path: Path | None = None) -> Copy:
        in_bronze = path is None
        file = path or self._landing_file(row["source_partition"], row["source_offset"])
        return Copy(
            topic=row["source_topic"],
            partition=row["source_partition"],
            offset=row["source_offset"],
            source_timestamp=row["source_timestamp"],
            ingest_timestamp=row["ingest_timestamp"],
            event_timestamp=row[self.source.time_field],
            landing_file=str(file) if file else None,
            bronze_version=self._bronze_version(row) if in_bronze else None,
            bronze_loaded_at=row.get("load_timestamp"),
            quality_flags=row.get("quality_flags") or [],
        )

    def _snapshot(self, name: str) -> Snapshot | None:
        return self.snapshots.get(name) if name in self.datasets else None

    def _rows(self, relation: str) -> list[dict[str, Any]]:
        wanted = f"SELECT * FROM ({relation}) WHERE {identifier(self.source.id_field)} = ?"
        return self._fetch(wanted, [self.event_id])

    def _fetch(self, sql: str, values: list[Any]) -> list[dict[str, Any]]:
        cursor = self.connection.execute(sql, values)
        names = [name for name, *_ in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _landed(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Rows of landing files that bronze has not taken, newest files first; the first chunk that has any
        ends the search."""
        path = table_path(self.settings, "bronze", self.source.bronze_table)
        taken = (last_metadata(path) or {}).get("chains", {})
        files: list[Path] = []
        for chain, folder in self.chains.items():
            after = int(taken.get(chain, -1))
            files += [file for file in folder.glob("[0-9]*.parquet") if int(file.stem) > after]
        files.sort(key=lambda file: file.stat().st_mtime, reverse=True)
        for start in range(0, len(files), CHUNK_FILES):
            chunk = [str(file) for file in files[start : start + CHUNK_FILES]]
            wanted = (
                "SELECT * FROM read_parquet(?, filename = true, hive_partitioning = false) "
                f"WHERE {identifier(self.source.id_field)} = ?"
            )
            found = self._fetch(wanted, [chunk, self.event_id])
            yield from ((Path(row["filename"]), row) for row in found)
            if found:
                return

    def _landing_file(self, partition: int, offset: int) -> Path | None:
        """The chain file that an offset is in: the last that begins at or before it."""
        best: Path | None = None
        for chain, folder in self.chains.items():
            if int(chain.rpartition("/")[2]) != partition:
                continue
            for file in folder.glob("[0-9]*.parquet"):
                first = int(file.stem)
                if first <= offset and (best is None or first > int(best.stem)):
                    best = file
        return best if best is not None and self._holds(best, offset) else None

    def _holds(self, file: Path, offset: int) -> bool:
        sql = "SELECT count(*) AS n FROM read_parquet(?) WHERE source_offset = ?"
        return bool(self._fetch(sql, [str(file), offset])[0]["n"])

    def _bronze_version(self, row: dict[str, Any]) -> int | None:
        """The commit that wrote the row: the newest whose rows have its load time."""
        path = table_path(self.settings, "bronze", self.source.bronze_table)
        at = delta_log.latest_version(path)
        while at >= 0 and (commit := delta_log.read_commit(path, at)) is not None:
            for added in commit.added:
                low = str(added.stats.get("minValues", {}).get("load_timestamp", ""))
                if added.data_change and low and _same_moment(low, row["load_timestamp"]):
                    return at
            at -= 1
        return None

    def _silver(self) -> Dataset | None:
        """The table that keeps each of the source's events once, if it is declared."""
        for dataset in self.datasets.values():
            if isinstance(dataset.build, InsertNew) and dataset.upstream == (self.source.bronze_table,):
                return dataset
        return None

    def _follow_to_silver(self, silver: Dataset, copies: list[Copy]) -> list[dict[str, Any]]:
        snapshot = self._snapshot(silver.name)
        rows = self._rows(select_of(snapshot)) if snapshot else []
        by_position = {(r["source_topic"], r["source_partition"], r["source_offset"]): r for r in rows}
        path = table_path(self.settings, silver.layer, silver.name)
        read = int((last_metadata(path) or {}).get("source_version", -1)) if snapshot else -1
        for copy in copies:
            row = by_position.get((copy.topic, copy.partition, copy.offset))
            if row is not None:
                copy.silver, copy.silver_loaded_at = "kept", row["load_timestamp"]
            elif copy.bronze_loaded_at is None or (copy.bronze_version or 0) > read:
                copy.silver = "waiting"
            else:
                copy.silver = "duplicate" if rows else "not kept"
        return rows

    def _gold(self, silver: Dataset, kept: list[dict[str, Any]]) -> list[GoldRow]:
        found: list[GoldRow] = []
        for gold in self.datasets.values():
            if isinstance(gold.build, ReplaceHours) and silver.name in gold.upstream:
                found += [self._gold_row(silver, gold, row) for row in kept]
        return found

    def _gold_row(self, silver: Dataset, gold: Dataset, row: dict[str, Any]) -> GoldRow:
        snapshot = self._snapshot(gold.name)
        if (
            snapshot is None
            or not isinstance(silver.build, InsertNew)
            or not isinstance(gold.build, ReplaceHours)
        ):
            return GoldRow(table=gold.name, row=None)
        hours: dict[str, Any] = dict(
            zip(gold.build.hour, (row[name] for name in silver.build.hour), strict=True)
        )
        keys = [name for name in gold.key if name in hours or name in row]
        condition = " AND ".join(f"{identifier(name)} IS NOT DISTINCT FROM ?" for name in keys)
        values = [hours[name] if name in hours else row[name] for name in keys]
        rows = self._fetch(f"SELECT * FROM ({select_of(snapshot)}) WHERE {condition}", values)
        if not rows:
            return GoldRow(table=gold.name, row=None)
        includes = rows[0][LOAD_TIMESTAMP] >= row[LOAD_TIMESTAMP]
        return GoldRow(table=gold.name, row=rows[0], includes_event=includes)


def _same_moment(text: str, moment: datetime) -> bool:
    """Whether a statistic, which may be cut to milliseconds, names the moment."""
    try:
        stated = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return False
    return abs((moment - stated).total_seconds()) <= 0.001
