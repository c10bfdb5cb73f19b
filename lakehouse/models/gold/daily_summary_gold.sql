WITH days AS (
  SELECT
    a.activity_date AS summary_date,
    COUNT(*) AS total_users,
    SUM(CASE WHEN u.first_seen_date >= a.activity_date THEN 1 ELSE 0 END) AS new_users,
    SUM(a.total_sessions) AS total_sessions,
    SUM(a.bounced_sessions) AS bounced_sessions,
    SUM(a.session_duration_ms) AS session_duration_ms,
    SUM(a.total_events) AS total_events,
    SUM(a.event_value_sum) AS total_event_value,
    SUM(CASE WHEN next_day.user_id IS NULL THEN 0 ELSE 1 END) AS users_d1,
    SUM(CASE WHEN next_week.user_id IS NULL THEN 0 ELSE 1 END) AS users_d7
  FROM user_activity_silver AS a
  LEFT JOIN users_silver AS u ON u.user_id = a.user_id
  LEFT JOIN user_activity_silver AS next_day
    ON next_day.user_id = a.user_id AND next_day.activity_date = DATE_ADD(a.activity_date, 1)
  LEFT JOIN user_activity_silver AS next_week
    ON next_week.user_id = a.user_id AND next_week.activity_date = DATE_ADD(a.activity_date, 7)
  GROUP BY a.activity_date
)
SELECT
  d.summary_date,
  d.total_users,
  d.new_users,
  d.total_users - d.new_users AS returning_users,
  1.0E2 * (d.total_users - d.new_users) / NULLIF(d.total_users, 0) AS return_user_percentage,
  d.total_sessions,
  CASE WHEN d.total_sessions > 0 THEN 1.0E0 * d.bounced_sessions / NULLIF(d.total_sessions, 0) END AS bounce_rate,
  CASE WHEN d.total_sessions > 0 THEN d.session_duration_ms / NULLIF(d.total_sessions, 0) / 1.0E3 END
    AS avg_session_duration_seconds,
  d.total_events,
  d.total_event_value,
  CASE WHEN DATEDIFF(p.as_of_date, d.summary_date) > 1 THEN 1.0E0 * d.users_d1 / NULLIF(d.total_users, 0) END
    AS retention_d1,
  CASE WHEN DATEDIFF(p.as_of_date, d.summary_date) > 7 THEN 1.0E0 * d.users_d7 / NULLIF(d.total_users, 0) END
    AS retention_d7,
  YEAR(d.summary_date) AS summary_year
FROM days AS d
CROSS JOIN parameters AS p
