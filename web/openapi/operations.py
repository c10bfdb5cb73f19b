"""What handlers do not say of their operations: examples, forms other than JSON, and headers."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from web.answers import FORMATS
from web.openapi import examples, headers
from web.openapi.problems import QUERIES
from web.routes.catalog import MARKDOWN

EVENT_STREAM = "text/event-stream"


class Told(Struct, frozen=True, kw_only=True):
    """Of one operation."""

    example: Any = None
    """Of its JSON answer; None: it has none."""
    texts: dict[str, str] = {}
    """An example by media type of each other form that is text."""
    files: tuple[str, ...] = ()
    """Media types of its other forms."""
    items: Any = None
    """Struct of the `data` of each event of a stream."""
    bodies: dict[str, Any] = {}
    """Bodies to send it, by what they show."""
    headers: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    """Kinds of problem beyond those that follow from its route."""
    also: dict[int, str] = {}
    """Further statuses that come with the same body, and when."""


_MOMENT = b"retry: 2000\n\nevent: moment\nid: 1\ndata: %b\n\n" % msgspec.json.encode(examples.MOMENT)
_BY_TYPE = (
    "SELECT event_type, sum(total_events) AS events FROM event_metrics_gold GROUP BY event_type "
    "ORDER BY events DESC"
)

OPERATIONS: dict[str, Told] = {
    "Health": Told(example=examples.HEALTH, also={503: "`status` is failed; the body is the same."}),
    "HealthReport": Told(
        example=examples.REPORT, texts={"text/html": "<!doctype html><title>Health</title>…"}
    ),
    "Alerts": Told(example=examples.ALERTS),
    "AddSilence": Told(
        example=examples.SILENCE,
        bodies={
            "one service for two hours": {
                "rule": "service_degraded",
                "subject": "ingestion",
                "seconds": 7200,
                "reason": "The registry moves to another host.",
            }
        },
        problems=("contract", "not_found"),
    ),
    "RemoveSilence": Told(example=examples.ALERTS, problems=("contract",)),
    "Quality": Told(example=examples.QUALITY, problems=("not_found",)),
    "QualityTrend": Told(example=examples.QUALITY),
    "Me": Told(example=examples.ME),
    "Problem": Told(example=examples.KIND),
    "ListTables": Told(example=examples.TABLES),
    "GetTable": Told(example=examples.DETAIL),
    "TableHistory": Told(example=examples.HISTORY),
    "AnnotateTable": Told(
        example=examples.DETAIL,
        bodies={
            "owner and tags": {"owner": "growth@shop.example", "tags": ["events", "kpi"]},
            "owner alone": {"owner": "growth@shop.example"},
        },
        problems=("contract",),
    ),
    "PreviewTable": Told(example=examples.PREVIEW, headers=headers.ROWS[:3], problems=QUERIES),
    "ExportCatalog": Told(example=examples.EXPORT, texts={MARKDOWN: examples.EXPORT_MARKDOWN}),
    "CatalogSchema": Told(example=examples.CATALOG_SCHEMA),
    "Lineage": Told(example=examples.LINEAGE, texts={"text/plain": examples.LINEAGE_MERMAID}),
    "Query": Told(
        example=examples.ROWS,
        texts={"text/csv": examples.ROWS_CSV},
        files=tuple(media for media, form in FORMATS.items() if form in ("arrow", "parquet")),
        bodies={
            "events by type": {"sql": _BY_TYPE},
            "a parameter": {
                "sql": "SELECT * FROM daily_summary_gold WHERE summary_date >= $since::DATE",
                "parameters": {"since": "2026-11-01"},
            },
            "as it was, as CSV": {
                "sql": "SELECT segment, count(*) AS users FROM user_segments_gold GROUP BY segment",
                "as_of": "2026-11-24T00:00:00Z",
                "format": "csv",
            },
        },
        headers=headers.ROWS,
        problems=(*QUERIES, "not_acceptable"),
    ),
    "Functions": Told(example=examples.FUNCTIONS, headers=("ETag",)),
    "Audit": Told(example=examples.AUDIT),
    "Streams": Told(example=examples.STREAMS, problems=QUERIES),
    "Trace": Told(example=examples.JOURNEY, problems=("timeout", "busy", "unavailable")),
    "DeadLetters": Told(example=examples.DEAD_LETTERS),
    "Jobs": Told(example=examples.RUNS),
    "Metrics": Told(texts={"text/plain": examples.METRICS}),
    "Events": Told(texts={EVENT_STREAM: _MOMENT.decode()}, items=type(examples.MOMENT)),
}
"""By operation id."""

PARAMETERS: dict[str, Any] = {
    "action": "table.*",
    "as_of": "2026-11-24T00:00:00Z",
    "code": "timeout",
    "column": "user_id",
    "columns": "event_id,user_id,event_timestamp",
    "depth": 1,
    "direction": "upstream",
    "event_id": "6f1c2a",
    "format": "json",
    "job": "user_segments",
    "kind": "wrong_type",
    "layer": "gold",
    "limit": 20,
    "name": "event_metrics_gold",
    "order": "-event_timestamp",
    "owner": "data-platform",
    "q": "events hour",
    "silence_id": "5d41402abc4b2a76",
    "since": "2026-11-24T00:00:00Z",
    "source": "app_events",
    "status": "succeeded",
    "table": "app_events_silver",
    "tag": "metrics",
    "until": "2026-11-25T00:00:00Z",
    "user": "alice",
    "where": "event_type = 'purchase' AND event_value > 10",
}
"""An example of each parameter; of those that are true or false there is none."""

TAGS = {
    "platform": "How the platform is, and what problems mean.",
    "tables": "The tables: what is in them, their versions, their newest rows, their owners.",
    "catalog": "All tables as one document, and where data come from.",
    "quality": "What checks said of the tables, now and before.",
    "sql": "Read-only SQL over the tables, in DuckDB's dialect.",
    "audit": "Who did what, and when.",
    "live": "What goes on now: streams, batch runs, metrics, a moment a second.",
}
