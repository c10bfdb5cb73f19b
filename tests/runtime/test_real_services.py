"""The declared services for real: as containers run them, and under the supervisor with kills."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts import configuration
from contracts.configuration import Resolved, variable_name
from contracts.layout import run_folder
from contracts.secrets import SPARK, secret
from contracts.settings import Settings
from runtime import compose
from runtime.services import services
from runtime.topology import leftovers
from runtime.topology.state import Snapshot
from runtime.topology.supervisor import STOP_SECONDS, Supervisor
from tests.runtime.free_ports import free_ports

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

JVM_SERVICES = {
    *("zookeeper", "kafka", "schema-registry"),
    *("spark-master", "spark-worker-1", "spark-worker-2"),
}


def ports_of_its_own() -> dict[str, str]:
    names = Settings().ports.__struct_fields__
    numbers = free_ports(len(names))
    return {
        f"ports.{name}": str(number)
        for name, number in zip(sorted(names, key="worker_web".__eq__), numbers, strict=True)
    }


class Project:
    """The containers of docker-compose.yml as processes of this machine.

    Their environment is the file's; only what docker would map is mapped: host names to loopback, ports to
    free ones, volumes to a temporary folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        document = yaml.safe_load(compose.FILE.read_text("utf-8"))
        self.containers: dict[str, Any] = document["services"]
        self.ports = ports_of_its_own()
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def environment(self, name: str) -> dict[str, str]:
        mapped = {
            key: self._mapped(str(value)) for key, value in self.containers[name]["environment"].items()
        }
        own = {key: value for key, value in os.environ.items() if not key.startswith("DP_")}
        ports = {variable_name(key): value for key, value in self.ports.items()}
        return {**own, **ports, **mapped, leftovers.INSTANCE: str(self.folder)}

    def start_all(self) -> None:
        """Each when all that it depends on are healthy; returns when all are."""
        waiting = dict(self.containers)
        unhealthy: set[str] = set()
        while waiting or unhealthy:
            healthy = self.running.keys() - unhealthy
            for name, content in list(waiting.items()):
                if content.get("depends_on", {}).keys() <= healthy:
                    del waiting[name]
                    self.start(name)
                    unhealthy.add(name)
            unhealthy = {name for name in unhealthy if not self.is_healthy(name)}
            time.sleep(1)  # a check is a process that starts, and these have a machine to share

    def start(self, name: str) -> None:
        with open(self.folder / f"{name}.log", "wb") as log:
            self.running[name] = subprocess.Popen(
                (sys.executable, "-m", "runtime", *self.containers[name]["command"]),
                env=self.environment(name),
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def is_healthy(self, name: str) -> bool:
        """Asks as docker would."""
        test = self.containers[name]["healthcheck"]["test"]
        assert test[:2] == ["CMD", "python"]
        check = subprocess.run(
            (sys.executable, *test[2:]), env=self.environment(name), cwd=self.folder, capture_output=True
        )
        if check.returncode == 0:
            return True
        said = (self.folder / f"{name}.log").read_text("utf-8", "replace")[-2000:]
        assert self.running[name].poll() is None, f"{name} ended: {said}"
        assert check.returncode == 3, check.stderr
        return False

    def _mapped(self, value: str) -> str:
        for host in ("0.0.0.0", *self.containers):
            if value == host:
                return "127.0.0.1"
            value = value.replace(f"//{host}:", "//127.0.0.1:")
            if value.startswith(f"{host}:"):
                value = value.replace(f"{host}:", "127.0.0.1:", 1)
        defaults = Settings().ports
        for key, number in self.ports.items():
            value = value.replace(f":{getattr(defaults, key.split('.')[1])}", f":{number}")
        for path in (compose.OUTPUTS, compose.DATA):
            value = value.replace(path, str(self.folder / Path(path).name))
        return value


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = Project(tmp_path)
    yield project
    for process in reversed(project.running.values()):
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
    leftovers.end(str(tmp_path))
    for process in project.running.values():
        process.wait()


def test_every_container_comes_up_with_its_command_line_and_environment(project: Project) -> None:
    project.start_all()
    assert set(project.running) == set(project.containers)
    assert [name for name, process in project.running.items() if process.poll() is not None] == []


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
