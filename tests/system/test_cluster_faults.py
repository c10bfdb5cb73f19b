"""A Spark worker killed while the driver or a batch job is at work, and a cluster that is gone."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from contracts.layout import table_path
from contracts.settings import Lakehouse, Settings
from contracts.sources import APP_EVENTS
from lakehouse.datasets import DATASETS
from lakehouse.embedded.jobs import EmbeddedJobs
from lakehouse.jobs.declaration import job_named, output_file
from lakehouse.jobs.history import runs
from lakehouse.jobs.runner import run_job
from lakehouse.reading.stream_snapshots import AllSnapshots
from lakehouse.storage import commits
from tests.lakehouse.conftest import Landing, event
from tests.lakehouse.driver_process import Driver, count, environment, until, with_shortest_cadence
from tests.lakehouse.view_rows import DAY, Views, session, window
from tests.system.spark_cluster import SparkCluster, eventually
from web.health import Doctor

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

PATIENCE = 420.0
DAEMONS = ("master", "worker-1", "worker-2")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[SparkCluster]:
    running = SparkCluster(tmp_path)
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture
def live(cluster: SparkCluster) -> Settings:
    return with_shortest_cadence(cluster.settings)


@pytest.fixture
def driver(live: Settings) -> Iterator[Driver]:
    made = Driver(live)
    yield made
    made.close()


class Input:
    """Events that landed."""

    def __init__(self, settings: Settings) -> None:
        self._landing = Landing(settings)
        self.ids: Counter[str] = Counter()

    def land(self, events: int) -> None:
        first = self.ids.total()
        names = [f"e{first + number}" for number in range(events)]
        self.ids.update(names)
        self._landing.add(APP_EVENTS, [event(name, user_id=f"u{name[-1]}") for name in names])


def ids(settings: Settings, layer: str, name: str) -> Counter[str]:
    table = DeltaTable(str(table_path(settings, layer, name)))
    return Counter(table.to_pyarrow_table(columns=["event_id"])["event_id"].to_pylist())


def silver_is_through(settings: Settings) -> bool:
    """Whether silver has read all that bronze has."""
    bronze = DeltaTable(str(table_path(settings, "bronze", "app_events_bronze"))).version()
    told = commits.last_metadata(table_path(settings, "silver", "app_events_silver")) or {}
    return bool(told.get("source_version") == bronze)


def reasons(settings: Settings) -> list[str]:
    return Doctor(settings, AllSnapshots(settings, DATASETS), DATASETS).health().reasons


def test_a_round_outlives_the_worker_that_ran_it(
    cluster: SparkCluster, live: Settings, driver: Driver
) -> None:
    sent = Input(live)
    sent.land(1_000)
    driver.start()
    until(lambda: count(live, "silver", "app_events_silver") == 1_000, "silver has the first", PATIENCE)
    for _ in range(3):
        sent.land(30_000)
        until(
            lambda: count(live, "bronze", "app_events_bronze") == sent.ids.total(), "bronze has it", PATIENCE
        )
        until(cluster.executor_host, "an executor", PATIENCE)
        lost = cluster.executor_host()
        cluster.kill(lost)
        cluster.start_one(lost)
        until(lambda: silver_is_through(live), "silver goes on", PATIENCE)
    assert ids(live, "bronze", "app_events_bronze") == sent.ids
    assert ids(live, "silver", "app_events_silver") == sent.ids
    total = sent.ids.total()
    gold = "event_metrics_gold"
    until(lambda: count(live, "gold", gold, "total_events") == total, "gold has all", PATIENCE)
    assert driver.end(signal.SIGTERM) == 0


def test_a_cluster_that_is_gone_is_said_and_taken_up_again(
    cluster: SparkCluster, live: Settings, driver: Driver
) -> None:
    sent = Input(live)
    sent.land(1_000)
    driver.start()
    until(lambda: count(live, "silver", "app_events_silver") == 1_000, "silver has the first", PATIENCE)
    until(lambda: not [reason for reason in reasons(live) if "lakehouse-driver" in reason], "all is well")
    for name in DAEMONS:
        cluster.kill(name)
    sent.land(500)

    def told() -> list[str]:
        return [r for r in reasons(live) if r.startswith("lakehouse-driver is degraded") and "Spark" in r]

    until(told, "health says that Spark is gone", PATIENCE)
    # Bronze needs no cluster.
    sent.land(500)
    until(lambda: count(live, "bronze", "app_events_bronze") == 2_000, "bronze goes on", PATIENCE)
    assert count(live, "silver", "app_events_silver") == 1_000
    cluster.start()
    until(lambda: count(live, "silver", "app_events_silver") == 2_000, "silver goes on by itself", PATIENCE)
    until(lambda: not told(), "health says that it is well again", PATIENCE)
    assert ids(live, "silver", "app_events_silver") == sent.ids
    assert driver.end(signal.SIGTERM) == 0


def test_a_master_that_is_gone_for_a_while_is_taken_up_again(
    cluster: SparkCluster, live: Settings, driver: Driver
) -> None:
    sent = Input(live)
    sent.land(1_000)
    driver.start()
    until(lambda: count(live, "silver", "app_events_silver") == 1_000, "silver has the first", PATIENCE)
    cluster.kill("master")
    sent.land(500)
    until(lambda: count(live, "bronze", "app_events_bronze") == 1_500, "bronze goes on", PATIENCE)
    cluster.start_one("master")
    eventually(lambda: cluster.alive_workers() == 2)
    sent.land(500)
    until(lambda: count(live, "silver", "app_events_silver") == 2_000, "silver goes on by itself", PATIENCE)
    assert ids(live, "silver", "app_events_silver") == sent.ids
    assert driver.end(signal.SIGTERM) == 0


def test_a_batch_job_outlives_the_worker_that_ran_it(cluster: SparkCluster) -> None:
    settings, job = cluster.settings, job_named("daily_summaries")
    views = Views(settings)
    for revision in (10, 20):
        views.add([window(n // 500, f"u{n % 500}", 1) for n in range(20_000)], revision)
    views.add([session(f"s{n}", f"u{n % 500}", n) for n in range(900)], 20, "clickstream_sessions")
    embedded = msgspec.structs.replace(settings, lakehouse=Lakehouse(engine="embedded"))
    run_job(embedded, job, DAY, EmbeddedJobs(embedded))
    file = output_file(settings, job.name, DAY)
    expected = pq.read_table(file).to_pylist()
    file.unlink()
    command = [sys.executable, "-P", "-m", "runtime", "batch", "run", job.name, "--date", str(DAY), "--json"]
    with subprocess.Popen(command, env=environment(settings), stdout=subprocess.PIPE) as child:
        until(cluster.executor_host, "the job has an executor", PATIENCE)
        lost = cluster.executor_host()
        cluster.kill(lost)
        cluster.start_one(lost)
        assert child.stdout is not None
        answer: dict[str, Any] = json.loads(child.stdout.read())
    assert (answer["status"], answer["engine"]) == ("succeeded", "spark")
    assert runs(settings)[0].run_id == answer["run_id"]
    found = pq.read_table(file).to_pylist()
    assert [
        {k: pytest.approx(v) if isinstance(v, float) else v for k, v in row.items()} for row in expected
    ] == found
    assert expected[0]["total_users"] == 500
