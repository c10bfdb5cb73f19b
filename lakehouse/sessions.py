"""Bronze clicks → sessions. New clicks replace the sessions of their users that they touch.

A new click touches the sessions of its user that end at most the gap before it or begin at most the gap after
it: it may lengthen, join or split them. All clicks of what is touched are read again, of these users alone;
files of bronze and of the table are pruned by their statistics of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
from msgspec import Struct

from contracts.landing import TIMESTAMP
from lakehouse import scratch
from lakehouse.embedded.insert import merged
from lakehouse.engine import Input, Overwrite, Replace, Result, Upsert, Write
from lakehouse.following import Follower, News
from lakehouse.parameters import parameters
from lakehouse.relations import literal
from lakehouse.tables import DataFile
from lakehouse.tasks import files_of

DAYS_AROUND = 2
"""Days before and after a date that is built anew whose clicks are read: sessions that reach into it."""

TOUCHED = pa.schema([("user_id", pa.string()), ("from_at", TIMESTAMP), ("until_at", TIMESTAMP)])
_GONE = pa.schema([("user_id", pa.string()), ("session_start", TIMESTAMP), ("session_id", pa.string())])


class Plan(Struct, frozen=True, kw_only=True):
    """What a batch of new clicks touches."""

    touched: pa.Table
    """User and stretch of time, in ``TOUCHED``; stretches of a user are further apart than the gap."""
    gone: pa.Table
    """Keys of the sessions that are replaced."""
    spans: list[tuple[datetime, datetime]]
    """Where the stretches lie, sorted and disjoint."""
    candidates: tuple[Path, ...]
    """The table's files that can hold such sessions."""
    dates: list[str]
    """Dates of the sessions that are replaced, and of the stretches."""
    newest: datetime | None
    """Newest of the new clicks."""


class SessionTable(Follower):
    """A table that is built by Sessions from bronze clicks."""

    def _take(self, news: News) -> Result:
        gap = timedelta(seconds=self.settings.streams.session_gap_seconds)
        plan = plan_of(news.files, self._own_files(), gap)
        clicks = [
            file.path
            for file in self._upstream_files(news.through)
            if any(file.touches(low, high) for low, high in plan.spans)
        ]
        hot = ""
        if plan.newest is not None:
            open_since = (plan.newest - gap).astimezone(UTC).isoformat()
            hot = f"session_end >= CAST('{open_since}' AS TIMESTAMP)"
        write = Upsert(
            key=("user_id", "session_start", "session_id"),
            files=plan.candidates,
            gone=plan.gone,
            hot=hot,
        )
        metadata = {"source_version": news.through, "dates": plan.dates}
        return self._compute(clicks, plan.touched, write, metadata)

    def rebuild(self, day: date) -> Result:
        source = self.position.source_version
        near = {(day + timedelta(days=n)).isoformat() for n in range(-DAYS_AROUND, DAYS_AROUND + 1)}
        files = [file.path for file in self._upstream_files(source) if file.partition in near]
        metadata = {"source_version": source, "dates": [day.isoformat()]}
        return self._compute(files, _everybody(files), Replace(("session_date",), ((day,),)), metadata)

    def rebuild_all(self) -> Result:
        source = self.position.source_version
        files = [file.path for file in self._upstream_files(source)]
        metadata = {"source_version": source, "dates": [day.isoformat() for day in self.dates()]}
        return self._compute(files, _everybody(files), Overwrite(), metadata)

    def _compute(
        self, clicks: Sequence[Path], touched: pa.Table, write: Write, metadata: dict[str, object]
    ) -> Result:
        inputs = [
            files_of(self.upstream, clicks),
            Input(name="touched", schema=TOUCHED, rows=touched),
            parameters(self.settings, datetime.now(UTC).date()),
        ]
        return self._run(inputs, write, metadata)


def plan_of(new: Sequence[Path], stored: Sequence[DataFile], gap: timedelta) -> Plan:
    """What the clicks in the files ``new`` touch in a table of the files ``stored``."""
    with scratch.session() as session:
        clicks = (
            "SELECT DISTINCT user_id, click_timestamp AS at_time "
            f"FROM read_parquet([{_listed(new)}], hive_partitioning = false)"
            if new
            else "SELECT NULL::VARCHAR AS user_id, NULL::TIMESTAMPTZ AS at_time WHERE false"
        )
        session.execute(f"CREATE TEMP TABLE clicks AS {clicks}")
        width = f"INTERVAL {gap // timedelta(microseconds=1)} MICROSECONDS"
        candidates = _candidates(session, stored, gap)
        sessions = (
            "SELECT NULL::VARCHAR AS user_id, NULL::VARCHAR AS session_id, "
            "NULL::TIMESTAMPTZ AS session_start, NULL::TIMESTAMPTZ AS session_end WHERE false"
        )
        if candidates:
            sessions = (
                "SELECT user_id, session_id, session_start, session_end "
                f"FROM read_parquet([{_listed(candidates)}], hive_partitioning = false) "
                "SEMI JOIN clicks USING (user_id)"
            )
        session.execute(f"CREATE TEMP TABLE sessions AS {sessions}")
        session.execute(
            f"""CREATE TEMP TABLE stretches AS
            WITH near AS (
              SELECT user_id, at_time AS low, at_time AS high FROM clicks
              UNION ALL
              SELECT s.user_id, s.session_start, s.session_end FROM sessions AS s
              SEMI JOIN clicks AS c ON c.user_id = s.user_id
                AND c.at_time >= s.session_start - {width} AND c.at_time <= s.session_end + {width}
            ),
            placed AS (
              SELECT *, max(high) OVER (
                PARTITION BY user_id ORDER BY low, high ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
              ) AS reach FROM near
            ),
            numbered AS (
              SELECT *, sum(CASE WHEN reach IS NULL OR low > reach + {width} THEN 1 ELSE 0 END) OVER (
                PARTITION BY user_id ORDER BY low, high ROWS UNBOUNDED PRECEDING
              ) AS stretch FROM placed
            )
            SELECT user_id, min(low) AS from_at, max(high) AS until_at
            FROM numbered GROUP BY user_id, stretch"""
        )
        touched = session.sql("FROM stretches").to_arrow_table().cast(TOUCHED)
        gone = (
            session.sql(
                "SELECT DISTINCT s.user_id, s.session_start, s.session_id FROM sessions AS s "
                "SEMI JOIN stretches AS t ON s.user_id = t.user_id "
                "AND s.session_start <= t.until_at AND s.session_end >= t.from_at"
            )
            .to_arrow_table()
            .cast(_GONE)
        )
        session.register("gone", gone)
        hours = session.execute(
            "SELECT min(from_at), max(until_at) FROM stretches GROUP BY time_bucket(INTERVAL 1 HOUR, from_at)"
        ).fetchall()
        dates = session.execute(
            "SELECT DISTINCT CAST(session_start AS DATE) AS day FROM gone UNION "
            "SELECT DISTINCT CAST(unnest(range(date_trunc('day', from_at), until_at + INTERVAL 1 "
            "MICROSECOND, INTERVAL 1 DAY)) AS DATE) FROM stretches ORDER BY ALL"
        ).fetchall()
        newest = session.execute("SELECT max(at_time) FROM clicks").fetchone()
    return Plan(
        touched=touched,
        gone=gone,
        spans=merged(hours),
        candidates=tuple(candidates),
        dates=[row[0].isoformat() for row in dates],
        newest=newest[0] if newest else None,
    )


def _candidates(session: duckdb.DuckDBPyConnection, stored: Sequence[DataFile], gap: timedelta) -> list[Path]:
    """The files that can hold a session within the gap of a click; found hour by hour, as late clicks may lie
    far back."""
    hours = session.execute(
        "SELECT min(at_time), max(at_time) FROM clicks GROUP BY time_bucket(INTERVAL 1 HOUR, at_time)"
    ).fetchall()
    spans = merged([(low - gap, high + gap) for low, high in hours])
    return [file.path for file in stored if any(file.touches(low, high) for low, high in spans)]


def _everybody(files: Sequence[Path]) -> pa.Table:
    """All users of the files, each in one stretch."""
    if not files:
        return TOUCHED.empty_table()
    with scratch.session() as session:
        found = session.sql(
            "SELECT user_id, min(click_timestamp) AS from_at, max(click_timestamp) AS until_at "
            f"FROM read_parquet([{_listed(files)}], hive_partitioning = false) GROUP BY user_id"
        )
        return found.to_arrow_table().cast(TOUCHED)


def _listed(files: Sequence[Path]) -> str:
    return ", ".join(literal(str(path)) for path in files)
