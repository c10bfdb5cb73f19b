-- Percentiles are left out: they would be the model's own function again.
WITH parts AS (
  SELECT
    CAST(event_timestamp AS DATE) AS metric_date,
    CAST(extract('hour' FROM event_timestamp) AS INTEGER) AS metric_hour,
    count(*) AS events,
    count(response_time_ms) AS timed,
    sum(response_time_ms) AS times,
    count(*) FILTER (WHERE event_type = 'error' OR error_code IS NOT NULL OR status_code >= 400) AS errors,
    count(*) FILTER (WHERE status_code // 100 = 2) AS of_2xx,
    count(*) FILTER (WHERE status_code // 100 = 3) AS of_3xx,
    count(*) FILTER (WHERE status_code // 100 = 4) AS of_4xx,
    count(*) FILTER (WHERE status_code // 100 = 5) AS of_5xx,
    count(*) FILTER (WHERE is_late) AS late,
    0 AS refused
  FROM app_events_silver
  GROUP BY ALL
  UNION ALL
  SELECT
    CAST(quarantined_at AS DATE),
    CAST(extract('hour' FROM quarantined_at) AS INTEGER),
    0, 0, NULL, 0, 0, 0, 0, 0, 0, count(*)
  FROM quarantine_silver
  GROUP BY ALL
  UNION ALL
  SELECT DISTINCT
    CAST(sampled_at AS DATE),
    CAST(extract('hour' FROM sampled_at) AS INTEGER),
    0, 0, NULL, 0, 0, 0, 0, 0, 0, 0
  FROM platform_metrics_silver
)
SELECT
  metric_date,
  metric_hour,
  CAST(sum(events) AS BIGINT) AS total_events,
  CASE WHEN sum(timed) > 0 THEN sum(times) / sum(timed) END AS avg_response_time_ms,
  CAST(sum(errors) AS BIGINT) AS error_count,
  CASE WHEN sum(events) > 0 THEN sum(errors) / sum(events) END AS error_rate,
  CAST(sum(of_2xx) AS BIGINT) AS status_2xx,
  CAST(sum(of_3xx) AS BIGINT) AS status_3xx,
  CAST(sum(of_4xx) AS BIGINT) AS status_4xx,
  CAST(sum(of_5xx) AS BIGINT) AS status_5xx,
  CAST(sum(late) AS BIGINT) AS late_events,
  CAST(sum(refused) AS BIGINT) AS quarantined_rows
FROM parts
GROUP BY ALL
