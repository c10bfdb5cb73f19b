"""Bronze clicks → sessions. New clicks replace the sessions of their users that they touch.

A new click touches the session of its user that it lies in, which it may split, and those just before and
after it, within the gap and of its session_id, which it may lengthen or join. All clicks of what is touched
are read again, of these users alone; files of bronze and of the table are pruned by their statistics of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
from msgspec import Struct

from contracts.landing import TIMESTAMP
from lakehouse.embedded.insert import merged
from lakehouse.engine import Input, Overwrite, Replace, Result, Upsert, Write
from lakehouse.medallion import scratch
from lakehouse.medallion.following import Follower, News
from lakehouse.medallion.parameters import parameters
from lakehouse.medallion.tasks import files_of
from lakehouse.reading.relations import literal
from lakehouse.storage.tables import DataFile

DAYS_AROUND = 2
"""Days before and after a date that is built anew whose clicks are read: sessions that reach into it."""

HOT_SHARE = 6
"""A session whose last click is newer than this part of the gap is likely to be replaced soon."""

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

    reaches_back = DAYS_AROUND

    def _take(self, news: News) -> Result:
        gap = timedelta(seconds=self.settings.streams.session_gap_seconds)
        upstream = self._upstream_files(news.through)
        plan = plan_of(news.files, self._own_files(), upstream, gap, self.retained)
        clicks = [file.path for file in upstream if any(file.touches(low, high) for low, high in plan.spans)]
        hot = ""
        if plan.newest is not None:
            open_since = (plan.newest - gap / HOT_SHARE).astimezone(UTC).isoformat()
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


def plan_of(
    new: Sequence[Path],
    stored: Sequence[DataFile],
    bronze: Sequence[DataFile],
    gap: timedelta,
    since: date | None = None,
) -> Plan:
    """What the clicks in the files ``new`` touch in a table of the files ``stored``; ``bronze`` are the files
    of all clicks, the new ones too, but those of before ``since``, which retention has removed: what reaches
    back so far stays as it is."""
    with scratch.session() as session:
        clicks = (
            "SELECT DISTINCT user_id, session_id, click_timestamp AS at_time "
            f"FROM read_parquet([{_listed(new)}], hive_partitioning = false)"
            if new
            else "SELECT NULL::VARCHAR AS user_id, NULL::VARCHAR AS session_id, "
            "NULL::TIMESTAMPTZ AS at_time WHERE false"
        )
        session.execute(f"CREATE TEMP TABLE clicks AS {clicks}")
        width = f"INTERVAL {gap // timedelta(microseconds=1)} MICROSECONDS"
        spans = _spans(session, gap)
        while True:
            candidates, around = _touching(stored, spans), _touching(bronze, spans)
            _sessions(session, candidates)
            _repeated(session, around, width)
            _stretches(session, width)
            reach = [(low - gap, high + gap) for low, high in _reach(session)]
            further = merged(sorted([*spans, *reach]))
            if len(_touching(stored, further)) == len(candidates) and len(_touching(bronze, further)) == len(
                around
            ):
                break
            spans = further
        if since is not None:
            session.execute(
                f"DELETE FROM stretches WHERE from_at < TIMESTAMPTZ '{since.isoformat()} 00:00:00+00'"
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
        hours = _reach(session)
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


def _spans(session: duckdb.DuckDBPyConnection, gap: timedelta) -> list[tuple[datetime, datetime]]:
    """Where something within the gap of a click can lie; hour by hour, as late clicks may lie far back."""
    hours = session.execute(
        "SELECT min(at_time), max(at_time) FROM clicks GROUP BY time_bucket(INTERVAL 1 HOUR, at_time)"
    ).fetchall()
    return merged([(low - gap, high + gap) for low, high in hours])


def _reach(session: duckdb.DuckDBPyConnection) -> list[tuple[datetime, datetime]]:
    """Where the stretches lie, hour by hour."""
    return session.execute(
        "SELECT min(from_at), max(until_at) FROM stretches GROUP BY time_bucket(INTERVAL 1 HOUR, from_at)"
    ).fetchall()


def _sessions(session: duckdb.DuckDBPyConnection, stored: Sequence[Path]) -> None:
    """Makes the table `sessions`: those of the users who clicked."""
    found = (
        "SELECT NULL::VARCHAR AS user_id, NULL::VARCHAR AS session_id, "
        "NULL::TIMESTAMPTZ AS session_start, NULL::TIMESTAMPTZ AS session_end WHERE false"
    )
    if stored:
        found = (
            "SELECT user_id, session_id, session_start, session_end "
            f"FROM read_parquet([{_listed(stored)}], hive_partitioning = false) "
            "SEMI JOIN clicks USING (user_id)"
        )
    session.execute(f"CREATE OR REPLACE TEMP TABLE sessions AS {found}")


def _touching(files: Sequence[DataFile], spans: Sequence[tuple[datetime, datetime]]) -> list[Path]:
    return [file.path for file in files if any(file.touches(low, high) for low, high in spans)]


def _repeated(session: duckdb.DuckDBPyConnection, bronze: Sequence[Path], width: str) -> None:
    """Makes the table `repeated`: from the first to the last time of each click of these users that was
    delivered with different ones. Which of them count is seen by those who see all of them."""
    found = "SELECT user_id, at_time AS low, at_time AS high FROM clicks WHERE false"
    if bronze:
        found = (
            "SELECT user_id, min(click_timestamp) AS low, max(click_timestamp) AS high "
            f"FROM read_parquet([{_listed(bronze)}], hive_partitioning = false) "
            "SEMI JOIN clicks USING (user_id) GROUP BY user_id, click_id "
            f"HAVING low < high AND high - low <= 2 * {width}"
        )
    session.execute(f"CREATE OR REPLACE TEMP TABLE repeated AS {found}")


def _stretches(session: duckdb.DuckDBPyConnection, width: str) -> None:
    """Makes the table `stretches`: stretches of time of the users, further apart than the gap, that hold the
    new clicks and cut no session and no click that was delivered more than once."""
    same = "s.user_id = c.user_id AND s.session_id IS NOT DISTINCT FROM c.session_id"
    session.execute(
        f"""CREATE OR REPLACE TEMP TABLE near AS
        WITH around AS (
          SELECT c.*,
            (SELECT max(session_end) FROM sessions AS s
             WHERE s.user_id = c.user_id AND s.session_end < c.at_time) AS before,
            (SELECT min(session_start) FROM sessions AS s
             WHERE s.user_id = c.user_id AND s.session_start > c.at_time) AS after
          FROM clicks AS c
        )
        SELECT user_id, at_time AS low, at_time AS high FROM clicks
        UNION ALL
        SELECT s.user_id, s.session_start, s.session_end FROM sessions AS s JOIN around AS c
          ON {same} AND s.session_end = c.before AND c.before >= c.at_time - {width}
        UNION ALL
        SELECT s.user_id, s.session_start, s.session_end FROM sessions AS s JOIN around AS c
          ON {same} AND s.session_start = c.after AND c.after <= c.at_time + {width}"""
    )
    while True:
        session.execute(
            f"""CREATE OR REPLACE TEMP TABLE stretches AS
            WITH placed AS (
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
        # What reaches out of a stretch makes it longer, and that may touch more.
        grown = session.execute(
            """INSERT INTO near
            SELECT o.user_id, o.low, o.high FROM (
              SELECT user_id, session_start AS low, session_end AS high FROM sessions
              UNION ALL SELECT user_id, low, high FROM repeated
            ) AS o JOIN stretches AS t
              ON o.user_id = t.user_id AND o.low <= t.until_at AND o.high >= t.from_at
              AND (o.low < t.from_at OR o.high > t.until_at)"""
        ).fetchone()
        if not grown or not grown[0]:
            return


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
