"""What is asked of each server, and what is measured."""

from __future__ import annotations

import asyncio
import os
import random
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from contracts.errors import DependencyError
from runtime.bench.api.load import Load, closed, once, open_
from runtime.bench.api.servers import Case, Server
from runtime.bench.streams.metering import cpu_seconds

ONE_CLIENT = 200
"""Requests of one client that asks alone."""
CLIENTS = 16
CACHED_SHARE = 0.9
ONE_BY_ONE: tuple[Case, ...] = ("gold", "preview")
REPEATED: tuple[Case, ...] = ("same gold", "tables", "table")


class Measure(Struct, kw_only=True):
    """One case of one server."""

    server: str
    case: str
    load: Load
    per_core: float | None = None
    """Requests for a second of the server's CPU, all its processes."""


class Target(Struct, frozen=True, kw_only=True):
    """What our own server promises of a case."""

    case: str
    figure: str
    limit: float
    least: bool = False
    """Whether more is better."""

    def met(self, measure: Measure) -> bool:
        value = getattr(measure, self.figure, None)
        if value is None:
            value = getattr(measure.load, self.figure)
        return bool(value >= self.limit if self.least else value <= self.limit)


TARGETS = (
    Target(case="gold, one client", figure="p50", limit=30),
    Target(case="gold, one client", figure="p99", limit=100),
    Target(case="mixed, open at half", figure="p99", limit=150),
    Target(case="same gold, 16 clients", figure="per_core", limit=2000, least=True),
    Target(case="tables, 16 clients", figure="per_core", limit=2000, least=True),
    Target(case="table, 16 clients", figure="per_core", limit=2000, least=True),
    Target(case="preview, one client", figure="p95", limit=100),
)


def measure(server: Server, *, seconds: float, told: Callable[[str], None]) -> list[Measure]:
    """All cases of one server, one after the other. Raises DependencyError where it answers with an error."""
    numbers = iter(range(1, 10**9))

    def fresh(case: Case) -> Callable[[int], bytes]:
        return lambda _: server.request(case, next(numbers))

    async def whole() -> list[Measure]:
        found: list[Measure] = []

        async def add(case: str, work: Any) -> Load:
            told(f"{server.name}: {case}")
            before = cpu_seconds(server.pid)
            load: Load = await work
            cpu = cpu_seconds(server.pid) - before
            if load.errors:
                raise DependencyError(f"{server.name}: {load.errors} errors of {load.requests} in {case}")
            per_core = round(load.requests / cpu, 1) if cpu else None
            found.append(Measure(server=server.name, case=case, load=load, per_core=per_core))
            return load

        await closed(server.port, fresh("gold"), clients=1, seconds=seconds, most=20)  # warm
        for case in ONE_BY_ONE:
            load = closed(server.port, fresh(case), clients=1, seconds=120, most=ONE_CLIENT)
            await add(f"{case}, one client", load)
        for case in REPEATED:
            same = server.request(case, 0)
            await once(server.port, same)
            load = closed(server.port, _always(same), clients=CLIENTS, seconds=seconds)
            await add(f"{case}, {CLIENTS} clients", load)
        mixed = _mixed(server, fresh("gold"))
        most = await add(
            f"mixed, {CLIENTS} clients", closed(server.port, mixed, clients=CLIENTS, seconds=seconds)
        )
        half = most.per_second / 2
        await add("mixed, open at half", open_(server.port, mixed, rate=half, seconds=2 * seconds))
        return found

    return asyncio.run(whole())


def _mixed(server: Server, fresh: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """Nine of ten requests are for what was asked before, one is new."""
    chance = random.Random(2)
    same = [server.request("same gold", 0), server.request("tables", 0), server.request("table", 0)]
    return lambda number: chance.choice(same) if chance.random() < CACHED_SHARE else fresh(number)


def _always(request: bytes) -> Callable[[int], bytes]:
    return lambda _: request


def as_rows(found: list[Measure]) -> list[tuple[Any, ...]]:
    """For a table: server, case, requests/s, of a core, and the times."""
    return [
        (m.case, m.server, m.load.requests, m.load.per_second, m.per_core, m.load.p50, m.load.p95, m.load.p99)
        for m in sorted(found, key=lambda m: m.case)
    ]


def medians(runs: list[list[Measure]]) -> list[Measure]:
    """Of repeated runs, each case's run with the median of p50."""
    by_case: dict[tuple[str, str], list[Measure]] = {}
    for run in runs:
        for one in run:
            by_case.setdefault((one.server, one.case), []).append(one)
    return [
        min(same, key=lambda one: abs(one.load.p50 - statistics.median(o.load.p50 for o in same)))
        for same in by_case.values()
    ]


def cores() -> int:
    return len(os.sched_getaffinity(0))


def folder_of(data_root: Path) -> Path:
    return data_root / "bench" / "api"
