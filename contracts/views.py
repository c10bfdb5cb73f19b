"""How the files of a view are read: one rule, as SQL that DuckDB and Spark both run.

A view's files say what a worker knew at each flush, so a key comes up many times. The rule: per topic, source
partition and key the row of the highest revision, final before open; plus the rows marked late, of which one
for each revision counts (a file that was written again replaces itself). Readers see no key twice and miss no
valid event, however late it came.
"""

from __future__ import annotations

from contracts.landing import CLICKSTREAM_SESSIONS

WINDOW_KEYS = ("window_start", "user_id", "event_type", "app_type")


def windows_query(relation: str) -> str:
    """SQL for `events_aggregated_realtime` by the reading rule, one row a source partition and key.

    ``relation`` is anything that may stand after FROM and has the view's columns and `topic_id`, which is a
    folder of the path (so read with hive partitioning). The result has the view's columns: `revision` is the
    newest that counts, `is_final` says whether the window has closed (late rows alone: it has), `is_late`
    whether late events are in the sums. Users whose events came through two partitions have a row for each.
    """
    keys = ", ".join(WINDOW_KEYS)
    return f"""
SELECT
  window_start,
  max(window_end) AS window_end,
  user_id,
  event_type,
  app_type,
  CAST(sum(event_count) AS BIGINT) AS event_count,
  sum(event_value_sum) AS event_value_sum,
  min(event_value_min) AS event_value_min,
  max(event_value_max) AS event_value_max,
  CAST(sum(error_count) AS BIGINT) AS error_count,
  min(first_event_timestamp) AS first_event_timestamp,
  max(last_event_timestamp) AS last_event_timestamp,
  source_partition,
  max(revision) AS revision,
  bool_and(is_final) AS is_final,
  bool_or(is_late) AS is_late
FROM ({newest_windows_query(relation)}) AS known
GROUP BY source_partition, {keys}""".strip()


def newest_windows_query(relation: str) -> str:
    """SQL for the rows of ``relation`` that the reading rule looks at; `newest` is 1 in all of them.

    The rule gives the same over these rows as over all, whatever files come later: what compaction keeps.
    """
    keys = ", ".join(WINDOW_KEYS)
    return f"""
  SELECT *
  FROM (
    SELECT
      *,
      row_number() OVER (
        PARTITION BY topic_id, source_partition, {keys}, is_late, CASE WHEN is_late THEN revision END
        ORDER BY revision DESC, is_final DESC
      ) AS newest
    FROM {relation}
  ) AS told
  WHERE newest = 1""".strip()


def sessions_query(relation: str) -> str:
    """SQL for `clickstream_sessions` by the reading rule, one row a session.

    ``relation`` as for ``windows_query``. The row of the highest revision of a key counts, final before open;
    a key that was taken back (no click left) has no row. Late fragments have keys of their own. The result
    has the view's columns. Sessions of a user whose clicks came through two partitions are not joined.
    """
    columns = ", ".join(CLICKSTREAM_SESSIONS.names)
    return f"""
SELECT {columns}
FROM ({newest_sessions_query(relation)}) AS known
WHERE click_count > 0""".strip()


def newest_sessions_query(relation: str) -> str:
    """What ``newest_windows_query`` is, for `clickstream_sessions`: it keeps what takes a key back."""
    return f"""
  SELECT *
  FROM (
    SELECT
      *,
      row_number() OVER (
        PARTITION BY topic_id, source_partition, session_key ORDER BY revision DESC, is_final DESC
      ) AS newest
    FROM {relation}
  ) AS told
  WHERE newest = 1""".strip()
