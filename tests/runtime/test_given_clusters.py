"""What is said of a cluster that is not there is not silently ignored."""

from __future__ import annotations

import pytest

from contracts.errors import SettingsError
from contracts.section import Section
from contracts.settings import Kafka, Registry, Settings, Spark
from runtime.given_clusters import check_given_clusters
from runtime.services import services

LOCAL_KAFKA = {"zookeeper", "kafka"}
LOCAL_SPARK = {"spark-master", "spark-worker-1", "spark-worker-2"}


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        (Settings(kafka=Kafka(security_protocol="SASL_SSL")), "kafka.security_protocol"),
        (Settings(registry=Registry(username="dp")), "registry.url"),
        (Settings(kafka=Kafka(bootstrap="nowhere")), "kafka.bootstrap"),
    ],
)
def test_settings_without_their_cluster_are_refused(settings: Settings, key: str) -> None:
    with pytest.raises(SettingsError) as raised:
        check_given_clusters(settings)
    assert raised.value.key == key


def test_local_clusters_are_not_asked_anything() -> None:
    check_given_clusters(Settings())


@pytest.mark.parametrize(
    ("flags", "absent"),
    [
        ({"kafka": Kafka(bootstrap="b:1")}, LOCAL_KAFKA),
        ({"registry": Registry(url="http://r")}, {"schema-registry"}),
        ({"spark": Spark(master="spark://s:1")}, LOCAL_SPARK),
    ],
)
def test_what_is_given_is_not_started(flags: dict[str, Section], absent: set[str]) -> None:
    everything = {service.name for service in services(Settings())}
    started = services(Settings(**flags))  # type: ignore[arg-type]
    assert everything - {service.name for service in started} == absent
    assert absent.isdisjoint(name for service in started for name in service.depends_on)
