"""The Faust app: agents that only collect, a table of buckets, and what happens when partitions move."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import faust
from faust.sensors.prometheus import setup_prometheus_sensors
from faust.types import StreamT
from faust.web import Request, Response, View

from contracts.errors import DependencyError, PlatformError
from contracts.settings import Settings
from contracts.sources import SOURCES, STREAMS_GROUP, STREAMS_TABLE, Source, source_named
from kafka_cluster.security import aiokafka_options
from kafka_cluster.topics import topic_ids
from streams.chain import Step, no_step
from streams.faust_calls import (
    FaustBroker,
    fetch_without_waiting,
    next_offsets,
    owned_keys,
    recovered_changes,
    seek_to_zero_too,
)
from streams.flusher import Flusher, Key, Owned
from streams.recovery import BronzeRows, no_rows
from streams.status import partition_rows
from streams.topic_ends import source_ends
from streams.watchdog import RecoveryWatch

log = logging.getLogger(__name__)

LOAD_TRIES = 5


class StreamApp:
    """A Faust app with its flusher. ``ready`` is set when the first assignment has been loaded."""

    def __init__(
        self,
        settings: Settings,
        index: int,
        on_fatal: Any,
        data_folder: Path,
        step: Step = no_step,
        bronze: BronzeRows = no_rows,
    ) -> None:
        self.settings = settings
        self.ready = False
        self._on_fatal = on_fatal
        self._recovery = RecoveryWatch()
        self.app = _faust_app(settings, index, data_folder)
        self.table = self.app.Table(
            STREAMS_TABLE,
            partitions=settings.kafka.partitions,
            key_type=bytes,
            value_type=bytes,
            schema=faust.Schema(
                key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
            ),
        )
        broker = FaustBroker(settings, self.app, self.table)
        self.flusher = Flusher(settings, broker, on_fatal, step, bronze)
        for source in SOURCES:
            self._collect(source)
        self.app.on_partitions_revoked.connect(self._on_revoked, weak=False)  # type: ignore[arg-type]  # the stub cannot say what a handler takes
        self.app.on_partitions_assigned.connect(self._on_assigned, weak=False)  # type: ignore[arg-type]  # the same
        self.table.on_recover(self._on_recover)
        setup_prometheus_sensors(self.app, pattern="/metrics")
        self._pages()

    def _collect(self, source: Source) -> None:
        topic = self.app.topic(
            source.internal_topic, acks=False, value_type=bytes, key_type=bytes, value_serializer="raw"
        )

        async def agent(stream: StreamT[Any]) -> None:
            async for event in stream.events():
                message = event.message
                self.flusher.append((source.name, message.partition), message.offset, message.value or b"")
                await self.flusher.room()

        self.app.agent(topic, name=f"collect_{source.name}", concurrency=1)(agent)

    async def _on_revoked(self, app: Any, *revoked: Any, **_: Any) -> None:
        del app
        log.info("partitions revoked: %s", revoked)
        self._recovery.revoked()
        self.flusher.forget()

    async def _on_assigned(self, app: Any, *assigned: Any, **_: Any) -> None:
        del app, assigned
        self._recovery.assigned()

    def watch(self) -> None:
        """Ends the process where it makes no progress although it could. To be called about once a second."""
        if reason := self._recovery.stuck(recovered_changes(self.app)):
            self._on_fatal(reason)
        self.flusher.watch()

    async def _on_recover(self) -> None:
        """Comes after the table is restored and before events flow. Faust swallows what is raised here."""
        self._recovery.recovered()
        reason = ""
        for attempt in range(1, LOAD_TRIES + 1):
            try:
                await self._load()
            except (OSError, DependencyError) as error:
                log.warning("loading failed (%d of %d): %s", attempt, LOAD_TRIES, error)
                reason = str(error)
                await asyncio.sleep(attempt)
            except PlatformError as error:
                self._on_fatal(str(error))
                return
            except Exception as error:
                log.exception("loading failed")
                self._on_fatal(f"loading failed: {error!r}")
                return
            else:
                self.ready = True
                return
        self._on_fatal(f"the assigned partitions could not be loaded: {reason}")

    async def _load(self) -> None:
        started = time.monotonic()
        keys = owned_keys(self.app)
        topics = {key: source_named(key[0]).topic for key in keys}
        ids = await asyncio.to_thread(topic_ids, self.settings, sorted(set(topics.values())))
        absent = sorted(set(topics.values()) - ids.keys())
        if absent:
            raise DependencyError(f"source topics do not exist: {', '.join(absent)}")
        seek_to_zero_too(self.app)
        fetch_without_waiting(self.app)
        begins = await next_offsets(self.app, keys)
        ends = await asyncio.to_thread(source_ends, self.settings, topics)
        owned: dict[Key, Owned] = {key: Owned(ids[topics[key]], begins[key], ends.get(key)) for key in keys}
        await self.flusher.load(owned)
        log.info("loaded %d partitions in %.1f s", len(keys), time.monotonic() - started)

    def _pages(self) -> None:
        @self.app.page("/partitions/")
        async def partitions(view: View, request: Request) -> Response:
            del request
            return view.json(partition_rows(self.flusher))


def _faust_app(settings: Settings, index: int, data_folder: Path) -> faust.App:
    options = aiokafka_options(settings)
    credentials: Any = None
    if "sasl_mechanism" in options:
        credentials = faust.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=options["sasl_mechanism"],
            ssl_context=options.get("ssl_context"),
        )
    elif "ssl_context" in options:
        credentials = faust.SSLCredentials(options["ssl_context"])
    port = settings.ports.worker_web + index - 1
    compression = settings.kafka.compression
    return faust.App(
        STREAMS_GROUP,
        broker=[f"kafka://{server}" for server in settings.bootstrap_servers.split(",")],
        broker_credentials=credentials,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=2.0,
        broker_max_poll_interval=300.0,
        # Commits are ours; Faust's own detector would only cry wolf.
        broker_commit_livelock_soft_timeout=86_400.0,
        stream_processing_timeout=86_400.0,
        consumer_auto_offset_reset="earliest",
        producer_max_request_size=settings.kafka.max_message_bytes,
        producer_compression_type=None if compression == "none" else compression,
        producer_acks=-1,
        store="memory://",
        table_standby_replicas=0,
        stream_wait_empty=False,
        stream_buffer_maxsize=64,
        topic_disable_leader=True,
        # ensure_topics makes its only topic, and says what is missing; Faust would try for ever.
        topic_allow_declare=False,
        topic_partitions=settings.kafka.partitions,
        topic_replication_factor=settings.kafka.replication,
        datadir=data_folder,
        web_host=settings.network.host,
        web_bind=settings.network.host,
        web_port=port,
        autodiscover=False,
    )
