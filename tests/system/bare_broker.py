"""ZooKeeper and a broker alone, from the platform's own declarations, for tests that need no more."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from contracts.errors import DependencyError
from runtime.services import service_named
from runtime.topology.declaration import Probe, Process
from tests.system.platform_copy import PlatformCopy

START_SECONDS = 240.0


class Broker:
    """A bare broker and the `dp` command line that is pointed at it."""

    def __init__(self, root: Path, **flags: object) -> None:
        self.copy = PlatformCopy(root, **{"kafka__partitions": 3, **flags})
        self.settings = self.copy.settings
        self._root = root
        self._stack = ExitStack()
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, service: str) -> None:
        """Starts a declared service and waits until its probe is content."""
        declared = service_named(self.settings, service)
        launch = declared.launch(self.settings)
        launch.prepare()
        deadline = time.monotonic() + START_SECONDS
        while True:
            process = self._spawn(service, list(launch.argv), launch.environment)
            if self._ready(declared.probe, process, deadline):
                self._running[service] = process
                return
            # A broker that was killed is refused by ZooKeeper until its session has expired.
            assert time.monotonic() < deadline, (self._root / f"{service}.log").read_text()[-2000:]

    def dp(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """A `dp` process that runs on, under the service's name."""
        argv = [sys.executable, "-m", "runtime", *arguments]
        return self._spawn(name, argv, {"DP_SERVICE": name})

    def process(self, service: str) -> subprocess.Popen[bytes]:
        """The process of a service that was started here."""
        return self._running[service]

    def kill(self, service: str) -> None:
        process = self._running.pop(service)
        process.kill()
        process.wait()

    def close(self) -> None:
        self._stack.close()

    def _spawn(self, name: str, argv: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        log = self._stack.enter_context((self._root / f"{name}.log").open("ab"))
        process = subprocess.Popen(
            argv,
            env={**self.copy.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process

    def _ready(self, probe: Probe, process: subprocess.Popen[bytes], deadline: float) -> bool:
        seen = Process(service="", owns=lambda pid: pid == process.pid)
        while process.poll() is None and time.monotonic() < deadline:
            try:
                probe(self.settings, seen)
            except DependencyError:
                time.sleep(0.2)
            else:
                return True
        return False
