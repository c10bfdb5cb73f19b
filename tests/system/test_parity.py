"""Every model gives the same rows on Spark and on the embedded engine, floats to 1e-9."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlglot
from deltalake import DeltaTable, write_deltalake
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from batch.engine import SparkEngine
from contracts.settings import Lakehouse, Paths, Settings, Spark
from lakehouse.datasets import (
    DATASETS,
    Dataset,
    InsertNew,
    ReplaceDates,
    ReplaceHours,
    Sessions,
    Versions,
    dataset,
)
from lakehouse.embedded import EmbeddedEngine
from lakehouse.engine import Input, Insert, Overwrite, Replace, Result, Task, Upsert, Write
from lakehouse.medallion.entities import TRUNCATES
from lakehouse.medallion.parameters import parameters
from lakehouse.medallion.sessions import TOUCHED
from lakehouse.medallion.unavailable import COMPLETED
from lakehouse.models import model_sql, transpile
from lakehouse.models.subset import FUNCTIONS, problems
from lakehouse.storage import commits, tables
from runtime.jars import delta_jars
from runtime.java import spark_java_home
from tests.lakehouse.readers import READERS, plain
from tests.streams.local_kafka import free_ports
from tests.system import expressions
from tests.system.hostile_rows import CHOICES, MIDNIGHT, PLACES, hostile
from tests.system.hostile_rows import given as given_files

Row = dict[str, Any]
MODELS = [declared for declared in DATASETS.values() if declared.model]
TODAY = MIDNIGHT.date() + timedelta(days=2)

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SparkEngine, EmbeddedEngine]]:
    (page,) = free_ports(1)
    local = Settings(
        paths=Paths(data=str(tmp_path_factory.mktemp("parity"))),
        lakehouse=Lakehouse(engine="spark"),
        spark=Spark(master="local[2]", driver_memory_mb=1024),
        ports=Settings().ports.__class__(spark_driver_ui=page),
    )
    spark = SparkEngine(local, delta_jars(local), spark_java_home(local))
    embedded = EmbeddedEngine(local)
    yield spark, embedded
    spark.close()
    embedded.close()


def inputs(folder: Path, declared: Dataset, count: int, seed: int) -> tuple[Input, ...]:
    read = [(feed.dataset, feed.name) for feed in declared.feeds] or [(n, n) for n in declared.upstream]
    found = [
        given_files(
            folder / relation,
            dataset(name),
            once(dataset(name), hostile(dataset(name), count, seed + n)),
            relation,
        )
        for n, (name, relation) in enumerate(read)
    ]
    found.append(parameters(Settings(), TODAY))
    if isinstance(declared.build, Sessions):
        stretch = (MIDNIGHT - timedelta(days=41), MIDNIGHT + timedelta(days=1))
        touched = [{"user_id": u, "from_at": stretch[0], "until_at": stretch[1]} for u in CHOICES["user_id"]]
        found.append(Input(name="touched", schema=TOUCHED, rows=pa.Table.from_pylist(touched, TOUCHED)))
    if isinstance(declared.build, Versions):
        schema = pa.schema([field.with_nullable(True) for field in declared.schema])
        stored = pa.Table.from_pylist(hostile(declared, count // 4, seed + 7), schema)
        truncates = [
            {"database": "shop", "schema": schema_name, "table": place, "sequence": "0002",
             "valid_from": MIDNIGHT,
             "source_topic": "t", "source_partition": 0, "source_offset": 5}
            for place in PLACES[:2] for schema_name in (None, "a")
        ]  # fmt: skip
        completed = [{"change_id": f"{seed}/{n}", "after": '{"whole":1}'} for n in range(0, count, 5)]
        found += [
            Input(name="stored_versions", schema=schema, rows=stored),
            Input(name="truncates", schema=TRUNCATES, rows=pa.Table.from_pylist(truncates, TRUNCATES)),
            Input(name="completed", schema=COMPLETED, rows=pa.Table.from_pylist(completed, COMPLETED)),
        ]
    return tuple(found)


def once(declared: Dataset, rows: list[Row]) -> list[Row]:
    """What is unique by its declaration is so, where silver and gold read it."""
    if declared.layer == "bronze" or not declared.key:
        return rows
    return list({tuple(row[name] for name in declared.key): row for row in rows}.values())


def writes(declared: Dataset) -> list[Write]:
    day = MIDNIGHT.date()
    days = tuple((day - timedelta(days=back),) for back in (0, 1))
    match declared.build:
        case InsertNew():
            return [Insert(), Insert(), Replace((declared.partition,), days[:1])]
        case ReplaceHours(hour=hour):
            return [Overwrite(), Replace(hour, tuple((one[0], h) for one in days for h in (0, 2)))]
        case ReplaceDates(date=name):
            return [Overwrite(), Replace((name,), days)]
        case _:
            return [Overwrite(), Upsert(key=declared.key, files=())]


def run(engine: Any, declared: Dataset, folder: Path, counts: list[int], seed: int) -> list[Any]:
    path = tables.create(Settings(paths=Paths(data=str(folder / engine.name))), declared)
    refused: list[Row] = []
    outcomes: list[Any] = []
    for number, (write, count) in enumerate(zip(writes(declared), counts, strict=False), start=1):
        if isinstance(write, Upsert):
            files = tables.snapshot_files(DeltaTable(str(path)), path, declared)
            write = Upsert(key=declared.key, files=tuple(file.path for file in files))
        result: Result = engine.run(
            Task(
                target=declared,
                path=path,
                sql=model_sql(declared),
                inputs=inputs(folder / engine.name / str(number), declared, count, seed + number),
                write=write,
                load_timestamp=MIDNIGHT + timedelta(days=1, microseconds=number),
                txn=number,
                metadata={"source_version": number},
                refuse=lambda rows: refused.extend(rows.to_pylist()),
            )
        )
        metadata = commits.last_metadata(path)
        assert metadata is not None
        assert metadata.pop("engine") == engine.name
        outcomes.append((result.rows_in, result.rows_out, result.refused, result.duplicates, metadata))
        outcomes.append(content(path, declared))
    outcomes.append(
        sorted((row["__refused"], row["source_partition"], row["source_offset"]) for row in refused)
    )
    return outcomes


def content(path: Path, declared: Dataset) -> list[Row]:
    """All rows in a fixed order."""
    frame = pl.read_delta(str(path))
    whole = [
        name for name in frame.columns if not frame[name].dtype.is_float() and frame[name].dtype != pl.List
    ]
    return frame.sort(
        [*declared.key, *(n for n in whole if n not in declared.key)], nulls_last=True
    ).to_dicts()


def same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        # Numbers below the least normal double have fewer digits than that.
        close = math.isclose(left, right, rel_tol=1e-9, abs_tol=sys.float_info.min)
        return close or (math.isnan(left) and math.isnan(right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def difference(left: list[Any], right: list[Any]) -> list[Any]:
    """Where the first few differences are."""
    found: list[Any] = []
    for number, (one, other) in enumerate(zip(left, right, strict=True)):
        if isinstance(one, list) and len(one) == len(other):
            found += [(number, a, b) for a, b in zip(one, other, strict=True) if not same(a, b)]
        elif not same(one, other):
            found.append((number, one, other))
    return found[:3]


@pytest.mark.system
def test_all_that_models_may_use_gives_the_same_on_both_engines(
    tmp_path: Path, engines: tuple[SparkEngine, EmbeddedEngine]
) -> None:
    pq.write_table(expressions.rows(), tmp_path / "t.parquet")
    engines[0].connect()
    session = SparkSession.active()
    session.read.parquet(str(tmp_path)).createOrReplaceTempView("t")
    used: set[type] = set()
    with closing(duckdb.connect()) as duck:
        duck.execute("SET TimeZone = 'UTC'")
        duck.execute(f"CREATE VIEW t AS SELECT * FROM read_parquet('{tmp_path}/t.parquet')")
        differing: dict[str, Any] = {}
        for sql, listed in expressions.queries():
            assert problems(sql) == []
            used |= {type(node) for node in sqlglot.parse_one(sql, read="spark").walk()}
            spark = session.sql(sql).toArrow()
            embedded = duck.sql(transpile.query(sql)).to_arrow_table()
            for one, left, right in zip(listed, spark.columns, embedded.columns, strict=True):
                found = difference([left.to_pylist()], [right.to_pylist()])
                differing |= {one: found} if found else {}
    assert differing == {}
    assert set(FUNCTIONS) - used == set()


@pytest.mark.system
@pytest.mark.parametrize("declared", MODELS, ids=lambda declared: declared.name)
def test_every_model_gives_the_same_rows_on_both_engines(
    declared: Dataset, tmp_path: Path, engines: tuple[SparkEngine, EmbeddedEngine]
) -> None:
    spark, embedded = (run(engine, declared, tmp_path, [300, 120, 120], 1) for engine in engines)
    assert difference(spark, embedded) == []
    assert spark[0][1] > 0
    for engine in engines:
        read_as_written(tables.path_of(Settings(paths=Paths(data=str(tmp_path / engine.name))), declared))


def read_as_written(path: Path) -> None:
    """By external tools, Spark among them."""
    wanted = plain(READERS["deltalake"](path))
    for name, read in READERS.items():
        assert plain(read(path)) == wanted, name
    assert plain(SparkSession.active().read.format("delta").load(str(path)).toArrow()) == wanted


@pytest.mark.system
def test_spark_reads_every_table_that_has_no_model(
    tmp_path: Path, engines: tuple[SparkEngine, EmbeddedEngine]
) -> None:
    engines[0].connect()
    for declared in (declared for declared in DATASETS.values() if not declared.model):
        path = tables.create(Settings(paths=Paths(data=str(tmp_path))), declared)
        rows = pa.Table.from_pylist(hostile(declared, 60, 3), declared.schema)
        write_deltalake(str(path), rows, mode="append")
        assert len(plain(READERS["deltalake"](path))) == 60
        read_as_written(path)


@pytest.mark.system
@pytest.mark.parametrize("declared", MODELS, ids=lambda declared: declared.name)
def test_no_rows_give_none_on_both_engines(
    declared: Dataset, tmp_path: Path, engines: tuple[SparkEngine, EmbeddedEngine]
) -> None:
    spark, embedded = (run(engine, declared, tmp_path, [0, 0, 0], 1) for engine in engines)
    assert difference(spark, embedded) == []


@pytest.mark.long
@pytest.mark.parametrize("declared", MODELS, ids=lambda declared: declared.name)
@given(seed=st.integers(10, 10**6), counts=st.lists(st.integers(0, 200), min_size=3, max_size=3))
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_every_model_gives_the_same_rows_whatever_the_data(
    declared: Dataset,
    tmp_path_factory: pytest.TempPathFactory,
    engines: tuple[SparkEngine, EmbeddedEngine],
    seed: int,
    counts: list[int],
) -> None:
    folder = tmp_path_factory.mktemp("any")
    spark, embedded = (run(engine, declared, folder, counts, seed) for engine in engines)
    assert difference(spark, embedded) == []
