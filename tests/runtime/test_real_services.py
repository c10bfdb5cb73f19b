"""The declared services for real: as containers run them, and under the supervisor with kills."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from contracts import configuration
from contracts.configuration import Resolved
from contracts.layout import run_folder
from contracts.secrets import SPARK, secret
from contracts.settings import Settings
from runtime.services import services
from runtime.topology import leftovers
from runtime.topology.state import Snapshot
from runtime.topology.supervisor import STOP_SECONDS, Supervisor
from tests.runtime.compose_project import Project, ports_of_its_own

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

JVM_SERVICES = {
    *("zookeeper", "kafka", "schema-registry"),
    *("spark-master", "spark-worker-1", "spark-worker-2"),
}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = Project(tmp_path, "zookeeper", "spark", "simulators")
    yield project
    project.end()


def test_every_container_comes_up_with_its_command_line_and_environment(project: Project) -> None:
    project.start_all()
    assert set(project.running) == set(project.containers)
    assert [name for name, process in project.running.items() if process.poll() is not None] == []
    page = httpx.get(f"http://127.0.0.1:{project.forwarded}/", follow_redirects=True)
    assert "Spark" in page.text, "the master's container passes the driver's page on"


@pytest.fixture
def real(tmp_path: Path) -> Resolved:
    return configuration.load(flags={"paths.data": str(tmp_path), **ports_of_its_own()}, environ={})


def test_brokers_and_cluster_survive_kills_and_stop_in_time(real: Resolved) -> None:
    chosen = [service for service in services(real.settings) if service.name in JVM_SERVICES]
    instance = str(real.settings.data_root)

    async def ready(supervisor: Supervisor, task: asyncio.Task[None]) -> None:
        while not supervisor.snapshot.ready:
            if task.done():
                task.result()
            await asyncio.sleep(0.1)

    def restarts(snapshot: Snapshot) -> dict[str, int]:
        return {status.name: status.restarts for status in snapshot.services}

    async def scenario() -> None:
        supervisor = Supervisor(real, chosen)
        task = asyncio.create_task(supervisor.run())
        try:
            await ready(supervisor, task)
            argv_and_environments = _seen_of(instance)
            for name in ("kafka", "zookeeper", "spark-worker-2", "spark-master", "schema-registry"):
                pid = next(status.pid for status in supervisor.snapshot.services if status.name == name)
                assert pid is not None
                before = restarts(supervisor.snapshot)[name]
                os.kill(pid, signal.SIGKILL)
                while restarts(supervisor.snapshot)[name] == before:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
                await ready(supervisor, task)
        finally:
            began = time.monotonic()
            supervisor.request_stop()
            await asyncio.gather(task, return_exceptions=True)
            assert time.monotonic() - began < STOP_SECONDS, "the declared limit of a stop"
        assert secret(real.settings, SPARK).encode() not in argv_and_environments

    asyncio.run(scenario())
    assert leftovers.find(instance) == []
    config = run_folder(real.settings) / "config"
    holders = [path for path in config.rglob("*") if path.is_file() and _holds_secret(path, real.settings)]
    assert holders, "the daemons were given the secret"
    assert {path.stat().st_mode & 0o777 for path in holders} == {0o600}


def _seen_of(instance: str) -> bytes:
    """What other users may see of our processes, and a little more."""
    return b"".join(
        (Path("/proc") / str(pid) / name).read_bytes()
        for pid in leftovers.find(instance)
        for name in ("cmdline", "environ")
    )


def _holds_secret(path: Path, settings: Settings) -> bool:
    return secret(settings, SPARK) in path.read_text("utf-8", "replace")
