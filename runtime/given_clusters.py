"""Kafka, registry and Spark of one's own, looked at before a start: what is wrong is told at once."""

from __future__ import annotations

from contracts.errors import SettingsError
from contracts.settings import Settings

SECONDS = 10.0
"""How long a cluster that does not answer is waited for."""


def check_given_clusters(settings: Settings) -> None:
    """Talks to each cluster that is not local as the services will, and makes topics as far as it may.

    Raises SettingsError that names the setting that is wrong, DependencyError for what does not answer or is
    not allowed.
    """
    _check_local_ones(settings)
    if settings.kafka.bootstrap:
        _check_kafka(settings)
    if settings.registry.url:
        from kafka_cluster.registry import Registry

        with Registry(settings) as registry:
            registry.subjects()
    if settings.spark.master and settings.lakehouse.engine == "spark":
        from batch.session import check_cluster

        check_cluster(settings)


def _check_local_ones(settings: Settings) -> None:
    """What is said of a cluster of one's own is said to nobody where the local one is started."""
    kafka, registry = settings.kafka, settings.registry
    if not kafka.bootstrap and kafka.security_protocol != "PLAINTEXT":
        raise SettingsError(
            f"kafka.security_protocol {kafka.security_protocol}: the local broker speaks PLAINTEXT; set "
            "kafka.bootstrap to yours",
            key="kafka.security_protocol",
        )
    if not registry.url and (registry.username or registry.ssl_ca_file):
        raise SettingsError(
            "registry.username and registry.ssl_ca_file are of a registry of your own: set registry.url",
            key="registry.url",
        )


def _check_kafka(settings: Settings) -> None:
    from kafka_cluster.access import INGESTION, PRODUCERS, WORKERS, require_access
    from kafka_cluster.topics import ensure_topics

    ensure_topics(settings, SECONDS)
    wanted = (INGESTION, WORKERS, PRODUCERS) if settings.simulators.enabled else (INGESTION, WORKERS)
    require_access(settings, wanted)
