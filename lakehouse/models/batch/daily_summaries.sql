WITH activity AS (
  SELECT user_id, CAST(window_start AS DATE) AS activity_date FROM events_aggregated_realtime
  UNION
  SELECT user_id, CAST(session_start AS DATE) AS activity_date FROM clickstream_sessions
),
present AS (
  SELECT activity.user_id, run.day, run.retention_d1_day, run.retention_d7_day
  FROM activity
  CROSS JOIN run
  WHERE activity.activity_date = run.day
),
before AS (
  SELECT DISTINCT activity.user_id
  FROM activity
  CROSS JOIN run
  WHERE activity.activity_date < run.day
),
users AS (
  SELECT
    COUNT(*) AS total_users,
    SUM(CASE WHEN before.user_id IS NULL THEN 1 ELSE 0 END) AS new_users,
    SUM(CASE WHEN before.user_id IS NULL THEN 0 ELSE 1 END) AS returning_users,
    SUM(CASE WHEN next_day.user_id IS NULL THEN 0 ELSE 1 END) AS users_d1,
    SUM(CASE WHEN next_week.user_id IS NULL THEN 0 ELSE 1 END) AS users_d7
  FROM present
  LEFT JOIN before ON before.user_id = present.user_id
  LEFT JOIN activity AS next_day
    ON next_day.user_id = present.user_id AND next_day.activity_date = present.retention_d1_day
  LEFT JOIN activity AS next_week
    ON next_week.user_id = present.user_id AND next_week.activity_date = present.retention_d7_day
),
sessions AS (
  SELECT
    COUNT(*) AS total_sessions,
    AVG(CASE WHEN clickstream_sessions.is_bounce THEN 1.0E0 ELSE 0.0E0 END) AS bounce_rate,
    AVG(clickstream_sessions.duration_ms) / 1.0E3 AS avg_session_duration_seconds
  FROM clickstream_sessions
  CROSS JOIN run
  WHERE CAST(clickstream_sessions.session_start AS DATE) = run.day
),
events AS (
  SELECT
    COALESCE(SUM(events_aggregated_realtime.event_count), 0) AS total_events,
    SUM(events_aggregated_realtime.event_value_sum) AS total_event_value
  FROM events_aggregated_realtime
  CROSS JOIN run
  WHERE CAST(events_aggregated_realtime.window_start AS DATE) = run.day
)
SELECT
  run.day AS summary_date,
  users.total_users,
  COALESCE(users.new_users, 0) AS new_users,
  COALESCE(users.returning_users, 0) AS returning_users,
  CASE WHEN users.total_users > 0 THEN 1.0E2 * users.returning_users / NULLIF(users.total_users, 0) END
    AS return_user_percentage,
  sessions.total_sessions,
  sessions.bounce_rate,
  sessions.avg_session_duration_seconds,
  events.total_events,
  events.total_event_value,
  CASE WHEN run.retention_d1_day IS NOT NULL AND users.total_users > 0
    THEN 1.0E0 * users.users_d1 / NULLIF(users.total_users, 0) END AS retention_d1,
  CASE WHEN run.retention_d7_day IS NOT NULL AND users.total_users > 0
    THEN 1.0E0 * users.users_d7 / NULLIF(users.total_users, 0) END AS retention_d7
FROM run
CROSS JOIN users
CROSS JOIN sessions
CROSS JOIN events
