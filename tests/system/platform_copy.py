"""A copy of the platform of the tests' own: free ports, a temporary data root, driven by the real `dp`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts import configuration
from contracts.heartbeat import read_heartbeats
from contracts.settings import Ports
from runtime.topology import leftovers
from tests.streams.local_kafka import free_ports


class PlatformCopy:
    """`dp` with settings of its own. ``flags`` are settings beside ports and data root."""

    def __init__(self, root: Path, **flags: object) -> None:
        names = Ports.__struct_fields__
        ports = dict(zip((f"ports.{name}" for name in names), free_ports(len(names)), strict=True))
        dotted = {key.replace("__", "."): value for key, value in flags.items()}
        self.resolved = configuration.load(
            flags={"paths.data": str(root / "data"), **ports, **dotted}, environ={}
        )
        self.settings = self.resolved.settings
        self.instance = str(self.settings.data_root)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("DP_")}
        self.environment = clean | configuration.environment_of(self.resolved)

    def dp(self, *arguments: str, expect: int = 0) -> str:
        """Runs a command and returns what it printed; fails the test for another exit code."""
        run = subprocess.run(
            [sys.executable, "-m", "runtime", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode != expect:
            pytest.fail(f"dp {' '.join(arguments)} ended with {run.returncode}:\n{run.stdout}\n{run.stderr}")
        return run.stdout

    def up(self, *options: str) -> None:
        self.dp("up", "--detach", *options)

    def down(self) -> None:
        self.dp("down")
        assert self.processes() == []

    def processes(self, service: str = "") -> list[int]:
        """Living processes that carry this copy's mark."""
        return leftovers.find(self.instance, service)

    def kill(self, service: str) -> None:
        """kill -9 of a service with all its children; returns when its successor has given a heartbeat."""
        before = read_heartbeats(self.settings)[service]
        for pid in self.processes(service):
            if leftovers.carries(pid, self.instance, service):
                os.kill(pid, signal.SIGKILL)
        self.eventually(lambda: read_heartbeats(self.settings)[service].pid != before.pid)

    def log_of(self, service: str) -> str:
        path = self.settings.data_root / "logs" / f"{service}.log"
        return path.read_text("utf-8", "replace")[-3000:] if path.exists() else ""

    def eventually(self, condition: Callable[[], object]) -> None:
        """Returns when the condition holds; the test's own time limit ends a wait for nothing."""
        while not condition():
            time.sleep(0.2)

    def end(self) -> None:
        """Leaves nothing behind, whatever the test did."""
        try:
            self.dp("down")
        finally:
            leftovers.end(self.instance)
