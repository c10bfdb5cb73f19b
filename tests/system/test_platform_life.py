"""A copy of the platform through a life: jobs by cron, broken refreshes, upkeep, engines in turns."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from contracts.layout import table_path
from contracts.sources import APP_EVENTS
from lakehouse.datasets import DATASETS
from lakehouse.jobs.declaration import JOBS, output_file
from runtime.bench.acceptance_data import AcceptanceData, generate, write
from runtime.bench.path import verify
from tests.system.platform_copy import PlatformCopy

pytestmark = [pytest.mark.long, pytest.mark.timeout(3000)]

VERIFY_SECONDS = 420.0


class Life:
    """What has been sent to a copy, and whether all of it is where it should be."""

    def __init__(self, copy: PlatformCopy, folder: Path) -> None:
        self.copy = copy
        self._folder = folder
        self.sent: list[AcceptanceData] = []

    def send(self, events: int) -> AcceptanceData:
        number = len(self.sent)
        data = generate(events, events // 100, 20, seed=number + 1, end=datetime.now(UTC))
        file = self._folder / f"{number}.ndjson.gz"
        write(data.lines, file)
        self.copy.dp("produce", APP_EVENTS.topic, str(file))
        self.sent.append(data)
        return data

    def verify(self) -> None:
        for data in self.sent:
            began = time.monotonic()
            checks = verify(
                self.copy.settings, data, first_dead_letter=0, began=began, timeout=VERIFY_SECONDS
            )
            assert [check for check in checks if not check.passed] == []

    def history(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(
            self.copy.dp("batch", "history", "--json", "--limit", "1000")
        )
        return found

    def result(self, job: str, day: date) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = pq.read_table(output_file(self.copy.settings, job, day)).to_pylist()
        return sorted(rows, key=str)

    def deliveries(self, day: date) -> Counter[tuple[int, str, str]]:
        """Valid events of a UTC day by hour, event type and app type, those sent twice twice, by what was
        sent."""
        found: Counter[tuple[int, str, str]] = Counter()
        for data in self.sent:
            twice = {line: times for line, times in Counter(data.lines).items() if times > 1}
            for key, figures in data.metrics.items():
                if key.date == day.isoformat():
                    found[key.hour, key.event_type, key.app_type] += figures.events
            for line, times in twice.items():
                event = json.loads(line)
                at = datetime.fromisoformat(event["event_timestamp"]).astimezone(UTC)
                if at.date() == day:
                    found[at.hour, event["event_type"], event["app_type"]] += times - 1
        return found


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    copy = PlatformCopy(
        tmp_path,
        batch__schedule="*/2 * * * *",
        streams__flush_seconds=3.0,
        lakehouse__silver_seconds=10,
        lakehouse__gold_seconds=15,
        lakehouse__maintenance_seconds=15,
    )
    yield Life(copy, tmp_path)
    copy.end()


def interrupted(life: Life, how: signal.Signals, *arguments: str) -> list[str]:
    """Runs a command, ends it once it has told of a first step, and returns what it told."""
    with subprocess.Popen(
        [sys.executable, "-m", "runtime", *arguments],
        env=life.copy.environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        child.send_signal(how)
        return [first, *child.stdout]


@pytest.mark.parametrize(
    "engines", [("embedded",), ("spark", "embedded", "spark")], ids=["embedded", "spark"]
)
def test_jobs_engines_refreshes_and_upkeep(life: Life, engines: tuple[str, ...]) -> None:
    copy = life.copy
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    copy.up("--engine", engines[0], "--no-simulators")
    life.send(20_000)
    life.verify()

    # The jobs run by themselves, each an application of its own, one after the other.
    def done() -> bool:
        ran = {run["job"] for run in life.history() if run["run_date"] == str(yesterday)}
        return len(ran) == len(JOBS) and json.loads(copy.dp("batch", "due", "--json")) == []

    copy.eventually(done)
    runs = life.history()
    assert {run["status"] for run in runs} == {"succeeded"}
    assert {run["engine"] for run in runs} == {engines[0]}
    triggers = {run["trigger"] for run in runs if run["run_date"] == str(yesterday)}
    assert {"schedule"} <= triggers <= {"schedule", "late"}
    ends = sorted((run["started_at"], run["ended_at"]) for run in runs)
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(ends))
    hourly = life.result("hourly_aggregates", yesterday)
    events = Counter({(r["metric_hour"], r["event_type"], r["app_type"]): r["event_count"] for r in hourly})
    assert events == life.deliveries(yesterday)

    # Once more is the same once more, on either engine.
    first = {job.name: life.result(job.name, yesterday) for job in JOBS}
    for job in JOBS:
        copy.dp("batch", "run", job.name, "--date", str(yesterday))
    assert {job.name: life.result(job.name, yesterday) for job in JOBS} == first

    # A refresh may be broken off anywhere: the command, or the driver under it.
    table = "app_events_silver"
    silver = table_path(copy.settings, "silver", table)
    before = DeltaTable(str(silver)).version()
    dry = copy.dp("lakehouse", "refresh", table, "--full", "--dry-run", "--json").splitlines()
    assert str(yesterday) in [json.loads(line)["partition"] for line in dry]
    assert DeltaTable(str(silver)).version() == before
    refresh = ("lakehouse", "refresh", table, "--full", "--json")
    interrupted(life, signal.SIGINT, *refresh)
    interrupted(life, signal.SIGKILL, *refresh)
    with subprocess.Popen(
        [sys.executable, "-m", "runtime", *refresh], env=copy.environment, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        copy.kill("lakehouse-driver")
        child.stdout.read()
    last = json.loads(copy.dp(*refresh, "--from", str(yesterday)).splitlines()[-1])
    assert last["state"] == "done"
    last = json.loads(
        copy.dp("lakehouse", "refresh", "event_metrics_gold", "--full", "--json").splitlines()[-1]
    )
    assert last["state"] == "done"
    life.verify()

    # Upkeep beside the rounds.
    life.send(5_000)
    copy.dp("lakehouse", "optimize")
    copy.dp("lakehouse", "vacuum")
    life.verify()

    # Engines take turns on the same data.
    for engine in engines[1:]:
        copy.down()
        copy.up("--engine", engine, "--no-simulators")
        life.send(5_000)
        copy.dp("lakehouse", "optimize", table)
        life.verify()
        copy.dp("batch", "run", "hourly_aggregates", "--date", str(yesterday))
        run = life.history()[0]
        assert (run["engine"], run["status"]) == (engine, "succeeded")
    copy.down()
    for declared in DATASETS.values():
        path = table_path(copy.settings, declared.layer, declared.name)
        if path.exists():
            assert DeltaTable(str(path)).version() >= 0
    for file in (copy.settings.data_root / "logs").glob("lakehouse-driver.log*"):
        said = [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.startswith("{")]
        assert not [line for line in said if "maintenance failed" in line["message"]]
