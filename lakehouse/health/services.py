"""The services: the supervisor's view where one runs, completed by heartbeats; heartbeats alone otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Struct, field

from contracts.heartbeat import FRESH_SECONDS, Heartbeat
from contracts.layout import run_folder
from contracts.settings import Settings
from lakehouse.alerts.rules import Finding, finding
from lakehouse.health.memory import Memory
from lakehouse.health.report import ServiceHealth

GONE_SECONDS = 86_400.0
"""A process without a supervisor that has been silent for so long is not waited for any more."""
MOST_DEATHS = 3
"""So many restarts within ``memory.RESTARTS_SECONDS`` are too many, though each may be short."""

_WELL = frozenset({"ready", "running"})
_PASSING = frozenset({"waiting", "starting", "stopping", "stopped"})
_ON_PURPOSE = frozenset({"stopping", "stopped", "failed"})


class SeenService(Struct, kw_only=True):
    name: str
    state: str
    pid: int | None = None
    started: float | None = None
    restarts: int | None = None
    rss: int | None = None
    total: int | None = None
    rate: float | None = None
    message: str = ""
    last_error: str = ""


class SeenConsumer(Struct, kw_only=True):
    """A consumer group, by the broker and by its processes."""

    group: str
    lag: int | None = None
    messages_per_second: float = 0.0
    commit_age_seconds: float | None = None


class SeenCluster(Struct, kw_only=True):
    """Kafka as the cluster manager sees it; its document may be read as this."""

    broker: str = "up"
    consumers: list[SeenConsumer] = field(default_factory=list)


class Copy(Struct, kw_only=True):
    """The parts of the supervisor's `run/status.json` that are read here."""

    at: float
    state: str = "ready"
    started: float = 0.0
    services: list[SeenService] = field(default_factory=list)
    cluster: SeenCluster | None = None

    @property
    def is_ending(self) -> bool:
        """Whether it is being stopped: nothing that is missing is a fault then."""
        return self.state in _ON_PURPOSE


def running_copy(settings: Settings, now: float) -> Copy | None:
    """What the supervisor that runs says; None where none does."""
    try:
        copy = msgspec.json.decode((run_folder(settings) / "status.json").read_bytes(), type=Copy)
    except (OSError, msgspec.DecodeError):
        return None
    return copy if now - copy.at <= FRESH_SECONDS else None


def services(copy: Copy | None, beats: Mapping[str, Heartbeat], now: float) -> list[ServiceHealth]:
    """Every service, in the supervisor's order or by name."""
    found = {
        name: _alone(beat, now - beat.at) for name, beat in beats.items() if now - beat.at <= GONE_SECONDS
    }
    if copy is None:
        return [found[name] for name in sorted(found)]
    return [_merged(seen, beats.get(seen.name), now) for seen in copy.services]


def service_findings(service: ServiceHealth, memory: Memory, now: float) -> Iterator[Finding]:
    """What is wrong with it. Without its simulators the platform is whole."""
    told = f": {service.message}" if service.message else ""
    if service.name.endswith("-simulator"):
        if service.state not in _WELL | _PASSING | {"lost"}:
            yield finding("service_degraded", service.name, f"{service.name} is {service.state}{told}")
    elif service.state == "failed":
        yield finding(
            "service_down", service.name, f"{service.name}: {service.message or service.state}", "failing"
        )
    elif service.state in ("lost", "restarting"):
        yield finding("service_down", service.name, f"{service.name} is {service.state}{told}")
    elif (deaths := memory.deaths(service.name, service.restarts, now)) >= MOST_DEATHS:
        says = f"{service.name} has died {deaths} times within ten minutes{told}"
        yield finding("service_down", service.name, says)
    elif service.state not in _WELL | _PASSING:
        yield finding("service_degraded", service.name, f"{service.name} is {service.state}{told}")


def _alone(beat: Heartbeat, age: float) -> ServiceHealth:
    fresh = age <= FRESH_SECONDS
    return ServiceHealth(
        name=beat.service,
        state=beat.state if fresh else "lost",
        message=beat.message if fresh else f"last heard of {age:.0f} s ago",
        pid=beat.pid,
        events_per_second=beat.rate,
        total=beat.total,
        heartbeat_age_seconds=round(max(age, 0.0), 1),
    )


def _merged(seen: SeenService, beat: Heartbeat | None, now: float) -> ServiceHealth:
    own = beat is not None and (seen.started is None or beat.at >= seen.started)
    said = _alone(beat, now - beat.at) if beat is not None and own else None
    state, message = seen.state, seen.message
    if said is not None and seen.state in ("ready", "degraded"):
        # The supervisor sees a process; whether it is well, and whether it lives, it says itself.
        if said.state == "lost":
            state, message = said.state, said.message
        elif said.state in ("degraded", "failed"):
            state, message = said.state, message or said.message
    return ServiceHealth(
        name=seen.name,
        state=state,
        message=message or (seen.last_error if state == "restarting" else ""),
        pid=seen.pid,
        restarts=seen.restarts,
        memory_bytes=seen.rss,
        events_per_second=seen.rate,
        total=seen.total,
        heartbeat_age_seconds=said.heartbeat_age_seconds if said else None,
    )
