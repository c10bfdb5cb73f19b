"""The list of functions says what a statement may call, and nothing else."""

from __future__ import annotations

from typing import Any

import duckdb
import httpx

from contracts.settings import Settings
from web.sandbox.function_list import AGGREGATING_MACROS, sql_functions
from web.sandbox.functions import AGGREGATES, MACROS, SCALAR, TABLE_FUNCTIONS, WINDOW


def test_it_has_every_function_that_may_be_called_and_no_other() -> None:
    listed = {(one.name, one.kind) for one in sql_functions()}
    assert len(listed) == len(sql_functions())
    assert {name for name, _ in listed} == SCALAR | MACROS | AGGREGATES | WINDOW | TABLE_FUNCTIONS
    assert {name for name, kind in listed if kind == "table"} == TABLE_FUNCTIONS
    assert {name for name, kind in listed if kind == "window"} == WINDOW
    assert {("range", "scalar"), ("range", "table"), ("sum", "aggregate"), ("list_sum", "scalar")} <= listed
    assert not {"read_csv", "getenv", "current_setting", "duckdb_functions"} & {name for name, _ in listed}


def test_each_says_how_it_is_called() -> None:
    found = {(one.name, one.kind): one for one in sql_functions()}
    assert all(one.signatures for one in found.values())
    trunc = found["date_trunc", "scalar"]
    assert trunc.signatures == ["date_trunc(part, timestamp)"]
    assert trunc.description == "Truncate to specified precision"
    assert found["range", "table"].signatures == [
        "range(stop)",
        "range(start, stop)",
        "range(start, stop, step)",
    ]
    assert found["concat", "scalar"].signatures == ["concat(value, …)"]
    assert found["formatreadablesize", "scalar"].description  # DuckDB spells it with capitals


def test_macros_that_aggregate_are_told_from_those_that_do_not() -> None:
    with duckdb.connect() as connection:
        found = set()
        for name in MACROS:
            (count,) = connection.execute(
                "SELECT len(parameters) FROM duckdb_functions() WHERE function_name = ? LIMIT 1", [name]
            ).fetchone() or (0,)
            for kind in ("x", "[x]", "x::VARCHAR", "map([x], [x])"):
                arguments = ", ".join([kind] * count)
                try:
                    rows = connection.execute(
                        f"SELECT {name}({arguments}) FROM (SELECT unnest([1, 2, 3]) AS x)"
                    ).fetchall()
                except duckdb.Error:
                    continue
                if len(rows) == 1:
                    found.add(name)
                break
        assert found == AGGREGATING_MACROS


def test_over_http_it_is_sent_once(settings: Settings, with_client: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        first = await client.get("/functions")
        assert {one["name"] for one in first.json()} >= {"sum", "rank", "range"}
        assert first.headers["cache-control"] == "private, no-cache"
        again = await client.get("/functions", headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        # What it lists is what runs.
        for sql in ("SELECT date_trunc('hour', now())", "SELECT count(*) FROM range(3)"):
            assert (await client.post("/query", json={"sql": sql})).status_code == 200

    with_client(settings, body)
