WITH activity AS (
  SELECT
    user_id,
    activity_date,
    SUM(events) AS total_events,
    SUM(event_value) AS event_value
  FROM (
    SELECT
      user_id,
      CAST(window_start AS DATE) AS activity_date,
      event_count AS events,
      COALESCE(event_value_sum, 0.0E0) AS event_value
    FROM events_aggregated_realtime
    UNION ALL
    SELECT user_id, CAST(session_start AS DATE) AS activity_date, 0 AS events, 0.0E0 AS event_value
    FROM clickstream_sessions
  ) AS both_sources
  GROUP BY user_id, activity_date
),
gaps AS (
  SELECT
    user_id,
    DATEDIFF(activity_date, LAG(activity_date) OVER (PARTITION BY user_id ORDER BY activity_date)) AS gap
  FROM activity
),
placed AS (
  SELECT
    user_id,
    gap,
    ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY gap) AS place,
    COUNT(*) OVER (PARTITION BY user_id) AS gaps
  FROM gaps
  WHERE gap IS NOT NULL
),
usual AS (
  SELECT user_id, AVG(gap) AS median_gap
  FROM placed
  WHERE 2 * place BETWEEN gaps AND gaps + 2
  GROUP BY user_id
),
seen AS (
  SELECT
    activity.user_id,
    run.day,
    MAX(activity.activity_date) AS last_seen_date,
    DATEDIFF(run.day, MAX(activity.activity_date)) AS days_since,
    SUM(CASE WHEN DATEDIFF(run.day, activity.activity_date) < 30 THEN activity.total_events ELSE 0 END)
      AS recent_events,
    SUM(CASE WHEN DATEDIFF(run.day, activity.activity_date) < 30 THEN activity.event_value ELSE 0.0E0 END)
      AS recent_value
  FROM activity
  CROSS JOIN run
  WHERE activity.activity_date <= run.day
  GROUP BY activity.user_id, run.day
),
ranked AS (
  SELECT
    user_id,
    CUME_DIST() OVER (ORDER BY last_seen_date) AS recency,
    CUME_DIST() OVER (ORDER BY recent_events) AS frequency,
    CUME_DIST() OVER (ORDER BY recent_value) AS value
  FROM seen
  WHERE days_since < 30
),
scored AS (
  SELECT
    seen.user_id,
    seen.day,
    seen.last_seen_date,
    seen.days_since,
    seen.recent_events,
    COALESCE(4.0E1 * ranked.recency + 3.0E1 * ranked.frequency + 3.0E1 * ranked.value, 0.0E0) AS score,
    seen.days_since / NULLIF(seen.days_since + COALESCE(usual.median_gap, 7.0E0), 0) AS churn_risk
  FROM seen
  LEFT JOIN ranked ON ranked.user_id = seen.user_id
  LEFT JOIN usual ON usual.user_id = seen.user_id
),
segmented AS (
  SELECT
    *,
    CASE
      WHEN days_since >= 14 THEN 'Inactive'
      WHEN score >= 80 THEN 'VIP'
      WHEN score >= 50 THEN 'Active'
      ELSE 'Regular'
    END AS segment
  FROM scored
)
SELECT
  user_id,
  segment,
  score AS engagement_score,
  churn_risk,
  CASE
    WHEN segment = 'Inactive' THEN 'win_back'
    WHEN churn_risk >= 0.5E0 THEN 'engage'
    WHEN segment = 'VIP' THEN 'reward'
    WHEN segment = 'Active' THEN 'upsell'
    ELSE 'engage'
  END AS recommended_action,
  ARRAY(
    CONCAT('last seen ', CAST(days_since AS STRING), ' days ago'),
    CONCAT(CAST(recent_events AS STRING), ' events in 30 days')
  ) AS reasons,
  last_seen_date,
  day AS as_of_date
FROM segmented
