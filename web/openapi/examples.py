"""What the operations answer, by example: structs of ours, so that types and tests hold them to schemas."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from msgspec import structs

from kafka_cluster.state import STREAMS_GROUP, ConsumerState, PartitionLag
from lakehouse.alerts.listing import AlertList, ListedAlert
from lakehouse.alerts.silences import Silence
from lakehouse.audit.reading import Recorded
from lakehouse.catalog import CatalogExport, Commit, TableDetail, TableEntry, TableSummary
from lakehouse.catalog.entries import CATALOG_VERSION, FailedRule, Quality, TableColumn, TableRule
from lakehouse.health.report import (
    Disk,
    LayerHealth,
    Report,
    ServiceHealth,
    SourceHealth,
    Storage,
    TableReport,
)
from lakehouse.jobs.history import Run
from lakehouse.lineage.columns import ColumnRef
from lakehouse.lineage.graph import Around, ColumnEdge, Edge, Node
from lakehouse.quality.results import Result
from lakehouse.reading.trace import Copy, GoldRow
from web.answers import QueryAnswer
from web.dead_letters import DeadLetter, DeadLetters, RefusedFor
from web.errors import KINDS, ProblemKind
from web.health import Component, Health, TableHealth
from web.hops import Hop
from web.journeys import Journey
from web.live import Latency, Moment, ServiceRate, SourceRate
from web.routes.platform import Me
from web.routes.quality import TableQuality
from web.sandbox.function_list import SqlFunction
from web.sandbox.protocol import Column
from web.streams import Session, Streams, Window, WorkerPartition

_AT = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
_HOUR = datetime(2026, 11, 25, 9, tzinfo=UTC)
_SILVER = "app_events_silver"
_GOLD = "event_metrics_gold"
_ABOUT = {_SILVER: "Each app event once, by event_id.", _GOLD: "App events by hour, event type and app type."}

_COMMITS = [
    Commit(
        version=version,
        timestamp=_AT,
        operation="WRITE",
        engine="delta-rs",
        rows_added=36,
        metadata={"dp.engine": "embedded"},
    )
    for version in (412, 411)
]

DETAIL = TableDetail(
    name=_GOLD,
    problem=None,
    layer="gold",
    description=_ABOUT[_GOLD],
    owner="data-platform",
    tags=["events", "metrics"],
    rows=8640,
    bytes=196_608,
    files=12,
    version=412,
    newest_event=_HOUR,
    updated_at=_AT,
    freshness="fresh",
    freshness_target_seconds=600.0,
    lag_seconds=0.0,
    quality_score=0.75,
    columns=[
        TableColumn(name="metric_date", type="date32[day]", nullable=False, description="UTC date."),
        TableColumn(name="metric_hour", type="int32", nullable=False, description="0 to 23, UTC."),
        TableColumn(name="event_type", type="string", nullable=False, description="What happened."),
        TableColumn(name="total_events", type="int64", nullable=False, description="Events of the hour."),
    ],
    key=["metric_date", "metric_hour", "event_type", "app_type"],
    time="",
    partition="metric_date",
    z_order=[],
    upstream=[_SILVER],
    downstream=[],
    retention_days=730.0,
    time_travel_days=7.0,
    oldest_version=180,
    versions_kept=233,
    rules=[
        TableRule(
            name="events_are_counted",
            severity="flag",
            over="row",
            fails_when="total_events <= 0",
            description="An hour without events has no row.",
        )
    ],
    quality=Quality(
        run_id="6b1f8a52",
        checked_at=_AT,
        score=0.75,
        rules=4,
        passed=3,
        failed=[FailedRule(rule="events_are_counted", severity="flag", rows_failed=2, message=None)],
    ),
    properties={"delta.enableChangeDataFeed": "false"},
    history=_COMMITS,
)
_FIELDS = structs.asdict(DETAIL)
TABLES = [TableSummary(**{name: _FIELDS[name] for name in TableSummary.__struct_fields__})]
HISTORY = _COMMITS
EXPORT = CatalogExport(
    catalog_version=CATALOG_VERSION,
    generated_at=_AT,
    tables=[TableEntry(**{name: _FIELDS[name] for name in TableEntry.__struct_fields__})],
)
EXPORT_MARKDOWN = f"# Catalog\n\n1 tables, 2026-11-25 09:30 UTC.\n\n## {_GOLD}\n\n…\n"
CATALOG_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": f"urn:dataplatform:catalog:{CATALOG_VERSION}",
    "title": "Catalog of the data platform",
    "$ref": "#/$defs/CatalogExport",
    "$defs": {},
}
LINEAGE = Around(
    name=_GOLD,
    direction="upstream",
    depth=1,
    nodes=[
        Node(name=_SILVER, layer="silver", description=_ABOUT[_SILVER]),
        Node(name=_GOLD, layer="gold", description=_ABOUT[_GOLD]),
    ],
    edges=[Edge(origin=_SILVER, to=_GOLD)],
    columns=[ColumnEdge(origin=ColumnRef(_SILVER, "user_id"), to=ColumnRef(_GOLD, "unique_users"))],
)
LINEAGE_MERMAID = f'flowchart LR\n  n0["{_SILVER}"]\n  n1["{_GOLD}"]\n  n0 --> n1\n'

ROWS = QueryAnswer(
    columns=[Column("event_type", "VARCHAR"), Column("events", "HUGEINT")],
    versions={_GOLD: 412},
    rows=[["screen_view", 52_113], ["login", 10_240], ["purchase", 2_871]],
    row_count=3,
    truncated=False,
    elapsed_ms=4.2,
)
ROWS_CSV = "event_type,events\r\nscreen_view,52113\r\nlogin,10240\r\npurchase,2871\r\n"
FUNCTIONS = [
    SqlFunction(
        name="date_trunc",
        kind="scalar",
        description="Truncate to specified precision",
        signatures=["date_trunc(part, timestamp)"],
        example="date_trunc('hour', TIMESTAMPTZ '1992-09-20 20:38:40')",
    )
]
PREVIEW = QueryAnswer(
    columns=[Column("event_id", "VARCHAR"), Column("event_timestamp", "TIMESTAMP WITH TIME ZONE")],
    versions={_SILVER: 5120},
    rows=[["6f1c2a", "2026-11-25T09:30:00.123456Z"]],
    row_count=1,
    truncated=True,
    elapsed_ms=2.9,
)

_RESTARTING = "ingestion is restarting: exit 1"
_SERVICE = ServiceHealth(
    name="ingestion",
    state="restarting",
    message="exit 1",
    pid=4711,
    restarts=1,
    memory_bytes=96_468_992,
    events_per_second=498.6,
    total=1_796_204,
    heartbeat_age_seconds=0.6,
    status="degraded",
    reasons=[_RESTARTING],
)
_DISK = Disk(total=512_110_190_592, free=201_863_462_912)
HEALTH = Health(
    status="degraded",
    at=_AT,
    live=True,
    ready=True,
    reasons=[_RESTARTING],
    components={"services": Component(status="degraded", reasons=[_RESTARTING])},
    services=[_SERVICE],
    tables={
        _SILVER: TableHealth(
            freshness="fresh", newest_event=_AT, lag_seconds=21.4, version=5120, status="ok", problem=None
        ),
    },
    disk=_DISK,
)
REPORT = Report(
    at=_AT,
    status="degraded",
    reasons=[_RESTARTING],
    services=[_SERVICE],
    layers=[LayerHealth(name="silver", status="ok", reasons=[], tables=7)],
    tables=[TableReport(name=_SILVER, layer="silver", freshness_target_seconds=60.0, version=5120)],
    disk=_DISK,
    storage=Storage(growth_bytes_per_day=2_147_483_648.0, days_until_full=94.0),
    sources=[SourceHealth(name="app_events", dead_letters=12, dead_letters_per_minute=0.0)],
)
_SILENCE = Silence(
    id="5d41402abc4b2a76",
    rule="service_degraded",
    subject="ingestion",
    until=_AT.replace(hour=11),
    by="ada",
    reason="The registry moves to another host.",
    created_at=_AT,
)
SILENCE = _SILENCE
ALERTS = AlertList(
    at=_AT,
    alerts=[
        ListedAlert(
            rule="service_degraded",
            subject="ingestion",
            severity="warning",
            says=_RESTARTING,
            runbook="docs/runbooks/service_degraded.md",
            state="firing",
            since=_AT,
            seen_at=_AT,
            fired_at=_AT,
            told=True,
            silenced_by=_SILENCE.id,
        )
    ],
    silences=[_SILENCE],
    undelivered=0,
)
QUALITY = [
    TableQuality(
        table=_SILVER,
        layer="silver",
        run_id="0f3c",
        checked_at=_AT,
        score=0.9792,
        rules=21,
        passed=20,
        results=[
            Result(
                rule="event_id_unique",
                severity="flag",
                passed=True,
                rows_checked=1_843_200,
                rows_failed=0,
                message=None,
            )
        ],
    )
]
ME = Me(name="alice", scope="query", keys=True)
KIND: ProblemKind = KINDS["timeout"]

STREAMS = Streams(
    at=_AT,
    windows=[
        Window(
            window_start=_AT,
            window_end=_AT.replace(minute=31),
            events=5988,
            users=812,
            errors=57,
            value=2310.5,
            is_final=False,
        )
    ],
    sessions=[
        Session(
            session_key="u-17/2026-11-25T09:21:07Z",
            user_id="u-17",
            session_start=_AT.replace(minute=21),
            session_end=_AT,
            duration_ms=540_000,
            page_count=6,
            click_count=14,
            entry_page="/",
            exit_page="/cart",
            device_type="phone",
            is_final=False,
            is_late=False,
        )
    ],
    open_sessions=211,
    total_sessions=10_982,
    partitions=[
        WorkerPartition(
            worker="faust-worker",
            source="app_events",
            partition=0,
            position=898_102,
            watermark=_AT,
            pending=410,
            lag=0,
        )
    ],
    broker="up",
    consumers=[
        ConsumerState(
            group=STREAMS_GROUP,
            state="running",
            processes=["faust-worker"],
            messages_per_second=498.6,
            bytes_per_second=182_044.0,
            commit_age_seconds=1.2,
            lag=3,
            partitions=[
                PartitionLag(
                    group=STREAMS_GROUP,
                    topic="topic_app_events",
                    partition=0,
                    committed=898_102,
                    end=898_105,
                    lag=3,
                )
            ],
        )
    ],
)
JOURNEY = Journey(
    event_id="6f1c2a",
    source="app_events",
    reached="silver",
    copies=[
        Copy(
            topic="topic_app_events",
            partition=0,
            offset=898_101,
            source_timestamp=_AT,
            ingest_timestamp=_AT,
            event_timestamp=_AT,
            landing_file=None,
            bronze_version=7204,
            bronze_loaded_at=_AT,
            silver="kept",
            silver_loaded_at=_AT,
        )
    ],
    gold=[GoldRow(table=_GOLD, row={"metric_hour": 9, "total_events": 52_113}, includes_event=True)],
)
_NO_TIME = "event_timestamp: expected RFC 3339, got 'yesterday'"
DEAD_LETTERS = DeadLetters(
    at=_AT,
    total=12,
    complete=True,
    by_reason=[
        RefusedFor(source="app_events", kind="wrong_type", reason=_NO_TIME, count=12, replayed=0, newest=_AT)
    ],
    letters=[
        DeadLetter(
            position="dead_letter/0/11",
            origin="topic_app_events/0/898100",
            source="app_events",
            kind="wrong_type",
            reason=_NO_TIME,
            attempts=1,
            dead_lettered_at=_AT,
            replayed=False,
            raw='{"event_id": "6f1c2b", "event_timestamp": "yesterday"}',
            encoding="text",
            raw_bytes=54,
        )
    ],
)
AUDIT = [
    Recorded(
        at=_AT,
        action="api.query",
        user="alice",
        details={"request": "b1946ac9", "method": "POST", "status": 200, "rows": 3, "tables": [_GOLD]},
        texts={"path": "/query", "statement": f"SELECT count(*) FROM {_GOLD}"},
        service="lakehouse-api",
        process="20261125T070002-5e171969",
        chain="lakehouse-api",
        seq=18_204,
    )
]
RUNS = [
    Run(
        run_id="9f2b44d0",
        job="user_segments",
        run_date=date(2026, 11, 24),
        trigger="schedule",
        attempt=1,
        status="succeeded",
        engine="spark",
        started_at=_AT.replace(hour=2),
        ended_at=_AT.replace(hour=2, minute=31),
        rows_in=1_204_332,
        rows_out=4_980,
    )
]
METRICS = (
    "# HELP dp_service_up Whether it has spoken in the last 15 s, and well.\n"
    "# TYPE dp_service_up gauge\n"
    'dp_service_up{service="ingestion"} 1.0\n'
)
MOMENT = Moment(
    at=_AT.timestamp(),
    services=[ServiceRate(name="ingestion", state="running", events_per_second=498.6, total=1_796_204)],
    sources=[
        SourceRate(
            name="app_events",
            events_per_second=99.8,
            invalid_per_second=0.0,
            lag=0,
            latency_ms=Latency(p50=112.0, p95=238.0),
            newest_event_age_seconds=0.4,
        )
    ],
    versions={_SILVER: 5120, _GOLD: 412},
    hops=[
        Hop(
            name="ingestion",
            label="Ingestion",
            events_per_second=498.6,
            lag=0.0,
            lag_unit="records",
            freshness_seconds=0.4,
            status="degraded",
            reasons=[_RESTARTING],
        )
    ],
    health="degraded",
    firing=1,
)
