"""Cases of tables that went wrong elsewhere, each on the versions that are pinned here."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from contracts.errors import ContractError
from contracts.settings import Settings
from contracts.sources import APP_EVENTS
from lakehouse.datasets import dataset
from lakehouse.embedded import EmbeddedEngine
from lakehouse.engine import Input, Overwrite, Replace, Task, Upsert
from lakehouse.maintenance.tables import vacuum
from lakehouse.medallion import tasks
from lakehouse.medallion.bronze import BronzeTable
from lakehouse.medallion.silver import SilverTable
from lakehouse.storage import tables

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
PLACES = ["plain", "a b", "ä/é", "O'Neill", "100%", "a=b", "a+b&c", "😀"]
"""Values of a partition column; folders are named for them."""
SEGMENTS = dataset("user_segments_gold")


def segments(rows: dict[str, tuple[str, float]]) -> pa.Table:
    """User → (segment, score)."""
    fields = pa.schema([field for field in SEGMENTS.schema if field.name != "load_timestamp"])
    return pa.Table.from_pylist(
        [
            {
                "user_id": user,
                "segment": segment,
                "engagement_score": score,
                "churn_risk": 0.5,
                "recommended_action": "engage",
                "reasons": ["because"],
                "last_seen_date": date(2026, 3, 5),
                "as_of_date": date(2026, 3, 5),
            }
            for user, (segment, score) in rows.items()
        ],
        fields,
    )


def segment_task(settings: Settings, number: int, rows: pa.Table, write: Any) -> Task:
    declared = type(SEGMENTS)(
        **{name: getattr(SEGMENTS, name) for name in SEGMENTS.__struct_fields__} | {"rules": ()}
    )
    return Task(
        target=declared,
        path=tables.create(settings, declared),
        sql="SELECT * FROM given",
        inputs=(Input(name="given", schema=rows.schema, rows=rows),),
        write=write,
        load_timestamp=NOON,
        txn=number,
        metadata={},
    )


def test_rows_are_replaced_whatever_the_partition_is_called(
    settings: Settings, engine: EmbeddedEngine
) -> None:
    """delta-rs#4352: a partition value with a space had its rows twice."""
    path = tables.create(settings, SEGMENTS)
    engine.run(
        segment_task(settings, 1, segments({f"u{n}": (p, 1.0) for n, p in enumerate(PLACES)}), Overwrite())
    )
    again = segments({f"u{n}": (place, 2.0) for n, place in enumerate(PLACES[:4])})
    engine.run(
        segment_task(settings, 2, again, Replace(("segment",), tuple((place,) for place in PLACES[:4])))
    )
    files = tuple(file.path for file in tables.snapshot_files(DeltaTable(str(path)), path, SEGMENTS))
    # Two stay where they are, two move to the neighbour's place.
    moved = segments(
        {"u0": (PLACES[0], 3.0), "u1": (PLACES[1], 3.0), "u4": (PLACES[5], 3.0), "u5": (PLACES[4], 3.0)}
    )
    engine.run(segment_task(settings, 3, moved, Upsert(key=("user_id",), files=files)))
    found = {row["user_id"]: (row["segment"], row["engagement_score"]) for row in rows_of(path)}
    assert len(rows_of(path)) == len(PLACES)
    assert found == {
        **{f"u{n}": (place, 2.0 if n < 4 else 1.0) for n, place in enumerate(PLACES)},
        "u0": (PLACES[0], 3.0),
        "u1": (PLACES[1], 3.0),
        "u4": (PLACES[5], 3.0),
        "u5": (PLACES[4], 3.0),
    }
    for place in PLACES:
        wanted = sorted(user for user, (segment, _) in found.items() if segment == place)
        by_filter = pl.scan_delta(str(path)).filter(pl.col("segment") == place).collect()
        assert sorted(by_filter["user_id"]) == wanted
        assert DeltaTable(str(path)).to_pyarrow_table(filters=[("segment", "=", place)]).num_rows == len(
            wanted
        )


def rows_of(path: Any) -> list[dict[str, Any]]:
    return list(DeltaTable(str(path)).to_pyarrow_table().to_pylist())


def test_statistics_cut_to_milliseconds_hide_no_row_from_readers(settings: Settings) -> None:
    """delta-rs#3133: the maximum in the log is .123, the row is at .123456."""
    declared = dataset("platform_metrics_silver")
    path = tables.create(settings, declared)
    at = NOON + timedelta(microseconds=123_456)
    row = {"sampled_at": at, "component": "c", "metric": "m", "value": 1.0, "status": "healthy"}
    row |= {"sampled_date": at.date(), "load_timestamp": at}
    write_deltalake(str(path), pa.Table.from_pylist([row], declared.schema), mode="append")
    assert pl.scan_delta(str(path)).filter(pl.col("sampled_at") >= at).collect().height == 1
    assert DeltaTable(str(path)).to_pyarrow_table(filters=[("sampled_at", ">=", at)]).num_rows == 1


def test_a_vacuum_leaves_what_is_being_committed(settings: Settings) -> None:
    """delta-rs#3645: files of a commit that is under way are in no version yet."""
    declared = dataset("app_events_silver")
    path = tables.create(settings, declared)
    place = path / "event_date=2026-03-05"
    place.mkdir()
    fresh, old = place / "part-fresh.parquet", place / "part-old.parquet"
    for file in (fresh, old):
        file.write_bytes(b"PAR1")
    month_ago = time.time() - timedelta(days=31).total_seconds()
    os.utime(old, (month_ago, month_ago))
    vacuum(path, declared, dry_run=False)
    assert fresh.exists()
    assert not old.exists(), "what a crash has left goes in the end"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("SELECT * FROM ({model}) AS m WHERE event_id <> 'b'", "gives 2 rows for the 3"),
        (
            "SELECT m.* FROM ({model}) AS m CROSS JOIN (SELECT event_id FROM app_events_bronze) AS t",
            "gives 9 rows",
        ),
    ],
    ids=["a row is lost", "rows are multiplied"],
)
def test_a_row_wise_model_that_does_not_balance_writes_nothing(
    settings: Settings,
    landing: Any,
    engine: EmbeddedEngine,
    make_event: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    wrong: str,
) -> None:
    bronze = BronzeTable(settings, dataset("app_events_bronze"))
    table = SilverTable(settings, dataset("app_events_silver"), engine)
    landing.add(
        APP_EVENTS,
        [make_event("a"), make_event("b"), make_event("c", event_value=-1.0, event_type="purchase")],
    )
    bronze.take()
    model = tasks.model_sql
    with monkeypatch.context() as patched:
        patched.setattr(tasks, "model_sql", lambda declared: text.format(model=model(declared)))
        with pytest.raises(ContractError, match=wrong):
            table.advance()
    assert rows_of(table.path) == []
    assert rows_of(tables.create(settings, dataset("quarantine_silver"))) == []
    done = table.advance()
    assert done is not None and done.rows_out == 2
    assert len(rows_of(tables.path_of(settings, dataset("quarantine_silver")))) == 1
