"""Spark and the embedded engine give the same rows and share tables; Spark outlives its cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from batch.engine import SparkEngine
from batch.session import jvm_pid
from contracts.errors import ConflictError, DependencyError, SchemaMismatch
from contracts.settings import Paths, Settings
from lakehouse.datasets import Dataset, dataset
from lakehouse.embedded import EmbeddedEngine
from lakehouse.engine import Input, Insert, Task, Write
from lakehouse.medallion.first_wins import first_wins
from lakehouse.medallion.gold import GoldTable
from lakehouse.medallion.silver import SilverTable
from lakehouse.models import model_sql
from lakehouse.storage import commits, tables
from runtime.jars import delta_jars
from runtime.java import spark_java_home
from tests.lakehouse.recomputed import refused_event
from tests.system.hostile_rows import MIDNIGHT, given, hostile
from tests.system.spark_cluster import SparkCluster, eventually

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    running = SparkCluster(tmp_path_factory.mktemp("spark"))
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def spark(cluster: SparkCluster) -> Iterator[SparkEngine]:
    engine = engine_of(cluster.settings)
    yield engine
    engine.close()
    assert jvm_pid() is None


@pytest.fixture(scope="module")
def embedded(cluster: SparkCluster) -> Iterator[EmbeddedEngine]:
    engine = EmbeddedEngine(cluster.settings)
    yield engine
    engine.close()


def engine_of(settings: Settings) -> SparkEngine:
    return SparkEngine(settings, delta_jars(settings), spark_java_home(settings))


def task(declared: Dataset, path: Path, source: Input, write: Write, txn: int) -> Task:
    return Task(
        target=declared,
        path=path,
        sql=model_sql(declared),
        inputs=(source,),
        write=write,
        load_timestamp=MIDNIGHT + timedelta(days=1, microseconds=txn),
        txn=txn,
        metadata={"source_version": txn},
        refuse=lambda rows: None,
    )


def created(root: Path, declared: Dataset) -> Path:
    return tables.create(Settings(paths=Paths(data=str(root))), declared)


def test_engines_take_turns_on_the_same_tables(
    tmp_path: Path, cluster: SparkCluster, spark: SparkEngine, embedded: EmbeddedEngine
) -> None:
    settings = Settings(paths=cluster.settings.paths, lakehouse=cluster.settings.lakehouse)
    declared, upstream = dataset("app_events_silver"), dataset("app_events_bronze")
    arrived: list[dict[str, Any]] = []
    bronze = tables.create(settings, upstream)
    for number, engine in enumerate((embedded, spark, embedded, spark)):
        rows = hostile(upstream, 120, number)
        for row in rows:
            row["load_timestamp"] = MIDNIGHT + timedelta(days=1, seconds=number)
        arrived += rows
        write_deltalake(str(bronze), pa.Table.from_pylist(rows, upstream.schema), mode="append")
        silver = SilverTable(settings, declared, engine)
        gold = GoldTable(settings, dataset("event_metrics_gold"), engine)
        done = silver.advance()
        assert done is not None
        assert done.rows_in == 120
        assert silver.advance() is None
        refreshed = gold.advance()
        assert refreshed is not None
        assert silver.behind() == 0

    arrived = [row for row in arrived if not refused_event(row)]
    # Rows of one commit are in the order of their place in the source.
    arrived.sort(key=lambda r: (r["load_timestamp"], r["source_partition"], r["source_offset"]))
    stays = first_wins(
        ((row["event_id"], round(row["event_timestamp"].timestamp() * 1e6)) for row in arrived), 3_600_000_000
    )
    expected = sorted(
        (row["event_id"], row["event_timestamp"], row["source_partition"], row["source_offset"])
        for row, stay in zip(arrived, stays, strict=True)
        if stay
    )
    for stored in readers(silver.path):
        assert sorted(stored) == expected
    kept = [(event[1].date(), event[1].hour) for event in expected]
    metrics = pl.read_delta(str(gold.path))
    sums = metrics.group_by("metric_date", "metric_hour").agg(pl.col("total_events").sum()).rows()
    assert {(day, hour): total for day, hour, total in sums} == {at: kept.count(at) for at in set(kept)}


def readers(path: Path) -> Iterator[list[tuple[str, datetime, int, int]]]:
    """The table's keys as polars, deltalake and DuckDB read them."""
    names = ["event_id", "event_timestamp", "source_partition", "source_offset"]
    yield pl.read_delta(str(path)).select(names).rows()
    arrow = DeltaTable(str(path)).to_pyarrow_table(columns=names)
    yield [tuple(row.values()) for row in arrow.to_pylist()]
    files = DeltaTable(str(path)).file_uris()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = connection.execute(f"SELECT {', '.join(names)} FROM read_parquet($files)", {"files": files})
        yield [(e, at.astimezone(UTC), p, o) for e, at, p, o in rows.fetchall()]


def test_a_replay_writes_nothing(tmp_path: Path, spark: SparkEngine) -> None:
    declared, upstream = dataset("app_events_silver"), dataset("app_events_bronze")
    path = created(tmp_path, declared)
    source = given(tmp_path / "in", upstream, hostile(upstream, 20, 1))
    first = spark.run(task(declared, path, source, Insert(), 7))
    with pytest.raises(ConflictError, match="transaction 7"):
        spark.run(task(declared, path, source, Insert(), 7))
    assert DeltaTable(str(path)).version() == first.version
    # The same rows again, as a new transaction: no row, and a commit that says so.
    again = spark.run(task(declared, path, source, Insert(), 8))
    assert (again.rows_out, again.version) == (0, first.version + 1)
    assert commits.last_metadata(path) == {
        "source_version": 8, "txn": 8, "engine": "spark", "dates": [], "hours": [],
    }  # fmt: skip


def test_a_null_that_may_not_be_is_refused_and_nothing_is_written(tmp_path: Path, spark: SparkEngine) -> None:
    declared, upstream = dataset("app_events_silver"), dataset("app_events_bronze")
    path = created(tmp_path, declared)
    rows = hostile(upstream, 20, 1)
    schema = pa.schema([field.with_nullable(True) for field in upstream.schema])
    rows[3] |= {
        "user_id": None,
        "event_value": 1.5,
    }  # finite: a row that a rule refuses is not written at all
    file = tmp_path / f"{upstream.partition}={rows[3][upstream.partition]}" / "f.parquet"
    file.parent.mkdir()
    pq.write_table(pa.Table.from_pylist([rows[3]], schema).drop_columns([upstream.partition]), file)
    source = Input(name=upstream.name, files=(file,), schema=schema, partition=upstream.partition)
    with pytest.raises(SchemaMismatch, match="user_id"):
        spark.run(task(declared, path, source, Insert(), 1))
    assert DeltaTable(str(path)).version() == 0


def test_no_secret_and_no_configuration_in_any_argument_list(
    cluster: SparkCluster, spark: SparkEngine
) -> None:
    spark.warm_up()
    secret = (Path(cluster.settings.data_root) / "secrets" / "spark").read_text("ascii")
    lines = []
    for process in psutil.process_iter(["cmdline"]):
        lines += process.info["cmdline"] or []
    assert any("CoarseGrainedExecutorBackend" in line for line in lines)
    assert not any(secret in line for line in lines)
    assert list((cluster.settings.data_root / "run" / "spark").glob("*.conf")) == []


def big(folder: Path) -> Input:
    """Enough rows that a task is not over before it can be disturbed."""
    upstream = dataset("app_events_bronze")
    count = 400_000
    row = hostile(upstream, 1, 1)[0]
    columns: dict[str, Any] = {name: [row[name]] * count for name in upstream.schema.names}
    columns |= {
        "event_value": [None] * count,
        "event_id": [f"e{n}" for n in range(count)],
        "source_offset": range(count),
    }
    table = pa.Table.from_pydict(columns, upstream.schema).drop_columns([upstream.partition])
    file = folder / f"{upstream.partition}={row[upstream.partition]}" / "f.parquet"
    file.parent.mkdir(parents=True)
    pq.write_table(table, file, row_group_size=20_000)
    return Input(name=upstream.name, files=(file,), schema=upstream.schema, partition=upstream.partition)


def test_a_worker_killed_in_the_middle_of_a_task(
    tmp_path: Path, cluster: SparkCluster, spark: SparkEngine
) -> None:
    declared = dataset("app_events_silver")
    path = created(tmp_path, declared)
    source = big(tmp_path / "in")
    spark._connected()
    eventually(cluster.executor_host)
    assert spark._session is not None
    tracker = spark._session.sparkContext.statusTracker()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(spark.run, task(declared, path, source, Insert(), 1))
        eventually(lambda: tracker.getActiveJobsIds() or running.done())
        lost = cluster.executor_host()
        cluster.kill(lost)
        result = running.result()
    cluster.start_one(lost)
    assert (result.rows_in, result.rows_out) == (400_000, 400_000)
    stored = pl.scan_delta(str(path)).select(pl.len(), pl.col("event_id").n_unique()).collect()
    assert stored.row(0) == (400_000, 400_000)


def test_a_cluster_that_forgot_the_application_is_joined_again(
    tmp_path: Path, cluster: SparkCluster, spark: SparkEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared, upstream = dataset("app_events_silver"), dataset("app_events_bronze")
    path = created(tmp_path, declared)
    source = given(tmp_path / "in", upstream, hostile(upstream, 50, 1))
    spark._connected()
    for name in ("master", "worker-1", "worker-2"):
        cluster.kill(name)
    monkeypatch.setattr(spark, "_patience", 4.0)
    with pytest.raises(DependencyError, match="no executor"):
        spark.run(task(declared, path, source, Insert(), 1))
    monkeypatch.undo()
    with pytest.raises(DependencyError, match="master does not answer"):
        spark.run(task(declared, path, source, Insert(), 1))
    assert DeltaTable(str(path)).version() == 0
    cluster.start()
    assert spark.run(task(declared, path, source, Insert(), 1)).rows_out > 0


def test_a_killed_jvm_is_replaced(tmp_path: Path, cluster: SparkCluster, spark: SparkEngine) -> None:
    declared, upstream = dataset("app_events_silver"), dataset("app_events_bronze")
    path = created(tmp_path, declared)
    source = big(tmp_path / "big")
    spark._connected()
    assert spark._session is not None
    tracker = spark._session.sparkContext.statusTracker()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(spark.run, task(declared, path, source, Insert(), 1))
        eventually(lambda: tracker.getActiveJobsIds() or running.done())
        killed = jvm_pid()
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        with pytest.raises(DependencyError):
            running.result()
    small = given(tmp_path / "in", upstream, hostile(upstream, 50, 1))
    assert spark.run(task(declared, path, small, Insert(), 1)).rows_out > 0
    assert jvm_pid() not in (None, killed)


CHILD = """
import sys, time
from contracts.configuration import load
from runtime.engines import make_engine
from batch.session import jvm_pid
engine = make_engine(load().settings)
session = engine._connected()
session.range(10).count()
print(jvm_pid(), session.sparkContext.applicationId, flush=True)
time.sleep(3600)
"""


def test_no_process_outlives_a_killed_engine(
    tmp_path: Path, cluster: SparkCluster, spark: SparkEngine
) -> None:
    spark.close()
    ports, paths = cluster.settings.ports, cluster.settings.paths
    environment = {name: text for name, text in os.environ.items() if not name.startswith("DP_")} | {
        "DP_PATHS_DATA": paths.data,
        "DP_PORTS_SPARK_MASTER": str(ports.spark_master),
        "DP_PORTS_SPARK_DRIVER_UI": str(ports.spark_driver_ui),
    }
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], env=environment, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        jvm, application = child.stdout.readline().split()
        assert carriers(application)
        child.kill()
    eventually(lambda: not psutil.pid_exists(int(jvm)))
    eventually(lambda: not carriers(application))


def carriers(application: str) -> list[int]:
    """Executors of an application."""
    return [p.pid for p in psutil.process_iter(["cmdline"]) if application in (p.info["cmdline"] or [])]
