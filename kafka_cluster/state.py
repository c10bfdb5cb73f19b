"""What is known of the cluster and its consumers at a moment: a JSON document for `dp status` and the API."""

from __future__ import annotations

from msgspec import Struct, field

from contracts.sources import STREAMS_GROUP as STREAMS_GROUP


class PartitionLag(Struct, frozen=True, kw_only=True):
    """One group's place in one partition. Offsets are those of the next record to read or to be written."""

    group: str
    topic: str
    partition: int
    committed: int | None
    """None where the group has never committed there."""
    end: int
    lag: int
    """Records not yet committed; from the earliest one that the broker has, where none is committed."""


class ConsumerState(Struct, kw_only=True):
    """One consumer group of the platform. Rates are of the last half minute, all its processes together."""

    group: str
    state: str
    """`running`, `starting`, `degraded` or `failed`, the worst of its processes; `down`: none is alive."""
    processes: list[str] = field(default_factory=list)
    """Services that have spoken of it in the last 15 s."""
    messages_per_second: float = 0.0
    """Source records settled (ingestion) or events landed (streams)."""
    bytes_per_second: float = 0.0
    """Bytes of the records read."""
    invalid_per_second: dict[str, float] = field(default_factory=dict)
    """Dead letters by reason (kind)."""
    commit_age_seconds: float | None = None
    """Since offsets were last committed; None: not yet."""
    message: str = ""
    """What its processes want seen now: why they are degraded, or a codec that they fell back to."""
    last_error: str = ""
    """What was last wrong, also before a restart."""
    lag: int | None = None
    """Records still to read, of all partitions; None: the broker does not answer."""
    partitions: list[PartitionLag] = field(default_factory=list)


class TopicState(Struct, kw_only=True):
    """One declared topic."""

    name: str
    bytes: int
    """On disk, all replicas."""
    limit_bytes: int
    """What `kafka.retention_bytes` lets it grow to."""


class DiskBudget(Struct, kw_only=True):
    """What the topics take and how long the disk lasts."""

    bytes: int
    """All topics on disk, Kafka's own included."""
    limit_bytes: int
    """What the declared topics may grow to before retention cuts them."""
    free_bytes: int | None
    """Left on the fullest volume of the brokers; None: they do not say."""
    growth_bytes_per_day: float | None = None
    """At the present rate, of the last half hour at most; None: not measured yet."""
    days_left: float | None = None
    """Until the disk is full at that rate; None: never, or not known."""
    outlasts_retention: bool | None = None
    """Whether the topics reach their limits before the disk is full; None: not known."""


class ClusterState(Struct, kw_only=True):
    """The whole document. Times are Unix seconds."""

    at: float
    broker: str
    """`up`, or why it is not."""
    consumers: list[ConsumerState] = field(default_factory=list)
    topics: list[TopicState] = field(default_factory=list)
    disk: DiskBudget | None = None
    """None: the broker does not answer."""
