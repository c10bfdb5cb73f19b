"""Lineage: of each model's columns against what a reader of its SQL finds, and of tables against the
declarations; what SQL may be written like; the way around the graph, cycles too."""

from __future__ import annotations

import re

import msgspec
import pytest
from msgspec import structs

from contracts.errors import ContractError, NotFound
from contracts.sources import SOURCES
from lakehouse.catalog import TABLES
from lakehouse.jobs.declaration import JOBS
from lakehouse.lineage import ColumnRef, Lineage
from lakehouse.lineage.columns import sources
from lakehouse.lineage.drawing import mermaid
from lakehouse.lineage.relations import MADE, as_it_is, read_by
from lakehouse.medallion.entities import TRUNCATES
from lakehouse.medallion.sessions import TOUCHED
from lakehouse.medallion.unavailable import COMPLETED

LINEAGE = Lineage(TABLES)

Expected = dict[str, list[str]]

# What a click's place among its user's clicks, and so the number of its session, is made of.
CLICK = [
    "clickstream_bronze.click_timestamp",
    "clickstream_bronze.session_id",
    "clickstream_bronze.source_offset",
    "clickstream_bronze.source_partition",
    "clickstream_bronze.source_topic",
    "clickstream_bronze.user_id",
]
# What names a captured row, and what puts its changes in order.
CHANGED_ROW = [
    "cdc_changes_bronze.database",
    "cdc_changes_bronze.key",
    "cdc_changes_bronze.schema",
    "cdc_changes_bronze.table",
]
CHANGE_ORDER = [
    "cdc_changes_bronze.is_snapshot",
    "cdc_changes_bronze.sequence",
    "cdc_changes_bronze.source_offset",
    "cdc_changes_bronze.source_partition",
    "cdc_changes_bronze.source_topic",
]
# What puts the records of a user in order.
RECORD = [
    "users_bronze.load_timestamp",
    "users_bronze.source_offset",
    "users_bronze.source_partition",
    "users_bronze.source_timestamp",
    "users_bronze.updated_at",
    "users_bronze.user_id",
]
IS_ERROR = ["app_events_silver.error_code", "app_events_silver.event_type", "app_events_silver.status_code"]
DAY = ["user_activity_silver.activity_date"]
FIRST_SEEN = [*DAY, "users_silver.first_seen_date"]
SCORE = [*DAY, "user_activity_silver.event_value_sum", "user_activity_silver.total_events"]
VIEW_DAY = ["clickstream_sessions.session_start", "events_aggregated_realtime.window_start"]
VIEW_USER = ["clickstream_sessions.user_id", "events_aggregated_realtime.user_id"]
VIEW_SCORE = [
    "clickstream_sessions.session_start",
    "events_aggregated_realtime.event_count",
    "events_aggregated_realtime.event_value_sum",
    "events_aggregated_realtime.window_start",
]
PLACE = ("source_topic", "source_partition", "source_offset")
LANDED = (*PLACE, "source_timestamp", "ingest_timestamp", "source_system", "is_late")


def words(text: str) -> list[str]:
    return text.split()


APP_EVENT = words(
    "event_id user_id session_id event_type app_type platform app_version country event_timestamp "
    "event_value response_time_ms status_code error_code properties"
)
CLICK_EVENT = words(
    "click_id user_id session_id click_timestamp action page_url referrer_url element device_type user_agent "
    "properties"
)
USER_RECORD = words("user_id updated_at email_sha256 name country plan signup_timestamp is_active")
OBSERVATION = words("record_id source metric value observed_at unit dimensions")
CHANGE = words(
    "change_id op operation is_snapshot connector database schema table key before after changed_columns "
    "unavailable_columns commit_timestamp sequence envelope"
)


def same(dataset: str, *names: str) -> Expected:
    return {name: [f"{dataset}.{name}"] for name in names}


def nothing(*names: str) -> Expected:
    return {name: [] for name in names}


MODELS: dict[str, Expected] = {
    "app_events_silver": {
        **same("app_events_bronze", *APP_EVENT, *LANDED),
        "event_date": ["app_events_bronze.event_timestamp"],
        "event_hour": ["app_events_bronze.event_timestamp"],
    },
    "clickstream_silver": {
        "session_key": [
            "clickstream_bronze.click_timestamp",
            "clickstream_bronze.session_id",
            "clickstream_bronze.user_id",
        ],
        **same("clickstream_bronze", "user_id", "session_id"),
        "session_start": ["clickstream_bronze.click_timestamp"],
        "session_end": ["clickstream_bronze.click_timestamp"],
        "session_duration_ms": ["clickstream_bronze.click_timestamp"],
        "page_sequence": sorted([*CLICK, "clickstream_bronze.action", "clickstream_bronze.page_url"]),
        "page_count": ["clickstream_bronze.action"],
        "click_count": [],
        "entry_page": sorted([*CLICK, "clickstream_bronze.page_url"]),
        "exit_page": sorted([*CLICK, "clickstream_bronze.page_url"]),
        "is_bounce": ["clickstream_bronze.action"],
        "referrer_url": sorted([*CLICK, "clickstream_bronze.referrer_url"]),
        "device_type": sorted([*CLICK, "clickstream_bronze.device_type"]),
        "session_date": ["clickstream_bronze.click_timestamp"],
    },
    "external_data_silver": {
        **same("external_data_bronze", *OBSERVATION, "extra", *LANDED),
        "observed_date": ["external_data_bronze.observed_at"],
        "observed_hour": ["external_data_bronze.observed_at"],
    },
    "entities_silver": {
        **same("cdc_changes_bronze", "database", "schema", "table", "key", "operation", "is_snapshot"),
        **same("cdc_changes_bronze", "sequence", *PLACE),
        "row": ["cdc_changes_bronze.after", "cdc_changes_bronze.operation"],
        "valid_from": ["cdc_changes_bronze.commit_timestamp"],
        "valid_to": sorted([*CHANGED_ROW, *CHANGE_ORDER, "cdc_changes_bronze.commit_timestamp"]),
        "is_current": sorted(
            [*CHANGED_ROW, *CHANGE_ORDER, "cdc_changes_bronze.after", "cdc_changes_bronze.operation"]
        ),
        "is_deleted": ["cdc_changes_bronze.after", "cdc_changes_bronze.operation"],
    },
    "user_activity_silver": {
        "user_id": ["app_events_silver.user_id", "clickstream_silver.user_id"],
        "activity_date": ["app_events_silver.event_date", "clickstream_silver.session_date"],
        "total_events": [],
        "total_sessions": [],
        "bounced_sessions": ["clickstream_silver.is_bounce"],
        "session_duration_ms": ["clickstream_silver.session_duration_ms"],
        "event_value_sum": ["app_events_silver.event_value"],
        "error_count": IS_ERROR,
        "first_event_at": ["app_events_silver.event_timestamp", "clickstream_silver.session_start"],
        "last_event_at": ["app_events_silver.event_timestamp", "clickstream_silver.session_end"],
    },
    "users_silver": {
        "user_id": ["user_activity_silver.user_id", "users_bronze.user_id"],
        "first_seen_date": DAY,
        "last_seen_date": DAY,
        "total_events": ["user_activity_silver.total_events"],
        "total_sessions": ["user_activity_silver.total_sessions"],
        "total_event_value": ["user_activity_silver.event_value_sum"],
        "email_sha256": sorted([*RECORD, "users_bronze.email_sha256"]),
        "name": sorted([*RECORD, "users_bronze.name"]),
        "country": sorted([*RECORD, "users_bronze.country"]),
        "plan": sorted([*RECORD, "users_bronze.plan"]),
        "signup_timestamp": sorted([*RECORD, "users_bronze.signup_timestamp"]),
        "is_active": sorted([*RECORD, "users_bronze.is_active"]),
        "updated_at": ["users_bronze.updated_at"],
        "email_sha256_updated_at": ["users_bronze.email_sha256", "users_bronze.updated_at"],
        "name_updated_at": ["users_bronze.name", "users_bronze.updated_at"],
        "country_updated_at": ["users_bronze.country", "users_bronze.updated_at"],
        "plan_updated_at": ["users_bronze.plan", "users_bronze.updated_at"],
        "signup_timestamp_updated_at": ["users_bronze.signup_timestamp", "users_bronze.updated_at"],
        "is_active_updated_at": ["users_bronze.is_active", "users_bronze.updated_at"],
    },
    "event_metrics_gold": {
        "metric_date": ["app_events_silver.event_date"],
        "metric_hour": ["app_events_silver.event_hour"],
        **same("app_events_silver", "event_type", "app_type"),
        "total_events": [],
        "unique_users": ["app_events_silver.user_id"],
        "min_event_value": ["app_events_silver.event_value"],
        "max_event_value": ["app_events_silver.event_value"],
        "avg_event_value": ["app_events_silver.event_value"],
        "total_event_value": ["app_events_silver.event_value"],
    },
    "hourly_metrics_gold": {
        "metric_date": [
            "app_events_silver.event_date",
            "platform_metrics_silver.sampled_at",
            "quarantine_silver.quarantined_at",
        ],
        "metric_hour": [
            "app_events_silver.event_hour",
            "platform_metrics_silver.sampled_at",
            "quarantine_silver.quarantined_at",
        ],
        "total_events": [],
        "avg_response_time_ms": ["app_events_silver.response_time_ms"],
        "p50_response_time_ms": ["app_events_silver.response_time_ms"],
        "p95_response_time_ms": ["app_events_silver.response_time_ms"],
        "p99_response_time_ms": ["app_events_silver.response_time_ms"],
        "error_count": IS_ERROR,
        "error_rate": IS_ERROR,
        "status_2xx": ["app_events_silver.status_code"],
        "status_3xx": ["app_events_silver.status_code"],
        "status_4xx": ["app_events_silver.status_code"],
        "status_5xx": ["app_events_silver.status_code"],
        "ingest_lag_p95_ms": ["app_events_silver.event_timestamp", "app_events_silver.ingest_timestamp"],
        "late_events": ["app_events_silver.is_late"],
        "dead_letters": ["platform_metrics_silver.metric", "platform_metrics_silver.value"],
        "quarantined_rows": [],
        "health_status": ["platform_metrics_silver.status"],
    },
    "daily_summary_gold": {
        "summary_date": DAY,
        "total_users": [],
        "new_users": FIRST_SEEN,
        "returning_users": FIRST_SEEN,
        "return_user_percentage": FIRST_SEEN,
        "total_sessions": ["user_activity_silver.total_sessions"],
        "bounce_rate": ["user_activity_silver.bounced_sessions", "user_activity_silver.total_sessions"],
        "avg_session_duration_seconds": [
            "user_activity_silver.session_duration_ms",
            "user_activity_silver.total_sessions",
        ],
        "total_events": ["user_activity_silver.total_events"],
        "total_event_value": ["user_activity_silver.event_value_sum"],
        "retention_d1": [*DAY, "user_activity_silver.user_id"],
        "retention_d7": [*DAY, "user_activity_silver.user_id"],
        "summary_year": DAY,
    },
    "user_segments_gold": {
        "user_id": ["user_activity_silver.user_id"],
        "segment": SCORE,
        "engagement_score": SCORE,
        "churn_risk": [*DAY, "user_activity_silver.user_id"],
        "recommended_action": [*SCORE, "user_activity_silver.user_id"],
        "reasons": [*DAY, "user_activity_silver.total_events"],
        "last_seen_date": DAY,
        "as_of_date": [],
    },
    "hourly_aggregates": {
        "metric_date": ["events_aggregated_realtime.window_start"],
        "metric_hour": ["events_aggregated_realtime.window_start"],
        **same("events_aggregated_realtime", "event_type", "app_type", "event_count", "event_value_sum"),
        **same("events_aggregated_realtime", "event_value_min", "event_value_max", "error_count"),
        "unique_users": ["events_aggregated_realtime.user_id"],
        "event_value_avg": [
            "events_aggregated_realtime.event_count",
            "events_aggregated_realtime.event_value_sum",
        ],
    },
    "daily_summaries": {
        "summary_date": VIEW_DAY,
        "total_users": [],
        "new_users": VIEW_DAY,
        "returning_users": VIEW_DAY,
        "return_user_percentage": VIEW_DAY,
        "total_sessions": [],
        "bounce_rate": ["clickstream_sessions.is_bounce"],
        "avg_session_duration_seconds": ["clickstream_sessions.duration_ms"],
        "total_events": ["events_aggregated_realtime.event_count"],
        "total_event_value": ["events_aggregated_realtime.event_value_sum"],
        "retention_d1": sorted([*VIEW_DAY, *VIEW_USER]),
        "retention_d7": sorted([*VIEW_DAY, *VIEW_USER]),
        "summary_year": VIEW_DAY,
    },
    "user_segments": {
        "user_id": VIEW_USER,
        "segment": VIEW_SCORE,
        "engagement_score": VIEW_SCORE,
        "churn_risk": sorted([*VIEW_DAY, *VIEW_USER]),
        "recommended_action": sorted([*VIEW_SCORE, *VIEW_USER]),
        "reasons": sorted([*VIEW_DAY, "events_aggregated_realtime.event_count"]),
        "last_seen_date": VIEW_DAY,
        "as_of_date": [],
    },
}
"""Of each model: each column that it gives, and the columns that its expression reads in the end."""

LANDINGS: dict[str, Expected] = {
    "app_events_bronze": {
        **same("topic_app_events", *APP_EVENT),
        **nothing(*LANDED, "quality_flags"),
        "event_date": ["topic_app_events.event_timestamp"],
    },
    "clickstream_bronze": {
        **same("topic_clickstream", *CLICK_EVENT),
        **nothing(*LANDED, "quality_flags"),
        "click_date": ["topic_clickstream.click_timestamp"],
    },
    "users_bronze": {
        **same("topic_users", *USER_RECORD),
        **nothing("extra", *LANDED, "quality_flags"),
        "updated_date": ["topic_users.updated_at"],
    },
    "external_data_bronze": {
        **same("topic_external", *OBSERVATION),
        **nothing("extra", *LANDED, "quality_flags"),
        "observed_date": ["topic_external.observed_at"],
    },
    "cdc_changes_bronze": {
        **same("cdc_transformed", *CHANGE, *LANDED[:-1]),
        **nothing("quality_flags"),
        "commit_date": ["cdc_transformed.commit_timestamp"],
    },
    "quarantine_silver": {
        name: [
            f"{table}.{name}" for table in ("app_events_silver", "entities_silver", "external_data_silver")
        ]
        for name in PLACE
    }
    | nothing("dataset", "rule", "severity", "reason", "row", "quarantined_at"),
}


def found(name: str) -> Expected:
    return {
        ref.column: [f"{origin.dataset}.{origin.column}" for origin in made_of]
        for ref, made_of in LINEAGE.columns.items()
        if ref.dataset == name
    }


@pytest.mark.parametrize("name", [*MODELS, *LANDINGS])
def test_columns_are_made_of_what_the_sql_says(name: str) -> None:
    expected = MODELS.get(name) or LANDINGS[name]
    added = {"load_timestamp": []} if name in TABLES else {}
    got = {column: sorted(made_of) for column, made_of in found(name).items()}
    assert got == {**expected, **added}


def test_every_model_is_expected_above() -> None:
    assert set(MODELS) == {d.name for d in TABLES.values() if d.model} | {job.name for job in JOBS}


def test_relations_that_builds_make_have_the_columns_that_are_told_of_them() -> None:
    made = {name: set(columns) for relations in MADE.values() for name, columns in relations.items()}
    assert made == {
        "touched": set(TOUCHED.names),
        "truncates": set(TRUNCATES.names),
        "completed": set(COMPLETED.names),
    }


def test_the_streams_outputs_are_made_of_fields_of_their_topics() -> None:
    outputs = [
        ref for ref in LINEAGE.columns if TABLES.get(ref.dataset, TABLES["batch_runs"]).layer == "stream"
    ]
    without = {ref.column for ref in outputs if not LINEAGE.columns[ref]}
    # Positions, and what workers and ingestion add; counts of events and clicks are made of no field.
    assert without == {
        *LANDED[:-1],
        "event_count",
        "click_count",
        "change_id",
        "key",
        "revision",
        "is_final",
        "is_late",
    }
    topics = {f"{source.topic}" for source in SOURCES}
    assert {origin.dataset for ref in outputs for origin in LINEAGE.columns[ref]} <= topics


def test_tables_have_the_upstreams_of_their_declarations() -> None:
    for name, dataset in TABLES.items():
        if dataset.upstream:
            assert LINEAGE.upstreams[name] == dataset.upstream
    assert LINEAGE.upstreams["cdc_changes_bronze"] == ("cdc_transformed",)
    assert LINEAGE.upstreams["cdc_transformed"] == ("topic_cdc_changes",)
    assert LINEAGE.upstreams["clickstream_bronze"] == ("topic_clickstream",)
    assert LINEAGE.upstreams["batch_runs"] == ()
    assert LINEAGE.downstreams["clickstream_sessions"] == ("daily_summaries", "user_segments")
    assert LINEAGE.downstreams["users_silver"] == ("daily_summary_gold",)
    for ref, made_of in LINEAGE.columns.items():
        assert {origin.dataset for origin in made_of} <= set(LINEAGE.upstreams[ref.dataset])


RELATIONS = {
    "orders": {name: (ColumnRef("orders", name),) for name in ("id", "price", "Country")},
    "users": {name: (ColumnRef("users", name),) for name in ("id", "name")},
}
SYNTHETIC: list[tuple[str, Expected]] = [
    # A CTE with a table's name hides the table, but not in its own text.
    ("WITH orders AS (SELECT id, price AS p FROM orders) SELECT id, p FROM orders", {
        "id": ["orders.id"], "p": ["orders.price"],
    }),
    ("WITH orders AS (SELECT name AS id FROM users) SELECT id FROM orders", {"id": ["users.name"]}),
    ("WITH users AS (SELECT price AS id FROM orders), orders AS (SELECT * FROM users) SELECT * FROM orders", {
        "id": ["orders.price"],
    }),
    # A CTE within a derived table is seen there alone.
    (
        "SELECT o.id, z.id AS other FROM orders AS o "
        "JOIN (WITH orders AS (SELECT name AS id FROM users) SELECT id FROM orders) AS z ON z.id = o.id",
        {"id": ["orders.id"], "other": ["users.name"]},
    ),
    # Case.
    ("SELECT O.ID AS Id, o.COUNTRY AS `c` FROM Orders AS o", {"id": ["orders.id"], "c": ["orders.Country"]}),
    # Rows are of the table, not of a column.
    ("SELECT COUNT(*) AS n, COUNT(price) AS priced FROM orders", {"n": [], "priced": ["orders.price"]}),
    ("SELECT 1 AS one, CAST(NULL AS STRING) AS none FROM orders", {"one": [], "none": []}),
    # What filters, joins and groups is not what a column is made of; what a window is ordered by is.
    ("SELECT o.price FROM orders AS o JOIN users AS u ON u.id = o.id WHERE u.name = 'x'", {
        "price": ["orders.price"],
    }),
    ("SELECT ROW_NUMBER() OVER (PARTITION BY country ORDER BY id) AS place FROM orders", {
        "place": ["orders.Country", "orders.id"],
    }),
    # Unions by position, stars, subqueries.
    ("SELECT id, price AS v FROM orders UNION ALL SELECT id, name FROM users", {
        "id": ["orders.id", "users.id"], "v": ["orders.price", "users.name"],
    }),
    ("WITH x AS (SELECT *, price * 2 AS twice FROM orders) SELECT x.* FROM x", {
        "id": ["orders.id"], "price": ["orders.price"], "country": ["orders.Country"],
        "twice": ["orders.price"],
    }),
    ("SELECT id, (SELECT MAX(name) FROM users) AS last FROM orders", {
        "id": ["orders.id"], "last": ["users.name"],
    }),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "expected"), SYNTHETIC)
def test_sql_may_be_written_like_this(sql: str, expected: Expected) -> None:
    got = sources(sql, RELATIONS)
    assert {name: [f"{o.dataset}.{o.column}" for o in made_of] for name, made_of in got.items()} == expected


@pytest.mark.parametrize(
    "sql", ["SELECT nothing FROM orders", "SELECT id FROM orders, users", "SELECT 1 +", "DROP TABLE orders"]
)
def test_sql_that_does_not_tell_is_refused(sql: str) -> None:
    with pytest.raises(ContractError, match="no lineage"):
        sources(sql, RELATIONS)


def test_names_of_declared_columns_may_have_capitals() -> None:
    declared = TABLES["event_metrics_gold"]
    columns = [
        structs.replace(column, name="Total_Event_Value") if column.name == "total_event_value" else column
        for column in declared.columns
    ]
    odd = Lineage({**TABLES, declared.name: structs.replace(declared, columns=tuple(columns))})
    assert odd.columns[ColumnRef(declared.name, "Total_Event_Value")] == (
        ColumnRef("app_events_silver", "event_value"),
    )


def names(around: object) -> list[str]:
    return [node["name"] for node in msgspec.to_builtins(around)["nodes"]]


def test_the_way_up_and_down_and_how_far() -> None:
    assert names(LINEAGE.around("event_metrics_gold", direction="upstream")) == [
        "topic_app_events",
        "app_events_bronze",
        "app_events_silver",
        "event_metrics_gold",
    ]
    assert names(LINEAGE.around("event_metrics_gold", direction="upstream", depth=1)) == [
        "app_events_silver",
        "event_metrics_gold",
    ]
    assert names(LINEAGE.around("event_metrics_gold", direction="downstream")) == ["event_metrics_gold"]
    assert names(LINEAGE.around("event_metrics_gold", depth=0)) == ["event_metrics_gold"]
    assert set(names(LINEAGE.around("topic_clickstream", direction="downstream"))) == {
        "topic_clickstream",
        "clickstream_sessions",
        "daily_summaries",
        "user_segments",
        "clickstream_bronze",
        "clickstream_silver",
        "user_activity_silver",
        "users_silver",
        "daily_summary_gold",
        "user_segments_gold",
    }
    assert names(LINEAGE.around("users_silver", direction="both", depth=1)) == [
        "users_bronze",
        "user_activity_silver",
        "users_silver",
        "daily_summary_gold",
    ]


def test_columns_are_followed_from_those_of_the_table_alone() -> None:
    found = LINEAGE.around("event_metrics_gold", direction="upstream", columns=True).columns
    assert found is not None
    told = {str(edge.origin.column) for edge in found if edge.to.dataset == "app_events_silver"}
    assert told == {"event_timestamp", "event_type", "app_type", "user_id", "event_value"}
    down = LINEAGE.around("topic_external", direction="downstream", columns=True, depth=1).columns
    assert down is not None and {edge.to.dataset for edge in down} == {"external_data_bronze"}


def test_json_says_from_and_to() -> None:
    told = msgspec.to_builtins(
        LINEAGE.around("external_data_silver", direction="upstream", depth=1, columns=True)
    )
    assert told["edges"] == [{"from": "external_data_bronze", "to": "external_data_silver"}]
    assert {
        "from": {"dataset": "external_data_bronze", "column": "observed_at"},
        "to": {"dataset": "external_data_silver", "column": "observed_hour"},
    } in told["columns"]


def test_cycles_end() -> None:
    one, other = TABLES["event_metrics_gold"], TABLES["user_segments_gold"]
    graph = Lineage(
        {
            one.name: structs.replace(one, upstream=(other.name,)),
            other.name: structs.replace(other, upstream=(one.name, other.name)),
        }
    )
    assert [(e.origin, e.to) for e in graph.around(one.name).edges] == [
        (one.name, other.name),
        (other.name, one.name),
        (other.name, other.name),
    ]


def test_an_unknown_name_is_told_the_near_ones() -> None:
    with pytest.raises(NotFound) as caught:
        LINEAGE.around("event_metric_gold")
    assert "event_metrics_gold" in caught.value.suggestions


NODE = re.compile(r'(?:    |  )n\d+(?:c\d+)?\["[^"]*"\]|  subgraph n\d+ \["[^"]*"\]|  end')
EDGE = re.compile(r"  (n\d+(?:c\d+)?) --> (n\d+(?:c\d+)?)")


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("name", ["daily_summary_gold", "topic_cdc_changes", "batch_runs"])
def test_mermaid_is_a_flowchart_of_known_ids(name: str, columns: bool) -> None:
    around = LINEAGE.around(name, columns=columns)
    first, *lines = mermaid(around).splitlines()
    assert first == "flowchart LR"
    edges = [match.groups() for line in lines if (match := EDGE.fullmatch(line))]
    assert all(NODE.fullmatch(line) for line in lines if not EDGE.fullmatch(line))
    ids = {
        found[0]
        for line in lines
        if not EDGE.fullmatch(line)
        for found in re.findall(r"(n\d+(c\d+)?) ?\[", line)
    }
    assert {end for edge in edges for end in edge} <= ids
    if not columns:
        assert len(edges) == len(around.edges)


def test_mermaid_takes_no_name_for_syntax() -> None:
    odd = 'a"] --> b\nend #x <script>'
    declared = structs.replace(TABLES["batch_runs"], name=odd)
    text = mermaid(Lineage({odd: declared}).around(odd))
    assert text == 'flowchart LR\n  n0["a#quot;] --#gt; b end #35;x #lt;script#gt;"]\n'


def test_what_a_model_reads_of_its_own_table_is_no_source() -> None:
    relations = read_by(TABLES["users_silver"], TABLES)
    assert set(relations) == {
        "parameters",
        "user_activity_silver",
        "changed_activity",
        "users_bronze",
        "stored_users",
    }
    assert not any(relations["stored_users"].values())
    assert relations["changed_activity"] == as_it_is(TABLES["user_activity_silver"])
