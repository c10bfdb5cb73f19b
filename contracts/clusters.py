"""Settings of the clusters that the platform stands on, local or of one's own: Kafka, registry, Spark."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from contracts.section import Positive, Secret, Section


class Kafka(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    bootstrap: str = ""
    """Servers as host:port[,host:port]; empty: the local broker's external listener."""
    coordination: Literal["zookeeper", "kraft"] = "zookeeper"
    """Who keeps the local broker's metadata: `zookeeper`, or the broker itself (`kraft`). The data of one
    cannot be read by the other."""
    zookeeper: str = ""
    """ZooKeeper that the broker uses; empty: the local one."""
    partitions: Positive = 4
    """Partitions of every topic but dead_letter, which has 1."""
    replication: Positive = 1
    """Replicas of every topic; at most the number of brokers."""
    retention_hours: Positive = 168
    """Retention of source topics and of dead_letter, hours."""
    internal_retention_hours: Positive = 24
    """Retention of the internal topics, hours."""
    retention_bytes: Positive = 2 * 1024**3
    """Size limit of one partition, bytes."""
    compression: Literal["snappy", "gzip", "lz4", "zstd", "none"] = "snappy"
    """Codec of everything produced; falls back to gzip, then none, where it is refused."""
    heap_mb: Positive = 512
    """Heap of the process, MiB."""
    zookeeper_heap_mb: Positive = 64
    """Heap of ZooKeeper, MiB."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How clients speak to the broker of `bootstrap`; names in certificates are always checked."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """SASL mechanism, where the protocol has SASL."""
    sasl_username: str = ""
    """SASL user."""
    sasl_password: Secret = ""
    """SASL password; from the environment only (DP_KAFKA_SASL_PASSWORD), where there is no file of it."""
    sasl_password_file: str = ""
    """File that holds the SASL password; never the password itself."""
    ssl_ca_file: str = ""
    """Authority of the broker's certificate, PEM; empty: those that the system trusts."""
    ssl_certificate_file: str = ""
    """Certificate chain that clients show to the broker, PEM; empty: none."""
    ssl_key_file: str = ""
    """Private key of that certificate, PEM."""
    ssl_key_password: Secret = ""
    """Password of that key, if it has one; from the environment only (DP_KAFKA_SSL_KEY_PASSWORD)."""
    ssl_key_password_file: str = ""
    """File that holds the password of that key; never the password itself."""
    topics: Literal["auto", "manage", "create", "check"] = "auto"
    """What is done to topics: `manage` makes them and keeps their settings as declared, `create` makes those
    that are missing, `check` makes none; `auto`: `manage` for the local broker, `create` for `bootstrap`."""
    max_message_bytes: Annotated[int, Meta(ge=1_000_000)] = 16 * 1024**2
    """Largest record that is written, bytes: `max.message.bytes` of internal topics and dead letters."""


class Registry(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: str = ""
    """Confluent-compatible base URL, http or https; empty: the local registry's."""
    username: str = ""
    """User of basic authentication at `url`; empty: none."""
    password: Secret = ""
    """Its password; from the environment only (DP_REGISTRY_PASSWORD), where there is no file of it."""
    password_file: str = ""
    """File that holds that password; never the password itself."""
    ssl_ca_file: str = ""
    """Authority of the registry's certificate, PEM; empty: those that the system trusts."""
    heap_mb: Positive = 192
    """Heap of the registry, MiB."""


class Spark(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    master: str = ""
    """Spark master URL; empty: the local standalone cluster's."""
    secret_file: str = ""
    """File with the cluster's shared secret; empty: generated on first start under the data root."""
    authenticate: bool = True
    """Whether the cluster of `master` asks for the secret; the local one always does."""
    cores_max: Positive = 2
    """Cores of one application."""
    executor_memory_mb: Positive = 900
    """Heap of an executor, MiB."""
    driver_memory_mb: Positive = 768
    """Heap of the driver, MiB."""
    worker_memory_mb: Positive = 2048
    """Memory that a worker offers to executors, MiB."""
    worker_cores: Positive = 2
    """Cores that a worker offers."""
    daemon_memory_mb: Positive = 128
    """Heap of master and workers."""
    driver_host: str = ""
    """Address of this machine under which executors reach the driver; empty: network.host."""
    ui_forward: str = ""
    """Where the master finds the driver's page (host:port) to pass it on under `ports.spark_driver_ui`, in
    containers; empty: it does not."""
