"""The two dashboards: what they show, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

Kind = Literal["timeseries", "stat", "table", "bargauge"]


class Panel(Struct, frozen=True, kw_only=True):
    """One panel: expressions, each with what its series are called."""

    title: str
    about: str
    kind: Kind = "timeseries"
    unit: str = "short"
    shows: tuple[tuple[str, str], ...]
    """(expression, legend)"""
    width: int = 8
    bad_above: float | None = None
    bad_below: float | None = None


class Row(Struct, frozen=True):
    """Panels side by side under a heading."""

    title: str
    panels: tuple[Panel, ...]
    height: int = 8


class Dashboard(Struct, frozen=True, kw_only=True):
    """One dashboard."""

    uid: str
    title: str
    about: str
    rows: tuple[Row, ...]
    since: str = "now-3h"

    def expressions(self) -> Iterator[str]:
        """Everything that it asks Prometheus."""
        for row in self.rows:
            for panel in row.panels:
                yield from (expression for expression, _ in panel.shows)


OPERATIONS = Dashboard(
    uid="dp-operations",
    title="Operations",
    about="Whether the platform is well, and what it has to do.",
    rows=(
        Row(
            "Health",
            (
                Panel(
                    title="Ready",
                    about="Whether the platform does what it is for.",
                    kind="stat",
                    shows=(("dp_health_ready", "ready"),),
                    width=4,
                    bad_below=1,
                ),
                Panel(
                    title="Alerts firing",
                    about="Of the platform's own monitor.",
                    kind="stat",
                    shows=(('count(dp_alert{state="firing"}) or vector(0)', "firing"),),
                    width=4,
                    bad_above=0,
                ),
                Panel(
                    title="Processes that answer",
                    about="Share of Prometheus' targets.",
                    kind="stat",
                    unit="percentunit",
                    shows=(("avg(up)", "up"),),
                    width=4,
                    bad_below=1,
                ),
                Panel(
                    title="Findings",
                    about="Rules that do not hold now.",
                    kind="table",
                    shows=(("max by (rule, subject, status) (dp_finding)", ""),),
                    width=12,
                ),
            ),
            height=6,
        ),
        Row(
            "Flow",
            (
                Panel(
                    title="Events a second",
                    about="Handled by each service.",
                    unit="eps",
                    shows=(("dp:events:rate5m", "{{service}}"),),
                ),
                Panel(
                    title="Records still to read",
                    about="By consumer group.",
                    shows=(("dp:consumer_lag:sum", "{{group}}"),),
                ),
                Panel(
                    title="Since the last commit",
                    about="By consumer group.",
                    unit="s",
                    shows=(("dp_consumer_commit_age_seconds", "{{group}}"),),
                ),
                Panel(
                    title="Dead letters a minute",
                    about="Refused records by source.",
                    shows=(("dp:dead_letters:per_minute", "{{source}}"),),
                ),
                Panel(
                    title="Flush",
                    about="How long the last flush of a stream worker took.",
                    unit="s",
                    shows=(("dp_worker_flush_seconds", "{{worker}}"),),
                ),
                Panel(
                    title="Open windows and sessions",
                    about="In the stream workers.",
                    shows=(
                        ("sum by (source) (dp_stream_open_windows)", "windows {{source}}"),
                        ("sum by (source) (dp_stream_open_sessions)", "sessions {{source}}"),
                    ),
                ),
            ),
        ),
        Row(
            "Tables",
            (
                Panel(
                    title="Behind what it is built from",
                    about="As a share of the freshness target; stale at 2 by default.",
                    unit="percentunit",
                    shows=(("dp:table_behind:share", "{{table}}"),),
                    bad_above=2,
                ),
                Panel(
                    title="Rows",
                    about="Of the newest version.",
                    shows=(("dp_table_rows", "{{table}}"),),
                ),
                Panel(
                    title="Quality",
                    about="Share of rules that held at the newest check.",
                    unit="percentunit",
                    shows=(("dp_table_quality_score", "{{table}}"),),
                ),
            ),
        ),
        Row(
            "Room",
            (
                Panel(
                    title="Disk left",
                    about="Of the data root's file system.",
                    unit="percentunit",
                    shows=(("dp:disk_free:share", "free"),),
                    bad_below=0.05,
                ),
                Panel(
                    title="Bytes",
                    about="By layer and place.",
                    unit="bytes",
                    shows=(("dp_storage_bytes", "{{place}}"), ("sum(dp_topic_bytes)", "topics")),
                ),
                Panel(
                    title="Small files",
                    about="By layer and place.",
                    shows=(("dp_storage_small_files", "{{place}}"),),
                ),
            ),
        ),
        Row(
            "API",
            (
                Panel(
                    title="Queries a second",
                    about="By where the answer is from: kept, or run.",
                    unit="reqps",
                    shows=(("dp:queries:rate5m", "{{from}}"),),
                ),
                Panel(
                    title="Answers kept",
                    about="Memory that they take.",
                    unit="bytes",
                    shows=(("dp_api_kept_bytes", "kept"),),
                ),
                Panel(
                    title="Batch jobs",
                    about="Whether the newest run succeeded.",
                    kind="stat",
                    shows=(("dp_job_succeeded", "{{job}}"),),
                    bad_below=1,
                ),
            ),
        ),
    ),
)

BUSINESS = Dashboard(
    uid="dp-business",
    title="Business",
    about="The newest day and hour of the gold tables; the days before are in the tables.",
    since="now-24h",
    rows=(
        Row(
            "Today (UTC)",
            (
                Panel(
                    title="Events",
                    about="event_metrics_gold.",
                    kind="stat",
                    shows=(("sum(dp_business_day_events)", "events"),),
                    width=4,
                ),
                Panel(
                    title="Value of purchases",
                    about="event_metrics_gold.",
                    kind="stat",
                    unit="currencyUSD",
                    shows=(('sum(dp_business_day_value{event_type="purchase"})', "value"),),
                    width=5,
                ),
                Panel(
                    title="Users",
                    about="daily_summary_gold.",
                    kind="stat",
                    shows=(("dp_business_day_users", "users"), ("dp_business_day_new_users", "new")),
                    width=5,
                ),
                Panel(
                    title="Sessions",
                    about="daily_summary_gold.",
                    kind="stat",
                    shows=(("dp_business_day_sessions", "sessions"),),
                    width=5,
                ),
                Panel(
                    title="Bounce rate",
                    about="Share of sessions with one event.",
                    kind="stat",
                    unit="percentunit",
                    shows=(("dp_business_day_bounce_rate", "bounced"),),
                    width=5,
                ),
            ),
            height=5,
        ),
        Row(
            "Events",
            (
                Panel(
                    title="Events by type",
                    about="Of the day so far.",
                    kind="bargauge",
                    shows=(("sum by (event_type) (dp_business_day_events)", "{{event_type}}"),),
                ),
                Panel(
                    title="Value by app",
                    about="Of the day so far; it starts anew at midnight UTC.",
                    unit="currencyUSD",
                    shows=(("sum by (app_type) (dp_business_day_value)", "{{app_type}}"),),
                ),
                Panel(
                    title="Purchases per view",
                    about="Purchases over page and screen views, of the day so far.",
                    unit="percentunit",
                    shows=(
                        (
                            'sum(dp_business_day_events{event_type="purchase"})'
                            ' / sum(dp_business_day_events{event_type=~"page_view|screen_view"})',
                            "purchases",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "This hour",
            (
                Panel(
                    title="Events",
                    about="hourly_metrics_gold; late ones among them.",
                    shows=(("dp_business_hour_events", "events"), ("dp_business_hour_late_events", "late")),
                ),
                Panel(
                    title="Errors",
                    about="Share of the hour's events.",
                    unit="percentunit",
                    shows=(("dp_business_hour_error_rate", "errors"),),
                ),
                Panel(
                    title="Response time",
                    about="95 of 100 were answered within.",
                    unit="ms",
                    shows=(("dp_business_hour_p95_response_ms", "p95"),),
                ),
            ),
        ),
        Row(
            "Users",
            (
                Panel(
                    title="Segments",
                    about="user_segments_gold, made at 02:00.",
                    kind="bargauge",
                    shows=(("dp_business_users", "{{segment}}"),),
                    width=12,
                ),
                Panel(
                    title="Came back",
                    about="Share of users seen again one day later, and seven.",
                    unit="percentunit",
                    shows=(
                        ("dp_business_retention_d1", "after a day"),
                        ("dp_business_retention_d7", "after seven days"),
                    ),
                    width=12,
                ),
            ),
        ),
    ),
)

DASHBOARDS = {"operations": OPERATIONS, "business": BUSINESS}
"""By the name of the file."""
