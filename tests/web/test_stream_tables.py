"""The live outputs of the stream as tables: what real partitions have flushed, read through the sandbox."""

from __future__ import annotations

from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq

from contracts.landing import CLICKSTREAM_SESSIONS, EVENTS_AGGREGATED_REALTIME, LANDING
from contracts.layout import chains_root
from contracts.settings import Settings
from contracts.sources import APP_EVENTS, CDC_CHANGES, CLICKSTREAM
from tests.streams.feeding import canonical_click, canonical_event
from tests.streams.scenario import MICRO, flush, loaded, packed

NAMES = ["events_aggregated_realtime", "clickstream_sessions", "cdc_transformed"]


async def ask(client: httpx.AsyncClient, sql: str) -> list[list[Any]]:
    response = await client.post("/query", json={"sql": sql})
    assert response.status_code == 200, response.text
    rows: list[list[Any]] = response.json()["rows"]
    return rows


def test_outputs_that_do_not_exist_yet_are_empty_tables(settings: Settings, with_client: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        tables = (await client.get("/tables", params={"layer": "stream"})).json()
        assert [table["name"] for table in tables] == NAMES
        assert {table["freshness"] for table in tables} == {"empty"}
        columns = {
            "events_aggregated_realtime": EVENTS_AGGREGATED_REALTIME.names,
            "clickstream_sessions": CLICKSTREAM_SESSIONS.names,
            "cdc_transformed": LANDING["cdc_changes"].names,
        }
        for name in NAMES:
            assert await ask(client, f"SELECT count(*) FROM {name}") == [[0]]
            detail = (await client.get(f"/tables/{name}")).json()
            assert [column["name"] for column in detail["columns"]] == columns[name]
            assert all(column["description"] for column in detail["columns"])

    with_client(settings, body)


def test_each_flush_is_seen_at_once_and_by_the_reading_rule(settings: Settings, with_client: Any) -> None:
    events, clicks = loaded(settings, APP_EVENTS), loaded(settings, CLICKSTREAM)

    def land(number: int) -> None:
        event = canonical_event(str(number), "u", "purchase", 1_000 * MICRO, 2.5)
        click = canonical_click(str(number), "u", (1_000 + number) * MICRO, page=f"/{number}")
        events.append(number, packed(number, number, number - 1, [(number, event)]))
        clicks.append(number, packed(number, number, number - 1, [(number, click)]))
        flush(events)
        flush(clicks)

    async def body(client: httpx.AsyncClient) -> None:
        for number in range(3):
            land(number)
            sql = "SELECT event_count, event_value_sum, revision FROM events_aggregated_realtime"
            assert await ask(client, sql) == [[number + 1, 2.5 * (number + 1), number]]
            sql = "SELECT page_count, exit_page, len(page_sequence) FROM clickstream_sessions"
            assert await ask(client, sql) == [[number + 1, f"/{number}", number + 1]]
        answer = await client.post(
            "/query",
            json={
                "sql": "SELECT * FROM clickstream_sessions JOIN events_aggregated_realtime USING (user_id)"
            },
        )
        assert answer.json()["versions"] == {"clickstream_sessions": None, "events_aggregated_realtime": None}
        preview = (await client.get("/tables/clickstream_sessions/preview")).json()
        assert [column["name"] for column in preview["columns"]] == CLICKSTREAM_SESSIONS.names
        assert preview["row_count"] == 1
        detail = (await client.get("/tables/clickstream_sessions")).json()
        assert (detail["files"], detail["version"], detail["history"]) == (3, None, [])
        assert detail["newest_event"] == "1970-01-01T00:16:42Z"
        old = await client.post(
            "/query",
            json={"sql": "FROM clickstream_sessions", "as_of": "2025-01-01T00:00:00Z"},
        )
        assert old.status_code == 404

    with_client(settings, body)


def test_changes_are_read_from_their_chains_once_they_have_their_names(
    settings: Settings, with_client: Any
) -> None:
    folder = chains_root(settings, CDC_CHANGES) / "topic_id=t1" / "partition=0"
    folder.mkdir(parents=True)
    schema = LANDING["cdc_changes"]
    row = {
        field.name: 1
        if pa.types.is_integer(field.type) or pa.types.is_timestamp(field.type)
        else False
        if pa.types.is_boolean(field.type)
        else []
        if pa.types.is_list(field.type)
        else field.name
        for field in schema
    }
    table = pa.Table.from_pylist([row], schema=schema)

    async def body(client: httpx.AsyncClient) -> None:
        pq.write_table(table, folder / f"{0:020d}.parquet")
        pq.write_table(table, folder / f".{1:020d}.parquet.hidden")
        assert await ask(client, "SELECT change_id, source_offset FROM cdc_transformed") == [["change_id", 1]]
        pq.write_table(table, folder / f"{1:020d}.parquet")
        assert await ask(client, "SELECT count(*) FROM cdc_transformed") == [[2]]
        assert (await client.get("/tables/cdc_transformed/preview")).json()["row_count"] == 2

    with_client(settings, body)
