"""The service `lakehouse-api`: one process that serves the application, and its sandbox workers."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Mapping

from contracts.heartbeat import HeartbeatWriter
from contracts.settings import Settings
from lakehouse.audit import AuditLog
from lakehouse.catalog import TABLES
from lakehouse.datasets import Dataset
from web.app import create_app
from web.listener import Listener, bound_socket, check_tls
from web.queries import Queries, open_queries

SERVICE = "lakehouse-api"
BEAT_SECONDS = 1.0
STOP_SECONDS = 3.0
"""What is being answered at a stop may end within this; clients that hang must not hold the process."""

_log = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT. Raises PortInUse, SettingsError, DependencyError."""
    check_tls(settings)
    settings.data_root.mkdir(parents=True, exist_ok=True)  # once: if it goes away, nobody makes it anew
    with bound_socket(settings, SERVICE) as bound:
        asyncio.run(_serve(settings, bound, TABLES))


async def _serve(settings: Settings, bound: socket.socket, datasets: Mapping[str, Dataset]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with AuditLog(settings, SERVICE) as audit:
        await _answer(settings, bound, datasets, audit, stop)
    _log.info("stopped")


async def _answer(
    settings: Settings,
    bound: socket.socket,
    datasets: Mapping[str, Dataset],
    audit: AuditLog,
    stop: asyncio.Event,
) -> None:
    async with open_queries(settings, datasets) as queries:
        server = Listener(create_app(settings, queries, audit=audit), settings, bound)
        serving = asyncio.create_task(server.serve())
        beating = asyncio.create_task(_beat(settings, queries, audit))
        stopped = asyncio.create_task(stop.wait())
        _tell(settings)
        try:
            await asyncio.wait({serving, stopped, beating}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            server.stop()  # type: ignore[no-untyped-call]
            beating.cancel()
            stopped.cancel()
            await asyncio.wait({serving}, timeout=STOP_SECONDS)
        if not serving.done():
            serving.cancel()
            _log.warning("stopped while clients were still connected")
        elif not serving.cancelled():
            serving.result()
        if beating.done() and not beating.cancelled():
            beating.result()


async def _beat(settings: Settings, queries: Queries, audit: AuditLog) -> None:
    heartbeat = HeartbeatWriter(settings, SERVICE)
    silent = False
    while True:
        trouble = audit.trouble
        try:
            heartbeat.beat(
                queries.answered,
                state="degraded" if trouble else "running",
                message=f"the audit log cannot be written: {trouble}" if trouble else "",
                details={"sandbox_workers": len(queries.sandbox.pids), "audit_lost": audit.lost},
            )
        except OSError as error:  # a full disk, or none at all, is for /health to tell, not to end with
            if not silent:
                _log.warning("the heartbeat cannot be written", extra={"error": str(error)})
            silent = True
        else:
            silent = False
        await asyncio.sleep(BEAT_SECONDS)


def _tell(settings: Settings) -> None:
    """Where the API is, and who may use it."""
    host = settings.network.host
    at = f"[{host}]" if ":" in host else host
    url = f"{settings.api_scheme}://{at}:{settings.ports.api}"
    _log.info("serving", extra={"url": url, "keys": settings.asks_for_keys})
    if not settings.asks_for_keys and not settings.on_loopback:
        _log.warning("open to the network without keys, as access.open_to_network says", extra={"url": url})
