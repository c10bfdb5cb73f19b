"""A driver as a process of its own, started, watched and killed by a test."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec
from deltalake import DeltaTable

from contracts.configuration import Resolved, environment_of
from contracts.heartbeat import Heartbeat, read_heartbeats
from contracts.layout import table_path
from contracts.settings import Settings
from lakehouse.driver.loop import SERVICE

PATIENCE = 60.0


def until(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)
    return found


def with_shortest_cadence(settings: Settings) -> Settings:
    """The same with a free port for the control channel, and a round every second."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return msgspec.structs.replace(
        settings,
        ports=msgspec.structs.replace(settings.ports, lakehouse_control=port),
        lakehouse=msgspec.structs.replace(
            settings.lakehouse, bronze_seconds=1, silver_seconds=1, gold_seconds=1
        ),
    )


def environment(settings: Settings) -> dict[str, str]:
    """Variables by which `dp` sees these settings."""
    every = Resolved(settings=settings, origins={}, file=None)
    origins = {key: "flag" for key, value, _ in every.rows() if value != ""}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DP_")}
    return clean | environment_of(msgspec.structs.replace(every, origins=origins))


COLD = """
import sys
import batch.engine
from runtime.cli import main
batch.engine.warm = lambda run, folder: None
main(["lakehouse", "run"])
"""
"""The driver without the warm-up of Spark: what is slow at first is then a real round."""


class Driver:
    """`dp lakehouse run`."""

    def __init__(self, settings: Settings, *, cold: bool = False) -> None:
        self.settings = settings
        self.process: subprocess.Popen[bytes] | None = None
        self._arguments = ("-c", COLD) if cold else ("-m", "runtime", "lakehouse", "run")

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", *self._arguments], env=environment(self.settings)
        )

    def beat(self) -> Heartbeat | None:
        """Its heartbeat, once it is ready."""
        found = read_heartbeats(self.settings).get(SERVICE)
        mine = found is not None and self.process is not None and found.pid == self.process.pid
        return found if found is not None and mine and found.state != "starting" else None

    def end(self, how: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """Leaves nothing behind, whatever the test did."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def count(settings: Settings, layer: str, name: str, column: str = "") -> int:
    """Rows of a table, or the sum of a column; −1: there is no table yet."""
    path = table_path(settings, layer, name)
    if not (path / "_delta_log").exists():
        return -1
    rows = DeltaTable(str(path)).to_pyarrow_table()
    return int(sum(rows[column].to_pylist())) if column else int(rows.num_rows)
