"""What must be true of the sessions, in plain Python: one click after the other, from landing's own rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import md5
from typing import Any

import duckdb
import pyarrow.parquet as pq

from contracts.layout import view_folder
from contracts.settings import Settings
from contracts.sources import CLICKSTREAM
from contracts.views import sessions_query
from tests.streams.oracle import MICRO, chain_files, watermark_of

Click = dict[str, Any]
COLUMNS = (
    "source_partition, session_key, user_id, epoch_us(session_start), epoch_us(session_end), duration_ms, "
    "page_count, click_count, page_sequence, entry_page, exit_page, is_bounce, referrer_url, device_type, "
    "is_late"
)


def sessions_of(clicks: Iterable[Click], gap: int) -> list[list[Click]]:
    """The clicks of each session, in order. ``gap`` in microseconds."""
    sessions: list[list[Click]] = []
    order = sorted(
        clicks,
        key=lambda c: (
            c["user_id"],
            c["at"],
            c["session_id"] is not None,
            c["session_id"] or "",
            c["source_offset"],
        ),
    )
    for click in order:
        last = sessions[-1][-1] if sessions else None
        if (
            last is None
            or last["user_id"] != click["user_id"]
            or last["session_id"] != click["session_id"]
            or click["at"] - last["at"] > gap
        ):
            sessions.append([])
        sessions[-1].append(click)
    return sessions


def row_of(
    partition: int, session: Sequence[Click], late_revision: int | None = None, most_pages: int = 1_000
) -> tuple[Any, ...]:
    """What a reader must see of a session, in the order of ``COLUMNS``."""
    first, last = session[0], session[-1]
    pages = [click["page_url"] for click in session if click["action"] == "page_view"]
    parts = [str(first["at"]), str(len(first["user_id"])), first["user_id"]]
    if first["session_id"] is not None:
        parts.append(first["session_id"])
    if late_revision is not None:
        parts += ["late", str(partition), str(late_revision)]
    return (
        partition,
        md5(":".join(parts).encode()).hexdigest(),
        first["user_id"],
        first["at"],
        last["at"],
        (last["at"] - first["at"]) // 1000,
        len(pages),
        len(session),
        pages[:most_pages],
        first["page_url"],
        last["page_url"],
        len(pages) == len(session) == 1,
        first["referrer_url"],
        first["device_type"],
        late_revision is not None,
    )


def expected_sessions(
    settings: Settings,
    topic_id: str,
    partitions: Sequence[int],
    *,
    landed_so: bool = True,
    most_pages: int = 1_000,
) -> list[tuple[Any, ...]]:
    """Every session, by landing's rows; checks the late flags by landing's own file boundaries on the way,
    where the rows have ``landed_so`` and not by other settings."""
    gap = settings.streams.session_gap_seconds * MICRO
    grace = settings.streams.grace_seconds * MICRO
    rows: list[tuple[Any, ...]] = []
    for partition in partitions:
        clicks: list[Click] = []
        watermark: int | None = None
        for path in chain_files(settings, CLICKSTREAM, topic_id, partition):
            table = pq.read_table(path, partitioning=None)
            times = [
                table[name].cast("int64").to_pylist() for name in ("click_timestamp", "source_timestamp")
            ]
            late: list[Click] = []
            before = watermark
            for at, kafka, row in zip(*times, table.to_pylist(), strict=True):
                is_late = before is not None and at + gap <= before - grace
                assert not landed_so or row["is_late"] == is_late, (path, row)
                watermark = min(at, kafka) if watermark is None else max(watermark, min(at, kafka))
                (late if is_late else clicks).append({**row, "at": at})
            revision = int(table.schema.metadata[b"dp.last_offset"])
            rows += [row_of(partition, session, revision, most_pages) for session in sessions_of(late, gap)]
        rows += [row_of(partition, session, None, most_pages) for session in sessions_of(clicks, gap)]
    return sorted(rows)


def read_sessions(settings: Settings, columns: str = COLUMNS) -> list[tuple[Any, ...]]:
    """The sessions from the view's files, by the reading rule."""
    files = f"{view_folder(settings, 'clickstream_sessions')}/date=*/topic_id=*/[0-9]*.parquet"
    query = sessions_query(f"read_parquet('{files}', hive_partitioning = true)")
    return sorted(duckdb.sql(f"SELECT {columns} FROM ({query})").fetchall())


def check_sessions(
    settings: Settings,
    topic_id: str,
    partitions: Sequence[int],
    *,
    landed_so: bool = True,
    most_pages: int = 1_000,
) -> int:
    """The view read by the rule equals the plain computation, row by row; how many sessions."""
    expected = expected_sessions(settings, topic_id, partitions, landed_so=landed_so, most_pages=most_pages)
    found = read_sessions(settings)
    keys = [row[:2] for row in found]
    assert len(set(keys)) == len(keys), "a key came up twice"
    wrong = [pair for pair in zip(found, expected, strict=False) if pair[0] != pair[1]]
    assert found == expected, wrong[:3] or (len(found), len(expected))
    return len(expected)


def check_final_sessions(settings: Settings, topic_id: str) -> None:
    """Of partition 0, where nothing was closed by the wall clock: a session is final once its end, gap and
    grace have passed by event time, and a late fragment always is."""
    gap = settings.streams.session_gap_seconds * MICRO
    horizon = watermark_of(settings, CLICKSTREAM, topic_id, 0) - settings.streams.grace_seconds * MICRO
    rows = read_sessions(settings, "session_key, is_final, is_late, epoch_us(session_end)")
    wrong = [row for row in rows if row[1] != (row[2] or row[3] + gap <= horizon)]
    assert not wrong, (horizon, wrong[:3])
