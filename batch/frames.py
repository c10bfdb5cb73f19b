"""Data frames of a task: what the model reads, and what of its result is written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from contracts.errors import SchemaMismatch
from lakehouse.datasets import Dataset
from lakehouse.datasets.declaration import LOAD_TIMESTAMP
from lakehouse.engine import Input, Replace, Task

_GLOB = re.compile(r"([\\\[\]{}*?])")
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def register(session: SparkSession, source: Input) -> None:
    """Makes an input readable by its name, with exactly the columns of its schema."""
    if source.rows is not None:
        frame = session.createDataFrame(source.rows, spark_schema(source.schema))
    else:
        frame = read(session, source.files, source.schema, source.partition)
    frame.createOrReplaceTempView(source.name)


def read(session: SparkSession, files: Sequence[Path], schema: pa.Schema, partition: str = "") -> DataFrame:
    """Data files of one table, as Parquet: the driver has chosen them, so Spark need not read Delta's log."""
    structure = spark_schema(schema)
    if not files:
        return session.createDataFrame([], structure)
    reader = session.read.schema(structure)
    if partition:
        # The table's folder: values of the partition column are read from the path below it.
        reader = reader.option("basePath", escaped(files[0].parent.parent))
    frame = reader.parquet(*(escaped(file) for file in files))
    return frame.select(*(quoted(name) for name in schema.names))


def spark_schema(schema: pa.Schema) -> StructType:
    """The same columns, all nullable, as files may lack some. Timestamps are instants."""
    nullable = pa.schema([field.with_nullable(True) for field in schema])
    structure: StructType = from_arrow_schema(nullable, prefer_timestamp_ntz=False)
    return structure


def outcome(frame: DataFrame, task: Task) -> DataFrame:
    """The declared columns in declared types and order, stamped with the task's time.

    Raises SchemaMismatch where the model lacks one.
    """
    found = {name.lower() for name in frame.columns}
    missing = [c.name for c in task.target.columns if c.name.lower() not in found | {LOAD_TIMESTAMP}]
    if missing:
        raise SchemaMismatch(f"the model of {task.target.name} lacks the columns {', '.join(missing)}")
    types = {field.name: field.dataType.simpleString() for field in spark_schema(task.target.schema)}
    stamp = f"timestamp_micros({micros(task.load_timestamp)})"
    return frame.selectExpr(
        *(
            f"{stamp} AS {quoted(name)}"
            if name == LOAD_TIMESTAMP
            else f"CAST({quoted(name)} AS {kind}) AS {quoted(name)}"
            for name, kind in types.items()
        )
    )


def arranged(frame: DataFrame, target: Dataset, rows: int, rows_a_file: int = 250_000) -> DataFrame:
    """Ordered by partition and time, so that file statistics prune; few rows in one file a partition."""
    if rows <= rows_a_file:
        frame = frame.coalesce(1)
    order = [quoted(name) for name in (target.partition, target.time) if name]
    return frame.sortWithinPartitions(*order) if order else frame


def predicate(write: Replace) -> str:
    """The rows that a Replace is about, in SQL. No BETWEEN: Delta's `replaceWhere` fails on it."""
    groups: dict[tuple[date | int | str, ...], list[date | int | str]] = {}
    for value in write.values:
        groups.setdefault(value[:-1], []).append(value[-1])
    terms = []
    for leading, last in groups.items():
        parts = [f"{quoted(n)} = {literal(v)}" for n, v in zip(write.columns[:-1], leading, strict=True)]
        parts.append(f"{quoted(write.columns[-1])} IN ({', '.join(literal(value) for value in last)})")
        terms.append("(" + " AND ".join(parts) + ")")
    return " OR ".join(terms) or "false"


def literal(value: date | int | str) -> str:
    """A value in Spark's SQL."""
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, int):
        return str(value)
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def micros(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def escaped(path: Path) -> str:
    """A path as Spark reads it: it takes paths for globs."""
    return _GLOB.sub(r"\\\1", str(path))
