-- Retention is left out: what it is depends on the clock of the day that it was computed on.
SELECT
  a.activity_date AS summary_date,
  count(DISTINCT a.user_id) AS total_users,
  count(DISTINCT a.user_id) FILTER (WHERE u.first_seen_date = a.activity_date) AS new_users,
  count(DISTINCT a.user_id) FILTER (WHERE u.first_seen_date IS DISTINCT FROM a.activity_date) AS returning_users,
  CAST(sum(a.total_sessions) AS BIGINT) AS total_sessions,
  CASE WHEN sum(a.total_sessions) > 0 THEN sum(a.bounced_sessions) / sum(a.total_sessions) END AS bounce_rate,
  CASE WHEN sum(a.total_sessions) > 0 THEN sum(a.session_duration_ms) / sum(a.total_sessions) / 1000 END
    AS avg_session_duration_seconds,
  CAST(sum(a.total_events) AS BIGINT) AS total_events,
  sum(a.event_value_sum) AS total_event_value
FROM user_activity_silver AS a
LEFT JOIN users_silver AS u USING (user_id)
GROUP BY ALL
