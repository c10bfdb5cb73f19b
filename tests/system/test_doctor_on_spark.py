"""Lines of Spark on a standalone cluster: daemons killed, red; started again, green."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runtime.doctor.checklist import lines_of
from runtime.doctor.checkup import go_through
from runtime.doctor.evidence import Evidence
from tests.system.spark_cluster import SparkCluster, eventually

BROKEN = {"spark-workers": "worker-2", "spark-master": "master"}
"""Lines, and the daemon that is killed."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    made = SparkCluster(tmp_path_factory.mktemp("doctor-spark"))
    made.start()
    yield made
    made.close()


def status(cluster: SparkCluster, name: str) -> str:
    lines = [line for line in lines_of(["infrastructure"]) if line.name == name]
    (found,) = go_through(Evidence(cluster.settings), lines)
    return found.status


@pytest.mark.parametrize("line", BROKEN)
def test_a_daemon_is_killed(cluster: SparkCluster, line: str) -> None:
    assert status(cluster, line) == "green"
    cluster.kill(BROKEN[line])
    eventually(lambda: status(cluster, line) == "red")
    cluster.start_one(BROKEN[line])
    eventually(lambda: status(cluster, line) == "green")
