"""What open dashboards cost the API: its processor time with one watcher of `GET /events` and with many, and
how late moments come."""

from __future__ import annotations

import asyncio
import json
import os
import time

import httpx
import psutil
from msgspec import Struct, field

from contracts.errors import DependencyError
from contracts.heartbeat import read_heartbeats
from contracts.settings import Settings

SERVICE = "lakehouse-api"
SETTLE_SECONDS = 5.0
"""Between the watchers' start and the measurement."""


class Watching(Struct, kw_only=True):
    """One measurement."""

    watchers: int
    core_percent: float
    """Of one core: the API's process, without its sandbox."""
    moments: int
    """Heard by all watchers together."""
    longest_gap_seconds: float
    """Between two moments of one watcher."""
    oldest_seconds: float
    """A moment's age when it was heard."""
    bytes_per_moment: int


class _Heard(Struct):
    gaps: list[float] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    bytes: int = 0


def measure(settings: Settings, watchers: int, seconds: float) -> Watching:
    """Raises DependencyError where no API of these settings runs here, or it ends meanwhile."""
    beat = read_heartbeats(settings).get(SERVICE)
    try:
        process = psutil.Process(beat.pid if beat else -1)
        heard, used = asyncio.run(_watch(settings, process, watchers, seconds))
    except (psutil.NoSuchProcess, ValueError, httpx.TransportError) as error:
        raise DependencyError(f"the API does not run here, or has ended ({error}); see dp status") from error
    moments = sum(len(one.ages) for one in heard)
    if not moments:
        raise DependencyError("no watcher has heard a moment; see dp logs lakehouse-api")
    return Watching(
        watchers=watchers,
        core_percent=round(100 * used / seconds, 2),
        moments=moments,
        longest_gap_seconds=round(max((gap for one in heard for gap in one.gaps), default=0.0), 3),
        oldest_seconds=round(max(age for one in heard for age in one.ages), 3),
        bytes_per_moment=sum(one.bytes for one in heard) // moments,
    )


async def _watch(
    settings: Settings, process: psutil.Process, watchers: int, seconds: float
) -> tuple[list[_Heard], float]:
    """What each heard while it was measured, and the processor seconds that the API took for it."""
    key = os.environ.get("DP_API_KEY", "")
    headers = {"authorization": f"Bearer {key}"} if key else {}
    url = f"{settings.api_scheme}://{settings.network.host}:{settings.ports.api}"
    limits = httpx.Limits(max_connections=watchers)
    heard = [_Heard() for _ in range(watchers)]
    async with httpx.AsyncClient(
        base_url=url, headers=headers, limits=limits, timeout=30, trust_env=False
    ) as client:
        measuring = asyncio.Event()
        tasks = [asyncio.create_task(_listen(client, one, measuring)) for one in heard]
        try:
            await _unless_broken(tasks, SETTLE_SECONDS)
            before = sum(process.cpu_times()[:2])
            measuring.set()
            await _unless_broken(tasks, seconds)
            return heard, sum(process.cpu_times()[:2]) - before
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _unless_broken(tasks: list[asyncio.Task[None]], seconds: float) -> None:
    done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for task in done:
        task.result()
        raise DependencyError("the API has ended the stream of moments")


async def _listen(client: httpx.AsyncClient, heard: _Heard, measuring: asyncio.Event) -> None:
    last = None
    async with client.stream("GET", "/events") as response:
        if response.status_code != 200:
            raise DependencyError(f"GET /events answers {response.status_code}; a key goes into DP_API_KEY")
        async for line in response.aiter_lines():
            if not line.startswith("data: "):
                continue
            now = time.time()
            if measuring.is_set():
                heard.ages.append(now - json.loads(line[6:])["at"])
                heard.bytes += len(line)
                if last is not None:
                    heard.gaps.append(now - last)
            last = now
