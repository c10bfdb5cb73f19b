"""Producers and consumers of the cluster (aiokafka), connected with patience and closed whatever happens."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.codec import has_gzip, has_lz4, has_snappy, has_zstd
from aiokafka.errors import KafkaError, UnknownError
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_before_delay,
    wait_exponential_jitter,
)

from contracts.errors import DependencyError
from contracts.settings import Settings
from kafka_cluster.reachability import probe
from kafka_cluster.security import aiokafka_options

log = logging.getLogger(__name__)

REQUEST_SHARE = 15 / 16
"""Of `kafka.max_message_bytes`: the largest record that is produced, before compression."""
CONNECT_SECONDS = 60.0
RETRY_MS = 300
RETRY_WAIT = wait_exponential_jitter(multiplier=0.2, max=10.0, jitter=0.5)
"""Seconds between attempts to connect: growing, bounded, jittered so that clients come back apart."""
_CODECS = {"snappy": has_snappy, "gzip": has_gzip, "lz4": has_lz4, "zstd": has_zstd}
CHECK_SECONDS = 5.0
_open: dict[int, tuple[str, Any]] = {}
"""The clients that are connected, with their names."""
_refused: set[str] = set()
"""Codecs that the broker would not take from this process; the next process asks again."""


def codec(settings: Settings) -> str | None:
    """The codec to produce with: the one that is set, else gzip, else none, by what this Python can do and
    what the broker has not refused.

    A fallback is logged. None means uncompressed.
    """
    wanted = settings.kafka.compression
    for name in dict.fromkeys((wanted, "gzip")):
        if name == "none":
            return None
        if name not in _refused and _CODECS[name]():
            if name != wanted:
                log.warning("codec %s is not available: producing with %s", wanted, name)
            return name
    log.warning("codec %s is not available: producing uncompressed", wanted)
    return None


def max_request_bytes(settings: Settings) -> int:
    """Largest record that is produced, bytes before compression."""
    return int(settings.kafka.max_message_bytes * REQUEST_SHARE)


def refuse_codec(settings: Settings, error: BaseException) -> bool:
    """Whether ``error``, of a record that was sent, is a refusal of the codec in use; it is then not used in
    this process any more, and a new producer takes the next one.

    Brokers that lack a codec (no native library, a forbidding configuration) answer with a code for which
    aiokafka has no name.
    """
    used = codec(settings)
    if type(error) is not UnknownError or used is None:
        return False
    _refused.add(used)
    log.warning("the broker refuses codec %s (%s)", used, error)
    return True


@asynccontextmanager
async def producer(
    settings: Settings,
    client_id: str,
    *,
    linger_ms: int = 0,
    batch_bytes: int = 256 * 1024,
    connect_seconds: float = CONNECT_SECONDS,
) -> AsyncIterator[AIOKafkaProducer]:
    """A started idempotent producer (acks=all, in order per partition); leaving flushes and closes it.

    Raises DependencyError where the broker does not answer within ``connect_seconds``, SettingsError at once
    where a setting keeps it from answering.
    """

    def make() -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **aiokafka_options(settings),
            client_id=client_id,
            retry_backoff_ms=RETRY_MS,
            enable_idempotence=True,
            acks="all",
            compression_type=codec(settings),
            linger_ms=linger_ms,
            max_batch_size=batch_bytes,
            max_request_size=max_request_bytes(settings),
        )

    client = await _started(settings, make, connect_seconds)
    try:
        with _listed(f"{client_id} producer", client):
            yield client
    finally:
        await client.stop()


@asynccontextmanager
async def consumer(
    settings: Settings,
    client_id: str,
    *,
    group: str | None = None,
    fetch_bytes: int = 4 * 1024**2,
    connect_seconds: float = CONNECT_SECONDS,
    **options: Any,
) -> AsyncIterator[AIOKafkaConsumer]:
    """A started consumer that commits only when told to and begins at the earliest record.

    Subscribe or assign afterwards. ``fetch_bytes`` is per partition; ``options`` are aiokafka's own.
    Raises DependencyError where the broker does not answer within ``connect_seconds``, SettingsError at once
    where a setting keeps it from answering.
    """

    def make() -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **aiokafka_options(settings),
            client_id=client_id,
            retry_backoff_ms=RETRY_MS,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=fetch_bytes,
            **options,
        )

    client = await _started(settings, make, connect_seconds)
    try:
        with _listed(f"{client_id} consumer", client):
            yield client
    finally:
        await client.stop()


def check_reachable(settings: Settings, seconds: float) -> None:
    """Raises DependencyError at once where nobody listens at any of the broker's addresses, and after
    ``seconds`` for each where nobody answers: clients would try again and again."""
    told = ""
    for address in settings.bootstrap_servers.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=seconds):
                return
        except OSError as error:
            told = str(error)
    raise DependencyError(
        f"no broker answers at {settings.bootstrap_servers} ({told}); is it up (dp status)?"
    )


async def check_connections() -> dict[str, str]:
    """Asks the broker for metadata over every connection of this process that is open; by name `ok`, or what
    is wrong. Takes ``CHECK_SECONDS`` at most. For the event loop that the clients belong to."""
    names = [name for name, _ in _open.values()]
    clients = [client for _, client in _open.values()]
    answers = await asyncio.gather(*(_check(client) for client in clients))
    return dict(sorted(zip(names, answers, strict=True)))


async def _check(client: Any) -> str:
    inner = client.client if isinstance(client, AIOKafkaProducer) else client._client
    try:
        await asyncio.wait_for(inner.fetch_all_metadata(), CHECK_SECONDS)
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS:.0f} s"
    except (KafkaError, OSError) as error:
        return str(error) or type(error).__name__
    return "ok"


@contextmanager
def _listed(name: str, client: Any) -> Iterator[None]:
    _open[id(client)] = (name, client)
    try:
        yield
    finally:
        del _open[id(client)]


async def _started(settings: Settings, make: Any, connect_seconds: float) -> Any:
    async def start() -> Any:
        client = make()
        try:
            await client.start()
        except BaseException as error:
            await client.stop()
            if settings.kafka.bootstrap and isinstance(error, KafkaError | OSError):
                await _explain(settings)
            raise
        return client

    attempts = AsyncRetrying(
        retry=retry_if_exception_type((KafkaError, OSError)),
        wait=RETRY_WAIT,
        stop=stop_before_delay(connect_seconds),
        before_sleep=_say_why,
        reraise=True,
    )
    try:
        return await attempts(start)
    except (KafkaError, OSError) as error:
        raise DependencyError(
            f"no broker answers at {settings.bootstrap_servers} ({error}); is it up (dp status)?"
        ) from error


async def _explain(settings: Settings) -> None:
    """Raises SettingsError where no waiting would mend it; says the reason otherwise, if one is found."""
    try:
        await probe(settings)
    except DependencyError as reason:
        log.info("%s", reason)


def _say_why(attempt: RetryCallState) -> None:
    log.info("broker does not answer yet: %s", attempt.outcome.exception() if attempt.outcome else "")
