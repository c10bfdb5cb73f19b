-- Sums of what is new, less those of sessions that were replaced, plus what is stored.
WITH parts AS (
  SELECT
    user_id,
    event_date AS activity_date,
    COUNT(*) AS total_events,
    0 AS total_sessions,
    0 AS bounced_sessions,
    0 AS session_duration_ms,
    SUM(event_value) AS event_value_sum,
    SUM(
      CASE
        WHEN event_type = 'error' OR error_code IS NOT NULL OR COALESCE(status_code, 0) >= 400 THEN 1
        ELSE 0
      END
    ) AS error_count,
    MIN(event_timestamp) AS first_event_at,
    MAX(event_timestamp) AS last_event_at
  FROM app_events_silver
  GROUP BY user_id, event_date
  UNION ALL
  SELECT
    user_id,
    session_date AS activity_date,
    0 AS total_events,
    COUNT(*) AS total_sessions,
    SUM(CASE WHEN is_bounce THEN 1 ELSE 0 END) AS bounced_sessions,
    SUM(session_duration_ms) AS session_duration_ms,
    CAST(NULL AS DOUBLE) AS event_value_sum,
    0 AS error_count,
    MIN(session_start) AS first_event_at,
    MAX(session_end) AS last_event_at
  FROM clickstream_silver
  GROUP BY user_id, session_date
  UNION ALL
  SELECT
    user_id,
    session_date AS activity_date,
    0 AS total_events,
    -COUNT(*) AS total_sessions,
    -SUM(CASE WHEN is_bounce THEN 1 ELSE 0 END) AS bounced_sessions,
    -SUM(session_duration_ms) AS session_duration_ms,
    CAST(NULL AS DOUBLE) AS event_value_sum,
    0 AS error_count,
    CAST(NULL AS TIMESTAMP) AS first_event_at,
    CAST(NULL AS TIMESTAMP) AS last_event_at
  FROM replaced_sessions
  GROUP BY user_id, session_date
  UNION ALL
  SELECT
    user_id,
    activity_date,
    total_events,
    total_sessions,
    bounced_sessions,
    session_duration_ms,
    event_value_sum,
    error_count,
    first_event_at,
    last_event_at
  FROM stored_activity
)
SELECT
  user_id,
  activity_date,
  SUM(total_events) AS total_events,
  SUM(total_sessions) AS total_sessions,
  SUM(bounced_sessions) AS bounced_sessions,
  SUM(session_duration_ms) AS session_duration_ms,
  SUM(event_value_sum) AS event_value_sum,
  SUM(error_count) AS error_count,
  MIN(first_event_at) AS first_event_at,
  MAX(last_event_at) AS last_event_at
FROM parts
GROUP BY user_id, activity_date
HAVING SUM(total_events) > 0 OR SUM(total_sessions) > 0
