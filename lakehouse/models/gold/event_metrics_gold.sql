SELECT
  event_date AS metric_date,
  event_hour AS metric_hour,
  event_type,
  app_type,
  COUNT(*) AS total_events,
  COUNT(DISTINCT user_id) AS unique_users,
  MIN(event_value) AS min_event_value,
  MAX(event_value) AS max_event_value,
  AVG(event_value) AS avg_event_value,
  SUM(event_value) AS total_event_value
FROM app_events_silver
GROUP BY event_date, event_hour, event_type, app_type
