"""External feeds: weather of cities, exchange rates and advertising campaigns, as random walks."""

from __future__ import annotations

import math
from functools import partial
from random import Random

from msgspec import Struct

from contracts.events import ExternalRecord
from contracts.sources import EXTERNAL_DATA
from simulators.behaviour import Actor, Record, Simulator, Step, encode, moment
from simulators.population import DAY, Population, uuid_text


class Feed(Struct, frozen=True):
    """One series: where it starts, how far a step goes, and how strongly it is pulled back."""

    source: str
    metric: str
    unit: str
    start: float
    step: float
    least: float
    digits: int
    dimensions: dict[str, str]
    daily: float = 0.0
    """Amplitude of a daily wave, in the metric's unit."""


_CITIES = {
    "Berlin": 9.0,
    "Paris": 12.0,
    "Madrid": 18.0,
    "Prague": 8.5,
    "São Paulo": 22.0,
    "東京": 16.0,
    "Denver": 10.0,
}
_PAIRS = {"EUR/USD": 1.09, "EUR/GBP": 0.85, "EUR/JPY": 168.0, "EUR/CZK": 25.1, "EUR/BRL": 5.9}
_CAMPAIGNS = ("spring-sale", "retargeting", "brand", "app-install")


def feeds() -> list[Feed]:
    """Every series that is simulated."""
    found = []
    for city, mean in _CITIES.items():
        at = {"city": city}
        found += [
            Feed("weather", "temperature", "°C", mean, 0.1, -40, 1, at, daily=5.0),
            Feed("weather", "humidity", "%", 60, 0.8, 0, 0, at),
            Feed("weather", "wind_speed", "m/s", 4, 0.3, 0, 1, at),
        ]
    for pair, rate in _PAIRS.items():
        found.append(Feed("fx", "rate", pair[-3:], rate, rate * 1e-4, rate / 10, 5, {"pair": pair}))
    for campaign in _CAMPAIGNS:
        for channel in ("search", "social"):
            at = {"campaign": campaign, "channel": channel}
            found += [
                Feed("ads", "impressions", "count", 5_000, 120, 0, 0, at),
                Feed("ads", "clicks", "count", 90, 6, 0, 0, at),
                Feed("ads", "spend", "EUR", 35, 1.5, 0, 2, at),
            ]
    return found


class ExternalDataSimulator(Simulator):
    """Every feed reports in turn, as often as the rate allows."""

    def __init__(self, population: Population, rate: float, run: Random) -> None:
        super().__init__(population, rate, run)
        self._feeds = feeds()
        self._values = [feed.start for feed in self._feeds]
        self._turn = 0

    def begin(self, at: int) -> Actor:
        turn = self._turn % len(self._feeds)
        self._turn += 1
        yield Step(0, partial(self._observe, turn))

    def _observe(self, turn: int, at: int) -> Record:
        feed, run = self._feeds[turn], self.run
        pull = (feed.start - self._values[turn]) * 0.01
        self._values[turn] = max(feed.least, self._values[turn] + pull + run.gauss(0, feed.step))
        wave = feed.daily * math.sin((at % DAY / DAY - 0.375) * 2 * math.pi)
        record = ExternalRecord(
            record_id=uuid_text(run),
            source=feed.source,
            metric=feed.metric,
            value=round(self._values[turn] + wave, feed.digits),
            observed_at=moment(at),
            unit=feed.unit,
            dimensions=feed.dimensions,
        )
        return Record(EXTERNAL_DATA.topic, feed.source.encode(), encode(record))
