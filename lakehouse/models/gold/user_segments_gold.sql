-- Ranks are against all users; rows are given for those whose activity changed.
WITH activity AS (
  SELECT
    a.user_id,
    a.activity_date,
    a.total_events,
    COALESCE(a.event_value_sum, 0.0E0) AS event_value,
    DATEDIFF(p.as_of_date, a.activity_date) AS days_ago
  FROM user_activity_silver AS a
  CROSS JOIN parameters AS p
  WHERE a.activity_date <= p.as_of_date
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
    a.user_id,
    MAX(a.activity_date) AS last_seen_date,
    MIN(a.days_ago) AS days_since,
    SUM(CASE WHEN a.days_ago < p.segment_days THEN a.total_events ELSE 0 END) AS recent_events,
    SUM(CASE WHEN a.days_ago < p.segment_days THEN a.event_value ELSE 0.0E0 END) AS recent_value
  FROM activity AS a
  CROSS JOIN parameters AS p
  GROUP BY a.user_id
),
ranked AS (
  SELECT
    s.user_id,
    CUME_DIST() OVER (ORDER BY s.last_seen_date) AS recency,
    CUME_DIST() OVER (ORDER BY s.recent_events) AS frequency,
    CUME_DIST() OVER (ORDER BY s.recent_value) AS value
  FROM seen AS s
  CROSS JOIN parameters AS p
  WHERE s.days_since < p.segment_days
),
scored AS (
  SELECT
    s.user_id,
    s.last_seen_date,
    s.days_since,
    s.recent_events,
    COALESCE(
      p.recency_weight * r.recency + p.frequency_weight * r.frequency + p.value_weight * r.value, 0.0E0
    ) AS score,
    s.days_since / NULLIF(s.days_since + COALESCE(u.median_gap, 7.0E0), 0) AS churn_risk
  FROM seen AS s
  CROSS JOIN parameters AS p
  LEFT JOIN ranked AS r ON r.user_id = s.user_id
  LEFT JOIN usual AS u ON u.user_id = s.user_id
),
segmented AS (
  SELECT
    s.*,
    p.as_of_date,
    CAST(p.segment_days AS STRING) AS within_days,
    CASE
      WHEN s.days_since >= p.inactive_days THEN 'Inactive'
      WHEN s.score >= p.vip_score THEN 'VIP'
      WHEN s.score >= p.active_score THEN 'Active'
      ELSE 'Regular'
    END AS segment
  FROM scored AS s
  CROSS JOIN parameters AS p
)
SELECT
  s.user_id,
  s.segment,
  s.score AS engagement_score,
  s.churn_risk,
  CASE
    WHEN s.segment = 'Inactive' THEN 'win_back'
    WHEN s.churn_risk >= 0.5E0 THEN 'engage'
    WHEN s.segment = 'VIP' THEN 'reward'
    WHEN s.segment = 'Active' THEN 'upsell'
    ELSE 'engage'
  END AS recommended_action,
  ARRAY(
    CONCAT('last seen ', CAST(s.days_since AS STRING), ' days ago'),
    CONCAT(CAST(s.recent_events AS STRING), ' events in ', s.within_days, ' days')
  ) AS reasons,
  s.last_seen_date,
  s.as_of_date
FROM segmented AS s
JOIN (SELECT DISTINCT user_id FROM changed_activity) AS t ON t.user_id = s.user_id
