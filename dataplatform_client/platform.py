"""What the API answers about the platform: health, streams, runs, moments. As in `catalog`."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from msgspec import Struct


class ServiceHealth(Struct, kw_only=True):
    """One service."""

    name: str
    state: str
    message: str = ""
    pid: int | None = None
    restarts: int | None = None
    memory_bytes: int | None = None
    events_per_second: float | None = None
    total: int | None = None
    heartbeat_age_seconds: float | None = None
    status: str = "ok"
    reasons: list[str] = []


class TableHealth(Struct, kw_only=True):
    """How fresh a table is."""

    freshness: str
    newest_event: datetime | None = None
    lag_seconds: float | None = None
    version: int | None = None
    status: str | None = None
    problem: str | None = None


class Disk(Struct, kw_only=True):
    """The file system of the data root, bytes."""

    total: int
    free: int


class Component(Struct, kw_only=True):
    """A part of the platform: the worst of what it consists of."""

    status: str
    reasons: list[str]


class Health(Struct, kw_only=True):
    """Is the platform well? Without a key, where one is asked for, only ``status`` is known."""

    status: str
    at: datetime | None = None
    live: bool | None = None
    ready: bool | None = None
    reasons: list[str] = []
    components: dict[str, Component] = {}
    services: list[ServiceHealth] = []
    tables: dict[str, TableHealth] = {}
    disk: Disk | None = None


class Window(Struct, kw_only=True):
    """A minute of app events, as known so far."""

    window_start: datetime
    window_end: datetime
    events: int
    users: int
    errors: int
    is_final: bool
    value: float | str | None = None


class Session(Struct, kw_only=True):
    """A session of clicks; not final: it is open."""

    session_key: str
    user_id: str
    session_start: datetime
    session_end: datetime
    duration_ms: int
    page_count: int
    click_count: int
    is_final: bool
    is_late: bool
    entry_page: str | None = None
    exit_page: str | None = None
    device_type: str | None = None


class WorkerPartition(Struct, kw_only=True):
    """One source partition in the hands of a worker."""

    worker: str
    source: str
    partition: int
    pending: int
    position: int | None = None
    watermark: datetime | None = None
    lag: int | None = None


class PartitionLag(Struct, kw_only=True):
    """One consumer group's place in one partition."""

    group: str
    topic: str
    partition: int
    end: int
    lag: int
    committed: int | None = None


class Consumer(Struct, kw_only=True):
    """One consumer group."""

    group: str
    state: str
    processes: list[str] = []
    messages_per_second: float = 0.0
    bytes_per_second: float = 0.0
    invalid_per_second: dict[str, float] = {}
    commit_age_seconds: float | None = None
    message: str = ""
    last_error: str = ""
    lag: int | None = None
    partitions: list[PartitionLag] = []


class Streams(Struct, kw_only=True):
    """What the stream workers know now."""

    at: datetime
    windows: list[Window]
    sessions: list[Session]
    open_sessions: int
    total_sessions: int
    partitions: list[WorkerPartition]
    broker: str
    consumers: list[Consumer]


class Run(Struct, kw_only=True):
    """One attempt of one batch job for one UTC day."""

    run_id: str
    job: str
    run_date: date
    trigger: str
    attempt: int
    status: str
    engine: str
    started_at: datetime
    ended_at: datetime
    rows_in: int | None = None
    rows_out: int | None = None
    versions: str = "{}"
    error: str | None = None


class ServiceRate(Struct, kw_only=True):
    """One service's own word of itself."""

    name: str
    state: str
    events_per_second: float
    total: int


class Latency(Struct, kw_only=True):
    """From Kafka's timestamp of a record until ingestion sends it on, milliseconds."""

    p50: float
    p95: float


class SourceRate(Struct, kw_only=True):
    """One source as ingestion sees it."""

    name: str
    events_per_second: float = 0.0
    invalid_per_second: float = 0.0
    lag: int | None = None
    latency_ms: Latency | None = None
    newest_event_age_seconds: float | None = None


class Hop(Struct, kw_only=True):
    """One part of the way from producers to gold. ``lag`` is in ``lag_unit``: events, records, or seconds."""

    name: str
    label: str
    events_per_second: float
    status: str
    reasons: list[str] = []
    lag: float | None = None
    lag_unit: str | None = None
    freshness_seconds: float | None = None


class Moment(Struct, kw_only=True):
    """The platform at one second; ``at`` is Unix seconds."""

    at: float
    services: list[ServiceRate]
    sources: list[SourceRate]
    versions: dict[str, int | None]
    hops: list[Hop] = []
    health: str | None = None
    firing: int = 0


class Delivery(Struct, kw_only=True):
    """One delivery of an event."""

    topic: str
    partition: int
    offset: int
    source_timestamp: datetime
    ingest_timestamp: datetime
    event_timestamp: datetime
    landing_file: str | None = None
    bronze_version: int | None = None
    bronze_loaded_at: datetime | None = None
    quality_flags: list[str] = []
    silver: str | None = None
    silver_loaded_at: datetime | None = None


class GoldRow(Struct, kw_only=True):
    """A gold row that an event counts in; ``row`` is None where it has not been computed yet."""

    table: str
    row: dict[str, Any] | None = None
    includes_event: bool = False


class Refused(Struct, kw_only=True):
    """A dead letter whose bytes hold an event's id."""

    origin: str
    kind: str
    reason: str
    attempts: int
    dead_lettered_at: datetime


class Journey(Struct, kw_only=True):
    """Where one event is; ``reached`` is None where it is only among the dead letters."""

    event_id: str
    source: str | None = None
    reached: str | None = None
    copies: list[Delivery] = []
    gold: list[GoldRow] = []
    dead_letters: list[Refused] = []


class RefusedFor(Struct, kw_only=True):
    """How often records of a source were refused for one reason."""

    source: str
    kind: str
    reason: str
    count: int
    replayed: int
    newest: datetime


class DeadLetter(Struct, kw_only=True):
    """A record that was refused. ``raw`` is the first 4 KiB of its bytes; ``encoding``: text or base64."""

    position: str
    origin: str
    source: str
    kind: str
    reason: str
    attempts: int
    dead_lettered_at: datetime
    replayed: bool
    encoding: str
    raw_bytes: int
    raw: str | None = None


class DeadLetters(Struct, kw_only=True):
    """What was refused: how often for which reason, and the newest letters."""

    at: datetime
    total: int
    complete: bool
    by_reason: list[RefusedFor]
    letters: list[DeadLetter]
