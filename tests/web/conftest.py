"""Real Delta tables by the declared schemas, and an API over them."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from msgspec import Struct

from contracts import configuration
from contracts import settings as sections
from contracts.layout import table_path
from contracts.settings import Network, Paths, Ports, Settings
from lakehouse.catalog import TABLES
from lakehouse.datasets import DATASETS, Dataset
from lakehouse.reading.stream_snapshots import AllSnapshots
from tests.web.openapi_contract import Contract
from tests.web.running import GOLD, SILVER, Running
from web.app import create_app
from web.queries import Queries, open_queries
from web.sandbox.pool import Sandbox


class Api(Struct):
    """A server process of its own."""

    process: subprocess.Popen[bytes]
    settings: Settings
    log: Path
    verify: ssl.SSLContext | bool

    @property
    def url(self) -> str:
        return f"{self.settings.api_scheme}://127.0.0.1:{self.settings.ports.api}"

    def get(self, path: str, **options: Any) -> httpx.Response:
        """The answer on a connection of its own."""
        with httpx.Client(verify=self.verify, trust_env=False, timeout=30) as client:
            return client.get(self.url + path, **options)

    def wait(self) -> httpx.Response:
        """The first answer to `GET /health`."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return self.get("/health")
            except httpx.TransportError:
                assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.05)


@pytest.fixture(scope="module")
def start_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Api]]:
    """Starts `dp api` with some settings, on a free port and in a folder of its own."""
    with ExitStack() as stack:

        def start(verify: ssl.SSLContext | bool = True, **values: Any) -> Api:
            folder = tmp_path_factory.mktemp("api")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            values = {"paths.data": folder / "data", "ports.api": port, "kafka.bootstrap": NO_KAFKA} | values
            ours = {configuration.variable_name(key): str(value) for key, value in values.items()}
            environment = {name: value for name, value in os.environ.items() if not name.startswith("DP_")}
            log = stack.enter_context((folder / "log").open("wb"))
            process = subprocess.Popen(
                [sys.executable, "-m", "runtime", "api"], env=environment | ours, stdout=log, stderr=log
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            return Api(process, configuration.load(environ=ours).settings, folder / "log", verify)

        yield start


NO_KAFKA = "127.0.0.1:1"
"""Another copy of the platform may run on this machine."""
NOON = datetime(2025, 11, 24, 12, 0, tzinfo=UTC)


def settings_for(root: Path, *, host: str = "127.0.0.1", port: int = 26010, **api: Any) -> Settings:
    api = {"query_memory_mb": 128} | api  # what fills it fills it quickly
    return Settings(
        paths=Paths(data=str(root)),
        network=Network(host=host),
        kafka=sections.Kafka(bootstrap=NO_KAFKA),
        ports=Ports(api=port),
        api=sections.Api(**api),
    )


def filled(dataset: Dataset, number: int, **values: Any) -> dict[str, Any]:
    """A row with something in every column."""
    return {column.name: _value(column.type, column.name, number) for column in dataset.columns} | values


def _value(kind: pa.DataType, name: str, number: int) -> Any:
    if pa.types.is_string(kind):
        return f"{name}-{number}"
    if pa.types.is_timestamp(kind):
        return NOON + timedelta(seconds=number)
    if pa.types.is_date(kind):
        return NOON.date()
    if pa.types.is_list(kind):
        return []
    if pa.types.is_boolean(kind):
        return False
    return number


def append(settings: Settings, name: str, rows: list[dict[str, Any]]) -> None:
    dataset = DATASETS[name]
    write_deltalake(
        str(table_path(settings, dataset.layer, name)),
        pa.Table.from_pylist(rows, schema=dataset.schema),
        mode="append",
        partition_by=[dataset.partition] if dataset.partition else None,
    )


def silver_rows(count: int, start: int = 0, **values: Any) -> list[dict[str, Any]]:
    dataset = DATASETS["app_events_silver"]
    return [filled(dataset, number, **values) for number in range(start, start + count)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for(tmp_path / "data")


@pytest.fixture
def silver(settings: Settings) -> Settings:
    """app_events_silver with 30 events in two commits and two days."""
    append(settings, "app_events_silver", silver_rows(20))
    append(
        settings,
        "app_events_silver",
        silver_rows(10, 20, event_date=date(2025, 11, 25), event_timestamp=NOON + timedelta(days=1)),
    )
    return settings


Body = Callable[..., Coroutine[Any, Any, Any]]


@pytest.fixture(autouse=True)
def no_patience_with_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is at ``NO_KAFKA``: an application in this process does not wait to hear it."""
    monkeypatch.setattr("kafka_cluster.cluster.ANSWER_SECONDS", 0.1)


@pytest.fixture
def make_settings() -> Callable[..., Settings]:
    return settings_for


@pytest.fixture(scope="session")
def make_rows() -> Callable[..., list[dict[str, Any]]]:
    """Rows of a declared table: (name, count, start=0, **values of columns)."""

    def rows(name: str, count: int, start: int = 0, **values: Any) -> list[dict[str, Any]]:
        return [filled(DATASETS[name], number, **values) for number in range(start, start + count)]

    return rows


@pytest.fixture(scope="session")
def add() -> Callable[[Settings, str, list[dict[str, Any]]], None]:
    return append


@pytest.fixture
def with_queries() -> Callable[..., Any]:
    """Runs ``body(queries)`` over a warm sandbox."""

    def run(settings: Settings, body: Body, workers: int = 1) -> Any:
        async def opened() -> Any:
            async with open_queries(settings, workers=workers) as queries:
                return await body(queries)

        return asyncio.run(opened())

    return run


@pytest.fixture
def with_client() -> Callable[..., Any]:
    """Runs ``body(client)`` against the application."""

    def run(settings: Settings, body: Body, host: str = "127.0.0.1:26010") -> Any:
        async def opened() -> Any:
            async with open_queries(settings, workers=1, warm=False) as queries:
                transport = httpx.ASGITransport(create_app(settings, queries), raise_app_exceptions=False)
                async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
                    return await body(client)

        return asyncio.run(opened())

    return run


@pytest.fixture
def running(start_api: Callable[..., Any], add: Any, make_rows: Any) -> Iterator[Running]:
    api = start_api(**{"api.query_memory_mb": 128, "api.query_timeout_seconds": 30})
    api.wait()
    add(api.settings, SILVER, make_rows(SILVER, 20))
    add(api.settings, SILVER, make_rows(SILVER, 10, 20, event_date=date(2025, 11, 25)))
    # Of silver's newest hour: the platform is well.
    add(api.settings, GOLD, make_rows(GOLD, 3, metric_hour=NOON.hour))
    with httpx.Client(base_url=api.url, trust_env=False, timeout=60) as client:
        yield Running(api, client)
    api.process.kill()
    api.process.wait()


@pytest.fixture
def unopened() -> Callable[[Settings], Queries]:
    """Queries whose sandbox does not run, for an application that is only looked at."""

    def make(settings: Settings) -> Queries:
        return Queries(settings, AllSnapshots(settings, TABLES), Sandbox([], memory_mb=64), TABLES)

    return make


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    settings = Settings(paths=Paths(data=str(tmp_path_factory.mktemp("data"))))
    snapshots = AllSnapshots(settings, TABLES)
    application = create_app(settings, Queries(settings, snapshots, Sandbox([], memory_mb=64), TABLES))

    async def document() -> Any:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return (await client.get("/schema/openapi.json")).json()

    return Contract(asyncio.run(document()))
