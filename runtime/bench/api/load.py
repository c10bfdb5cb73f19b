"""Load on an HTTP server from one process: closed (a client asks when it has its answer) and open (requests
come when they come, and waiting for a free connection counts).

A bare HTTP/1.1 client, so that the load costs less than what is measured.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct

from contracts.errors import DependencyError

Requests = Callable[[int], bytes]
"""The bytes of the request of that number."""


class Load(Struct, frozen=True, kw_only=True):
    """What a load measured. Times are milliseconds; of an open load from when the request was due."""

    requests: int
    errors: int
    """Answers other than 200."""
    seconds: float
    p50: float
    p95: float
    p99: float
    most: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


class Answer(NamedTuple):
    status: int
    body: bytes


class Connection:
    """One connection that is kept open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> Answer:
        """Raises DependencyError where the server goes away."""
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=2**24)
            reader, writer = self._streams
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            return Answer(int(head[9:12]), await _body(reader, head))
        except (OSError, asyncio.IncompleteReadError) as error:
            raise DependencyError(f"the server on port {self._port} went away: {error}") from error

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    at = head.find(b"content-length:")
    if at >= 0:
        return await reader.readexactly(int(head[at + 15 : head.index(b"\r", at)]))
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return body


async def once(port: int, request: bytes) -> Answer:
    """One request on a connection of its own."""
    connection = Connection(port)
    try:
        return await connection.ask(request)
    finally:
        connection.close()


async def closed(port: int, requests: Requests, *, clients: int, seconds: float, most: int = 2**62) -> Load:
    """``clients`` ask one after the other until the time is up, or ``most`` requests are answered."""
    times: list[float] = []
    errors = 0
    number = 0
    started = time.perf_counter()

    async def client() -> None:
        nonlocal number, errors
        connection = Connection(port)
        try:
            while number < most and time.perf_counter() - started < seconds:
                request = requests(number)
                number += 1
                asked = time.perf_counter()
                errors += (await connection.ask(request)).status != 200
                times.append(time.perf_counter() - asked)
        finally:
            connection.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return _load(times, errors, time.perf_counter() - started)


async def open_(
    port: int, requests: Requests, *, rate: float, seconds: float, clients: int = 64, seed: int = 1
) -> Load:
    """Requests at random moments, ``rate`` a second on average, over at most ``clients`` connections."""
    chance = random.Random(seed)
    free: asyncio.Queue[Connection] = asyncio.Queue()
    connections = [Connection(port) for _ in range(clients)]
    for connection in connections:
        free.put_nowait(connection)
    times: list[float] = []
    errors = 0

    async def ask(request: bytes, due: float) -> None:
        nonlocal errors
        connection = await free.get()
        try:
            errors += (await connection.ask(request)).status != 200
        finally:
            free.put_nowait(connection)
        times.append(time.perf_counter() - due)

    started = due = time.perf_counter()
    tasks: set[asyncio.Task[None]] = set()
    number = 0
    while due - started < seconds:
        due += chance.expovariate(rate)
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        task = asyncio.create_task(ask(requests(number), due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        number += 1
    while tasks:
        await asyncio.gather(*tasks)
    for connection in connections:
        connection.close()
    return _load(times, errors, time.perf_counter() - started)


def _load(times: list[float], errors: int, seconds: float) -> Load:
    if not times:
        raise DependencyError("the server answered nothing in the time given")
    ranked = sorted(times)

    def at(share: float) -> float:
        return round(ranked[min(int(share * len(ranked)), len(ranked) - 1)] * 1000, 2)

    return Load(
        requests=len(times),
        errors=errors,
        seconds=seconds,
        p50=at(0.5),
        p95=at(0.95),
        p99=at(0.99),
        most=round(ranked[-1] * 1000, 2),
    )
