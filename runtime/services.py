"""The services of the platform, each declared once.

`dp up` starts them on one machine; `runtime.compose` renders docker-compose.yml from the same list.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import partial

from msgspec.structs import replace

from contracts.errors import NotFound, SettingsError
from contracts.settings import Settings
from runtime.capacity import require_memory
from runtime.given_clusters import check_given_clusters
from runtime.topology import jvm, leftovers, probes
from runtime.topology.declaration import Launch, Port, Publish, Service
from runtime.topology.ports import check_ports

SIMULATORS = ("mobile", "web", "clickstream", "cdc", "external-data")
SPARK_WORKERS = (1, 2)
SCHEDULER_MB = 832
"""The scheduler takes 115 MiB, the health monitor with it, and a batch job what the embedded engine takes,
while it runs."""
SCHEDULER_SPARK_MB = 1344
"""The same with a Spark application's own JVM in the place of the engine."""


def services(settings: Settings) -> list[Service]:
    """What `dp up` starts with these settings, each after what it depends on.

    A cluster of one's own (`kafka.bootstrap`, `registry.url`, `spark.master`) takes the place of the local
    one; the embedded engine needs no Spark.
    """
    wanted = [service for service in all_services(settings) if _is_local(service.name, settings)]
    names = {service.name for service in wanted}
    return [_limited(service, names) for service in wanted]


def all_services(settings: Settings) -> list[Service]:
    """Every service that these settings use, wherever it runs."""
    workers = [f"stream-worker-{number}" for number in range(1, settings.streams.workers + 1)]
    spark_workers = [f"spark-worker-{number}" for number in SPARK_WORKERS]
    engine = settings.lakehouse.engine
    on_spark = engine == "spark"
    return [
        *_kafka_cluster(settings),
        *(_spark_cluster(settings) if on_spark else ()),
        Service(
            name="ingestion",
            container="ingestion-layer",
            summary="validates events and packs them",
            launch=_python("ingest"),
            probe=probes.heartbeat,
            depends_on=("kafka",),
            after=("schema-registry",),
            ports=(Port(number=settings.ports.ingestion_metrics, setting="ports.ingestion_metrics"),),
            volumes=("lakehouse", "outputs"),
            memory_mb=256,
        ),
        *(
            Service(
                name=name,
                summary="Faust: windows, sessions, changes, Parquet micro-batches",
                launch=_python("worker", "--index", str(number)),
                probe=probes.heartbeat,
                depends_on=("kafka",),
                ports=(
                    Port(
                        number=settings.ports.worker_web + number - 1,
                        setting="ports.worker_web",
                        title="stream worker",
                    ),
                ),
                volumes=("lakehouse", "outputs"),
                stop_seconds=8.0,
                memory_mb=512,
            )
            for number, name in enumerate(workers, start=1)
        ),
        Service(
            name="lakehouse-driver",
            summary="bronze, silver, gold; the only writer of Delta tables",
            launch=_python("lakehouse", "run"),
            probe=probes.heartbeat,
            depends_on=tuple(spark_workers) if on_spark else (),
            ports=(
                *((_driver_page(settings, "" if settings.spark.ui_forward else "loopback"),) * on_spark),
                Port(number=settings.ports.lakehouse_control, setting="ports.lakehouse_control", publish=""),
            ),
            volumes=("lakehouse", "outputs"),
            start_seconds=600.0,
            stop_seconds=10.0,
            memory_mb=1536,
            java=on_spark,
            profile=engine,
            container_settings=_engine_settings(settings, "lakehouse-driver"),
        ),
        Service(
            name="scheduler",
            summary="batch jobs at their time, health, alerts",
            launch=_python("scheduler"),
            probe=probes.heartbeat,
            depends_on=("lakehouse-driver",),
            volumes=("lakehouse", "outputs"),
            memory_mb=SCHEDULER_SPARK_MB if on_spark else SCHEDULER_MB,
            java=on_spark,
            profile=engine,
            container_settings=_engine_settings(settings, "scheduler"),
        ),
        Service(
            name="lakehouse-api",
            summary="REST, SQL, pages",
            launch=_python("api"),
            probe=probes.heartbeat,
            depends_on=("kafka",),
            ports=(
                Port(
                    number=settings.ports.api,
                    setting="ports.api",
                    publish="everywhere",
                    title="API and pages",
                    scheme=settings.api_scheme,
                ),
            ),
            volumes=("lakehouse", "outputs"),
            memory_mb=1024,
        ),
        *(
            Service(
                name=f"{name}-simulator",
                summary=f"makes {name} events",
                launch=_python("simulate", name),
                probe=probes.heartbeat,
                depends_on=("kafka", "ingestion", *workers, "lakehouse-driver"),
                profile="simulators",
                volumes=("lakehouse",),
                memory_mb=128,
                cores=1,
            )
            for name in SIMULATORS
        ),
    ]


def service_named(settings: Settings, name: str) -> Service:
    """Raises NotFound that lists the names."""
    declared = all_services(settings)
    for service in declared:
        if service.name == name:
            return service
    raise NotFound(f"no service named {name!r}; services: {', '.join(s.name for s in declared)}")


def check_before_start(settings: Settings) -> None:
    """What can be seen before anything is started; fetches jars that are missing.

    Raises SettingsError for a broker that would be open to others or a wrong setting of a cluster of one's
    own, PortInUse, DependencyError where such a cluster does not answer, memory is too short or jars cannot
    be had.
    """
    kafka = settings.kafka
    if not kafka.bootstrap and not settings.on_loopback:
        raise SettingsError(
            f"network.host {settings.network.host} would open the local broker, which asks nobody who they "
            "are: use 127.0.0.1, or set kafka.bootstrap to a cluster with SASL",
            key="network.host",
        )
    if not leftovers.find(str(settings.data_root)):
        # Before what is farther away. What an earlier start has left is ended first, by the supervisor.
        check_ports(settings, services(settings))
    check_given_clusters(settings)
    require_memory(settings)
    local = {service.name for service in services(settings)} & {"kafka", "schema-registry"}
    if local or settings.lakehouse.engine == "spark":
        from runtime.jars import ensure

        ensure(settings)


def _kafka_cluster(settings: Settings) -> Iterable[Service]:
    ports, coordination = settings.ports, settings.kafka.coordination
    kraft = coordination == "kraft"
    if not kraft:
        yield Service(
            name="zookeeper",
            summary="Kafka's coordination",
            launch=jvm.zookeeper,
            probe=probes.zookeeper,
            ports=(Port(number=ports.zookeeper, setting="ports.zookeeper"),),
            volumes=("zookeeper",),
            memory_mb=128,
            cores=1,
            java=True,
            profile=coordination,
        )
    yield Service(
        name="kafka",
        summary="broker",
        launch=jvm.kafka,
        probe=probes.kafka,
        prepare=_ensure_topics,
        depends_on=() if kraft else ("zookeeper",),
        ports=(
            Port(number=ports.kafka, setting="ports.kafka", publish=""),
            *((Port(number=ports.kafka_controller, setting="ports.kafka_controller", publish=""),) * kraft),
            Port(
                number=ports.kafka_external,
                setting="ports.kafka_external",
                title="Kafka for clients on this host",
                scheme="",
            ),
        ),
        volumes=("kafka",),
        memory_mb=640,
        java=True,
        profile=coordination,
        container_settings={"kafka.coordination": coordination} if kraft else {},
    )
    yield Service(
        name="schema-registry",
        summary="Confluent-compatible schema registry",
        launch=jvm.schema_registry,
        probe=probes.schema_registry,
        depends_on=("kafka",),
        ports=(Port(number=ports.schema_registry, setting="ports.schema_registry", title="schema registry"),),
        memory_mb=384,
        cores=1,
        java=True,
        profile=coordination,
    )


def _spark_cluster(settings: Settings) -> Iterable[Service]:
    ports = settings.ports
    yield Service(
        name="spark-master",
        summary="cluster coordinator",
        launch=jvm.spark_master,
        probe=probes.spark_master,
        ports=(
            Port(number=ports.spark_master, setting="ports.spark_master"),
            Port(number=ports.spark_master_ui, setting="ports.spark_master_ui", title="Spark master"),
            *((_driver_page(settings, "loopback"),) * bool(settings.spark.ui_forward)),
        ),
        volumes=("lakehouse", "outputs"),
        memory_mb=256,
        cores=1,
        java=True,
        profile="spark",
    )
    for number in SPARK_WORKERS:
        setting = f"spark_worker_{number}_ui"
        yield Service(
            name=f"spark-worker-{number}",
            summary="runs executors",
            launch=partial(jvm.spark_worker, number=number),
            probe=probes.spark_worker(number),
            depends_on=("spark-master",),
            ports=(Port(number=getattr(ports, setting), setting=f"ports.{setting}"),),
            volumes=("lakehouse", "outputs"),
            memory_mb=1024,
            cores=settings.spark.worker_cores,
            java=True,
            profile="spark",
        )


def _driver_page(settings: Settings, publish: Publish) -> Port:
    """Page of the lakehouse driver's Spark application."""
    number = settings.ports.spark_driver_ui
    return Port(number=number, setting="ports.spark_driver_ui", title="Spark application", publish=publish)


def _engine_settings(settings: Settings, host: str) -> dict[str, str]:
    """Settings of a container that runs the engine."""
    if settings.lakehouse.engine == "spark":
        # Executors call back whichever container holds their application.
        return {"spark.driver_host": host}
    return {"lakehouse.engine": settings.lakehouse.engine}


def _python(*arguments: str) -> Callable[[Settings], Launch]:
    def launch(settings: Settings) -> Launch:
        return Launch(argv=(sys.executable, "-P", "-m", "runtime", *arguments))

    return launch


def _ensure_topics(settings: Settings) -> None:
    from kafka_cluster.topics import ensure_topics

    ensure_topics(settings)


def _is_local(name: str, settings: Settings) -> bool:
    if name in ("zookeeper", "kafka"):
        return not settings.kafka.bootstrap
    if name == "schema-registry":
        return not settings.registry.url
    if name.startswith(("spark-master", "spark-worker")):
        return not settings.spark.master
    if name.endswith("-simulator"):
        return settings.simulators.enabled
    return True


def _limited(service: Service, names: set[str]) -> Service:
    """Without the dependencies that run elsewhere."""
    return replace(service, depends_on=tuple(name for name in service.depends_on if name in names))
