"""Fills in the large columns that a database does not send when they have not changed.

Such a change names them in `unavailable_columns` and leaves them out of its row; their value is that of the
row's version before, be it stored or of the same batch.
"""

from __future__ import annotations

from typing import Any

import duckdb
import msgspec
import pyarrow as pa

COMPLETED = pa.schema([("change_id", pa.string()), ("after", pa.string())])
"""A change and its whole row."""

_ORDER = "e.sequence, NOT e.is_snapshot, e.source_offset, e.source_partition, e.source_topic"


def completed(session: duckdb.DuckDBPyConnection) -> pa.Table:
    """The changes of ``changes`` with such columns, with whole rows, in ``COMPLETED``.

    Reads the relations ``changes``, ``stored_versions`` and ``truncates``. A column whose value nobody knows
    stays out.
    """
    rows = session.execute(
        f"""WITH concerned AS (
          SELECT DISTINCT database, schema, "table", key FROM changes
          WHERE len(unavailable_columns) > 0 AND key IS NOT NULL
        ),
        every_one AS (
          SELECT database, schema, "table", key, change_id, after AS row, operation, is_snapshot, sequence,
            source_offset, source_partition, source_topic, unavailable_columns AS missing
          FROM changes WHERE operation <> 'TRUNCATE'
          UNION ALL
          SELECT database, schema, "table", key, NULL, "row", operation, is_snapshot, sequence,
            source_offset, source_partition, source_topic, []
          FROM stored_versions
          UNION ALL
          SELECT c.database, c.schema, c."table", c.key, NULL, NULL, 'TRUNCATE', false, t.sequence,
            t.source_offset, t.source_partition, t.source_topic, []
          FROM truncates AS t JOIN concerned AS c ON t.database = c.database
            AND t.schema IS NOT DISTINCT FROM c.schema AND t."table" = c."table"
        )
        SELECT e.database, e.schema, e."table", e.key, e.change_id, e.row, e.missing
        FROM every_one AS e JOIN concerned AS c ON e.database = c.database
          AND e.schema IS NOT DISTINCT FROM c.schema AND e."table" = c."table" AND e.key = c.key
        ORDER BY e.database, e.schema, e."table", e.key, {_ORDER}, e.change_id"""
    ).fetchall()
    filled: list[dict[str, Any]] = []
    key_before: tuple[Any, ...] | None = None
    known: dict[str, msgspec.Raw] = {}
    for *key, change_id, text, missing in rows:
        if tuple(key) != key_before:
            key_before, known = tuple(key), {}
        if text is None:
            # The row is gone: what comes next under its key is another.
            known = {}
            continue
        row = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        lacking = [name for name in missing or () if name not in row]
        if lacking:
            row |= {name: known[name] for name in lacking if name in known}
            filled.append({"change_id": change_id, "after": msgspec.json.encode(row).decode()})
        known = {name: msgspec.Raw(bytes(value)) for name, value in row.items()}
    return pa.Table.from_pylist(filled, COMPLETED)
