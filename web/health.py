"""Is the platform well? From the supervisor's status, heartbeats, the tables' newest events, and the disk."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

import msgspec
from msgspec import Struct, field

from contracts.errors import DependencyError
from contracts.heartbeat import read_heartbeats
from contracts.layout import run_folder
from contracts.settings import Settings
from lakehouse.catalog import Freshness, TableSummary
from lakehouse.catalog.described import summary
from lakehouse.datasets import Dataset, Refused
from lakehouse.reading.stream_snapshots import AllSnapshots

Status = Literal["healthy", "degraded", "failed"]

STALE_SECONDS = 15.0
"""A status or heartbeat that is older says nothing of the present."""
LOW_DISK_SHARE = 0.05
FULL_DISK_BYTES = 256 * 2**20

_WELL = frozenset({"ready", "running"})
_PASSING = frozenset({"waiting", "starting", "stopping", "stopped"})


class ServiceHealth(Struct, kw_only=True):
    """One service. ``state`` is its own word, or `lost` when its heartbeat has stopped."""

    name: str
    state: str
    message: str = ""
    pid: int | None = None
    restarts: int | None = None
    memory_bytes: int | None = None
    events_per_second: float | None = None
    total: int | None = None
    heartbeat_age_seconds: float | None = None


class TableHealth(Struct, kw_only=True):
    freshness: Freshness
    newest_event: datetime | None
    lag_seconds: float | None
    version: int | None
    problem: str | None
    """What is wrong with its log or files; null: nothing is known to be."""


class Disk(Struct, kw_only=True):
    """The file system of the data root, bytes."""

    total: int
    free: int


class Health(Struct, kw_only=True):
    """`GET /health`."""

    status: Status
    at: datetime
    reasons: list[str]
    """Why it is not healthy, one sentence each."""
    services: list[ServiceHealth]
    tables: dict[str, TableHealth]
    disk: Disk | None


class HealthWord(Struct, kw_only=True):
    """What `GET /health` says to somebody without a key."""

    status: Status


class _Service(Struct, kw_only=True):
    name: str
    state: str
    pid: int | None = None
    restarts: int | None = None
    rss: int | None = None
    total: int | None = None
    rate: float | None = None
    message: str = ""


class _Copy(Struct, kw_only=True):
    """The parts of the supervisor's `run/status.json` that are read here."""

    at: float
    services: list[_Service] = field(default_factory=list)


def health(settings: Settings, snapshots: AllSnapshots, datasets: Mapping[str, Dataset]) -> Health:
    """The state of everything, now. Reads files only; asks no service."""
    services = _services(settings)
    tables = [summary(dataset, *snapshots.look(name)) for name, dataset in datasets.items()]
    disk = _disk(settings)
    failed = [f"{s.name}: {s.message or s.state}" for s in services if s.state == "failed" and _matters(s)]
    away = _root_is_away(snapshots)
    if disk is None or away:
        failed.append(f"{settings.data_root}: {away or 'the data root cannot be read'}")
    elif disk.free < FULL_DISK_BYTES:
        failed.append(f"the disk is full: {disk.free / 2**20:,.0f} MiB free")
    degraded = [
        f"{s.name} is {s.state}{': ' + s.message if s.message else ''}"
        for s in services
        if s.state not in _WELL | _PASSING and not (s.state == "failed" and _matters(s))
        if _matters(s) or s.state != "lost"
    ]
    if not away:
        degraded += [f"{table.name}: {table.problem}" for table in tables if table.problem]
    degraded += _behind(tables, datasets)
    if disk is not None and FULL_DISK_BYTES <= disk.free < disk.total * LOW_DISK_SHARE:
        degraded.append(f"little disk left: {disk.free / 2**30:.1f} GiB free")
    return Health(
        status="failed" if failed else "degraded" if degraded else "healthy",
        at=datetime.now(UTC),
        reasons=failed + degraded,
        services=services,
        tables={
            table.name: TableHealth(
                freshness=table.freshness,
                newest_event=table.newest_event,
                lag_seconds=table.lag_seconds,
                version=table.version,
                problem=table.problem,
            )
            for table in tables
        },
        disk=disk,
    )


def _root_is_away(snapshots: AllSnapshots) -> str | None:
    """Why nothing can be said of any table."""
    try:
        snapshots.check_root(had_it=True)
    except DependencyError as error:
        return str(error)
    return None


def _services(settings: Settings) -> list[ServiceHealth]:
    """The supervisor's view where one runs, completed by heartbeats; heartbeats alone otherwise."""
    now = time.time()
    found: dict[str, ServiceHealth] = {}
    for name, beat in read_heartbeats(settings).items():
        age = max(now - beat.at, 0.0)
        found[name] = ServiceHealth(
            name=name,
            state=beat.state if age <= STALE_SECONDS else "lost",
            message=beat.message if age <= STALE_SECONDS else f"last heard of {age:.0f} s ago",
            pid=beat.pid,
            events_per_second=beat.rate,
            total=beat.total,
            heartbeat_age_seconds=round(age, 1),
        )
    copy = _copy(settings)
    if copy is None or now - copy.at > STALE_SECONDS:
        return [found[name] for name in sorted(found)]
    return [_merged(service, found.get(service.name)) for service in copy.services]


def _merged(seen: _Service, beat: ServiceHealth | None) -> ServiceHealth:
    said = beat is not None and beat.state in ("degraded", "failed")
    return ServiceHealth(
        name=seen.name,
        state=beat.state if beat and said and seen.state == "ready" else seen.state,
        message=seen.message or (beat.message if beat and said else ""),
        pid=seen.pid,
        restarts=seen.restarts,
        memory_bytes=seen.rss,
        events_per_second=seen.rate,
        total=seen.total,
        heartbeat_age_seconds=beat.heartbeat_age_seconds if beat else None,
    )


def _copy(settings: Settings) -> _Copy | None:
    try:
        return msgspec.json.decode((run_folder(settings) / "status.json").read_bytes(), type=_Copy)
    except (OSError, msgspec.DecodeError):
        return None


def _matters(service: ServiceHealth) -> bool:
    """Without its simulators the platform is whole."""
    return not service.name.endswith("-simulator")


def _behind(tables: list[TableSummary], datasets: Mapping[str, Dataset]) -> list[str]:
    """Tables that lag behind what they are built from. That no events come at all is no fault of ours."""
    by_name = {table.name: table for table in tables}
    sentences = []
    for table in tables:
        dataset = datasets[table.name]
        for upstream in (by_name[name] for name in dataset.upstream if name in by_name):
            if upstream.newest_event is None or table.version is None or table.problem:
                continue
            if not dataset.time or isinstance(dataset.build, Refused):
                continue
            if table.newest_event is None:
                waited = upstream.lag_seconds or 0.0
            else:
                waited = (upstream.newest_event - table.newest_event).total_seconds()
            if waited > 2 * table.freshness_target_seconds:
                sentences.append(f"{table.name} is {waited:.0f} s behind {upstream.name}")
    return sentences


def _disk(settings: Settings) -> Disk | None:
    try:
        usage = shutil.disk_usage(settings.data_root)
    except OSError:
        return None
    return Disk(total=usage.total, free=usage.free)
