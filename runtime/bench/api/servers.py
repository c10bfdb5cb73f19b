"""The servers that are measured: ours, ROAPI, and a plain DuckDB over HTTP; each a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from deltalake import DeltaTable
from msgspec import Struct

from contracts import configuration
from contracts.configuration import Resolved
from contracts.errors import DependencyError
from contracts.layout import table_path
from contracts.settings import Settings
from runtime.separate_environment import interpreter

Case = Literal["gold", "same gold", "tables", "table", "preview"]
TABLES = {"event_metrics_gold": "gold", "app_events_silver": "silver"}
START_SECONDS = 60.0
PROGRAMS = Path(__file__).with_name("peer-programs")
ROAPI = ("roapi==0.12.7",)


class Server(Struct, frozen=True, kw_only=True):
    """A server that runs."""

    name: str
    pid: int
    port: int
    request: Callable[[Case, int], bytes]
    """The bytes of request ``number`` of a case."""


def gold_sql(number: int) -> str:
    """A dashboard's query, each number's a text of its own."""
    return (
        "SELECT metric_hour, sum(total_events) AS events, max(unique_users) AS users "
        f"FROM event_metrics_gold WHERE metric_date >= DATE '2026-02-20' AND total_events <> {number} "
        "GROUP BY metric_hour ORDER BY metric_hour"
    )


def http(method: str, path: str, body: bytes = b"", kind: str = "application/json") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    if body:
        head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def _ours(case: Case, number: int) -> bytes:
    match case:
        case "gold" | "same gold":
            text = gold_sql(number if case == "gold" else 0)
            return http("POST", "/query", json.dumps({"sql": text}).encode())
        case "tables":
            return http("GET", "/tables")
        case "table":
            return http("GET", "/tables/app_events_silver")
        case "preview":
            return http("GET", f"/tables/app_events_silver/preview?limit={20 + number % 400}")


def _roapi(case: Case, number: int) -> bytes:
    match case:
        case "gold" | "same gold":
            return http("POST", "/api/sql", gold_sql(number if case == "gold" else 0).encode(), "text/plain")
        case "tables" | "table":
            return http("GET", "/api/schema")
        case "preview":
            return http("GET", f"/api/tables/app_events_silver?limit={20 + number % 400}")


def _plain(case: Case, number: int) -> bytes:
    match case:
        case "gold" | "same gold":
            text = gold_sql(number if case == "gold" else 0)
        case "tables" | "table":
            return http("GET", "/tables")
        case "preview":
            text = f"SELECT * FROM app_events_silver LIMIT {20 + number % 400}"
    return http("POST", "/query", json.dumps({"sql": text}).encode())


@contextmanager
def ours(parent: Resolved, root: Path, port: int) -> Iterator[Server]:
    """Our API with its settings, but for the data root and the port."""
    own = {"paths.data": str(root), "ports.api": port, "network.host": "127.0.0.1", "logs.level": "warning"}
    resolved = configuration.load(parent.file, flags=own, environ=configuration.environment_of(parent))
    command = [sys.executable, "-m", "runtime", "api"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DP_")}
    environment = clean | configuration.environment_of(resolved)
    with _running("ours", command, root, port, _ours, environment) as server:
        yield server


@contextmanager
def roapi(settings: Settings, home: Path, port: int, told: Callable[[str], None]) -> Iterator[Server]:
    """ROAPI over the tables' files, not copied into memory: it does not follow new versions either way."""
    python = interpreter(home / "roapi", "ROAPI 0.12.7", ROAPI, told)
    options = ("format=delta", "use_memory_table=false")
    command = [str(python.with_name("roapi")), "--addr-http", f"127.0.0.1:{port}"]
    command += ["--addr-postgres", "127.0.0.1:0", "--addr-flight-sql", "127.0.0.1:0"]
    for name, layer in TABLES.items():
        command += ["--table", ",".join((f"{name}={table_path(settings, layer, name)}", *options))]
    with _running("ROAPI 0.12.7", command, settings.data_root, port, _roapi, dict(os.environ)) as server:
        yield server


@contextmanager
def plain_duckdb(settings: Settings, port: int) -> Iterator[Server]:
    """DuckDB behind aiohttp, over the files of the tables' newest versions."""
    command = [sys.executable, str(PROGRAMS / "duckdb_http.py"), str(port)]
    for name, layer in TABLES.items():
        listing = settings.data_root / f"{name}.json"
        files = DeltaTable(str(table_path(settings, layer, name))).file_uris()
        listing.write_text(json.dumps(files), "utf-8")
        command.append(f"{name}={listing}")
    with _running(
        "plain DuckDB over HTTP", command, settings.data_root, port, _plain, dict(os.environ)
    ) as server:
        yield server


@contextmanager
def _running(
    name: str,
    command: list[str],
    folder: Path,
    port: int,
    request: Callable[[Case, int], bytes],
    environment: dict[str, str],
) -> Iterator[Server]:
    import asyncio

    from runtime.bench.api.load import once

    log = folder / f"{name.split()[0]}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                if asyncio.run(once(port, request("gold", 0))).status == 200:
                    break
                reason = "an error"
            except DependencyError as error:
                reason = str(error)
            if process.poll() is not None or time.monotonic() > deadline:
                words = log.read_text("utf-8", "replace").strip()[-400:]
                raise DependencyError(f"{name} does not start ({reason}): {words}")
            time.sleep(0.1)
        yield Server(name=name, pid=process.pid, port=port, request=request)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
