"""The sandbox as a process: it answers, it is stopped, and nothing of it breaks."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import psutil
import pytest

from contracts.errors import QueryError
from contracts.layout import table_path
from contracts.settings import Settings
from web.queries import Queries
from web.sandbox.confinement import landlock_version
from web.sandbox.protocol import Run


def trusted(sql: str) -> Run:
    return Run(sql=sql, views={}, tables=(), limit=10, max_bytes=10_000, trusted=True)


def read_process(pid: int) -> tuple[bytes, str]:
    folder = Path(f"/proc/{pid}")
    return (folder / "environ").read_bytes(), (folder / "limits").read_text()


async def code_of(awaitable: Any) -> str:
    with pytest.raises(QueryError) as refusal:
        await awaitable
    return refusal.value.code


def test_a_commit_is_seen_by_the_next_query(
    silver: Settings, with_queries: Any, add: Any, make_rows: Any
) -> None:
    async def body(queries: Queries) -> None:
        sql = "SELECT count(*), count(DISTINCT event_date) FROM app_events_silver"
        before = await queries.query(sql)
        add(silver, "app_events_silver", make_rows("app_events_silver", 1, 100))
        after = await queries.query(sql)
        assert json.loads(before.rows) == [[30, 2]]
        assert json.loads(after.rows) == [[31, 2]]
        assert (before.versions, after.versions) == ({"app_events_silver": 1}, {"app_events_silver": 2})

    with_queries(silver, body)


def test_a_declared_table_that_is_not_there_yet_is_empty(settings: Settings, with_queries: Any) -> None:
    async def body(queries: Queries) -> None:
        result = await queries.query("SELECT metric_date, total_events FROM event_metrics_gold")
        assert [(c.name, c.type) for c in result.columns] == [
            ("metric_date", "DATE"),
            ("total_events", "BIGINT"),
        ]
        assert (result.row_count, result.versions) == (0, {"event_metrics_gold": None})

    with_queries(settings, body)


def test_a_bomb_is_stopped_and_the_next_query_works(silver: Settings, with_queries: Any) -> None:
    bombs = {
        "SELECT sum(hash(range) % 3) FROM range(1000000000000)": "timeout",
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n": "timeout",
        "SELECT list(range) FROM range(1000000000)": "memory",
        "SELECT length(repeat('x', 100000000000))": "memory",
    }

    async def body(queries: Queries) -> None:
        for sql, expected in bombs.items():
            pids = set(queries.sandbox.pids)
            seconds = 0.5 if expected == "timeout" else 20.0
            code = await code_of(queries.query(sql, seconds=seconds))
            assert code in (expected, "invalid") if expected == "memory" else code == expected
            if expected == "timeout":
                assert not any(psutil.pid_exists(pid) for pid in pids)
            result = await queries.query("SELECT count(*) FROM app_events_silver")
            assert json.loads(result.rows) == [[30]]

    with_queries(silver, body)


def test_the_worker_alone_holds_against_what_the_checks_would_refuse(
    silver: Settings, with_queries: Any, tmp_path: Path
) -> None:
    data = table_path(silver, "silver", "app_events_silver")
    (file,) = table_path(silver, "silver", "app_events_silver").rglob("*-25/*.parquet")
    whole = file.read_bytes()
    outside = tmp_path / "outside.csv"
    outside.write_text("a\n1\n")
    sibling = silver.data_root / "silver-sibling.csv"
    sibling.write_text("a\n1\n")
    written = data / "written.csv"
    attacks = [
        "SELECT * FROM read_text('/etc/passwd')",
        f"SELECT * FROM '{outside}'",
        f"SELECT * FROM read_csv('{sibling}')",
        f"SELECT * FROM read_csv('{data}/../../silver-sibling.csv')",
        f"SELECT * FROM glob('{tmp_path}/*')",
        f"COPY (SELECT 1) TO '{written}'",
        f"COPY (SELECT range FROM range(1000000)) TO '{written}'",
        f"COPY (SELECT 1) TO '{outside}'",
        f"COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)",
        f"WITH x AS (COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)) FROM x",
        f"EXPORT DATABASE '{data}/exported'",
        f"ATTACH '{tmp_path}/x.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET memory_limit = '10GB'",
        "SET allowed_directories = ['/']",
        "RESET lock_configuration",
        "PRAGMA enable_external_access = true",
    ]

    async def body(queries: Queries) -> None:
        for sql in attacks:
            await code_of(queries.sandbox.run(trusted(sql), 20.0))
        assert json.loads((await queries.query("SELECT 1")).rows) == [[1]]

    with_queries(silver, body)
    assert outside.read_text() == "a\n1\n"
    if landlock_version() > 0:  # without it DuckDB makes empty files, and empties those that there are
        assert file.read_bytes() == whole
        assert not written.exists() and not (data / "exported").exists()


def test_the_worker_has_nothing_of_our_environment(
    settings: Settings, with_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DP_SECRET_FOR_TEST", "hidden")

    async def body(queries: Queries) -> None:
        (pid,) = queries.sandbox.pids
        environment, limits = await asyncio.to_thread(read_process, pid)
        assert b"hidden" not in environment
        assert [line.split()[3:5] for line in limits.splitlines() if line.startswith("Max file size")] == [
            ["0", "0"]
        ]

    with_queries(settings, body)


def test_a_worker_that_is_killed_is_replaced(silver: Settings, with_queries: Any) -> None:
    async def body(queries: Queries) -> None:
        (pid,) = queries.sandbox.pids
        bomb = "SELECT sum(hash(range) % 3) FROM range(1000000000000)"
        query = asyncio.create_task(queries.query(bomb))
        process = psutil.Process(pid)
        idle = process.cpu_times().user
        async with asyncio.timeout(30):
            while process.cpu_times().user <= idle + 0.2:  # noqa: ASYNC110  # another process's clock
                await asyncio.sleep(0.02)
        process.kill()
        assert await code_of(query) == "memory"
        result = await queries.query("SELECT count(*) FROM app_events_silver")
        assert json.loads(result.rows) == [[30]]

    with_queries(silver, body)


def test_a_full_queue_says_busy_and_a_gone_client_frees_its_worker(
    silver: Settings, with_queries: Any
) -> None:
    bomb = "SELECT sum(hash(range) % 3) FROM range(1000000000000)"

    async def body(queries: Queries) -> None:
        waiting = [asyncio.create_task(queries.sandbox.run(trusted(bomb), 60.0)) for _ in range(1 + 16)]
        await asyncio.sleep(0)
        assert await code_of(queries.query("SELECT 1")) == "busy"
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert json.loads((await queries.query("SELECT 1")).rows) == [[1]]

    with_queries(silver, body)


def test_limits_cut_rows_and_bytes_and_say_so(settings: Settings, with_queries: Any) -> None:
    async def body(queries: Queries) -> None:
        rows = await queries.query("SELECT * FROM range(10000000000)", limit=3)
        assert (json.loads(rows.rows), rows.truncated) == ([[0], [1], [2]], True)
        exact = await queries.query("SELECT * FROM range(3)", limit=3)
        assert (exact.row_count, exact.truncated) == (3, False)
        wide = await queries.query("SELECT repeat('x', 1000000) FROM range(60)")
        assert wide.truncated and len(wide.rows) < 33 * 2**20

    with_queries(settings, body)


def test_a_column_added_later_is_null_in_older_files(
    settings: Settings, with_queries: Any, make_rows: Any
) -> None:
    import pyarrow as pa
    from deltalake import write_deltalake

    from lakehouse.datasets import DATASETS

    path = str(table_path(settings, "gold", "event_metrics_gold"))
    schema = DATASETS["event_metrics_gold"].schema
    old = pa.Table.from_pylist(make_rows("event_metrics_gold", 1), schema=schema)
    write_deltalake(path, old.drop_columns(["avg_event_value"]), partition_by=["metric_date"])
    new = pa.Table.from_pylist(make_rows("event_metrics_gold", 1, 1), schema=schema)
    write_deltalake(path, new, mode="append", schema_mode="merge")

    async def body(queries: Queries) -> None:
        result = await queries.query(
            "SELECT total_events, avg_event_value FROM event_metrics_gold ORDER BY total_events"
        )
        assert json.loads(result.rows) == [[0, None], [1, 1.0]]

    with_queries(settings, body)
