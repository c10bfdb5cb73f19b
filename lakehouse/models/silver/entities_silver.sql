-- `stored_versions`: versions of the keys that the changes touch; `truncates`: of their tables, all there were;
-- `completed`: rows of changes whose unchanged large columns have been filled in.
WITH arrived AS (
  SELECT
    c.`database`,
    c.`schema`,
    c.`table`,
    c.`key`,
    CASE WHEN c.operation = 'DELETE' THEN CAST(NULL AS STRING) ELSE COALESCE(f.after, c.after) END AS `row`,
    c.operation,
    c.is_snapshot,
    c.sequence,
    c.commit_timestamp AS valid_from,
    c.source_topic,
    c.source_partition,
    c.source_offset,
    0 AS is_stored
  FROM cdc_changes_bronze AS c
  LEFT JOIN completed AS f ON f.change_id = c.change_id
  WHERE c.operation <> 'TRUNCATE' AND c.`key` IS NOT NULL
  UNION ALL
  SELECT
    `database`,
    `schema`,
    `table`,
    `key`,
    `row`,
    operation,
    is_snapshot,
    sequence,
    valid_from,
    source_topic,
    source_partition,
    source_offset,
    1 AS is_stored
  FROM stored_versions
),
emptied AS (
  SELECT DISTINCT
    a.`database`,
    a.`schema`,
    a.`table`,
    a.`key`,
    CAST(NULL AS STRING) AS `row`,
    'TRUNCATE' AS operation,
    FALSE AS is_snapshot,
    t.sequence,
    t.valid_from,
    t.source_topic,
    t.source_partition,
    t.source_offset,
    0 AS is_stored
  FROM arrived AS a
  JOIN truncates AS t ON a.`database` = t.`database` AND a.`schema` <=> t.`schema` AND a.`table` = t.`table`
),
told AS (
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY
        `database`, `schema`, `table`, `key`, operation, sequence, source_topic, source_partition, source_offset
      ORDER BY is_stored DESC
    ) AS copy
  FROM (SELECT * FROM arrived UNION ALL SELECT * FROM emptied) AS every_one
),
ordered AS (
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY `database`, `schema`, `table`, `key`
      ORDER BY
        sequence, CASE WHEN is_snapshot THEN 0 ELSE 1 END, source_offset, source_partition, source_topic
    ) AS place
  FROM told
  WHERE copy = 1
),
compared AS (
  SELECT
    *,
    LAG(`row`) OVER (PARTITION BY `database`, `schema`, `table`, `key` ORDER BY place) AS row_before,
    LAG(sequence) OVER (PARTITION BY `database`, `schema`, `table`, `key` ORDER BY place) AS sequence_before
  FROM ordered
),
kept AS (
  SELECT
    *,
    LEAD(valid_from) OVER (PARTITION BY `database`, `schema`, `table`, `key` ORDER BY place) AS valid_to,
    LEAD(place) OVER (PARTITION BY `database`, `schema`, `table`, `key` ORDER BY place) AS next_place
  FROM compared
  WHERE
    CASE
      WHEN is_stored = 1 THEN TRUE
      WHEN operation = 'TRUNCATE' THEN row_before IS NOT NULL
      WHEN place = 1 THEN TRUE
      WHEN `row` IS NULL THEN row_before IS NOT NULL
      WHEN is_snapshot OR sequence = sequence_before THEN NOT `row` <=> row_before
      ELSE TRUE
    END
)
SELECT
  `database`,
  `schema`,
  `table`,
  `key`,
  `row`,
  operation,
  is_snapshot,
  sequence,
  valid_from,
  valid_to,
  next_place IS NULL AND `row` IS NOT NULL AS is_current,
  `row` IS NULL AS is_deleted,
  source_topic,
  source_partition,
  source_offset
FROM kept
