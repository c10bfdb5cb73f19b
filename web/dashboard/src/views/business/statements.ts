/** The statements behind the view. Bounds are parameters of whole hours and days, so that everybody's are the same. */
import type { Question } from "../../api/client";
import type { Range } from "./range";

/** Gold is computed anew each minute. */
export const GOLD_MS = 60_000;
/** Silver has a new version every few seconds, so that an answer is hardly ever somebody else's too. */
export const SILVER_MS = 300_000;

export type By = "event_type" | "app_type";

/** The last days of the platform; the newest first. */
export function days(today: string): Question {
  return {
    sql: `SELECT summary_date, total_users, new_users, returning_users, total_sessions, bounce_rate,
  avg_session_duration_seconds, total_events, total_event_value, retention_d1, retention_d7
FROM daily_summary_gold
WHERE summary_date <= CAST($today AS DATE)
ORDER BY summary_date DESC
LIMIT 90`,
    parameters: { today },
  };
}

/** Events of a day and of the day before, in the hours before the given one. */
export function sameHours(today: string, yesterday: string, hour: number): Question {
  return {
    sql: `SELECT metric_date, SUM(total_events) AS events, MIN(metric_hour) AS first_hour
FROM event_metrics_gold
WHERE metric_date IN (CAST($today AS DATE), CAST($yesterday AS DATE)) AND metric_hour < $hour
GROUP BY metric_date
ORDER BY metric_date`,
    parameters: { today, yesterday, hour },
  };
}

const HOURS = `metric_date BETWEEN CAST($first_day AS DATE) AND CAST($last_day AS DATE)
  AND metric_date + TO_HOURS(metric_hour) >= CAST($from AS TIMESTAMP)`;

function hours({ from, first, last }: Range) {
  return { first_day: first, last_day: last, from };
}

/** A row an hour, with a list of names and, in the same order, of their sums. */
export function eventsByHour(range: Range, by: By, app: string, type: string): Question {
  return {
    sql: `WITH sums AS (
  SELECT metric_date, metric_hour, ${by} AS name,
    SUM(total_events) AS events, SUM(total_event_value) AS value
  FROM event_metrics_gold
  WHERE ${HOURS.replaceAll("\n", "\n  ")}
    AND ($app = '' OR app_type = $app) AND ($type = '' OR event_type = $type)
  GROUP BY ALL
)
SELECT metric_date, metric_hour, LIST(name ORDER BY name) AS names,
  LIST(events ORDER BY name) AS events, LIST(value ORDER BY name) AS value
FROM sums
GROUP BY ALL
ORDER BY metric_date, metric_hour`,
    parameters: { ...hours(range), app, type },
  };
}

export function hourlyMetrics(range: Range): Question {
  return {
    sql: `SELECT metric_date, metric_hour, p50_response_time_ms, p95_response_time_ms, p99_response_time_ms,
  error_rate, error_count, status_2xx, status_3xx, status_4xx, status_5xx
FROM hourly_metrics_gold
WHERE ${HOURS}
ORDER BY metric_date, metric_hour`,
    parameters: hours(range),
  };
}

export const SEGMENTS: Question = {
  sql: `SELECT segment, COUNT(*) AS users, AVG(engagement_score) AS engagement_score, AVG(churn_risk) AS churn_risk,
  MODE(recommended_action) AS recommended_action, MAX(as_of_date) AS as_of_date
FROM user_segments_gold
GROUP BY segment
ORDER BY users DESC`,
};

export function usersOf(segment: string): Question {
  return {
    sql: `SELECT user_id, engagement_score, churn_risk, recommended_action, reasons, last_seen_date
FROM user_segments_gold
WHERE segment = $segment
ORDER BY engagement_score DESC, user_id
LIMIT 200`,
    parameters: { segment },
  };
}

const SESSIONS = `FROM clickstream_silver
WHERE session_date BETWEEN CAST($first_day AS DATE) AND CAST($last_day AS DATE)
  AND session_start >= CAST($from AS TIMESTAMPTZ)`;

const PATH = (page: string) => `REGEXP_REPLACE(${page}, '^https?://[^/]+', '')`;

function sessionBounds({ from, first, last }: Range) {
  return { first_day: first, last_day: last, from: `${from}Z` };
}

export function pages(range: Range, which: "entry_page" | "exit_page"): Question {
  return {
    sql: `SELECT ${PATH(which)} AS page, COUNT(*) AS sessions, SUM(COUNT(*)) OVER () AS of_all
${SESSIONS}
GROUP BY page
ORDER BY sessions DESC, page
LIMIT 10`,
    parameters: sessionBounds(range),
  };
}

/** Ways through the site: the first pages of sessions of two and more. */
export function paths(range: Range): Question {
  return {
    sql: `SELECT LIST_TRANSFORM(page_sequence[1:4], LAMBDA page: ${PATH("page")}) AS path,
  COUNT(*) AS sessions, SUM(COUNT(*)) OVER () AS of_all
${SESSIONS}
  AND page_count > 1
GROUP BY path
ORDER BY sessions DESC, path
LIMIT 12`,
    parameters: sessionBounds(range),
  };
}

export function durations(range: Range): Question {
  return {
    sql: `SELECT CASE
    WHEN is_bounce THEN 0
    WHEN session_duration_ms < 10000 THEN 1
    WHEN session_duration_ms < 30000 THEN 2
    WHEN session_duration_ms < 60000 THEN 3
    WHEN session_duration_ms < 180000 THEN 4
    WHEN session_duration_ms < 600000 THEN 5
    ELSE 6
  END AS length, COUNT(*) AS sessions
${SESSIONS}
GROUP BY length
ORDER BY length`,
    parameters: sessionBounds(range),
  };
}

export const LENGTHS = ["bounce", "< 10 s", "10–30 s", "30–60 s", "1–3 min", "3–10 min", "≥ 10 min"];

export function devices(range: Range): Question {
  return {
    sql: `SELECT COALESCE(device_type, 'unknown') AS device, COUNT(*) AS sessions,
  AVG(CASE WHEN is_bounce THEN 1.0E0 ELSE 0.0E0 END) AS bounce_rate,
  AVG(session_duration_ms) / 1.0E3 AS avg_duration_seconds, AVG(page_count) AS avg_pages
${SESSIONS}
GROUP BY device
ORDER BY sessions DESC`,
    parameters: sessionBounds(range),
  };
}

/** The newest observation of each series since the given day. */
export function external(since: string): Question {
  return {
    sql: `SELECT source, metric, dimensions, unit, ARG_MAX(value, observed_at) AS value,
  MAX(observed_at) AS observed_at, COUNT(*) AS observations
FROM external_data_silver
WHERE observed_date >= CAST($since AS DATE)
GROUP BY source, metric, dimensions, unit
ORDER BY source, metric, dimensions
LIMIT 500`,
    parameters: { since },
  };
}
