"""POST /query and previews: parameters, forms, what is kept, what is run once, and what errors point at."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import duckdb
import httpx
import polars as pl
import psutil
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from contracts.errors import QueryError
from contracts.layout import table_path
from contracts.settings import Settings
from lakehouse.reading.snapshot import Snapshot
from web.queries import Queries, Question
from web.sandbox import functions

COUNT = "SELECT count(*) FROM app_events_silver"
BOMB = "SELECT sum(hash(range) % 3) FROM range(1000000000000)"


async def ask(client: httpx.AsyncClient, sql: str, **how: Any) -> httpx.Response:
    return await client.post("/query", json={"sql": sql, **how})


PARAMETERS: list[tuple[str, Any, Any]] = [
    ("SELECT ? + ?", [1, 2], 3),
    ("SELECT $2 - $1", [1, 5], 4),
    ("SELECT $name", {"name": "'; DROP TABLE app_events_silver; --"}, "'; DROP TABLE app_events_silver; --"),
    (
        "SELECT count(*) FROM app_events_silver WHERE event_timestamp >= $since",
        {"since": "2025-11-25T00:00:00Z"},
        10,
    ),
    ("SELECT count(*) FROM app_events_silver WHERE event_date = $1", ["2025-11-24"], 20),
    (
        "SELECT count(*) FROM app_events_silver WHERE list_contains($1, user_id)",
        [["user_id-1", "user_id-2"]],
        2,
    ),
    ("SELECT $1 IS NULL", [None], True),
    ("SELECT $1", [18446744073709551616], 18446744073709551616),
    ("SELECT count(*) FROM (SELECT * FROM app_events_silver LIMIT $1)", [7], 7),
]


def test_values_are_bound_and_never_read_as_sql(silver: Settings, with_client: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        for sql, parameters, expected in PARAMETERS:
            answer = (await ask(client, sql, parameters=parameters)).json()
            assert answer["rows"] == [[expected]], (sql, answer)
        for sql, parameters in (
            ("SELECT $1", None),
            ("SELECT $1", [1, 2]),
            ("SELECT $a", {"b": 1}),
            ("SELECT $1", [2**200]),
            ("SELECT $1::INTEGER", ["x"]),
            ("SELECT 1", [{"a": 1}]),
        ):
            refused = await ask(client, sql, parameters=parameters)
            assert refused.status_code == 400, (sql, parameters, refused.text)

    with_client(silver, body)


def test_one_answer_in_every_form(silver: Settings, with_client: Any) -> None:
    sql = "SELECT event_id, event_timestamp, event_value FROM app_events_silver ORDER BY ALL"

    def values(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
        return [(row[0], row[1].isoformat(), row[2]) for row in frame.iter_rows()]

    async def body(client: httpx.AsyncClient) -> None:
        for limit, truncated in ((30, "false"), (7, "true")):
            arrow = await ask(client, sql, format="arrow", limit=limit)
            parquet = await ask(client, sql, format="parquet", limit=limit)
            found = values(pl.read_ipc_stream(io.BytesIO(arrow.content)))
            assert values(pl.from_arrow(pq.read_table(io.BytesIO(parquet.content)))) == found  # type: ignore[arg-type]
            plain = (await ask(client, sql, limit=limit)).json()
            assert [(a, b.replace("Z", "+00:00"), c) for a, b, c in plain["rows"]] == found
            lines = (await ask(client, sql, format="csv", limit=limit)).text.splitlines()
            assert lines[0] == "event_id,event_timestamp,event_value"
            assert len(lines) - 1 == len(found) == limit
            for response in (arrow, parquet):
                told = response.headers
                assert (told["x-row-count"], told["x-truncated"]) == (str(limit), truncated)
                assert json.loads(told["x-versions"]) == {"app_events_silver": 1}
        for accept, media in (
            ("text/csv", "text/csv"),
            ("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream"),
            ("application/vnd.apache.parquet;q=0.9, text/html", "application/vnd.apache.parquet"),
            ("*/*", "application/json"),
            ("application/json, text/csv", "application/json"),
        ):
            response = await client.post("/query", json={"sql": sql}, headers={"accept": accept})
            assert response.headers["content-type"].split(";")[0] == media
        nothing = await client.post("/query", json={"sql": sql}, headers={"accept": "image/png"})
        assert (nothing.status_code, nothing.json()["code"]) == (406, "not_acceptable")
        chosen = await client.post(
            "/query", json={"sql": sql, "format": "json"}, headers={"accept": "text/csv"}
        )
        assert chosen.headers["content-type"].startswith("application/json")
        twice = await ask(client, "SELECT 1 AS a, 2 AS a", format="arrow")
        assert pl.read_ipc_stream is not None and twice.status_code == 200
        assert (await ask(client, "SELECT 1 AS a, 2 AS a", format="parquet")).status_code == 400

    with_client(silver, body)


def test_an_answer_is_kept_until_its_table_changes(
    silver: Settings, with_client: Any, add: Any, make_rows: Any
) -> None:
    sql = "SELECT count(*) FROM app_events_silver"

    async def body(client: httpx.AsyncClient) -> None:
        async def asked(sql: str, **how: Any) -> tuple[str, Any]:
            response = await ask(client, sql, **how)
            return response.headers["x-cache"], response.json()["rows"]

        assert await asked(sql) == ("miss", [[30]])
        assert await asked(sql) == ("hit", [[30]])
        assert await asked(sql, limit=5) == ("miss", [[30]])
        assert (await asked("SELECT $1", parameters=[1]), await asked("SELECT $1", parameters=[True])) == (
            ("miss", [[1]]),
            ("miss", [[True]]),
        )
        add(silver, "event_metrics_gold", make_rows("event_metrics_gold", 1))
        assert await asked(sql) == ("hit", [[30]])
        add(silver, "app_events_silver", make_rows("app_events_silver", 1, 100))
        assert await asked(sql) == ("miss", [[31]])
        assert await asked(sql, version=1) == ("hit", [[30]])  # as which it was asked before
        assert await asked(sql, version=0) == ("miss", [[20]])
        for moving in (
            "SELECT now()",
            "SELECT current_date",
            "SELECT random()",
            "SELECT uuid()",
            "SELECT age(TIMESTAMP '2020-01-01')",
            "SELECT count(*) FROM app_events_silver USING SAMPLE 3",
            "SELECT * FROM (SELECT today() AS t)",
        ):
            assert (await asked(moving))[0] == (await asked(moving))[0] == "miss", moving

    with_client(silver, body)


def test_every_function_of_clock_or_chance_is_known() -> None:
    rows = duckdb.sql(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability = 'VOLATILE' "
        "OR (stability = 'CONSISTENT_WITHIN_QUERY' AND len(parameters) = 0)"
    ).fetchall()
    moving = {str(name) for (name,) in rows} & functions.ALLOWED
    assert moving <= functions.NOT_REPEATABLE
    assert {"random", "now", "uuid"} <= moving


def test_equal_queries_at_once_run_once(silver: Settings, with_queries: Any) -> None:
    async def body(queries: Queries) -> None:
        sql = "SELECT count(*) FROM app_events_silver, range(1000)"
        results = await asyncio.gather(*(queries.query(sql) for _ in range(20)))
        assert {result.rows for result in results} == {b"[[30000]]"}
        assert (queries.executions.misses, queries.executions.hits) == (1, 19)

    with_queries(silver, body)


def test_no_answer_from_before_an_erasure_is_given(silver: Settings, with_queries: Any) -> None:
    async def body(queries: Queries) -> None:
        for misses in (1, 1, 2, 2):
            if misses == 2 and queries.executions.misses == 1:
                (silver.data_root / "erasures" / "a-person").mkdir(parents=True)
            await queries.query(COUNT)
            assert queries.executions.misses == misses

    with_queries(silver, body)


def test_a_query_ends_with_the_last_that_waits_for_it(silver: Settings, with_queries: Any) -> None:
    async def body(queries: Queries) -> None:
        (pid,) = queries.sandbox.pids
        first = asyncio.create_task(queries.query(BOMB))
        second = asyncio.create_task(queries.query(BOMB))
        while queries.executions.hits < 1:  # noqa: ASYNC110  # the second has found the first
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert psutil.pid_exists(pid)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        async with asyncio.timeout(30):
            while psutil.pid_exists(pid):  # noqa: ASYNC110  # another process's end
                await asyncio.sleep(0.01)
        assert (await queries.query("SELECT 1")).rows == b"[[1]]"

    with_queries(silver, body)


def test_who_asks_again_does_not_join_a_run_that_was_given_up(silver: Settings, with_queries: Any) -> None:
    async def body(queries: Queries) -> None:
        (worker,) = (psutil.Process(pid) for pid in queries.sandbox.pids)
        idle = worker.cpu_times().user
        first = asyncio.create_task(queries.query(BOMB))
        async with asyncio.timeout(30):
            while worker.cpu_times().user <= idle + 0.2:  # noqa: ASYNC110  # another process's clock
                await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        with pytest.raises(QueryError, match="stopped after"):
            await queries.query(BOMB, seconds=0.5)
        assert queries.executions.misses == 2

    with_queries(silver, body)


def test_the_store_of_answers_is_bounded(tmp_path: Path, make_settings: Any, with_queries: Any) -> None:
    settings = make_settings(tmp_path / "data", cache_mb=1)

    async def body(queries: Queries) -> None:
        for number in range(40):
            await queries.query(f"SELECT repeat('x', 100000), {number}")
        hits = queries.executions.hits
        await queries.query("SELECT repeat('x', 100000), 39")
        assert queries.executions.hits == hits + 1
        await queries.query("SELECT repeat('x', 100000), 0")
        assert queries.executions.hits == hits + 1
        misses = queries.executions.misses
        await queries.query("SELECT repeat('x', 500000)")
        await queries.query("SELECT repeat('x', 500000)")
        assert queries.executions.misses == misses + 2

    with_queries(settings, body)


def unlink(snapshot: Snapshot) -> None:
    for file in snapshot.files:
        Path(file.path).unlink()


def test_files_that_vanish_under_a_query(
    silver: Settings, with_queries: Any, add: Any, make_rows: Any
) -> None:
    """A table is read as it is now when its files were replaced after they were looked up; where they are
    merely gone, the answer says so."""
    folder = table_path(silver, "silver", "app_events_silver")
    sql = "SELECT count(user_id) FROM app_events_silver"

    async def body(queries: Queries) -> None:
        await queries.query("SELECT 1")
        looked_up = queries.snapshots.get("app_events_silver")
        assert looked_up is not None
        kept = queries.snapshots.unchanged

        def once(name: str) -> Any:
            queries.snapshots.unchanged = kept  # type: ignore[method-assign]
            return looked_up

        DeltaTable(str(folder)).delete()
        add(silver, "app_events_silver", make_rows("app_events_silver", 3))
        unlink(looked_up)
        queries.snapshots.unchanged = once  # type: ignore[method-assign]
        result = await queries.query(sql)
        assert (result.rows, result.versions) == (b"[[3]]", {"app_events_silver": 3})
        now = queries.snapshots.get("app_events_silver")
        assert now is not None
        unlink(now)
        queries.executions.clear()
        with pytest.raises(Exception, match="app_events_silver cannot be read: files of it are missing"):
            await queries.query(sql)

    with_queries(silver, body)


POINTED = [
    ("SELECT event_tye FROM app_events_silver", 400, 7, "event_type"),
    ("SELECT 'ü', event_tye FROM app_events_silver", 400, 12, "event_type"),
    ("SELECT 1\nFROM app_event_silver", 404, 14, "app_events_silver"),
    ("SELECT uper('x')", 403, 7, "upper"),
    ("SELECT 'ü', read_text('/etc/passwd')", 403, 12, None),
    ("SELECT 1 +", 400, 9, None),
    ("SELEKT 1", 400, 0, None),
    ("SELECT 'x'::INTEGER", 400, 10, None),
    ("SELECT a, count(*) FROM range(3) t(a)", 400, 7, None),
]
"""Statement, status, characters before the place, and the first suggestion."""


def test_errors_point_at_their_place_and_name_what_is_near(silver: Settings, with_client: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        for sql, status, offset, suggestion in POINTED:
            response = await ask(client, sql)
            answer = response.json()
            assert (response.status_code, answer["position"]["offset"]) == (status, offset), (sql, answer)
            assert sql[:offset].count("\n") + 1 == answer["position"]["line"]
            if suggestion is not None:
                assert answer["suggestions"][0] == suggestion, (sql, answer)

    with_client(silver, body)


def test_a_preview_by_columns_condition_order_and_time(silver: Settings, with_client: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        async def preview(**query: Any) -> Any:
            return (await client.get("/tables/app_events_silver/preview", params=query)).json()

        newest = await preview(columns="event_id,event_timestamp", limit=2)
        assert [c["name"] for c in newest["columns"]] == ["event_id", "event_timestamp"]
        assert newest["row_count"] == 2
        first = await preview(columns="event_id", order="event_timestamp,event_id", limit=1)
        assert first["rows"] == [["event_id-0"]]
        some = await preview(
            columns="event_id", where="user_id IN ('user_id-3', 'user_id-25')", order="-event_id"
        )
        assert some["rows"] == [["event_id-3"], ["event_id-25"]]
        was = await preview(columns="event_date", where="true", limit=100, as_of="2999-01-01T00:00:00Z")
        assert was["row_count"] == 30
        for query, status in (
            ({"columns": "nothing"}, 404),
            ({"order": "nothing"}, 404),
            ({"where": "true) UNION ALL SELECT 1 --"}, 400),
            ({"where": "1=1; DROP TABLE app_events_silver"}, 400),
            ({"where": "user_id = read_text('/etc/passwd')"}, 403),
            ({"where": "nothing = 1"}, 400),
            ({"where": "("}, 400),
            ({"where": "true ORDER BY 1"}, 400),
            ({"as_of": "yesterday"}, 400),
            ({"limit": "0"}, 400),
        ):
            response = await client.get("/tables/app_events_silver/preview", params=query)
            assert response.status_code == status, (query, response.text)

    with_client(silver, body)


def test_a_large_json_answer_is_streamed_and_whole(
    tmp_path: Path, make_settings: Any, with_client: Any
) -> None:
    settings = make_settings(tmp_path / "data", query_rows_max=50_000)

    async def body(client: httpx.AsyncClient) -> None:
        for _ in range(2):
            response = await ask(client, "SELECT range, repeat('x', 50) FROM range(60000)", limit=60_000)
            answer = response.json()
            assert [row[0] for row in answer["rows"]] == list(range(50_000))
            assert (answer["row_count"], answer["truncated"]) == (50_000, True)

    with_client(settings, body)


def test_a_question_excludes_a_version_with_a_time(silver: Settings, with_queries: Any) -> None:
    async def body(queries: Queries) -> None:
        execution = await queries.ask(Question(sql="SELECT 1"))
        async with execution.reading():
            assert (await execution.whole()).row_count == 1
        assert execution.body() == execution.body()
        assert json.loads(execution.body())["rows"] == json.loads(execution.rows()) == [[1]]

    with_queries(silver, body)
