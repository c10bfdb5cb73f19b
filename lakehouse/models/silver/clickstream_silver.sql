-- `touched`: stretches of time in which a user's sessions are computed, none cut by them.
WITH delivered AS (
  SELECT
    c.user_id,
    c.session_id,
    c.click_timestamp,
    c.action,
    c.page_url,
    c.referrer_url,
    c.device_type,
    c.source_topic,
    c.source_partition,
    c.source_offset,
    p.session_gap_us,
    UNIX_MICROS(c.click_timestamp) AS at_us,
    FIRST_VALUE(UNIX_MICROS(c.click_timestamp)) OVER (
      PARTITION BY c.user_id, c.click_id
      ORDER BY c.load_timestamp, c.source_partition, c.source_offset, c.source_timestamp
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS first_us,
    ROW_NUMBER() OVER (
      PARTITION BY c.user_id, c.click_id
      ORDER BY c.load_timestamp, c.source_partition, c.source_offset, c.source_timestamp
    ) AS delivery
  FROM clickstream_bronze AS c
  JOIN touched AS t
    ON c.user_id = t.user_id AND c.click_timestamp >= t.from_at AND c.click_timestamp <= t.until_at
  CROSS JOIN parameters AS p
),
clicks AS (
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY user_id
      ORDER BY at_us, session_id NULLS FIRST, source_topic, source_partition, source_offset
    ) AS place,
    LAG(at_us) OVER (
      PARTITION BY user_id
      ORDER BY at_us, session_id NULLS FIRST, source_topic, source_partition, source_offset
    ) AS at_before,
    LAG(session_id) OVER (
      PARTITION BY user_id
      ORDER BY at_us, session_id NULLS FIRST, source_topic, source_partition, source_offset
    ) AS session_before
  FROM delivered
  WHERE delivery = 1 OR ABS(at_us - first_us) > session_gap_us
),
numbered AS (
  SELECT
    *,
    SUM(
      CASE
        WHEN place = 1 OR at_us - at_before > session_gap_us OR NOT session_id <=> session_before THEN 1
        ELSE 0
      END
    ) OVER (
      PARTITION BY user_id ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS session_number
  FROM clicks
),
placed AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY user_id, session_number ORDER BY place) AS click_place,
    SUM(CASE WHEN action = 'page_view' THEN 1 ELSE 0 END) OVER (
      PARTITION BY user_id, session_number ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS page_place
  FROM numbered
),
sessions AS (
  SELECT
    user_id,
    session_number,
    MAX(session_id) AS session_id,
    MIN(click_timestamp) AS session_start,
    MAX(click_timestamp) AS session_end,
    MAX(at_us) - MIN(at_us) AS duration_us,
    MIN(at_us) AS start_us,
    COALESCE(
      TRANSFORM(
        SORT_ARRAY(
          COLLECT_LIST(STRUCT(page_place AS place, page_url AS url))
            FILTER (WHERE action = 'page_view' AND page_place <= 1000)
        ),
        page -> page.url
      ),
      ARRAY()
    ) AS page_sequence,
    SUM(CASE WHEN action = 'page_view' THEN 1 ELSE 0 END) AS page_count,
    COUNT(*) AS click_count,
    MAX(CASE WHEN click_place = 1 THEN page_url END) AS entry_page,
    MAX_BY(page_url, click_place) AS exit_page,
    MAX(CASE WHEN click_place = 1 THEN referrer_url END) AS referrer_url,
    MAX(CASE WHEN click_place = 1 THEN device_type END) AS device_type
  FROM placed
  GROUP BY user_id, session_number
)
SELECT
  MD5(
    CONCAT(
      CAST(start_us AS STRING),
      ':',
      CAST(LENGTH(user_id) AS STRING),
      ':',
      user_id,
      CASE WHEN session_id IS NULL THEN '' ELSE CONCAT(':', session_id) END
    )
  ) AS session_key,
  user_id,
  session_id,
  session_start,
  session_end,
  duration_us DIV 1000 AS session_duration_ms,
  page_sequence,
  page_count,
  click_count,
  entry_page,
  exit_page,
  page_count = 1 AND click_count = 1 AS is_bounce,
  referrer_url,
  device_type,
  CAST(session_start AS DATE) AS session_date
FROM sessions
