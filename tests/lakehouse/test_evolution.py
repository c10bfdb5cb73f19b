"""Columns that come later: a new nullable one reaches the tables, a changed type is refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from msgspec.structs import replace

from contracts.errors import ContractError, SchemaMismatch
from contracts.settings import Settings
from contracts.sources import APP_EVENTS
from lakehouse.datasets import Column, dataset
from lakehouse.driver.refresh import RefreshRequest, refresh
from lakehouse.embedded import EmbeddedEngine
from lakehouse.medallion.bronze import BronzeTable
from lakehouse.medallion.chains import QUARANTINE
from lakehouse.medallion.rounds import Rounds
from lakehouse.storage import commits, tables
from lakehouse.storage.evolution import widened_sql

Event = Callable[..., dict[str, Any]]


def bronze(settings: Settings) -> BronzeTable:
    return BronzeTable(settings, dataset(APP_EVENTS.bronze_table))


def rewritten(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Puts a changed table in the file's place, as another version of the writer would have written it."""
    rows = pq.ParquetFile(path).read()
    metadata = rows.schema.metadata
    path.unlink()
    pq.write_table(change(rows).replace_schema_metadata(metadata), path)


def with_column(name: str, values: pa.Array) -> Callable[[pa.Table], pa.Table]:
    return lambda rows: rows.append_column(name, values)


def retyped(name: str, kind: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    return lambda rows: rows.set_column(rows.schema.get_field_index(name), name, rows[name].cast(kind))


def column(table: BronzeTable, name: str) -> dict[str, Any]:
    rows = DeltaTable(str(table.path)).to_pyarrow_table()
    return dict(zip(rows["event_id"].to_pylist(), rows[name].to_pylist(), strict=True))


def test_a_new_column_reaches_bronze_while_the_driver_runs(
    settings: Settings, landing: Any, make_event: Event
) -> None:
    table = bronze(settings)
    landing.add(APP_EVENTS, [make_event("a")])
    assert table.take().rows == 1
    rewritten(landing.add(APP_EVENTS, [make_event("b")]), with_column("tier", pa.array(["gold"])))
    landing.add(APP_EVENTS, [make_event("c")], partition=1)  # a worker of the old version
    done = table.take()
    assert (done.rows, done.troubles) == (2, ())
    assert column(table, "tier") == {"a": None, "b": "gold", "c": None}
    again = bronze(settings)
    landing.add(APP_EVENTS, [make_event("d")])
    assert again.take().rows == 1
    assert column(table, "tier") == {"a": None, "b": "gold", "c": None, "d": None}


def test_the_commit_that_adds_a_column_keeps_the_position(
    settings: Settings, landing: Any, make_event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.add(APP_EVENTS, [make_event("a")])
    table = bronze(settings)
    table.take()
    before = commits.last_metadata(table.path)
    rewritten(landing.add(APP_EVENTS, [make_event("b")]), with_column("tier", pa.array([1])))
    with monkeypatch.context() as patch:
        patch.setattr("lakehouse.medallion.bronze.write_deltalake", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            table.take()
    after = commits.last_metadata(table.path)
    assert before is not None and after == {k: v for k, v in before.items() if k != "rows"}
    assert table.take().rows == 1
    assert column(table, "tier") == {"a": None, "b": 1}


@pytest.mark.parametrize(
    "change",
    [
        retyped("event_value", pa.string()),
        retyped("status_code", pa.int64()),
        retyped("event_timestamp", pa.int64()),
        lambda rows: rows.drop_columns(["user_id"]),
        with_column("event_date", pa.array(["2026-03-05"])),
        with_column("USER_ID", pa.array(["u"])),
        with_column("nested", pa.array([{"a": 1}])),
        with_column("loyalty tier", pa.array(["gold"])),
        with_column("quality_flags", pa.array([1])),
    ],
    ids=["text", "wider", "time", "missing", "own", "case", "nested", "name", "flags"],
)
def test_a_changed_type_is_refused_before_any_write_and_the_rest_goes_on(
    settings: Settings, landing: Any, make_event: Event, change: Callable[[pa.Table], pa.Table]
) -> None:
    table = bronze(settings)
    path = landing.add(APP_EVENTS, [make_event("a", event_value=1.0, status_code=200)])
    rewritten(path, change)
    version = table.version
    (trouble, *_) = table.take().troubles
    assert trouble.fresh and str(path) in trouble.message
    assert (path.parent / QUARANTINE / path.name).exists()
    assert table.version == version
    landing.add(APP_EVENTS, [make_event("b")])
    landing.add(APP_EVENTS, [make_event("c")], partition=1)
    assert table.take().rows == 2
    assert set(column(table, "event_id")) == {"b", "c"}


def test_two_files_that_do_not_agree_on_a_new_column(
    settings: Settings, landing: Any, make_event: Event
) -> None:
    for name, values in (("a", pa.array([1])), ("b", pa.array(["one"]))):
        rewritten(landing.add(APP_EVENTS, [make_event(name)]), with_column("tier", values))
    landing.add(APP_EVENTS, [make_event("c")])
    table = bronze(settings)
    done = table.take()
    assert done.rows == 2 and "tier as string, which is int64" in done.troubles[0].message
    assert column(table, "tier") == {"a": 1, "c": None}


def test_other_ways_of_keeping_the_same_values_are_no_change(
    settings: Settings, landing: Any, make_event: Event
) -> None:
    path = landing.add(APP_EVENTS, [make_event("a")])
    rewritten(path, retyped("user_id", pa.large_string()))
    rewritten(path, retyped("event_timestamp", pa.timestamp("ms", "Europe/Berlin")))
    assert bronze(settings).take().rows == 1


def test_a_newly_declared_column_is_added_to_a_table_that_is_there(settings: Settings) -> None:
    declared = dataset("event_metrics_gold")
    path = tables.create(settings, declared)
    more = replace(declared, columns=(*declared.columns, Column(name="later", type=pa.string())))
    assert tables.create(settings, more) == path
    assert "later" in DeltaTable(str(path)).schema().to_arrow().names
    tables.create(settings, declared)  # the version before can still be started
    for column in (
        Column(name="later", type=pa.int64()),
        Column(name="must", type=pa.string(), nullable=False),
    ):
        with pytest.raises(SchemaMismatch, match=column.name):
            tables.create(settings, replace(declared, columns=(*declared.columns, column)))


def silver_rows(path: Path, name: str) -> dict[str, Any]:
    rows = DeltaTable(str(path)).to_pyarrow_table()
    return dict(zip(rows["event_id"].to_pylist(), rows[name].to_pylist(), strict=True))


@pytest.mark.heavy
def test_a_new_column_reaches_silver_while_the_driver_runs(
    settings: Settings, landing: Any, make_event: Event, engine: EmbeddedEngine
) -> None:
    with closing(Rounds(settings, engine)) as rounds:
        silver = rounds.silver_tables[0]

        def a_round() -> None:
            rounds.bronze(), rounds.silver(), rounds.gold()
            assert rounds.status.errors == {}

        landing.add(APP_EVENTS, [make_event("a")])
        a_round()
        rewritten(landing.add(APP_EVENTS, [make_event("b")]), with_column("loyalty_tier", pa.array(["gold"])))
        a_round()
        assert silver_rows(silver.path, "loyalty_tier") == {"a": None, "b": "gold"}
        landing.add(APP_EVENTS, [make_event("c")])
        a_round()
        assert silver_rows(silver.path, "loyalty_tier") == {"a": None, "b": "gold", "c": None}
    with closing(Rounds(settings, engine)) as rounds:  # and it stays, also when days are built anew
        rewritten(
            landing.add(APP_EVENTS, [make_event("d")]), with_column("loyalty_tier", pa.array(["silver"]))
        )
        rounds.bronze(), rounds.silver()
        expected = {"a": None, "b": "gold", "c": None, "d": "silver"}
        assert silver_rows(silver.path, "loyalty_tier") == expected
        list(refresh(rounds, RefreshRequest(table="app_events_silver", full=True)))
        assert silver_rows(silver.path, "loyalty_tier") == expected
        assert rounds.status.errors == {}


def test_only_models_of_one_table_take_further_columns() -> None:
    for model in (
        "SELECT a FROM t GROUP BY a",
        "SELECT a FROM t JOIN u ON t.a = u.a",
        "SELECT DISTINCT a FROM t",
    ):
        with pytest.raises(ContractError, match="one SELECT"):
            widened_sql(model, ["b"])
