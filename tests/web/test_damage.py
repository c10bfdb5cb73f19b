"""Damaged tables: they say so, and everything else is told as ever. Against the real server process."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from deltalake import DeltaTable

from lakehouse.datasets import DATASETS
from lakehouse.storage import delta_log
from tests.web.running import COUNT, GOLD, SILVER, Running, until

pytestmark = pytest.mark.heavy


def cut_a_file(folder: Path) -> None:
    file = next(iter(folder.rglob("*=*/*.parquet")))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def spoil_a_file(folder: Path) -> None:
    file = next(iter(folder.rglob("*=*/*.parquet")))
    whole = file.read_bytes()
    file.write_bytes(whole[:4] + bytes(len(whole) - 8) + whole[-4:])


def spoil_the_log(folder: Path) -> None:
    delta_log.commit_file(folder, DeltaTable(str(folder)).version() + 1).write_bytes(b'{"add": \xff\x00')


def empty_the_log(folder: Path) -> None:
    log = folder / delta_log.LOG_FOLDER
    shutil.rmtree(log)
    log.mkdir()


def lose_a_part_of_the_checkpoint(folder: Path) -> None:
    log = folder / delta_log.LOG_FOLDER
    DeltaTable(str(folder)).create_checkpoint()
    (checkpoint,) = log.glob("*.checkpoint.parquet")
    version = checkpoint.name.partition(".")[0]
    checkpoint.rename(log / f"{version}.checkpoint.0000000001.0000000002.parquet")
    (log / "_last_checkpoint").write_text(f'{{"version": {int(version)}, "size": 5, "parts": 2}}')
    for commit in log.glob("*.json"):
        commit.unlink()


def lose_a_file(folder: Path) -> None:
    next(iter(folder.rglob("*=*/*.parquet"))).unlink()


LOG_DAMAGE = [spoil_the_log, empty_the_log, lose_a_part_of_the_checkpoint]
DAMAGE = [cut_a_file, spoil_a_file, lose_a_file, *LOG_DAMAGE]


@pytest.mark.heavy
def test_a_damaged_table_says_so_and_all_others_answer(running: Running) -> None:
    """Each kind of damage; then the table is put back, and is read again."""
    whole = running.folder(SILVER)
    kept = whole.with_name("kept")
    shutil.copytree(whole, kept)
    for damage in DAMAGE:
        assert running.ask(COUNT).json()["rows"] == [[30]], damage
        assert running.client.get(f"/tables/{SILVER}").json()["problem"] is None
        damage(whole)
        for path in (f"/tables/{SILVER}/preview", f"/tables/{SILVER}/preview?where=true"):
            is_told(running.client.get(path), damage)
        is_told(running.ask(f"SELECT max(user_id), max(properties) FROM {SILVER}"), damage)
        is_told(running.ask(f"SELECT max(user_id) FROM {SILVER} JOIN {GOLD} ON true"), damage)
        if damage in LOG_DAMAGE:
            until(lambda: running.client.get(f"/tables/{SILVER}").status_code != 200)
            is_told(running.client.get(f"/tables/{SILVER}"), damage)
            is_told(running.client.get(f"/tables/{SILVER}/history"), damage)
        _, status, reasons = running.health()
        assert status == "degraded", damage
        assert any(reason.startswith(f"{SILVER} cannot be read: ") for reason in reasons), damage
        until(lambda: problems(running) == [SILVER])
        if damage in (cut_a_file, spoil_the_log):  # it waits for Kafka, too
            metrics = running.client.get("/metrics")
            assert f'dp_table_readable{{layer="silver",table="{SILVER}"}} 0.0' in metrics.text
            assert f'dp_table_readable{{layer="gold",table="{GOLD}"}} 1.0' in metrics.text
        assert running.client.get("/catalog").status_code == 200
        assert running.client.get(f"/tables/{GOLD}").status_code == 200
        assert running.ask(f"SELECT count(*) FROM {GOLD}").json()["rows"] == [[3]]
        shutil.rmtree(whole)
        shutil.copytree(kept, whole)
        until(lambda: running.health() == (200, "healthy", []))
        until(lambda: problems(running) == [])
    shutil.rmtree(kept)


def problems(running: Running) -> list[str]:
    return [table["name"] for table in running.client.get("/tables").json() if table["problem"]]


def is_told(answer: httpx.Response, damage: Callable[[Path], None]) -> None:
    problem = answer.json()
    assert (answer.status_code, problem.get("code")) == (503, "unavailable"), (damage, answer.text)
    assert SILVER in problem["detail"] and "/" not in problem["detail"], (damage, answer.text)


def test_a_platform_table_that_is_damaged_costs_the_catalog_only_what_it_tells(
    running: Running, add: Any, make_rows: Any
) -> None:
    name = "catalog_annotations"
    add(running.settings, name, make_rows(name, 1, tags=["a"]))
    (file,) = running.folder(name).rglob("part-*.parquet")
    file.write_bytes(b"PAR1" + bytes(file.stat().st_size - 8) + b"PAR1")
    until(lambda: problems(running) == [name])
    assert running.client.get("/catalog").status_code == 200
    assert running.client.get(f"/tables/{GOLD}").json()["owner"] == DATASETS[GOLD].owner
    answer = running.client.patch(f"/tables/{GOLD}", json={"owner": "growth"})
    assert answer.status_code == 200, answer.text
