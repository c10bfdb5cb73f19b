"""Readiness: each probe reads the body of an answer, for an open port says little."""

from __future__ import annotations

import http.client
import json
import socket
import time
from typing import Any
from urllib.parse import urlsplit

from contracts.errors import DependencyError
from contracts.heartbeat import FRESH_SECONDS, read_heartbeats
from contracts.settings import Settings
from runtime.topology.declaration import Probe, Process, connect_host

SECONDS = 3.0


def zookeeper(settings: Settings, process: Process) -> None:
    """A server that serves names its mode."""
    zookeeper_mode(connect_host(settings), settings.ports.zookeeper)


def zookeeper_mode(host: str, port: int) -> str:
    """What the `srvr` command says (`standalone`, `leader`, …). Raises DependencyError where it does not."""
    try:
        with socket.create_connection((host, port), SECONDS) as connection:
            connection.sendall(b"srvr")
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
    except OSError as error:
        raise DependencyError(f"no answer on port {port} ({error})") from error
    _, found, rest = answer.decode("utf-8", "replace").partition("Mode: ")
    if not found:
        raise DependencyError(f"answers {answer[:80].decode('utf-8', 'replace')!r}")
    return rest.split()[0]


def kafka(settings: Settings, process: Process) -> None:
    """A metadata request on the listener that the clients use; the broker must name itself."""
    from confluent_kafka import KafkaException

    from kafka_cluster.topics import admin

    client = admin(settings)
    try:
        metadata = client.list_topics(timeout=SECONDS)
    except KafkaException as error:
        raise DependencyError(f"no metadata from {settings.bootstrap_servers}: {error.args[0]}") from error
    if not metadata.brokers:
        raise DependencyError("the broker has not registered itself yet")


def schema_registry(settings: Settings, process: Process) -> None:
    """The list of subjects."""
    subjects = get_json(f"{_local(settings, settings.registry_url, settings.ports.schema_registry)}/subjects")
    if not isinstance(subjects, list):
        raise DependencyError(f"/subjects answers {str(subjects)[:80]}")


def spark_master(settings: Settings, process: Process) -> None:
    """The master's own state."""
    state = spark_master_state(settings).get("status")
    if state != "ALIVE":
        raise DependencyError(f"the master is {state}")


def spark_worker(number: int) -> Probe:
    """A worker is ready when the master counts it, by its own id, among those alive."""

    def probe(settings: Settings, process: Process) -> None:
        ports = settings.ports
        port = ports.spark_worker_1_ui if number == 1 else ports.spark_worker_2_ui
        own = get_json(f"http://{connect_host(settings)}:{port}/json/")
        workers = spark_master_state(settings).get("workers", [])
        alive = {worker.get("id") for worker in workers if worker.get("state") == "ALIVE"}
        if own.get("id") not in alive:
            raise DependencyError("not registered with the master yet")

    return probe


def heartbeat(settings: Settings, process: Process) -> None:
    """The service's own word, if it is this process's and fresh."""
    beat = read_heartbeats(settings).get(process.service)
    if beat is None or beat.at < process.since or not process.owns(beat.pid):
        raise DependencyError("no heartbeat yet")
    if time.time() - beat.at > FRESH_SECONDS:
        raise DependencyError(f"last heartbeat {time.time() - beat.at:.0f} s ago")
    if beat.state != "running":
        raise DependencyError(f"{beat.state}: {beat.message}" if beat.message else beat.state)


def get_json(url: str) -> Any:
    """The JSON that a page holds. Raises DependencyError where it does not answer with 200 and JSON."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=SECONDS)
    try:
        connection.request("GET", parts.path or "/")
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise DependencyError(f"no answer from {url} ({error})") from error
    finally:
        connection.close()
    if response.status != 200:
        raise DependencyError(f"{url} answers {response.status}")
    try:
        return json.loads(body)
    except ValueError as error:
        raise DependencyError(f"{url} does not answer in JSON") from error


def spark_master_state(settings: Settings) -> dict[str, Any]:
    """What the master's page says: `status`, `url`, `workers`. Raises DependencyError where it does not."""
    host = urlsplit(settings.spark_master).hostname or connect_host(settings)
    state: dict[str, Any] = get_json(f"http://{host}:{settings.ports.spark_master_ui}/json/")
    return state


def _local(settings: Settings, url: str, port: int) -> str:
    return f"http://{connect_host(settings)}:{port}{urlsplit(url).path}"
