-- Of the users touched: sums over all their days, and the profile that stands, field by field the latest value.
WITH touched AS (
  SELECT user_id FROM changed_activity
  UNION
  SELECT user_id FROM users_bronze
),
totals AS (
  SELECT
    a.user_id,
    MIN(a.activity_date) AS first_seen_date,
    MAX(a.activity_date) AS last_seen_date,
    SUM(a.total_events) AS total_events,
    SUM(a.total_sessions) AS total_sessions,
    SUM(a.event_value_sum) AS total_event_value
  FROM user_activity_silver AS a
  JOIN touched AS t ON a.user_id = t.user_id
  GROUP BY a.user_id
),
stored AS (
  SELECT s.*
  FROM stored_users AS s
  JOIN touched AS t ON s.user_id = t.user_id
),
-- What a stored profile says, one row a field: each field has a time of its own.
fields AS (
  SELECT 'email_sha256' AS field
  UNION ALL
  SELECT 'name' AS field
  UNION ALL
  SELECT 'country' AS field
  UNION ALL
  SELECT 'plan' AS field
  UNION ALL
  SELECT 'signup_timestamp' AS field
  UNION ALL
  SELECT 'is_active' AS field
  UNION ALL
  SELECT 'updated_at' AS field
),
said AS (
  SELECT
    s.user_id,
    CASE f.field
      WHEN 'email_sha256' THEN s.email_sha256_updated_at
      WHEN 'name' THEN s.name_updated_at
      WHEN 'country' THEN s.country_updated_at
      WHEN 'plan' THEN s.plan_updated_at
      WHEN 'signup_timestamp' THEN s.signup_timestamp_updated_at
      WHEN 'is_active' THEN s.is_active_updated_at
      ELSE s.updated_at
    END AS updated_at,
    s.load_timestamp,
    CASE WHEN f.field = 'email_sha256' THEN s.email_sha256 END AS email_sha256,
    CASE WHEN f.field = 'name' THEN s.name END AS name,
    CASE WHEN f.field = 'country' THEN s.country END AS country,
    CASE WHEN f.field = 'plan' THEN s.plan END AS plan,
    CASE WHEN f.field = 'signup_timestamp' THEN s.signup_timestamp END AS signup_timestamp,
    CASE WHEN f.field = 'is_active' THEN s.is_active END AS is_active
  FROM stored AS s
  CROSS JOIN fields AS f
),
records AS (
  SELECT
    user_id,
    updated_at,
    1 AS is_new,
    load_timestamp,
    source_partition,
    source_offset,
    source_timestamp,
    email_sha256,
    name,
    country,
    plan,
    signup_timestamp,
    is_active
  FROM users_bronze
  UNION ALL
  SELECT
    user_id,
    updated_at,
    0 AS is_new,
    load_timestamp,
    0 AS source_partition,
    0 AS source_offset,
    load_timestamp AS source_timestamp,
    email_sha256,
    name,
    country,
    plan,
    signup_timestamp,
    is_active
  FROM said
  WHERE updated_at IS NOT NULL
),
placed AS (
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY user_id
      ORDER BY updated_at, is_new, load_timestamp, source_partition, source_offset, source_timestamp
    ) AS place
  FROM records
),
profiles AS (
  SELECT
    user_id,
    MAX_BY(email_sha256, CASE WHEN email_sha256 IS NOT NULL THEN place END) AS email_sha256,
    MAX_BY(name, CASE WHEN name IS NOT NULL THEN place END) AS name,
    MAX_BY(country, CASE WHEN country IS NOT NULL THEN place END) AS country,
    MAX_BY(plan, CASE WHEN plan IS NOT NULL THEN place END) AS plan,
    MAX_BY(signup_timestamp, CASE WHEN signup_timestamp IS NOT NULL THEN place END) AS signup_timestamp,
    MAX_BY(is_active, CASE WHEN is_active IS NOT NULL THEN place END) AS is_active,
    MAX(updated_at) AS updated_at,
    MAX(CASE WHEN email_sha256 IS NOT NULL THEN updated_at END) AS email_sha256_updated_at,
    MAX(CASE WHEN name IS NOT NULL THEN updated_at END) AS name_updated_at,
    MAX(CASE WHEN country IS NOT NULL THEN updated_at END) AS country_updated_at,
    MAX(CASE WHEN plan IS NOT NULL THEN updated_at END) AS plan_updated_at,
    MAX(CASE WHEN signup_timestamp IS NOT NULL THEN updated_at END) AS signup_timestamp_updated_at,
    MAX(CASE WHEN is_active IS NOT NULL THEN updated_at END) AS is_active_updated_at
  FROM placed
  GROUP BY user_id
)
SELECT
  t.user_id,
  s.first_seen_date,
  s.last_seen_date,
  COALESCE(s.total_events, 0) AS total_events,
  COALESCE(s.total_sessions, 0) AS total_sessions,
  COALESCE(s.total_event_value, 0.0E0) AS total_event_value,
  p.email_sha256,
  p.name,
  p.country,
  p.plan,
  p.signup_timestamp,
  p.is_active,
  p.updated_at,
  p.email_sha256_updated_at,
  p.name_updated_at,
  p.country_updated_at,
  p.plan_updated_at,
  p.signup_timestamp_updated_at,
  p.is_active_updated_at
FROM touched AS t
LEFT JOIN totals AS s ON s.user_id = t.user_id
LEFT JOIN profiles AS p ON p.user_id = t.user_id
