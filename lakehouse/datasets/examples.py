"""A question that each table answers, as SQL that readers can run."""

from __future__ import annotations

from msgspec import Struct


class Example(Struct, frozen=True):
    """A question, and the query that answers it."""

    question: str
    sql: str


EXAMPLES: dict[str, Example] = {
    "events_aggregated_realtime": Example(
        "Which events came in the last minutes?",
        "SELECT window_start, event_type, sum(event_count) AS events\n"
        "FROM events_aggregated_realtime\n"
        "GROUP BY ALL\n"
        "ORDER BY window_start DESC, events DESC\n"
        "LIMIT 20",
    ),
    "clickstream_sessions": Example(
        "Who is on the site now, and where?",
        "SELECT user_id, session_start, page_count, exit_page\n"
        "FROM clickstream_sessions\n"
        "WHERE NOT is_final\n"
        "ORDER BY session_end DESC\n"
        "LIMIT 20",
    ),
    "cdc_transformed": Example(
        "What changed last in the captured databases?",
        'SELECT commit_timestamp, "database", "table", operation, "key"\n'
        "FROM cdc_transformed\n"
        "ORDER BY commit_timestamp DESC\n"
        "LIMIT 20",
    ),
    "app_events_bronze": Example(
        "Which deliveries have a flag, and which?",
        "SELECT flag, count(*) AS deliveries\n"
        "FROM (SELECT unnest(quality_flags) AS flag FROM app_events_bronze)\n"
        "GROUP BY flag\n"
        "ORDER BY deliveries DESC",
    ),
    "clickstream_bronze": Example(
        "How long did clicks take from the browser to ingestion?",
        "SELECT click_date, quantile_cont(epoch(ingest_timestamp - click_timestamp), 0.95) AS p95_seconds\n"
        "FROM clickstream_bronze\n"
        "GROUP BY click_date\n"
        "ORDER BY click_date DESC",
    ),
    "users_bronze": Example(
        "How often was each profile sent?",
        "SELECT user_id, count(*) AS records, max(updated_at) AS newest\n"
        "FROM users_bronze\n"
        "GROUP BY user_id\n"
        "ORDER BY records DESC, user_id\n"
        "LIMIT 20",
    ),
    "external_data_bronze": Example(
        "Which feeds send, and how late?",
        "SELECT source, count(*) AS records, avg(epoch(ingest_timestamp - observed_at)) AS mean_seconds\n"
        "FROM external_data_bronze\n"
        "GROUP BY source\n"
        "ORDER BY records DESC",
    ),
    "cdc_changes_bronze": Example(
        "How many changes of which kind does each table have?",
        'SELECT "table", operation, count(*) AS changes\n'
        "FROM cdc_changes_bronze\n"
        "GROUP BY ALL\n"
        "ORDER BY changes DESC",
    ),
    "app_events_silver": Example(
        "What do users spend, by country?",
        "SELECT country, count(*) AS purchases, round(sum(event_value), 2) AS spent\n"
        "FROM app_events_silver\n"
        "WHERE event_type = 'purchase'\n"
        "GROUP BY country\n"
        "ORDER BY spent DESC NULLS LAST",
    ),
    "clickstream_silver": Example(
        "Where do sessions begin, and how many of them bounce?",
        "SELECT entry_page, count(*) AS sessions, avg(is_bounce::INT) AS bounce_rate\n"
        "FROM clickstream_silver\n"
        "GROUP BY entry_page\n"
        "ORDER BY sessions DESC",
    ),
    "external_data_silver": Example(
        "What is the last value of each feed's metrics?",
        "SELECT source, metric, arg_max(value, observed_at) AS value, max(observed_at) AS observed_at\n"
        "FROM external_data_silver\n"
        "GROUP BY ALL\n"
        "ORDER BY source, metric",
    ),
    "entities_silver": Example(
        "What are the captured tables' rows now?",
        'SELECT "table", "key", "row", valid_from\n'
        "FROM entities_silver\n"
        "WHERE is_current\n"
        'ORDER BY "table", "key"\n'
        "LIMIT 20",
    ),
    "user_activity_silver": Example(
        "Who were the most active users of each day?",
        "SELECT activity_date, user_id, total_events\n"
        "FROM user_activity_silver\n"
        "QUALIFY row_number() OVER (PARTITION BY activity_date ORDER BY total_events DESC, user_id) <= 3\n"
        "ORDER BY activity_date DESC, total_events DESC",
    ),
    "users_silver": Example(
        "How many users has each plan?",
        "SELECT plan, count(*) AS users\nFROM users_silver\nGROUP BY plan\nORDER BY users DESC",
    ),
    "quarantine_silver": Example(
        "Which rules refuse rows, of which tables?",
        'SELECT "dataset", rule, count(*) AS refused\n'
        "FROM quarantine_silver\n"
        "GROUP BY ALL\n"
        "ORDER BY refused DESC",
    ),
    "platform_metrics_silver": Example(
        "How was each component lately?",
        "SELECT component, arg_max(status, sampled_at) AS status, max(sampled_at) AS sampled_at\n"
        "FROM platform_metrics_silver\n"
        "WHERE status IS NOT NULL\n"
        "GROUP BY component\n"
        "ORDER BY component",
    ),
    "event_metrics_gold": Example(
        "What happened, by hour?",
        "SELECT metric_date, metric_hour, event_type, sum(total_events) AS events\n"
        "FROM event_metrics_gold\n"
        "GROUP BY ALL\n"
        "ORDER BY metric_date DESC, metric_hour DESC, events DESC",
    ),
    "hourly_metrics_gold": Example(
        "How fast and how faulty were the apps?",
        "SELECT metric_date, metric_hour, p95_response_time_ms, error_rate, health_status\n"
        "FROM hourly_metrics_gold\n"
        "ORDER BY metric_date DESC, metric_hour DESC\n"
        "LIMIT 24",
    ),
    "daily_summary_gold": Example(
        "Do users come back?",
        "SELECT summary_date, total_users, new_users, retention_d1, retention_d7\n"
        "FROM daily_summary_gold\n"
        "ORDER BY summary_date DESC",
    ),
    "user_segments_gold": Example(
        "Whom is it worth winning back?",
        "SELECT user_id, segment, churn_risk, recommended_action\n"
        "FROM user_segments_gold\n"
        "WHERE recommended_action = 'win_back'\n"
        "ORDER BY churn_risk DESC, user_id\n"
        "LIMIT 20",
    ),
    "catalog_annotations": Example(
        "Who changed owners and tags?",
        'SELECT annotated_at, "dataset", owner, tags, annotated_by\n'
        "FROM catalog_annotations\n"
        "ORDER BY annotated_at DESC",
    ),
    "quality_results": Example(
        "Which rules failed at the last checks?",
        'SELECT checked_at, "dataset", rule, rows_failed, message\n'
        "FROM quality_results\n"
        "WHERE NOT passed\n"
        "ORDER BY checked_at DESC\n"
        "LIMIT 20",
    ),
    "batch_runs": Example(
        "How long do batch jobs take?",
        "SELECT job, run_date, status, epoch(ended_at - started_at) AS seconds\n"
        "FROM batch_runs\n"
        "ORDER BY started_at DESC\n"
        "LIMIT 20",
    ),
}
"""By table. In DuckDB's SQL, as `POST /query` and `dp sql` run it."""
