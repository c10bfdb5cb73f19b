"""A standalone Spark cluster of the tests' own: a master and two workers, started as `dp up` starts them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil

from contracts.settings import Lakehouse, Paths, Ports, Settings, Spark
from runtime.topology import jvm
from runtime.topology.declaration import Launch
from tests.streams.local_kafka import free_ports


class SparkCluster:
    """Daemons by name: `master`, `worker-1`, `worker-2`."""

    def __init__(self, root: Path) -> None:
        master, master_ui, first_ui, second_ui, driver_ui = free_ports(5)
        self.settings = Settings(
            paths=Paths(data=str(root / "data")),
            ports=Ports(
                spark_master=master,
                spark_master_ui=master_ui,
                spark_worker_1_ui=first_ui,
                spark_worker_2_ui=second_ui,
                spark_driver_ui=driver_ui,
            ),
            lakehouse=Lakehouse(engine="spark", gold_seconds=1),
            spark=Spark(executor_memory_mb=700, driver_memory_mb=640),
        )
        self._root = root
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        for name in ("master", "worker-1", "worker-2"):
            self.start_one(name)
        eventually(lambda: self.alive_workers() == 2)

    def start_one(self, name: str) -> None:
        launch = self._launch(name)
        launch.prepare()
        with open(self._root / f"{name}.log", "ab") as log:
            self._running[name] = subprocess.Popen(
                launch.argv, env={**os.environ, **launch.environment}, stdout=log, stderr=log
            )

    def kill(self, name: str) -> None:
        """kill -9 of a daemon and of the executors below it."""
        process = self._running.pop(name)
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
        process.wait()

    def alive_workers(self) -> int:
        return int(self._state().get("aliveworkers", 0))

    def executor_host(self) -> str:
        """The worker that has an executor; empty: none has."""
        for name, process in self._running.items():
            if name != "master" and executors_below(process.pid):
                return name
        return ""

    def close(self) -> None:
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            process.wait()
        self._running.clear()

    def _launch(self, name: str) -> Launch:
        if name == "master":
            return jvm.spark_master(self.settings)
        return jvm.spark_worker(self.settings, int(name[-1]))

    def _state(self) -> dict[str, Any]:
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.settings.ports.spark_master_ui}/json/")
            return dict(answer.json())
        except (httpx.HTTPError, ValueError):
            return {}


def executors_below(pid: int) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(pid).children(recursive=True):
        try:
            if any("CoarseGrainedExecutorBackend" in word for word in child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue
    return found


def eventually(condition: Callable[[], object]) -> None:
    """Returns when the condition holds; the test's own time limit ends a wait for nothing."""
    while not condition():
        time.sleep(0.2)
