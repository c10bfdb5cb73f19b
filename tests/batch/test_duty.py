"""The batch duty with a child in the place of `dp`: what it starts, in which order, and when it gives up."""

from __future__ import annotations

import json
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from batch.duty import BatchJobs
from contracts.errors import DependencyError
from contracts.settings import Batch, Settings

CHILD = """
import json, os, sys, time
from pathlib import Path
folder = Path(os.environ["FOLDER"])
arguments = sys.argv[1:]
with open(folder / "calls", "a") as calls:
    print(json.dumps(arguments), file=calls)
if arguments[1] == "due":
    print((folder / "due").read_text())
elif (folder / "hang").exists():
    (folder / "hangs").touch()
    time.sleep(600)
elif arguments[2] in (folder / "bad").read_text() and int(arguments[-2]) < int(os.environ["GOOD_FROM"]):
    sys.exit(3)
"""
AT = datetime(2026, 3, 6, 9, 30, tzinfo=UTC)


class Stage:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "child.py").write_text(CHILD)
        (folder / "bad").write_text("")
        self.due([])

    def due(self, runs: list[dict[str, Any]]) -> None:
        (self.folder / "due").write_text(json.dumps(runs))

    def duty(self, *, good_from: int = 99, **batch: Any) -> BatchJobs:
        settings = Settings(batch=Batch(retry_seconds=0.01, **batch))
        environment = {"FOLDER": str(self.folder), "GOOD_FROM": str(good_from)}
        command = (sys.executable, str(self.folder / "child.py"))
        return BatchJobs(settings, environment, command, settle_seconds=0.0)

    def calls(self) -> list[str]:
        lines = (self.folder / "calls").read_text().splitlines()
        return [" ".join(msgspec.json.decode(line, type=list[str])) for line in lines]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


RUNS = [
    {"job": "hourly_aggregates", "run_date": "2026-03-04", "trigger": "late"},
    {"job": "daily_summaries", "run_date": "2026-03-05", "trigger": "schedule"},
]


def test_what_is_due_is_run_in_order_and_tried_again(stage: Stage) -> None:
    stage.due(RUNS)
    (stage.folder / "bad").write_text("hourly_aggregates")
    stage.duty(good_from=2).do(AT, threading.Event())
    assert stage.calls() == [
        "batch due --today 2026-03-06 --json",
        "batch run hourly_aggregates --date 2026-03-04 --trigger late --attempt 1 --json",
        "batch run hourly_aggregates --date 2026-03-04 --trigger late --attempt 2 --json",
        "batch run daily_summaries --date 2026-03-05 --trigger schedule --attempt 1 --json",
    ]


def test_before_its_time_the_day_before_counts_as_the_last_one(stage: Stage) -> None:
    stage.duty(schedule="0 10 * * *").do(AT, threading.Event())
    stage.duty(schedule="0 3 * * *", time_zone="Asia/Tokyo").do(AT, threading.Event())
    assert stage.calls() == ["batch due --today 2026-03-05 --json"] * 2


def test_a_run_that_fails_for_good_is_said_and_the_others_are_made(stage: Stage) -> None:
    stage.due(RUNS)
    (stage.folder / "bad").write_text("hourly_aggregates")
    with pytest.raises(DependencyError, match="hourly_aggregates 2026-03-04"):
        stage.duty(attempts=2).do(AT, threading.Event())
    assert len(stage.calls()) == 4
    assert "daily_summaries" in stage.calls()[-1]


def test_a_stop_ends_the_run_that_goes_on(stage: Stage) -> None:
    stage.due(RUNS)
    (stage.folder / "hang").touch()
    stop = threading.Event()
    duty = stage.duty()
    thread = threading.Thread(target=duty.do, args=(AT, stop))
    thread.start()
    while not (stage.folder / "hangs").exists():
        assert thread.is_alive()
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
    assert len(stage.calls()) == 2


def test_a_run_that_hangs_is_ended_and_counts_as_failed(stage: Stage) -> None:
    stage.due(RUNS[:1])
    (stage.folder / "hang").touch()
    with pytest.raises(DependencyError, match="failed 1 times"):
        stage.duty(attempts=1, timeout_seconds=0.5).do(AT, threading.Event())
