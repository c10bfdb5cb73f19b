"""The batch jobs as applications of their own on a Spark cluster give what the embedded engine gives."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from batch.jobs import SparkJobs
from batch.session import jvm_pid
from contracts.settings import Lakehouse, Settings
from lakehouse.embedded.jobs import EmbeddedJobs
from lakehouse.jobs.declaration import JOBS, job_named, output_file
from lakehouse.jobs.history import runs
from lakehouse.jobs.runner import computed, inputs, run_job
from runtime.jars import delta_jars
from runtime.java import spark_java_home
from tests.lakehouse.view_rows import DAY, Views, session, window
from tests.system.spark_cluster import SparkCluster

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
TODAY = DAY + timedelta(days=8)
USERS = ["u1", "ä", "😀", "O'Neill", "back\\slash", "u 6", ""]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    running = SparkCluster(tmp_path_factory.mktemp("spark"))
    try:
        running.start()
        fill(running.settings)
        yield running
    finally:
        running.close()


def fill(settings: Settings) -> None:
    """Days of windows and sessions, told more than once, some of them late. A revision tells one thing of a
    key, however often it is written."""
    views = Views(settings)
    for back in (*range(-8, 4), 10, 20):
        day = DAY - timedelta(days=back)
        for revision in (10, 20, 20):
            views.add([told(day, revision, number) for number in range(20)], revision)
            chance = random.Random(f"{day} {revision}")
            sessions = [
                session(f"{day}-{n}", chance.choice(USERS), chance.randrange(900), day=day, bounce=n % 3 == 0)
                for n in range(5)
            ]
            views.add(sessions, revision, "clickstream_sessions")


def told(day: date, revision: int, number: int) -> dict[str, Any]:
    """A window of its own minute, so that no other row of the file is about it."""
    chance = random.Random(f"{day} {revision} {number}")
    value = chance.choice([None, 0.0, 0.25, 1e9, -2.5])
    late = number % 5 == 0
    return window(
        number * 70,
        USERS[number % len(USERS)],
        chance.randint(1, 5),
        day=day,
        event_type=("login", "purchase")[number % 2],
        is_final=late or chance.random() < 0.5,
        is_late=late,
        event_value_sum=value,
        event_value_min=value,
        event_value_max=value,
    )


def rounded(rows: list[dict[str, Any]]) -> list[str]:
    def text(value: Any) -> Any:
        return f"{value:.9g}" if isinstance(value, float) else str(value)

    return sorted(json.dumps({key: text(value) for key, value in row.items()}) for row in rows)


def test_all_jobs_give_the_same_rows_on_both_engines(cluster: SparkCluster) -> None:
    settings = cluster.settings
    through = TODAY - timedelta(days=1)
    spark = SparkJobs(settings, delta_jars(settings), spark_java_home(settings))
    try:
        for job in JOBS:
            # The second has nothing of its own.
            for day in (DAY, TODAY + timedelta(days=100))[: 2 if job.name == "daily_summaries" else 1]:
                found = []
                for engine in (spark, EmbeddedJobs(settings)):
                    views = inputs(settings, job, day, through)
                    batches = computed(settings, job, day, through, engine, views)
                    found.append(rounded([row for batch in batches for row in batch.to_pylist()]))
                assert found[0] == found[1], job.name
                assert found[0] or day != DAY
    finally:
        spark.close()
    assert jvm_pid() is None


def test_the_command_runs_a_job_on_the_cluster(cluster: SparkCluster) -> None:
    settings, job = cluster.settings, job_named("hourly_aggregates")
    embedded = msgspec.structs.replace(settings, lakehouse=Lakehouse(engine="embedded"))
    run_job(embedded, job, DAY, EmbeddedJobs(embedded))
    expected = rounded(pq.read_table(output_file(settings, job.name, DAY)).to_pylist())
    output_file(settings, job.name, DAY).unlink()
    environment = {name: text for name, text in os.environ.items() if not name.startswith("DP_")} | {
        "DP_PATHS_DATA": settings.paths.data,
        "DP_PORTS_SPARK_MASTER": str(settings.ports.spark_master),
        "DP_PORTS_SPARK_MASTER_UI": str(settings.ports.spark_master_ui),
        "DP_SPARK_EXECUTOR_MEMORY_MB": "700",
    }
    command = [sys.executable, "-m", "runtime", "batch", "run", job.name, "--date", str(DAY), "--json"]
    answer = json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)
    assert (answer["engine"], answer["status"], answer["rows_out"]) == ("spark", "succeeded", len(expected))
    assert rounded(pq.read_table(output_file(settings, job.name, DAY)).to_pylist()) == expected
    assert runs(settings)[0].run_id == answer["run_id"]
    assert not (settings.outputs_root / ".batch").exists()
