-- What the views know of a user's day, by the columns that gold's models read of user_activity_silver.
WITH parts AS (
  SELECT
    user_id,
    CAST(window_start AS DATE) AS activity_date,
    event_count AS total_events,
    0 AS total_sessions,
    0 AS bounced_sessions,
    0 AS session_duration_ms,
    event_value_sum
  FROM events_aggregated_realtime
  UNION ALL
  SELECT
    user_id,
    CAST(session_start AS DATE) AS activity_date,
    0 AS total_events,
    1 AS total_sessions,
    CASE WHEN is_bounce THEN 1 ELSE 0 END AS bounced_sessions,
    duration_ms AS session_duration_ms,
    CAST(NULL AS DOUBLE) AS event_value_sum
  FROM clickstream_sessions
)
SELECT
  user_id,
  activity_date,
  SUM(total_events) AS total_events,
  SUM(total_sessions) AS total_sessions,
  SUM(bounced_sessions) AS bounced_sessions,
  SUM(session_duration_ms) AS session_duration_ms,
  SUM(event_value_sum) AS event_value_sum
FROM parts
GROUP BY user_id, activity_date
