"""How a simulator decides what happens next: actors, and an agenda of when each acts again.

An actor is an iterator of steps (a visit to a shop, the life of an order, a sensor). The rate of events is
given from outside, one slot at a time: a slot goes to the actor that is due the longest, and where none is
due a new one begins. So the rate is exact, pauses are never shorter than meant, and the number of open
visits settles by itself at what the rate needs.
"""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple

import msgspec

from simulators.population import SECOND, Order, Population, User

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEAD_SECONDS = 40
"""How long before the payment of a shared order its user's visit begins."""
MOST_ACTORS = 20_000

encode = msgspec.json.Encoder().encode


class Record(NamedTuple):
    """What goes to Kafka. A value of None is a tombstone."""

    topic: str
    key: bytes
    value: bytes | None


class Step(NamedTuple):
    """The next thing an actor does: ``pause`` microseconds after its last one, but not before ``due``."""

    pause: int
    make: Callable[[int], Record]
    """Makes the record, given its event time in UTC microseconds since 1970."""
    due: int = 0


Actor = Iterator[Step]


class Agenda:
    """Actors by the time of their next step."""

    def __init__(self, most: int = MOST_ACTORS) -> None:
        self._heap: list[tuple[int, int, Step, Actor]] = []
        self._most = most
        self._number = 0

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def full(self) -> bool:
        """Whether nobody should begin any more: then whoever is next acts, due or not."""
        return len(self._heap) >= self._most

    def add(self, actor: Actor, at: int) -> None:
        """Plans the next step of an actor, counted from ``at``; drops an actor that has none."""
        step = next(actor, None)
        if step is not None:
            self._number += 1
            heapq.heappush(self._heap, (max(at + step.pause, step.due), self._number, step, actor))

    def take(self, at: int) -> Step | None:
        """The step that is due the longest at ``at``, its actor's following one being planned."""
        if not self._heap or (self._heap[0][0] > at and not self.full):
            return None
        _, _, step, actor = heapq.heappop(self._heap)
        self.add(actor, at)
        return step


class Simulator(ABC):
    """Makes one source's records, one slot after another."""

    def __init__(self, population: Population, rate: float, run: Random) -> None:
        """``run`` is seeded by (seed, simulator, start): other starts give other ids."""
        self.population = population
        self.rate = rate
        self.run = run
        self.agenda = Agenda(min(MOST_ACTORS, max(population.size, 8)))
        self._announced = 0

    @abstractmethod
    def begin(self, at: int) -> Actor:
        """A new actor that starts now; its first step has no pause."""

    def shop(self, order: Order, at: int) -> Actor | None:
        """What this source shows of a shared order that will be paid at ``order.at``; None: nothing."""
        return None

    def next(self, at: int, late: int = 0) -> Record:
        """The record of the slot at ``at``; its event time lies ``late`` microseconds earlier."""
        self._announce_orders(at)
        step = self.agenda.take(at)
        while step is None:
            self.agenda.add(self.begin(at), at)
            step = self.agenda.take(at)
        return step.make(at - late)

    def pause(self, mean_seconds: float) -> int:
        """A think time in microseconds: long ones are rare, and nobody reads for an hour."""
        return int(min(self.run.expovariate(1 / mean_seconds), 6 * mean_seconds) * SECOND) + 200_000

    def pick(self, at: int) -> User:
        return self.population.pick(self.run, at)

    def _announce_orders(self, at: int) -> None:
        horizon = at // SECOND + LEAD_SECONDS
        # After a pause of the whole simulator the orders of that time are not made up for.
        second = max(self._announced, at // SECOND)
        while second <= horizon:
            for order in self.population.orders(second, self.rate):
                if order.at >= at:
                    actor = self.shop(order, at)
                    if actor is not None:
                        self.agenda.add(actor, at)
            second += 1
        self._announced = second


def moment(at: int) -> datetime:
    """UTC microseconds since 1970 as a datetime."""
    return EPOCH + timedelta(microseconds=at)


def lead(order: Order, at: int, steps: int) -> int:
    """The pause that spreads ``steps`` steps over the time until a shared order is paid, microseconds."""
    return max(order.at - at, 0) // (steps + 1)
