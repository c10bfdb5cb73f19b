"""Bronze changes → versions of captured rows.

Of the keys that new changes touch, the stored version that is the latest is read, or all of them where a
change comes that is older than it; what the model gives replaces those. Truncates go for keys that nobody
names, so the commit keeps those of each table.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from msgspec import Struct

from contracts.landing import TIMESTAMP
from lakehouse.engine import Input, Overwrite, Result, Upsert
from lakehouse.medallion import scratch
from lakehouse.medallion.following import Follower, News
from lakehouse.medallion.refusal import REFUSED, condition_of
from lakehouse.medallion.tasks import files_of
from lakehouse.medallion.unavailable import COMPLETED, completed
from lakehouse.models import transpile
from lakehouse.reading.relations import literal

TRUNCATES = pa.schema(
    [
        ("database", pa.string()),
        ("schema", pa.string()),
        ("table", pa.string()),
        ("sequence", pa.string()),
        ("valid_from", TIMESTAMP),
        ("source_topic", pa.string()),
        ("source_partition", pa.int32()),
        ("source_offset", pa.int64()),
    ]
)
KEY = (
    "database",
    "schema",
    "table",
    "key",
    "sequence",
    "operation",
    "source_topic",
    "source_partition",
    "source_offset",
)
"""What names a version."""


class _Prepared(Struct, frozen=True, kw_only=True):
    stored: pa.Table
    truncates: pa.Table
    completed: pa.Table
    refused: pa.Table
    candidates: tuple[Path, ...]
    rows: int


class EntityTable(Follower):
    """A table that is built by Versions from bronze changes."""

    def _take(self, news: News) -> Result:
        own = self._own_files()
        prepared = self._prepared(
            news.files, [(file.path, file.partition) for file in own], self._truncates()
        )
        if prepared.refused.num_rows:
            self._quarantine.take(prepared.refused)
        write = Upsert(
            key=KEY,
            files=prepared.candidates,
            gone=prepared.stored.select(KEY),
            hot="valid_to IS NULL",
        )
        metadata = {
            "source_version": news.through,
            "truncates": _as_metadata(prepared.truncates),
        }
        return self._run(self._inputs(news.files, prepared), write, metadata)

    def rebuild(self, day: date) -> Result:
        """Versions have no date: the whole table is computed anew."""
        return self.rebuild_all()

    def rebuild_all(self) -> Result:
        source = self.position.source_version
        files = [file.path for file in self._upstream_files(source)]
        prepared = self._prepared(files, [], TRUNCATES.empty_table())
        if prepared.refused.num_rows:
            self._quarantine.take(prepared.refused)
        metadata = {"source_version": source, "truncates": _as_metadata(prepared.truncates)}
        return self._run(self._inputs(files, prepared), Overwrite(), metadata)

    def dates(self) -> list[date]:
        """One: a table without dates is built as a whole."""
        return [datetime.now(UTC).date()]

    def _inputs(self, files: Sequence[Path], prepared: _Prepared) -> list[Input]:
        stored = pa.schema([field.with_nullable(True) for field in self.declared.schema])
        return [
            files_of(self.upstream, files),
            Input(name="stored_versions", schema=stored, rows=prepared.stored),
            Input(name="truncates", schema=TRUNCATES, rows=prepared.truncates),
            Input(name="completed", schema=COMPLETED, rows=prepared.completed),
        ]

    def _truncates(self) -> pa.Table:
        rows = self.position.metadata.get("truncates", ())
        return pa.Table.from_pylist(
            [{**row, "valid_from": datetime.fromisoformat(row["valid_from"])} for row in rows], TRUNCATES
        )

    def _prepared(
        self, new: Sequence[Path], own: Sequence[tuple[Path, str | None]], known: pa.Table
    ) -> _Prepared:
        with scratch.session() as session:
            session.register("known", known)
            _load_changes(session, new)
            truncates = (
                session.sql(
                    'SELECT * FROM known UNION SELECT database, schema, "table", sequence, commit_timestamp, '
                    "source_topic, source_partition, source_offset FROM changes WHERE operation = 'TRUNCATE' "
                    "ORDER BY ALL"
                )
                .to_arrow_table()
                .cast(TRUNCATES)
            )
            rules = [rule for rule in self.declared.rules if rule.severity == "quarantine"]
            cases = " ".join(
                f"WHEN {transpile.condition(condition_of(self.declared, rule))} THEN {literal(rule.name)}"
                for rule in rules
            )
            refused = session.sql(
                f"SELECT * FROM (SELECT *, CASE {cases} END AS {REFUSED} FROM changes) "
                f"WHERE {REFUSED} IS NOT NULL"
            ).to_arrow_table()
            candidates = self._candidates(session, own)
            stored = self._stored(session, candidates)
            session.register("stored_versions", stored)
            session.register("truncates", truncates)
            filled = completed(session)
            counted = session.execute("SELECT count(*) FROM changes").fetchone()
        return _Prepared(
            stored=stored,
            truncates=truncates,
            completed=filled,
            refused=refused,
            candidates=tuple(candidates),
            rows=counted[0] if counted else 0,
        )

    def _candidates(
        self, session: duckdb.DuckDBPyConnection, own: Sequence[tuple[Path, str | None]]
    ) -> list[Path]:
        touched = {row[0] for row in session.execute('SELECT DISTINCT "table" FROM changes').fetchall()}
        return [path for path, table in own if table in touched]

    def _stored(self, session: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> pa.Table:
        """The stored versions that the new changes may alter."""
        schema = pa.schema([field.with_nullable(True) for field in self.declared.schema])
        if not files:
            return schema.empty_table()
        listed = ", ".join(literal(str(path)) for path in files)
        names = ", ".join(f's."{name}"' for name in schema.names)
        rows = session.sql(
            f"""WITH own AS (
              SELECT * FROM read_parquet([{listed}], union_by_name = true, hive_partitioning = true,
                hive_types = {{"table": VARCHAR}})
            ),
            touched AS (
              SELECT database, schema, "table", key, min(sequence) AS least FROM changes
              WHERE operation <> 'TRUNCATE' AND key IS NOT NULL GROUP BY ALL
            ),
            emptied AS (
              SELECT database, schema, "table", min(sequence) AS least FROM changes
              WHERE operation = 'TRUNCATE' GROUP BY ALL
            ),
            since AS (
              SELECT database, schema, "table", key, min(least) AS least FROM (
                SELECT * FROM touched
                UNION ALL
                SELECT o.database, o.schema, o."table", o.key, e.least FROM own AS o JOIN emptied AS e
                  ON o.database = e.database AND o.schema IS NOT DISTINCT FROM e.schema
                  AND o."table" = e."table" WHERE o.valid_to IS NULL
              ) GROUP BY ALL
            ),
            latest AS (
              SELECT database, schema, "table", key, max(sequence) AS latest FROM own GROUP BY ALL
            )
            SELECT {names} FROM own AS s
            JOIN since AS n ON s.database = n.database AND s.schema IS NOT DISTINCT FROM n.schema
              AND s."table" = n."table" AND s.key = n.key
            JOIN latest AS l ON s.database = l.database AND s.schema IS NOT DISTINCT FROM l.schema
              AND s."table" = l."table" AND s.key = l.key
            WHERE s.valid_to IS NULL OR n.least <= l.latest"""
        ).to_arrow_table()
        return rows.cast(schema)


def _load_changes(session: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    columns = (
        'change_id, operation, is_snapshot, database, schema, "table", key, after, unavailable_columns, '
        "commit_timestamp, sequence, source_topic, source_partition, source_offset"
    )
    if files:
        listed = ", ".join(literal(str(path)) for path in files)
        source = f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"
    else:
        source = (
            "(SELECT NULL::VARCHAR AS change_id, NULL::VARCHAR AS operation, NULL::BOOLEAN AS is_snapshot, "
            'NULL::VARCHAR AS database, NULL::VARCHAR AS schema, NULL::VARCHAR AS "table", '
            "NULL::VARCHAR AS key, NULL::VARCHAR AS after, NULL::VARCHAR[] AS unavailable_columns, "
            "NULL::TIMESTAMPTZ AS commit_timestamp, NULL::VARCHAR AS sequence, "
            "NULL::VARCHAR AS source_topic, NULL::INTEGER AS source_partition, "
            "NULL::BIGINT AS source_offset WHERE false)"
        )
    session.execute(f"CREATE TEMP TABLE changes AS SELECT {columns} FROM {source}")


def _as_metadata(truncates: pa.Table) -> list[dict[str, Any]]:
    return [{**row, "valid_from": row["valid_from"].isoformat()} for row in truncates.to_pylist()]
