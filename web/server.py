"""The service `lakehouse-api`: one process that serves the application, and its sandbox workers."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Mapping

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from contracts.errors import PortInUse, SettingsError
from contracts.heartbeat import HeartbeatWriter
from contracts.settings import Settings
from lakehouse.catalog import TABLES
from lakehouse.datasets import Dataset
from web.app import create_app
from web.queries import Queries, open_queries

SERVICE = "lakehouse-api"
BEAT_SECONDS = 1.0

_log = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT. Raises PortInUse, SettingsError, DependencyError."""
    _check_address(settings)
    asyncio.run(_serve(settings, TABLES))


async def _serve(settings: Settings, datasets: Mapping[str, Dataset]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_queries(settings, datasets) as queries:
        # Granian's embedded server runs in this loop: no supervisor process, no forks of a loaded process.
        server = Server(
            create_app(settings, queries),
            address=settings.network.host,
            port=settings.ports.api,
            interface=Interfaces.ASGINL,
            blocking_threads=1,
            websockets=False,
            log_level=LogLevels.error,
            log_dictconfig={"formatters": {}, "handlers": {}, "loggers": {"_granian": {"propagate": True}}},
        )
        serving = asyncio.create_task(server.serve())
        beating = asyncio.create_task(_beat(settings, queries))
        stopped = asyncio.create_task(stop.wait())
        host, port = settings.network.host, settings.ports.api
        _log.info("serving", extra={"url": f"http://{host}:{port}"})
        try:
            await asyncio.wait({serving, stopped, beating}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            server.stop()  # type: ignore[no-untyped-call]
            beating.cancel()
            stopped.cancel()
            await serving
        if beating.done() and not beating.cancelled():
            beating.result()
    _log.info("stopped")


async def _beat(settings: Settings, queries: Queries) -> None:
    heartbeat = HeartbeatWriter(settings, SERVICE)
    while True:
        heartbeat.beat(queries.answered, details={"sandbox_workers": len(queries.sandbox.pids)})
        await asyncio.sleep(BEAT_SECONDS)


def _check_address(settings: Settings) -> None:
    """A second server on a port would silently share it: the server's own socket allows that."""
    host, port = settings.network.host, settings.ports.api
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise SettingsError(f"network.host {host!r}: {error.strerror}", key="network.host") from error
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise PortInUse(port=port, service=SERVICE, setting="ports.api") from error
