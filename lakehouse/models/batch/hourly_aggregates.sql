SELECT
  CAST(window_start AS DATE) AS metric_date,
  HOUR(window_start) AS metric_hour,
  event_type,
  app_type,
  SUM(event_count) AS event_count,
  COUNT(DISTINCT user_id) AS unique_users,
  SUM(event_value_sum) AS event_value_sum,
  MIN(event_value_min) AS event_value_min,
  MAX(event_value_max) AS event_value_max,
  SUM(event_value_sum) / NULLIF(SUM(CASE WHEN event_value_sum IS NOT NULL THEN event_count END), 0)
    AS event_value_avg,
  SUM(error_count) AS error_count
FROM events_aggregated_realtime
GROUP BY CAST(window_start AS DATE), HOUR(window_start), event_type, app_type
