"""The reading rule against hand-made files of a view."""

from __future__ import annotations

import duckdb
import polars as pl

from contracts.views import windows_query

COLUMNS = [
    "topic_id",
    "source_partition",
    "user_id",
    "revision",
    "is_final",
    "is_late",
    "event_count",
    "value",
]


def read(*rows: tuple[object, ...]) -> list[tuple[object, ...]]:
    frame = pl.DataFrame(list(rows), schema=COLUMNS, orient="row")
    values = ", ".join(
        f"('{t}', {p}, '{u}', {r}, {f}, {late}, {n}::BIGINT, {v or 'NULL'}::DOUBLE)"
        for t, p, u, r, f, late, n, v in frame.iter_rows()
    )
    relation = f"""(SELECT topic_id, source_partition, user_id, revision, is_final, is_late, event_count,
        TIMESTAMP '2026-01-01' AS window_start, TIMESTAMP '2026-01-01 00:01:00' AS window_end,
        'login' AS event_type, 'web' AS app_type, v AS event_value_sum, v AS event_value_min,
        v AS event_value_max, 0::BIGINT AS error_count, TIMESTAMP '2026-01-01' AS first_event_timestamp,
        TIMESTAMP '2026-01-01' AS last_event_timestamp
        FROM (VALUES {values}) AS t(topic_id, source_partition, user_id, revision, is_final, is_late,
        event_count, v))"""
    return duckdb.sql(
        f"""SELECT source_partition, user_id, event_count, event_value_sum, revision, is_final, is_late
        FROM ({windows_query(relation)}) ORDER BY ALL"""
    ).fetchall()


def test_the_highest_revision_counts_and_final_comes_before_open() -> None:
    rows = read(
        ("t", 0, "a", 5, False, False, 1, 1.5),
        ("t", 0, "a", 9, False, False, 3, 2.5),
        ("t", 0, "a", 9, True, False, 3, 2.5),
        ("t", 0, "a", 7, True, False, 2, 2.0),
    )
    assert rows == [(0, "a", 3, 2.5, 9, True, False)]


def test_late_rows_add_up_once_for_each_revision() -> None:
    rows = read(
        ("t", 0, "a", 5, True, False, 3, None),
        ("t", 0, "a", 8, True, True, 1, 4.0),
        ("t", 0, "a", 8, True, True, 1, 4.0),
        ("t", 0, "a", 9, True, True, 2, None),
    )
    assert rows == [(0, "a", 6, 4.0, 9, True, True)]


def test_partitions_stay_apart_and_a_recreated_topic_adds_to_the_old_one() -> None:
    rows = read(
        ("old", 0, "a", 500, True, False, 3, None),
        ("new", 0, "a", 2, False, False, 1, None),
        ("new", 1, "a", 2, False, False, 1, None),
    )
    assert rows == [(0, "a", 4, None, 500, False, False), (1, "a", 1, None, 2, False, False)]
