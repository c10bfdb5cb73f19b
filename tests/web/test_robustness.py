"""The real server process while its workers are killed, its tables replaced, and its disk goes away."""

from __future__ import annotations

import resource
import shutil
import threading
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse.datasets import DATASETS
from tests.web.running import COUNT, GOLD, SILVER, Running, until
from web.server import BEAT_SECONDS

pytestmark = pytest.mark.heavy

BOMB = "SELECT sum(hash(range) % 3) FROM range(1000000000000)"


def in_background(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Begins it. What it returns, or fails with, is put into the list."""
    results: list[Any] = []

    def run() -> None:
        results.append(work())

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


def test_workers_are_killed_while_they_run_and_while_they_rest(running: Running) -> None:
    for _ in range(3):
        (worker,) = running.workers()
        worker.kill()
        worker.wait()
        assert running.ask(COUNT).status_code in (200, 413)
        assert running.ask(COUNT).json()["rows"] == [[30]]
    thread, results = in_background(lambda: running.ask(BOMB))
    (worker,) = running.workers()
    before = worker.cpu_times().user
    while worker.cpu_times().user < before + 0.2:
        assert thread.is_alive()
    worker.kill()
    thread.join()
    (answer,) = results
    assert (answer.status_code, answer.json()["code"]) == (413, "memory")
    assert running.ask(COUNT).json()["rows"] == [[30]]


def numbered(number: int, rows: int) -> pa.Table:
    """Rows of gold that all tell the number of their version, in five files."""
    schema = DATASETS[GOLD].schema
    days = [date(2025, 11, 1 + n % 5) for n in range(rows)]
    columns = {
        field.name: pa.array(days, field.type)
        if field.name == "metric_date"
        else pa.array([number] * rows).cast(field.type)
        if pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        else pa.nulls(rows, field.type)
        for field in schema
    }
    columns["event_type"] = pa.array([str(n) for n in range(rows)])
    return pa.table(columns, schema=pa.schema([field.with_nullable(True) for field in schema]))


def replace_again_and_again(folder: Path, asked: threading.Semaphore, enough: threading.Event) -> None:
    """Each version has 1000 rows more than its number; old files go at once. Now and then the table is
    compacted, restored, or dropped and made anew with another column. One goes with each question."""
    number = 0
    while asked.acquire() and not enough.is_set():
        number += 1
        kind = number % 6
        if kind == 5:
            shutil.rmtree(folder.rename(folder.with_name("dropped")))
        table = numbered(number, 1000 + number)
        if kind == 5:
            table = table.append_column("further", pa.array(["x"] * table.num_rows))
        write_deltalake(
            str(folder), table, mode="overwrite", schema_mode="overwrite", partition_by=["metric_date"]
        )
        written = DeltaTable(str(folder))
        if kind == 2:
            written.optimize.compact()
        if kind == 3:
            written.restore(max(written.version() - 1, 0), ignore_missing_files=False)
            written = DeltaTable(str(folder))
        written.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False, full=kind == 4)


def test_a_table_that_is_replaced_all_the_while_is_read_as_one_version(running: Running) -> None:
    """Its files go away under queries, too."""
    folder = running.folder(GOLD)
    shutil.rmtree(folder)
    write_deltalake(str(folder), numbered(0, 1000), partition_by=["metric_date"])
    asked, enough = threading.Semaphore(0), threading.Event()
    sql = f"SELECT count(*), min(total_events), max(total_events), count(DISTINCT event_type) FROM {GOLD}"
    rows_of = f"SELECT total_events, event_type FROM {GOLD}"
    thread, _ = in_background(lambda: replace_again_and_again(folder, asked, enough))
    seen: set[int] = set()
    try:
        while len(seen) < 12 and thread.is_alive():
            asked.release()
            answer = running.ask(sql)
            assert answer.status_code == 200, answer.text
            ((count, low, high, distinct),) = answer.json()["rows"]
            if count:  # dropped, and not made anew yet: it is empty
                assert (low, high, distinct) == (count - 1000, count - 1000, count), answer.text
                seen.add(low)
            asked.release()
            answer = running.ask(rows_of, limit=1000)
            assert answer.status_code == 200, answer.text
            told = answer.json()
            assert len({row[0] for row in told["rows"]}) <= 1
            assert told["row_count"] in (0, 1000)
            assert running.client.get(f"/tables/{GOLD}/preview").status_code == 200
            assert running.client.get(f"/tables/{GOLD}").status_code == 200
        assert len(seen) == 12
    finally:
        enough.set()
        asked.release()
        thread.join()
    assert running.health()[0] == 200


def test_the_data_root_goes_away_and_comes_back(running: Running) -> None:
    root = running.settings.data_root
    away = root.with_name("away")
    assert running.ask(COUNT).json()["rows"] == [[30]]
    for put_another_in_its_place in (False, True):
        root.rename(away)
        if put_another_in_its_place:
            root.mkdir()  # a disk that is not mounted
        answers = [
            running.ask(COUNT),
            running.client.post("/query", json={"sql": COUNT}),
            running.client.get(f"/tables/{SILVER}"),
            running.client.get(f"/tables/{SILVER}/preview"),
            running.client.get(f"/tables/{SILVER}/history"),
        ]
        for answer in answers:
            problem = answer.json()
            assert (answer.status_code, problem["code"]) == (503, "unavailable"), answer.text
            assert "data root" in problem["detail"] and str(root) not in problem["detail"]
        assert running.ask("SELECT 1").json()["rows"] == [[1]]
        status, word, reasons = running.health()
        assert (status, word) == (503, "failed") and any("data root" in reason for reason in reasons)
        for path in ("/tables", "/catalog", "/metrics", "/jobs"):
            assert running.client.get(path).status_code == 200, path
        if put_another_in_its_place:
            shutil.rmtree(root)
        else:
            assert running.client.patch(f"/tables/{GOLD}", json={"owner": "growth"}).status_code == 503
            assert not root.exists()
        away.rename(root)
        assert running.ask(COUNT).json()["rows"] == [[30]]
        until(lambda: running.health() == (200, "healthy", []))
    assert running.client.patch(f"/tables/{GOLD}", json={"owner": "growth"}).json()["owner"] == "growth"


def test_a_disk_that_takes_nothing_refuses_edits_and_ends_nothing(running: Running) -> None:
    edit = {"owner": "growth"}
    pid = running.api.process.pid
    limit = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, limit[1]))  # every write fails, as on a full disk
    refused = running.client.patch(f"/tables/{GOLD}", json=edit)
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable"), refused.text
    assert GOLD in refused.json()["detail"]
    beats = running.settings.data_root / "run" / "heartbeats" / "lakehouse-api.json"
    last = beats.stat().st_mtime
    until(lambda: time.time() > last + 3 * BEAT_SECONDS)
    assert beats.stat().st_mtime == last  # the attempts since have failed
    assert running.ask(COUNT).json()["rows"] == [[30]]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)
    until(lambda: beats.stat().st_mtime > last)
    landing = running.settings.data_root / "landing"
    shutil.rmtree(landing, ignore_errors=True)
    landing.write_text("a file where a folder should be")
    refused = running.client.patch(f"/tables/{GOLD}", json=edit)
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable"), refused.text
    assert running.client.get(f"/tables/{GOLD}").json()["owner"] == DATASETS[GOLD].owner
    landing.unlink()
    assert running.client.patch(f"/tables/{GOLD}", json=edit).json()["owner"] == "growth"


def test_without_kafka_all_but_kafka_is_told(running: Running) -> None:
    streams = running.client.get("/streams")
    assert streams.status_code == 200 and streams.json()["broker"] != "up"
    metrics = running.client.get("/metrics")
    assert metrics.status_code == 200 and "dp_kafka_up 0.0" in metrics.text
    assert running.ask(COUNT).json()["rows"] == [[30]]
