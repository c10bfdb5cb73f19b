"""All consumer groups of ingestion in one process: start, health, and an end that loses nothing."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry, start_http_server
from tenacity import AsyncRetrying, retry_if_result, wait_exponential_jitter

from contracts.errors import DependencyError, PlatformError, PortInUse
from contracts.heartbeat import HeartbeatWriter
from contracts.settings import Settings
from contracts.sources import SOURCES, Source
from kafka_cluster import client_logs, connections
from kafka_cluster.access import INGESTION, require_access
from kafka_cluster.cluster import ClusterManager
from kafka_cluster.metrics import ClusterCollector
from kafka_cluster.registry import missing_subjects, register_sources
from kafka_cluster.topics import ensure_topics
from streams.ingestion.consumer import SourceConsumer
from streams.ingestion.status import IngestionCollector, SourceStatus

log = logging.getLogger(__name__)

SERVICE = "ingestion"
CHECK_SECONDS = 10.0
TOPICS_SECONDS = 60.0
REGISTRY_SECONDS = 10.0
REGISTRY_WAIT = wait_exponential_jitter(multiplier=1.0, max=5.0, jitter=1.0)
COLLECTOR_THRESHOLDS = (200_000, 50, 100)
"""A round holds tens of thousands of records at once, none of them in a cycle; at Python's own threshold of
700 the garbage collector walks them again and again, for a quarter of all CPU."""


class _Health:
    """What the heartbeat says; the registry may be down while events are served."""

    def __init__(self, settings: Settings, sources: Sequence[Source], service: str) -> None:
        self.statuses = {source.name: SourceStatus(source=source.name) for source in sources}
        self.registry = "not asked yet"
        self.codec = ""
        """What is produced with, where it is not what the settings say."""
        self.connections: dict[str, str] = {}
        self._writer = HeartbeatWriter(settings, service)

    def beat(self, state: str = "", message: str = "", *, force: bool = False) -> None:
        if not state:
            message = self._trouble()
            state = "degraded" if message else "running"
            if self.codec and not message:
                message = f"producing with codec {self.codec}"
        try:
            self._writer.beat(
                sum(status.read for status in self.statuses.values()),
                state=state,
                message=message,
                details={
                    "registry": self.registry,
                    "codec": self.codec,
                    "connections": self.connections,
                    "invalid": sum(status.invalid.total() for status in self.statuses.values()),
                    "sources": {name: status.details() for name, status in self.statuses.items()},
                },
                force=force,
            )
        except OSError as error:
            # A full disk must not stop events that go from broker to broker.
            log.warning("heartbeat not written: %s", error)

    def _trouble(self) -> str:
        broken = [f"{name}: {state}" for name, state in self.connections.items() if state != "ok"]
        return "; ".join([*broken, *([self.registry] if self.registry != "ok" else [])])


def run(settings: Settings, sources: Sequence[Source] = SOURCES, number: int = 1) -> None:
    """Ingests ``sources`` until SIGTERM or SIGINT, then drains and returns. ``number`` (1…) tells processes
    of one data root apart: the name of the heartbeat and the port follow it.

    Raises ContractError where the schema registry refuses a schema, PortInUse, and DependencyError for
    every fault of the broker: the process must then be started again.
    """
    client_logs.thin()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)
    health = _Health(settings, sources, SERVICE if number == 1 else f"{SERVICE}-{number}")
    health.beat("starting", force=True)
    try:
        with _metrics_server(settings, health, settings.ports.ingestion_metrics + number - 1):
            while not asyncio.run(_run(settings, sources, health)):
                log.warning("starting again with another codec")
    except (ExceptionGroup, PlatformError, KafkaError, OSError) as raised:
        error = _first(raised)
        health.beat("failed", str(error), force=True)
        if isinstance(error, PlatformError):
            raise error from raised.__cause__
        if isinstance(error, KafkaError | OSError):
            raise DependencyError(f"ingestion stopped: {type(error).__name__}: {error}") from raised
        raise


async def _run(settings: Settings, sources: Sequence[Source], health: _Health) -> bool:
    """Whether it was told to end. It was not where the broker refused the codec: run it again then."""
    used = connections.codec(settings) or "none"
    health.codec = "" if used == settings.kafka.compression else used
    try:
        await _serve(settings, sources, health)
    except (ExceptionGroup, KafkaError) as raised:
        if not connections.refuse_codec(settings, _first(raised)):
            raise
        return False
    return True


async def _serve(settings: Settings, sources: Sequence[Source], health: _Health) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    await asyncio.to_thread(ensure_topics, settings)
    await asyncio.to_thread(require_access, settings, (INGESTION,))
    await _register(settings, sources, health)
    async with connections.producer(settings, SERVICE) as producer, asyncio.TaskGroup() as group:
        background = [
            group.create_task(_beat(health)),
            group.create_task(_check_connections(health)),
            group.create_task(_keep_topics(settings)),
            group.create_task(_keep_registered(settings, sources, health)),
        ]
        consumers = [
            group.create_task(
                SourceConsumer(settings, source, producer, health.statuses[source.name]).run(stop),
                name=source.name,
            )
            for source in sources
        ]
        await asyncio.wait(consumers)
        for task in background:
            task.cancel()
    health.beat("running", "stopped", force=True)


async def _beat(health: _Health) -> None:
    while True:
        health.beat()
        await asyncio.sleep(1.0)


async def _check_connections(health: _Health) -> None:
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        health.connections = await connections.check_connections()


async def _keep_topics(settings: Settings) -> None:
    """Puts back what somebody has changed of the topics' settings."""
    while True:
        await asyncio.sleep(TOPICS_SECONDS)
        try:
            await asyncio.to_thread(ensure_topics, settings, 1.0)
        except DependencyError as error:
            log.info("topics were not looked at: %s", error)


async def _register(settings: Settings, sources: Sequence[Source], health: _Health) -> bool:
    """Whether the registry has the schemas now."""
    try:
        await asyncio.to_thread(register_sources, settings, sources)
    except DependencyError as error:
        if health.registry == "not asked yet":
            log.warning("serving with the schemas that are shipped: %s", error)
        health.registry = str(error)
    else:
        health.registry = "ok"
    return health.registry == "ok"


async def _keep_registered(settings: Settings, sources: Sequence[Source], health: _Health) -> None:
    """Looks after the registry as long as events are served: it may go, and come back without a subject."""
    while True:
        if health.registry != "ok":
            attempts = AsyncRetrying(wait=REGISTRY_WAIT, retry=retry_if_result(lambda done: not done))
            await attempts(_register, settings, sources, health)
            log.info("the schema registry is back")
        await asyncio.sleep(REGISTRY_SECONDS)
        try:
            missing = await asyncio.to_thread(missing_subjects, settings, sources)
        except DependencyError as error:
            log.warning("serving with the schemas that are shipped: %s", error)
            health.registry = str(error)
        else:
            if missing:
                health.registry = f"the schema registry has lost {', '.join(missing)}"
                log.warning(health.registry)


@contextmanager
def _metrics_server(settings: Settings, health: _Health, port: int) -> Iterator[None]:
    registry = CollectorRegistry()
    registry.register(IngestionCollector(health.statuses))
    registry.register(ClusterCollector(ClusterManager(settings)))
    try:
        server, thread = start_http_server(port, settings.network.host, registry)
    except OSError as error:
        raise PortInUse(port=port, service=SERVICE, setting="ports.ingestion_metrics") from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
