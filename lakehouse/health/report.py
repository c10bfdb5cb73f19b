"""What is known of the platform's health at a moment: one struct, from which JSON, text, HTML, the answer of
`GET /health`, samples and alerts are made."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct, field

from lakehouse.alerts.rules import Finding, Status
from lakehouse.catalog import Freshness
from lakehouse.datasets import Layer


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
    status: Status = "ok"
    reasons: list[str] = field(default_factory=list)


class TableReport(Struct, kw_only=True):
    """One table. What it cannot have, or not yet, is null."""

    name: str
    layer: Layer
    status: Status = "ok"
    reasons: list[str] = field(default_factory=list)
    freshness: Freshness = "empty"
    newest_event: datetime | None = None
    updated_at: datetime | None = None
    lag_seconds: float | None = None
    """Age of the newest event."""
    behind_seconds: float | None = None
    """Behind what it is built from; null: not known, or nothing to be behind."""
    freshness_target_seconds: float
    version: int | None = None
    rows: int | None = None
    bytes: int | None = None
    files: int | None = None
    small_files: int | None = None
    quality_score: float | None = None
    quality_checked_at: datetime | None = None


class Place(Struct, kw_only=True):
    """Files of a layer, of landing or of the outputs. Of tables those of the newest version."""

    name: str
    bytes: int = 0
    files: int = 0
    small_files: int = 0
    at: datetime | None = None
    """When they were counted, where that was not now."""


class LayerHealth(Struct, kw_only=True):
    """A layer: the worst of its tables."""

    name: Layer
    status: Status
    reasons: list[str]
    tables: int


class Disk(Struct, kw_only=True):
    """The file system of the data root, bytes."""

    total: int
    free: int


class Storage(Struct, kw_only=True):
    """What the data take, and how long the disk lasts."""

    places: list[Place] = field(default_factory=list)
    growth_bytes_per_day: float | None = None
    """Of all places together; null: not measured long enough."""
    days_until_full: float | None = None
    """At that growth; null: never, or not known."""
    notes: list[str] = field(default_factory=list)


class GroupHealth(Struct, kw_only=True):
    """A consumer group: of a source (ingestion), or of the stream workers."""

    group: str
    status: Status = "ok"
    reasons: list[str] = field(default_factory=list)
    lag: int | None = None
    """Records still to read; null: not known."""
    messages_per_second: float = 0.0
    commit_age_seconds: float | None = None


class WorkerHealth(Struct, kw_only=True):
    """How a stream worker writes."""

    service: str
    flush_seconds: float | None = None
    flush_age_seconds: float | None = None
    """Since its last commit."""
    waiting: int = 0
    """Events read and not yet landed."""
    batch_events: float | None = None
    """Events a landing file, of the newest one of each partition."""
    late: int = 0
    """Late events since the partitions were loaded."""
    paused: bool = False


class SourceHealth(Struct, kw_only=True):
    """One source: what was refused of it."""

    name: str
    status: Status = "ok"
    reasons: list[str] = field(default_factory=list)
    dead_letters: int = 0
    """In all, each refused record once."""
    dead_letters_per_minute: float | None = None
    """Between the monitor's last two samples."""


class JobHealth(Struct, kw_only=True):
    """A batch job: its newest run."""

    name: str
    status: Status = "ok"
    reasons: list[str] = field(default_factory=list)
    run_date: str | None = None
    run_status: str | None = None
    started_at: datetime | None = None
    seconds: float | None = None


class Report(Struct, kw_only=True):
    """All of it."""

    at: datetime
    status: Status = "ok"
    ready: bool = True
    """Whether the platform does what it is for, be it worse than it should."""
    reasons: list[str] = field(default_factory=list)
    """Why it is not well, the worst first."""
    services: list[ServiceHealth] = field(default_factory=list)
    layers: list[LayerHealth] = field(default_factory=list)
    tables: list[TableReport] = field(default_factory=list)
    disk: Disk | None = None
    storage: Storage = field(default_factory=Storage)
    groups: list[GroupHealth] = field(default_factory=list)
    workers: list[WorkerHealth] = field(default_factory=list)
    sources: list[SourceHealth] = field(default_factory=list)
    jobs: list[JobHealth] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    """Rules of which nothing is known now: the platform starts or stops, or a part cannot be looked at."""
