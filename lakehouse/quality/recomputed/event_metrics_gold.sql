-- By one pass over users and then their sums: another way than the model's.
WITH of_users AS (
  SELECT
    CAST(event_timestamp AS DATE) AS metric_date,
    CAST(extract('hour' FROM event_timestamp) AS INTEGER) AS metric_hour,
    event_type,
    app_type,
    user_id,
    count(*) AS events,
    min(event_value) AS least,
    max(event_value) AS most,
    sum(event_value) AS total,
    count(event_value) AS valued
  FROM app_events_silver
  GROUP BY ALL
)
SELECT
  metric_date,
  metric_hour,
  event_type,
  app_type,
  CAST(sum(events) AS BIGINT) AS total_events,
  count(*) AS unique_users,
  min(least) AS min_event_value,
  max(most) AS max_event_value,
  CASE WHEN sum(valued) > 0 THEN sum(total) / sum(valued) END AS avg_event_value,
  sum(total) AS total_event_value
FROM of_users
GROUP BY ALL
