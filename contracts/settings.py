"""The one typed settings object. Every field carries its meaning, unit and default.

Sections are single words, so that ``DP_<SECTION>_<KEY>`` names a field without ambiguity:
``DP_KAFKA_PARTITIONS=8`` is ``kafka.partitions``. How values are merged: ``contracts.configuration``.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, field

from contracts.clusters import Kafka as Kafka
from contracts.clusters import Registry as Registry
from contracts.clusters import Spark as Spark
from contracts.section import NotNegative, Port, Positive, PositiveSeconds, Section, Share

Engine = Literal["spark", "embedded"]


class Paths(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    data: str = "data"
    """Root of everything the platform writes. Relative to the working directory of the start."""
    archive: str = ""
    """Root of the archive; empty: `archive/` under the data root (better on another disk)."""
    outputs: str = ""
    """Root of the stream and batch outputs; empty: `outputs/` under the data root."""
    jars: str = ""
    """Folder of the resolved jars; empty: `.jars/` beside the code, or if that was
    installed in the user's cache folder."""


class Network(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    host: str = "127.0.0.1"
    """Address that every service listens on. Another than loopback needs SASL (Kafka) and keys (API)."""


class Java(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    home: str = ""
    """A JDK or JRE of one's own, 17 or 21; empty: the one that comes as a Python wheel."""
    trust_store: str = ""
    """Java trust store for downloads behind a company's own authority; empty: the system's, if any."""


class Ports(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    zookeeper: Port = 2181
    """ZooKeeper."""
    kafka: Port = 9092
    """Kafka's internal listener (brokers, containers)."""
    kafka_external: Port = 29092
    """Kafka's listener for clients on this host."""
    kafka_controller: Port = 9093
    """Kafka's own controller, on loopback, where it does without ZooKeeper."""
    schema_registry: Port = 8085
    """Confluent-compatible schema registry."""
    spark_master: Port = 7077
    """Spark master."""
    spark_master_ui: Port = 8080
    """Spark master's page."""
    spark_worker_1_ui: Port = 8081
    """First worker's page."""
    spark_worker_2_ui: Port = 8082
    """Second worker's page."""
    spark_driver_ui: Port = 4040
    """Page of the lakehouse driver's Spark application."""
    worker_web: Port = 6066
    """Web pages of the first stream worker; worker N takes this + N - 1."""
    lakehouse_control: Port = 8890
    """Loopback control channel of the lakehouse driver."""
    ingestion_metrics: Port = 8891
    """Prometheus metrics and health of ingestion."""
    api: Port = 8888
    """REST API and pages."""


class Ingestion(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    batch_records: Positive = 500
    """Most events in one packed record."""
    linger_ms: NotNegative = 200
    """How long ingestion waits to fill a packed record, milliseconds."""
    skew_seconds: NotNegative = 300
    """How far an event's time may lie ahead of ingestion's clock, seconds."""
    max_record_bytes: Positive = 1024 * 1024
    """Largest source record that is accepted, bytes; a larger one is a dead letter."""


class Streams(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    workers: Positive = 1
    """How many stream workers `dp up` starts."""
    flush_seconds: PositiveSeconds = 10.0
    """A micro-batch is flushed at least this often, seconds."""
    flush_records: Positive = 50_000
    """… or when this many records are waiting,"""
    flush_bytes: Positive = 32 * 1024**2
    """… or this many bytes."""
    window_seconds: Positive = 60
    """Length of the tumbling windows, seconds of event time."""
    grace_seconds: NotNegative = 120
    """How long after its end a window still takes events, seconds of event time."""
    session_gap_seconds: Positive = 1800
    """Silence that ends a session, seconds of event time."""
    idle_close_seconds: PositiveSeconds = 60.0
    """An idle partition closes its windows by wall clock this long after their end and grace."""
    table_every_flushes: Positive = 3
    """The Faust table is written at every Nth flush; landing rolls it forward at recovery."""
    hole_seconds: PositiveSeconds = 60.0
    """A hole in the packed records that lasts longer is reported, and ingestion restarts before it."""


class Lakehouse(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    engine: Engine = "spark"
    """What runs silver, gold and the batch jobs: `spark` (the cluster) or `embedded` (no JVM)."""
    bronze_seconds: NotNegative = 0
    """Seconds between bronze rounds; 0: by engine (spark 15, embedded 5)."""
    silver_seconds: NotNegative = 0
    """Seconds between silver rounds; 0: by engine (spark 30, embedded 10)."""
    gold_seconds: NotNegative = 0
    """Least seconds between two refreshes of one gold partition; 0: by engine (spark 300, embedded 60)."""
    control_url: str = ""
    """Control channel of the driver, http://host:port; empty: the local one."""
    landing_retention_hours: Positive = 24
    """Landing files that are in bronze are kept this long, hours."""
    maintenance_seconds: Positive = 300
    """Seconds between two passes of the driver's maintenance: small files, landing, views."""
    embedded_memory_mb: Positive = 1024
    """DuckDB's memory limit in the embedded engine."""


class Lineage(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    transport: Literal["off", "file", "http", "client"] = "off"
    """Where OpenLineage events of runs go: nowhere; `lineage/events.jsonl` under the data root; to `url`;
    or where the client's own configuration says (OPENLINEAGE_CONFIG, openlineage.yml)."""
    url: str = ""
    """Of `http`: base URL of the endpoint; events are posted to `api/v1/lineage` below it."""
    key_file: str = ""
    """Of `http`: file with the API key, if the endpoint asks for one; never the key itself."""
    timeout_seconds: PositiveSeconds = 5.0
    """Of `http`: time limit of one event, seconds."""
    namespace: str = "dataplatform"
    """Namespace of jobs and tables in the events."""


class Segments(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    days: Positive = 30
    """Frequency and value count over this many days."""
    inactive_days: Positive = 14
    """A user without activity for so many days is Inactive."""
    vip_score: Annotated[float, Meta(ge=0)] = 80.0
    """Least engagement score of a VIP, 0–100."""
    active_score: Annotated[float, Meta(ge=0)] = 50.0
    """Least engagement score of an Active user."""
    recency_weight: Annotated[float, Meta(ge=0)] = 40.0
    """Points of the score for the percentile rank of the last activity."""
    frequency_weight: Annotated[float, Meta(ge=0)] = 30.0
    """Points for the percentile rank of the number of events."""
    value_weight: Annotated[float, Meta(ge=0)] = 30.0
    """Points for the percentile rank of the money spent."""


class Batch(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    schedule: str = "0 2 * * *"
    """When the batch jobs start: a cron expression of five fields."""
    time_zone: str = "UTC"
    """IANA time zone in which the schedule is read. Days of the jobs are UTC all the same."""
    late_days: Positive = 7
    """A closed day is computed again where late data touched it within so many days."""
    attempts: Positive = 4
    """How often a job is tried before it has failed."""
    retry_seconds: PositiveSeconds = 60.0
    """Wait before the second attempt, seconds; doubles with every further one."""
    timeout_seconds: PositiveSeconds = 7200.0
    """An attempt that takes longer is ended, seconds."""


class Archive(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    schedule: str = ""
    """When all tables are archived: a cron expression of five fields, in `batch.time_zone`; empty: never."""
    keep: NotNegative = 7
    """So many archives of each table are kept, and those that retention relies on; 0: all."""


class Retention(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    bronze_days: NotNegative = 0
    """Days that rows of bronze tables are kept, where they are not kept for good; 0: as each declares."""
    silver_days: NotNegative = 0
    """The same for silver tables."""
    gold_days: NotNegative = 0
    """The same for gold tables."""
    platform_days: NotNegative = 0
    """The same for the platform's own tables."""
    views_days: NotNegative = 0
    """Days of the stream's views that are kept, at least 15; 0: for good. The batch jobs know no user of days
    that are gone: they count as new who was seen before."""
    archive_first: str = ""
    """Tables whose rows go only once an archive holds them: names[,…], or `*` for all."""


class Api(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    keys: bool = False
    """Whether the API asks for a key. Always so on another address than loopback."""
    query_memory_mb: Positive = 1024
    """Memory limit of one query, MiB."""
    query_timeout_seconds: PositiveSeconds = 30.0
    """Time limit of one query, seconds."""
    query_rows: Positive = 1000
    """Rows of an answer of POST /query that names no limit."""
    query_rows_max: Positive = 1000
    """Most rows of one answer, whatever limit is asked for."""
    answer_mb: Positive = 32
    """Most MiB of one answer; rows beyond are cut like those beyond the limit."""
    cache_mb: Positive = 64
    """Answers of queries that are kept until a table changes, MiB."""
    query_workers: Positive = 2
    """Processes that run queries, one query each at a time."""
    preview_rows: Positive = 20
    """Rows of a table preview."""


class Access(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    open_to_network: bool = False
    """Whether the API may listen beyond loopback without keys: everybody there may do everything."""
    requests_per_second: Annotated[float, Meta(ge=0)] = 100.0
    """Most requests of one key (without keys: of one address beyond loopback) a second; 0: no limit."""
    burst_seconds: PositiveSeconds = 2.0
    """Whoever was quiet may send so many seconds' worth of requests at once."""
    cors_origins: str = ""
    """Origins whose pages may use the API, https://host[:port][,…]; `*` is every one, with keys only."""
    tls_certificate: str = ""
    """File of the certificate chain, PEM; with it the API speaks https alone."""
    tls_key: str = ""
    """File of the certificate's private key, PEM, without a passphrase."""
    max_body_bytes: Positive = 256 * 1024
    """Largest body of a request, bytes."""
    max_header_bytes: Positive = 16 * 1024
    """Most bytes of a request's headers together."""
    max_url_bytes: Positive = 8 * 1024
    """Longest path and query string of a request, bytes."""
    max_connections: Positive = 2000
    """Most connections at once, idle ones included; further ones wait."""
    header_seconds: PositiveSeconds = 15.0
    """Time for the headers of a request; a connection that is idle for so long is closed as well."""
    body_seconds: PositiveSeconds = 15.0
    """Time for the body of a request, seconds."""
    stall_seconds: PositiveSeconds = 30.0
    """A client that takes nothing of its answer for so long is cut off, seconds."""


class Simulators(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    enabled: bool = True
    """Whether `dp up` starts the simulators."""
    rate: Annotated[float, Meta(gt=0)] = 100.0
    """Events per second of each simulator."""
    seed: int = 42
    """Seed of the shared population."""
    users: Positive = 10_000
    """Size of the shared population."""
    faults: Share = 0.0
    """Share of malformed, duplicate and late records."""


class Health(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    sample_seconds: PositiveSeconds = 60.0
    """Seconds between two samples of the health monitor."""
    walk_seconds: PositiveSeconds = 300.0
    """Files of landing and outputs are counted this often at most, seconds."""
    start_seconds: NotNegative = 300
    """So long after the platform's start nothing is said of freshness, lag, flushes and missed jobs."""
    stale_factor: Annotated[float, Meta(gt=0)] = 2.0
    """A table is late when it is this many times its freshness target behind what it is built from."""
    lag_records: Positive = 100_000
    """Most records that a consumer group may have still to read."""
    flush_seconds: PositiveSeconds = 40.0
    """Records may wait so long for the next commit of their consumer, seconds."""
    dead_letters_per_minute: Positive = 100
    """Most dead letters of one source a minute."""
    quality_score: Share = 0.9
    """Least score of a table's newest check."""
    disk_free_share: Share = 0.05
    """Little is left of the disk of the data below this share, …"""
    disk_free_mb: NotNegative = 256
    """… and it is full below this, MiB."""
    disk_days: Annotated[float, Meta(ge=0)] = 2.0
    """Little is left as well where the disk will be full in so many days, at the growth of the last day."""
    small_file_mb: Positive = 8
    """A data file below this is a small one, MiB."""
    job_late_minutes: Positive = 180
    """A batch job without a result so long after its time was missed."""


class Alerts(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    file: bool = True
    """Whether notices are also written to `alerts/notices.jsonl` under the data root."""
    webhook_file: str = ""
    """File that holds the URL of a webhook (Slack's format); never the URL itself. Empty: none."""
    webhook_seconds: PositiveSeconds = 5.0
    """Time limit of one delivery, seconds."""
    retry_hours: Positive = 24
    """A notice that could not be delivered is tried again for so long, hours."""


class Logs(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is logged."""
    max_bytes: Positive = 20 * 1024**2
    """A log file is rotated at this size."""
    keep: Positive = 3
    """How many rotated files are kept a service."""


class Settings(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All settings. Paths and addresses that are empty by default are derived by the properties below."""

    paths: Paths = field(default_factory=Paths)
    network: Network = field(default_factory=Network)
    java: Java = field(default_factory=Java)
    ports: Ports = field(default_factory=Ports)
    kafka: Kafka = field(default_factory=Kafka)
    registry: Registry = field(default_factory=Registry)
    ingestion: Ingestion = field(default_factory=Ingestion)
    streams: Streams = field(default_factory=Streams)
    lakehouse: Lakehouse = field(default_factory=Lakehouse)
    lineage: Lineage = field(default_factory=Lineage)
    segments: Segments = field(default_factory=Segments)
    spark: Spark = field(default_factory=Spark)
    batch: Batch = field(default_factory=Batch)
    archive: Archive = field(default_factory=Archive)
    retention: Retention = field(default_factory=Retention)
    api: Api = field(default_factory=Api)
    access: Access = field(default_factory=Access)
    simulators: Simulators = field(default_factory=Simulators)
    health: Health = field(default_factory=Health)
    alerts: Alerts = field(default_factory=Alerts)
    logs: Logs = field(default_factory=Logs)

    @property
    def data_root(self) -> Path:
        return Path(self.paths.data).expanduser().resolve()

    @property
    def outputs_root(self) -> Path:
        return (
            Path(self.paths.outputs).expanduser().resolve()
            if self.paths.outputs
            else self.data_root / "outputs"
        )

    @property
    def archive_root(self) -> Path:
        return (
            Path(self.paths.archive).expanduser().resolve()
            if self.paths.archive
            else self.data_root / "archive"
        )

    @property
    def on_loopback(self) -> bool:
        """Whether nobody but this machine can reach what listens on ``network.host``."""
        host = self.network.host
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    @property
    def asks_for_keys(self) -> bool:
        """Whether the API asks for a key."""
        return self.api.keys or not (self.on_loopback or self.access.open_to_network)

    @property
    def api_scheme(self) -> Literal["http", "https"]:
        return "https" if self.access.tls_certificate else "http"

    @property
    def bootstrap_servers(self) -> str:
        return self.kafka.bootstrap or f"{self.network.host}:{self.ports.kafka_external}"

    @property
    def topic_rights(self) -> Literal["manage", "create", "check"]:
        """What is done to topics."""
        if self.kafka.topics == "auto":
            return "create" if self.kafka.bootstrap else "manage"
        return self.kafka.topics

    @property
    def zookeeper_connect(self) -> str:
        return self.kafka.zookeeper or f"{self.network.host}:{self.ports.zookeeper}"

    @property
    def registry_url(self) -> str:
        """Base URL of the Confluent-compatible API, without a trailing slash."""
        return self.registry.url.rstrip("/") or (
            f"http://{self.network.host}:{self.ports.schema_registry}/apis/ccompat/v7"
        )

    @property
    def spark_master(self) -> str:
        return self.spark.master or f"spark://{self.network.host}:{self.ports.spark_master}"

    @property
    def control_url(self) -> str:
        """Base URL of the lakehouse driver's control channel."""
        return self.lakehouse.control_url.rstrip("/") or (
            f"http://{self.network.host}:{self.ports.lakehouse_control}"
        )

    @property
    def bronze_seconds(self) -> int:
        return self.lakehouse.bronze_seconds or (15 if self.lakehouse.engine == "spark" else 5)

    @property
    def silver_seconds(self) -> int:
        return self.lakehouse.silver_seconds or (30 if self.lakehouse.engine == "spark" else 10)

    @property
    def gold_seconds(self) -> int:
        return self.lakehouse.gold_seconds or (300 if self.lakehouse.engine == "spark" else 60)
