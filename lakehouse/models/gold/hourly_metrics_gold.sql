WITH events AS (
  SELECT
    event_date AS metric_date,
    event_hour AS metric_hour,
    COUNT(*) AS total_events,
    AVG(response_time_ms) AS avg_response_time_ms,
    PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY response_time_ms) AS p50_response_time_ms,
    PERCENTILE_CONT(0.95) WITHIN GROUP (ORDER BY response_time_ms) AS p95_response_time_ms,
    PERCENTILE_CONT(0.99) WITHIN GROUP (ORDER BY response_time_ms) AS p99_response_time_ms,
    SUM(
      CASE
        WHEN event_type = 'error' OR error_code IS NOT NULL OR COALESCE(status_code, 0) >= 400 THEN 1
        ELSE 0
      END
    ) AS error_count,
    SUM(CASE WHEN status_code BETWEEN 200 AND 299 THEN 1 ELSE 0 END) AS status_2xx,
    SUM(CASE WHEN status_code BETWEEN 300 AND 399 THEN 1 ELSE 0 END) AS status_3xx,
    SUM(CASE WHEN status_code BETWEEN 400 AND 499 THEN 1 ELSE 0 END) AS status_4xx,
    SUM(CASE WHEN status_code BETWEEN 500 AND 599 THEN 1 ELSE 0 END) AS status_5xx,
    PERCENTILE_CONT(0.95) WITHIN GROUP (
      ORDER BY (UNIX_MICROS(ingest_timestamp) - UNIX_MICROS(event_timestamp)) / 1.0E3
    ) AS ingest_lag_p95_ms,
    SUM(CASE WHEN is_late THEN 1 ELSE 0 END) AS late_events
  FROM app_events_silver
  GROUP BY event_date, event_hour
),
samples AS (
  SELECT
    CAST(sampled_at AS DATE) AS metric_date,
    HOUR(sampled_at) AS metric_hour,
    SUM(
      CASE
        WHEN metric = 'dead_letters' AND value BETWEEN 0 AND 9.0E15 THEN CAST(FLOOR(value) AS BIGINT)
        ELSE 0
      END
    ) AS dead_letters,
    MAX(
      CASE status
        WHEN 'unhealthy' THEN 3
        WHEN 'degraded' THEN 2
        WHEN 'healthy' THEN 1
        ELSE 0
      END
    ) AS severity
  FROM platform_metrics_silver
  GROUP BY CAST(sampled_at AS DATE), HOUR(sampled_at)
),
refused AS (
  SELECT
    CAST(quarantined_at AS DATE) AS metric_date,
    HOUR(quarantined_at) AS metric_hour,
    COUNT(*) AS quarantined_rows
  FROM quarantine_silver
  GROUP BY CAST(quarantined_at AS DATE), HOUR(quarantined_at)
),
hours AS (
  SELECT metric_date, metric_hour FROM events
  UNION
  SELECT metric_date, metric_hour FROM samples
  UNION
  SELECT metric_date, metric_hour FROM refused
)
SELECT
  h.metric_date,
  h.metric_hour,
  COALESCE(e.total_events, 0) AS total_events,
  e.avg_response_time_ms,
  e.p50_response_time_ms,
  e.p95_response_time_ms,
  e.p99_response_time_ms,
  COALESCE(e.error_count, 0) AS error_count,
  CASE WHEN e.total_events > 0 THEN 1.0E0 * e.error_count / NULLIF(e.total_events, 0) END AS error_rate,
  COALESCE(e.status_2xx, 0) AS status_2xx,
  COALESCE(e.status_3xx, 0) AS status_3xx,
  COALESCE(e.status_4xx, 0) AS status_4xx,
  COALESCE(e.status_5xx, 0) AS status_5xx,
  e.ingest_lag_p95_ms,
  COALESCE(e.late_events, 0) AS late_events,
  COALESCE(s.dead_letters, 0) AS dead_letters,
  COALESCE(r.quarantined_rows, 0) AS quarantined_rows,
  CASE s.severity
    WHEN 3 THEN 'unhealthy'
    WHEN 2 THEN 'degraded'
    WHEN 1 THEN 'healthy'
    ELSE 'unknown'
  END AS health_status
FROM hours AS h
LEFT JOIN events AS e ON e.metric_date = h.metric_date AND e.metric_hour = h.metric_hour
LEFT JOIN samples AS s ON s.metric_date = h.metric_date AND s.metric_hour = h.metric_hour
LEFT JOIN refused AS r ON r.metric_date = h.metric_date AND r.metric_hour = h.metric_hour
