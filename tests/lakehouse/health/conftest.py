"""A platform made of files: heartbeats, a supervisor's status, tables; and a clock that the test moves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from contracts.heartbeat import Heartbeat, heartbeats_folder
from contracts.layout import run_folder, table_path
from contracts.settings import Paths, Settings
from lakehouse.alerts.keeper import Keeper
from lakehouse.alerts.notices import Notice
from lakehouse.datasets import DATASETS
from lakehouse.health.examination import Examination
from lakehouse.health.monitor import Monitor
from lakehouse.health.report import Disk, Report

START = datetime(2026, 3, 5, 12, tzinfo=UTC)
SERVICES = ("kafka", "ingestion", "stream-worker-1", "lakehouse-driver", "scheduler", "lakehouse-api")
FLOWING = ("app_events_bronze", "app_events_silver", "event_metrics_gold")


class Heard:
    """A channel that keeps what it is given."""

    name = "heard"
    is_remote = False

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def deliver(self, notice: Notice) -> None:
        self.notices.append(msgspec.convert(msgspec.to_builtins(notice), Notice))

    @property
    def told(self) -> list[tuple[str, str, str]]:
        return [(notice.kind, notice.rule, notice.subject) for notice in self.notices]


class Simulation:
    """What the services of a platform leave on disk, minute by minute. Faults are set in its fields."""

    def __init__(self, root: Path) -> None:
        self.settings = Settings(paths=Paths(data=str(root)))
        self.now = START
        self.disk = Disk(total=100 * 2**30, free=60 * 2**30)
        self.silent: set[str] = set()
        self.states: dict[str, str] = {}
        self.restarts: dict[str, int] = {}
        self.copy_state = "ready"
        self.started = START - timedelta(hours=1)
        self.lag = 0
        self.refused = 0
        self.ingestion: dict[str, Any] = {}
        self.worker: dict[str, Any] = {}
        self.stuck: set[str] = set()
        self.heard = Heard()
        self.monitor = self.new_monitor()

    def new_monitor(self) -> Monitor:
        """As a scheduler that starts makes it."""
        self.keeper = Keeper(self.settings, over=[self.heard], now=lambda: self.now)
        examination = Examination(
            self.settings,
            now=lambda: self.now,
            disk=lambda path: self.disk,
            last_time=lambda at: at.replace(hour=2, minute=0, second=0),
        )
        self.monitor = Monitor(self.settings, examination, self.keeper, now=lambda: self.now)
        return self.monitor

    def minutes(self, count: int, each: Callable[[], object] = lambda: None) -> Report:
        """The next ``count`` samples, a simulated minute apart."""
        for _ in range(count):
            self.now += timedelta(minutes=1)
            each()
            self.write()
            self.monitor.do(self.now, threading.Event())
        assert self.monitor.latest is not None
        return self.monitor.latest

    def write(self) -> None:
        """What the services say now."""
        seconds = self.now.timestamp()
        folder = heartbeats_folder(self.settings)
        folder.mkdir(parents=True, exist_ok=True)
        for name in SERVICES[1:]:
            if name not in self.silent:
                beat = Heartbeat(service=name, pid=1, at=seconds - 0.5, details=self._details(name, seconds))
                (folder / f"{name}.json").write_bytes(msgspec.json.encode(beat))
        copy = {
            "at": seconds,
            "state": self.copy_state,
            "started": self.started.timestamp(),
            "services": [
                {
                    "name": name,
                    "state": self.states.get(name, "ready"),
                    "pid": 1,
                    "started": self.started.timestamp(),
                    "restarts": self.restarts.get(name, 0),
                }
                for name in SERVICES
            ],
            "cluster": {
                "broker": "up",
                "consumers": [{"group": "dp-streams", "lag": self.lag, "state": "running"}],
            },
        }
        (run_folder(self.settings) / "status.json").write_bytes(msgspec.json.encode(copy))

    def flow(self) -> None:
        """One more event in each table that is not stuck."""
        for name in FLOWING:
            if name not in self.stuck:
                self.append(name)

    def append(self, name: str, **values: Any) -> None:
        dataset = DATASETS[name]
        row = {column.name: _value(column.type, self.now) for column in dataset.columns} | values
        write_deltalake(
            str(table_path(self.settings, dataset.layer, name)),
            pa.Table.from_pylist([row], schema=dataset.schema),
            mode="append",
            partition_by=[dataset.partition] if dataset.partition else None,
        )

    def _details(self, name: str, seconds: float) -> dict[str, Any]:
        if name == "ingestion":
            said = {
                "lag": 0,
                "committed_at": seconds - 1,
                "refused": {"0/0000aaaa": self.refused},
                **self.ingestion,
            }
            return {"sources": {"app_events": said}}
        if name == "stream-worker-1":
            mark = self.now.isoformat(timespec="milliseconds")
            part = {"H": 1, "watermark": mark, "pending": 0, "lag": 0, "batch": 50}
            return {
                "partitions": {"app_events": {"0": {**part, **self.worker.get("part", {})}}},
                "committed_at": seconds - 2,
                "flush_seconds": 0.1,
                "late": 0,
                "holes": [],
                **{key: value for key, value in self.worker.items() if key != "part"},
            }
        return {}


def _value(kind: pa.DataType, now: datetime) -> Any:
    if pa.types.is_timestamp(kind):
        return now
    if pa.types.is_date(kind):
        return now.date()
    if pa.types.is_string(kind):
        return "x"
    if pa.types.is_list(kind):
        return []
    if pa.types.is_boolean(kind):
        return False
    return now.hour


@pytest.fixture
def platform(tmp_path: Path) -> Simulation:
    made = Simulation(tmp_path / "data")
    made.settings.data_root.mkdir()
    return made
