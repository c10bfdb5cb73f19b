"""What must be true of landing and of the windows, computed in plain Python from the files and the input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from contracts.landing import LANDING
from contracts.layout import chains_root, view_folder
from contracts.settings import Settings
from contracts.sources import APP_EVENTS, Source
from contracts.views import windows_query

MICRO = 1_000_000


def chain_files(settings: Settings, source: Source, topic_id: str, partition: int) -> list[Path]:
    folder = chains_root(settings, source) / f"topic_id={topic_id}" / f"partition={partition}"
    return sorted(path for path in folder.glob("*.parquet") if not path.name.startswith("."))


def check_landing(
    settings: Settings,
    topic_id: str,
    fed: Mapping[int, Sequence[int]],
    ends: Mapping[int, int],
    source: Source = APP_EVENTS,
) -> int:
    """Each valid source offset is in landing once, in order, and the files follow one another; the count."""
    total = 0
    for partition, offsets in fed.items():
        landed: list[int] = []
        expected_first = 0
        for path in chain_files(settings, source, topic_id, partition):
            table = pq.read_table(path, partitioning=None)
            assert table.schema.equals(LANDING[source.name]), path
            metadata = table.schema.metadata
            assert int(metadata[b"dp.first_offset"]) == expected_first == int(path.stem), path
            expected_first = int(metadata[b"dp.last_offset"]) + 1
            landed.extend(table["source_offset"].to_pylist())
        assert landed == list(offsets), f"partition {partition}"
        assert expected_first == ends[partition]
        total += len(landed)
    return total


def recomputed(
    settings: Settings, topic_id: str, partitions: Sequence[int]
) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Aggregates by (partition, window, user, type, app) from landing's rows; checks the late flags by
    landing's own file boundaries on the way."""
    window = settings.streams.window_seconds * MICRO
    grace = settings.streams.grace_seconds * MICRO
    totals: dict[tuple[Any, ...], list[Any]] = {}
    for partition in partitions:
        watermark: int | None = None
        for path in chain_files(settings, APP_EVENTS, topic_id, partition):
            table = pq.read_table(path, partitioning=None)
            before = watermark
            columns = [
                table[name].cast("int64").to_pylist() for name in ("event_timestamp", "source_timestamp")
            ]
            names = (
                "user_id",
                "event_type",
                "app_type",
                "event_value",
                "status_code",
                "error_code",
                "is_late",
            )
            for at, kafka, row in zip(*columns, table.select(names).to_pylist(), strict=True):
                start = at // window * window
                assert row["is_late"] == (before is not None and start + window <= before - grace), (
                    path,
                    row,
                )
                watermark = max(watermark or 0, min(at, kafka))
                key = (partition, start, row["user_id"], row["event_type"], row["app_type"])
                t = totals.setdefault(key, [0, None, None, None, 0, at, at])
                value = row["event_value"]
                t[0] += 1
                if value is not None:
                    t[1] = (t[1] or 0.0) + value
                    t[2] = value if t[2] is None else min(t[2], value)
                    t[3] = value if t[3] is None else max(t[3], value)
                t[4] += (
                    row["event_type"] == "error"
                    or row["error_code"] is not None
                    or (row["status_code"] or 0) >= 400
                )
                t[5], t[6] = min(t[5], at), max(t[6], at)
    return {key: tuple(value) for key, value in totals.items()}


def from_input(
    settings: Settings, events: Iterable[tuple[int, Mapping[str, Any]]]
) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """The same from what was sent: (partition, app event as its producer wrote it), in any order."""
    window = settings.streams.window_seconds * MICRO
    totals: dict[tuple[Any, ...], list[Any]] = {}
    for partition, event in events:
        at = round(datetime.fromisoformat(event["event_timestamp"]).timestamp() * MICRO)
        key = (partition, at // window * window, event["user_id"], event["event_type"], event["app_type"])
        t = totals.setdefault(key, [0, None, None, None, 0, at, at])
        value = event.get("event_value")
        t[0] += 1
        if value is not None:
            t[1] = (t[1] or 0.0) + value
            t[2] = value if t[2] is None else min(t[2], value)
            t[3] = value if t[3] is None else max(t[3], value)
        t[4] += event["event_type"] == "error" or (event.get("status_code") or 0) >= 400
        t[5], t[6] = min(t[5], at), max(t[6], at)
    return {key: tuple(value) for key, value in totals.items()}


def read_by_rule(settings: Settings) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """The same from the view's files, by the reading rule."""
    files = f"{view_folder(settings, 'events_aggregated_realtime')}/date=*/topic_id=*/[0-9]*.parquet"
    query = windows_query(f"read_parquet('{files}', hive_partitioning = true)")
    rows = duckdb.sql(
        f"""SELECT source_partition, epoch_us(window_start), user_id, event_type, app_type, event_count,
        event_value_sum, event_value_min, event_value_max, error_count, epoch_us(first_event_timestamp),
        epoch_us(last_event_timestamp) FROM ({query})"""
    ).fetchall()
    found = {row[:5]: row[5:] for row in rows}
    assert len(found) == len(rows), "a key came up twice"
    return found


def check_windows(settings: Settings, topic_id: str, partitions: Sequence[int]) -> int:
    """The view read by the rule equals the recomputation, row by row; how many rows."""
    return check_rows(read_by_rule(settings), recomputed(settings, topic_id, partitions))


def check_rows(
    found: Mapping[tuple[Any, ...], tuple[Any, ...]], expected: Mapping[tuple[Any, ...], tuple[Any, ...]]
) -> int:
    """Both have the same rows; how many."""
    assert found.keys() == expected.keys()
    # Values are multiples of a quarter, so sums are exact in any order.
    wrong = {key: (found[key], expected[key]) for key in expected if found[key] != expected[key]}
    assert not wrong, list(wrong.items())[:3]
    return len(expected)


def watermark_of(settings: Settings, source: Source, topic_id: str, partition: int) -> int:
    """The greatest event time, each capped at Kafka's own, microseconds."""
    watermark = 0
    for path in chain_files(settings, source, topic_id, partition):
        rows = pq.read_table(path, partitioning=None, columns=[source.time_field, "source_timestamp"])
        times = zip(*(column.cast("int64").to_pylist() for column in rows.columns), strict=True)
        watermark = max([watermark, *map(min, times)])
    return watermark


def check_final_windows(settings: Settings, topic_id: str) -> None:
    """Of partition 0, where nothing was closed by the wall clock: a window is final once its end and grace
    have passed by event time."""
    horizon = watermark_of(settings, APP_EVENTS, topic_id, 0) - settings.streams.grace_seconds * MICRO
    files = f"{view_folder(settings, 'events_aggregated_realtime')}/date=*/topic_id=*/[0-9]*.parquet"
    query = windows_query(f"read_parquet('{files}', hive_partitioning = true)")
    rows = duckdb.sql(f"SELECT is_final, epoch_us(window_end), user_id FROM ({query})").fetchall()
    wrong = [row for row in rows if row[0] != (row[1] <= horizon)]
    assert not wrong, (horizon, wrong[:3])
