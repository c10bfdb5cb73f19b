"""The running copy's state on disk: who holds the data root, and what its services are doing."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct, field

from contracts.errors import ConflictError
from contracts.layout import run_folder
from contracts.settings import Settings
from kafka_cluster.state import ClusterState
from runtime.topology import leftovers

ServiceState = Literal[
    "waiting", "starting", "ready", "degraded", "restarting", "failed", "stopping", "stopped"
]
CopyState = Literal["starting", "ready", "stopping", "stopped", "failed"]


class ServiceStatus(Struct, kw_only=True):
    """One service as the supervisor sees it. Times are Unix seconds, sizes bytes."""

    name: str
    state: ServiceState = "waiting"
    pid: int | None = None
    started: float | None = None
    restarts: int = 0
    memory: int = 0
    """Proportional set size of the process and its descendants: shared pages are shared out."""
    rss: int = 0
    total: int | None = None
    """Events handled since its start, of services that say so."""
    rate: float | None = None
    """Events per second."""
    message: str = ""
    """What it waits for, or what is wrong."""
    last_error: str = ""
    """Why it last died."""
    log: str = ""


class GroupLag(Struct, kw_only=True):
    """Events that a consumer group has still to read in one topic."""

    group: str
    topic: str
    lag: int


class Address(Struct, kw_only=True):
    title: str
    url: str


class Snapshot(Struct, kw_only=True):
    """The whole copy, once a second in `<data>/run/status.json`."""

    at: float
    data: str
    pid: int
    state: CopyState = "starting"
    message: str = ""
    """Why it failed."""
    exit_code: int = 0
    engine: str = ""
    started: float = 0.0
    ready_at: float | None = None
    rate: float = 0.0
    """Events per second through ingestion."""
    memory: int = 0
    """Proportional set size of everything, the supervisor included, bytes."""
    services: list[ServiceStatus] = field(default_factory=list)
    lag: list[GroupLag] | None = None
    """None: not known, the broker has not answered."""
    cluster: ClusterState | None = None
    """Consumers, topics and the disk; None: not looked at yet."""
    newest: dict[str, str] = field(default_factory=dict)
    """Newest event of each layer, RFC 3339."""
    addresses: list[Address] = field(default_factory=list)

    @property
    def ready(self) -> bool:
        """Whether every service is ready."""
        return self.state == "ready" and all(service.state == "ready" for service in self.services)


class Holder(Struct):
    """The supervisor that holds the lock."""

    pid: int
    birth: int
    """Its start in ticks since boot: a process id alone may be another's by now."""

    @property
    def alive(self) -> bool:
        return leftovers.birth(self.pid) == self.birth


class Lock:
    """One supervisor per data root. The lock is the open file's, so whoever inherits it holds it too."""

    def __init__(self, settings: Settings) -> None:
        self.path = run_folder(settings) / "supervisor.lock"
        self._descriptor = -1

    @property
    def descriptor(self) -> int:
        return self._descriptor

    def acquire(self, patience: float = 15.0) -> None:
        """Waits ``patience`` seconds for the remains of a dead supervisor, none for one that lives.

        Raises ConflictError that names the supervisor.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + patience
        while not self._try():
            living = holder(self.path)
            if living is not None and living.alive:
                raise ConflictError(
                    f"the platform already runs on {self.path.parent.parent} (process {living.pid}): "
                    "`dp status` shows it, `dp down` stops it; a second copy needs other paths.data and ports"
                )
            if time.monotonic() > deadline:
                raise ConflictError(f"{self.path} is held by a process that does not let go of it")
            time.sleep(0.1)
        own = Holder(os.getpid(), leftovers.birth(os.getpid()))
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, msgspec.json.encode(own), 0)

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _try(self) -> bool:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True


def lock_is_held(settings: Settings) -> bool:
    """Whether a supervisor, or the guardian of a dead one, is at work on this data root."""
    lock = Lock(settings)
    if not lock.path.exists():
        return False
    if lock._try():
        lock.release()
        return False
    return True


def holder(path: Path) -> Holder | None:
    """Who last took the lock; None where nobody did, or is writing just now."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Holder)
    except (OSError, msgspec.DecodeError):
        return None


def running_supervisor(settings: Settings) -> Holder | None:
    """The living supervisor of this data root."""
    if not lock_is_held(settings):
        return None
    found = holder(Lock(settings).path)
    return found if found is not None and found.alive else None


def snapshot_path(settings: Settings) -> Path:
    return run_folder(settings) / "status.json"


def write_snapshot(settings: Settings, snapshot: Snapshot) -> None:
    path = snapshot_path(settings)
    fresh = path.with_suffix(".fresh")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(snapshot)))
    fresh.replace(path)


def read_snapshot(settings: Settings) -> Snapshot | None:
    """The last state written, whether or not its supervisor still runs; None where there is none."""
    try:
        return msgspec.json.decode(snapshot_path(settings).read_bytes(), type=Snapshot)
    except (OSError, msgspec.DecodeError):
        return None
