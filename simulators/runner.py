"""Runs one simulator: slots, records, faults, delivery and heartbeat.

**Reproducible** means: the same name, seed, start, rate, users, faults and count give the same bytes in the
same order. A start is the wall clock's unless it is given, so that ids of another run are other ids.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from random import Random
from typing import IO

from contracts.errors import NotFound, SettingsError
from contracts.heartbeat import HeartbeatWriter
from contracts.settings import Settings
from simulators.apps import MobileSimulator, WebSimulator
from simulators.behaviour import EPOCH, Simulator
from simulators.cdc import CdcSimulator
from simulators.clickstream import ClickstreamSimulator
from simulators.delivery import Delivery, FileDelivery, KafkaDelivery
from simulators.external_data import ExternalDataSimulator
from simulators.faults import Faults
from simulators.pace import FreeRunning, Pace, WallClock
from simulators.population import SECOND, Population

log = logging.getLogger(__name__)

SIMULATORS: dict[str, type[Simulator]] = {
    "mobile": MobileSimulator,
    "web": WebSimulator,
    "clickstream": ClickstreamSimulator,
    "cdc": CdcSimulator,
    "external-data": ExternalDataSimulator,
}
BACKLOG_SECONDS = 60
LEAST_BACKLOG, MOST_BACKLOG = 10_000, 100_000
DRAIN_SECONDS = 10.0


def service_name(name: str) -> str:
    """`mobile` → `mobile-simulator`."""
    return f"{name}-simulator"


def run(
    settings: Settings,
    name: str,
    *,
    rate: float | None = None,
    seed: int | None = None,
    users: int | None = None,
    faults: float | None = None,
    count: int | None = None,
    start: datetime | None = None,
    output: str = "",
    keyed: bool = False,
) -> None:
    """Produces until SIGTERM or SIGINT, or until ``count`` records; then delivers what waits and returns.

    ``rate`` (events/s), ``seed``, ``users`` and ``faults`` (share, 0–1) are the settings' where None.
    ``start`` (aware) makes time run free from there on, as fast as possible: history instead of the present.
    ``output`` is a file or `-` that gets NDJSON instead of Kafka; ``keyed`` puts topic and key beside values.

    A broker that is away is waited for, and nothing that was made is dropped: once a minute of records
    waits, no more are made. Raises NotFound for a name that is not one, SettingsError for a value out of its
    range.
    """
    if name not in SIMULATORS:
        raise NotFound(f"no simulator named {name!r}; simulators: {', '.join(SIMULATORS)}")
    given = settings.simulators
    rate = given.rate if rate is None else rate
    seed = given.seed if seed is None else seed
    users = given.users if users is None else users
    faults = given.faults if faults is None else faults
    _check(rate, users, faults)

    began = time.time_ns() // 1000 if start is None else int((start - EPOCH).total_seconds() * SECOND)
    simulator = SIMULATORS[name](Population(seed, users), rate, Random(f"{seed}/{name}/{began}"))
    source = Faults(simulator, faults, Random(f"{seed}/{name}/{began}/faults"))
    pace: Pace = WallClock(rate, began) if start is None else FreeRunning(rate, began)
    backlog = int(min(max(rate * BACKLOG_SECONDS, LEAST_BACKLOG), MOST_BACKLOG))
    heartbeat = None if output else HeartbeatWriter(settings, service_name(name))
    # What exists now lives as long as the process: the collector need not look at it again and again.
    gc.freeze()
    with _opened(output) as file:
        asyncio.run(_produce(settings, source, pace, heartbeat, file, keyed, count, backlog))


async def _produce(
    settings: Settings,
    source: Faults,
    pace: Pace,
    heartbeat: HeartbeatWriter | None,
    file: IO[bytes] | None,
    keyed: bool,
    count: int | None,
    backlog: int,
) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    delivery: Delivery = KafkaDelivery(settings) if file is None else FileDelivery(file, keyed=keyed)
    made = 0
    while not stopping.is_set() and (count is None or made < count):
        wait = 0.1
        if delivery.waiting < backlog:
            slots = pace.due()
            if count is not None:
                slots = slots[: count - made]
            delivery.offer([source.next(at) for at in slots])
            made += len(slots)
            wait = pace.wait_seconds()
        _beat(heartbeat, delivery, source, pace)
        with contextlib.suppress(TimeoutError):
            # Also with nothing to wait for: the delivery needs its turn.
            await asyncio.wait_for(stopping.wait(), max(wait, 0.0001))
    await delivery.close(DRAIN_SECONDS)
    unsent = delivery.waiting
    _beat(heartbeat, delivery, source, pace, force=True)
    level = logging.WARNING if unsent else logging.INFO
    extra = {"made": made, "delivered": delivery.delivered, "unsent": unsent, "faults": dict(source.counts)}
    log.log(level, "stopped with records unsent" if unsent else "stopped", extra=extra)


def _beat(
    heartbeat: HeartbeatWriter | None, delivery: Delivery, source: Faults, pace: Pace, force: bool = False
) -> None:
    if heartbeat is None:
        return
    trouble = delivery.trouble
    heartbeat.beat(
        delivery.delivered,
        state="degraded" if trouble else "running",
        message=trouble,
        details={"unsent": delivery.waiting, "skipped": pace.skipped, "faults": dict(source.counts)},
        force=force,
    )


def _check(rate: float, users: int, faults: float) -> None:
    if not 0 < rate <= 1_000_000:
        raise SettingsError(f"rate {rate}: expected more than 0 events/s", key="simulators.rate")
    if users < 1:
        raise SettingsError(f"users {users}: expected at least 1", key="simulators.users")
    if not 0 <= faults <= 1:
        raise SettingsError(f"faults {faults}: expected a share, 0 to 1", key="simulators.faults")


@contextlib.contextmanager
def _opened(output: str) -> Iterator[IO[bytes] | None]:
    if not output:
        yield None
    elif output == "-":
        yield sys.stdout.buffer
    else:
        with Path(output).open("wb") as file:
            yield file
