"""Queries over tables as they were: by time, by version, from the API and from the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
from click.testing import CliRunner
from deltalake import DeltaTable

from contracts.layout import table_path
from contracts.settings import Settings
from runtime.cli import main

COUNT = "SELECT count(*) AS n FROM app_events_silver"


def committed(settings: Settings, version: int) -> datetime:
    history = DeltaTable(str(table_path(settings, "silver", "app_events_silver"))).history()
    (stamp,) = [entry["timestamp"] for entry in history if entry["version"] == version]
    return datetime.fromtimestamp(stamp / 1000, UTC)


def test_a_query_of_the_past(silver: Settings, with_client: Any) -> None:
    first, second = committed(silver, 0).isoformat(), committed(silver, 1).isoformat()

    async def body(client: httpx.AsyncClient) -> None:
        for asked, rows, version in (
            ({}, 30, 1),
            ({"version": 0}, 20, 0),
            ({"version": 1}, 30, 1),
            ({"as_of": second}, 30, 1),
            ({"as_of": first}, 20, 0) if first != second else ({}, 30, 1),
            ({"as_of": "2100-01-01T00:00:00Z"}, 30, 1),
            ({}, 30, 1),
        ):
            answer = (await client.post("/query", json={"sql": COUNT, **asked})).json()
            assert answer["rows"] == [[rows]], asked
            assert answer["versions"] == {"app_events_silver": version}
        join = f"{COUNT}, event_metrics_gold"
        for sql, asked, status in (
            (COUNT, {"version": 2}, 404),
            (COUNT, {"as_of": "2001-01-01T00:00:00Z"}, 404),
            (join, {"as_of": second}, 404),  # gold has not been written
            (join, {"version": 0}, 400),
            (COUNT, {"version": 0, "as_of": second}, 400),
            (COUNT, {"as_of": "2001-01-01T00:00:00"}, 400),
            (COUNT, {"as_of": "yesterday"}, 400),
        ):
            answered = await client.post("/query", json={"sql": sql, **asked})
            assert answered.status_code == status, (sql, asked, answered.text)

    with_client(silver, body)


def test_the_command_line_reads_the_past(silver: Settings) -> None:
    def rows(*asked: str) -> Any:
        arguments = ["--set", f"paths.data={silver.paths.data}", "sql", "--json", *asked, COUNT]
        result = CliRunner().invoke(main, arguments)
        return json.loads(result.stdout)["rows"][0][0] if result.exit_code == 0 else result.exit_code

    assert rows("--version", "0") == 20
    assert rows("--as-of", committed(silver, 1).isoformat()) == 30
    assert rows("--as-of", "2001-01-01") == 5
    assert rows("--as-of", "soon") == 2
