"""The way from producers to gold, hop by hop: how fast it flows, what waits, how fresh it is, how it is.

The health report says how it is; nothing is judged here a second time. Everything else is from heartbeats
and the tables' logs, so that it costs a few files a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from contracts.heartbeat import FRESH_SECONDS, Heartbeat
from contracts.platform import PLATFORM_SOURCES
from contracts.rates import Rate
from contracts.settings import Settings
from contracts.sources import SOURCES
from lakehouse.alerts.rules import Finding
from lakehouse.alerts.rules import Status as PartStatus
from lakehouse.catalog.described import end_of
from lakehouse.datasets import Dataset
from lakehouse.health.examination import worst
from lakehouse.health.flows import STREAMS
from lakehouse.health.report import Report, TableReport
from lakehouse.reading.snapshot import Snapshot
from web.table_rates import TableRates

Unit = Literal["events", "records", "seconds"]
LAYERS = ("bronze", "silver", "gold")
_OWN = frozenset(source.table for source in PLATFORM_SOURCES)
"""The platform's tables about itself: no event of anybody's passes there."""
_DRIVER = "lakehouse-driver"
WATCH_SECONDS = 15.0


class Hop(Struct, kw_only=True):
    """One part of the way."""

    name: str
    label: str
    events_per_second: float
    """Of the last half minute or more. Producers: what our simulators send. kafka: what comes into the source
    topics, of everybody. bronze, silver, gold: rows written, of silver those of its first tables."""
    lag: float | None
    """What waits before it. producers, landing: events; ingestion, workers: records; bronze, silver, gold:
    seconds behind what they are built from, the worst table's. Null: not known, or nothing can wait."""
    lag_unit: Unit | None
    freshness_seconds: float | None
    """Age of the newest event that has passed; of landing, of its newest file; of tables by hour or day, of
    their newest version. Null: none has."""
    status: Literal["ok", "degraded", "failing", "idle"]
    """As the health report judges its parts; idle: nothing is wrong, nothing flows and nothing waits."""
    reasons: list[str]
    """What is wrong, the worst first."""


class _Total(Struct):
    rate: Rate
    most: float
    since: float


class Hops:
    """Keeps what rates need. For one thread at a time."""

    def __init__(self, settings: Settings, datasets: Mapping[str, Dataset]) -> None:
        self._tables = TableRates(settings, datasets)
        self._datasets = datasets
        self._totals: dict[object, _Total] = {}

    def look(
        self,
        beats: Mapping[str, Heartbeat],
        snapshots: Mapping[str, Snapshot | None],
        report: Report,
        now: float,
    ) -> list[Hop]:
        """All of them, in the order of the way. ``now``: Unix seconds."""
        fresh = {name: beat for name, beat in beats.items() if now - beat.at <= FRESH_SECONDS}
        self._totals = {key: kept for key, kept in self._totals.items() if key in _keys(fresh)}
        producers = [beat for name, beat in fresh.items() if name.endswith("-simulator")]
        ingesting = [beat for beat in fresh.values() if "sources" in beat.details]
        workers = [beat for beat in fresh.values() if "partitions" in beat.details]
        return [
            self._producers(producers, report),
            self._kafka(ingesting, report, now),
            self._ingestion(ingesting, report, now),
            self._workers(workers, report, now),
            self._landing(workers, report, now),
            *(self._layer(layer, snapshots, report, now) for layer in LAYERS),
        ]

    def _producers(self, beats: list[Heartbeat], report: Report) -> Hop:
        return _hop(
            "producers",
            "Producers",
            rate=sum(beat.rate for beat in beats),
            lag=sum(beat.details.get("unsent", 0) for beat in beats) if beats else None,
            unit="events",
            freshness=None,
            found=[one for one in report.findings if one.subject.endswith("-simulator")],
        )

    def _kafka(self, beats: list[Heartbeat], report: Report, now: float) -> Hop:
        # What comes in is what was read and what is still to be read.
        rates = [
            self._growth(beat, "in", beat.total + _lag(_sources(beat)), now, _settled(beat)) for beat in beats
        ]
        return _hop(
            "kafka",
            "Kafka topics",
            rate=sum(rates),
            lag=None,
            unit=None,
            freshness=newest_age(beats, now),
            found=_about(report, ("kafka", "zookeeper", "schema-registry")),
        )

    def _ingestion(self, beats: list[Heartbeat], report: Report, now: float) -> Hop:
        said = [details for beat in beats for details in _sources(beat)]
        services = [service.name for service in report.services if service.name.startswith("ingestion")]
        groups = [name for source in SOURCES for name in (source.consumer_group, source.name)]
        return _hop(
            "ingestion",
            "Ingestion",
            rate=sum(map(_settled, beats)),
            lag=_lag(said) if said else None,
            unit="records",
            freshness=newest_age(beats, now),
            found=_about(report, (*services, *groups)),
        )

    def _workers(self, beats: list[Heartbeat], report: Report, now: float) -> Hop:
        parts = [part for beat in beats for part in _parts(beat)]
        marks = [datetime.fromisoformat(part["watermark"]) for part in parts if part.get("watermark")]
        names = [service.name for service in report.services if service.name.startswith("stream-worker")]
        holes = [one for one in report.findings if one.rule == "holes"]
        return _hop(
            "workers",
            "Stream workers",
            rate=sum(
                self._growth(beat, "read", beat.total + _pending(beat), now, beat.rate) for beat in beats
            ),
            lag=sum(part.get("lag") or 0 for part in parts) if parts else None,
            unit="records",
            freshness=max(now - max(marks).timestamp(), 0.0) if marks else None,
            found=[*_about(report, (*names, STREAMS)), *holes],
        )

    def _landing(self, beats: list[Heartbeat], report: Report, now: float) -> Hop:
        committed = [beat.details["committed_at"] for beat in beats if beat.details.get("committed_at")]
        stuck = [
            one
            for one in report.findings
            if one.rule in ("disk_full", "disk_low")
            or (one.rule == "flush_stuck" and one.subject.startswith("stream-worker"))
        ]
        return _hop(
            "landing",
            "Landing",
            rate=sum(beat.rate for beat in beats),
            lag=sum(map(_pending, beats)) if beats else None,
            unit="events",
            freshness=max(now - max(committed), 0.0) if committed else None,
            found=stuck,
        )

    def _layer(self, layer: str, snapshots: Mapping[str, Snapshot | None], report: Report, now: float) -> Hop:
        own = [table for table in report.tables if table.layer == layer]
        passed = [table for table in own if table.name not in _OWN]
        behind = [table.behind_seconds for table in passed if table.behind_seconds is not None]
        ages = [age for table in passed if (age := self._age(table, now)) is not None]
        first = [table.name for table in passed if layer != "silver" or self._is_first(table.name)]
        rules = {"service_down"} if layer == "bronze" else {"service_down", "service_degraded"}
        found = [
            one
            for one in report.findings
            if one.subject in {table.name for table in own}
            or (one.rule in rules and (one.subject == _DRIVER or _is_engine(one.subject, layer)))
        ]
        return _hop(
            layer,
            layer.capitalize(),
            rate=sum(self._tables.observe(name, snapshots.get(name), now) for name in first),
            lag=max(behind, default=None),
            unit="seconds",
            freshness=min(ages, default=None),
            found=found,
        )

    def _is_first(self, name: str) -> bool:
        """Whether a silver table is built from bronze, and not from silver again."""
        return any(
            self._datasets[one].layer == "bronze"
            for one in self._datasets[name].upstream
            if one in self._datasets
        )

    def _age(self, table: TableReport, now: float) -> float | None:
        dataset, newest = self._datasets[table.name], table.newest_event
        if newest is not None and not dataset.until and end_of(dataset, newest) == newest:
            return table.lag_seconds
        if table.updated_at is None or not table.rows:
            return None
        return max(now - table.updated_at.timestamp(), 0.0)

    def _growth(self, beat: Heartbeat, what: str, total: float, now: float, otherwise: float) -> float:
        """Rate of a total of one process that may fall by a little, as its parts are told at other times;
        ``otherwise`` before it has been watched for long enough."""
        key = (beat.service, beat.pid, what)
        watched = self._totals.get(key)
        if watched is None:
            watched = self._totals[key] = _Total(Rate(), total, now)
        watched.most = max(watched.most, total)
        rate = watched.rate.observe(now, watched.most)
        return rate if now - watched.since >= WATCH_SECONDS else otherwise


def newest_age(beats: Iterable[Heartbeat], now: float, source: str | None = None) -> float | None:
    """Seconds since Kafka's timestamp of the newest event that ingestion has accepted, of one source or of
    all."""
    times = [
        details["newest_at"]
        for beat in beats
        for name, details in beat.details.get("sources", {}).items()
        if source in (None, name) and details.get("newest_at")
    ]
    return max(now - max(times), 0.0) if times else None


def _hop(
    name: str,
    label: str,
    *,
    rate: float,
    lag: float | None,
    unit: Unit | None,
    freshness: float | None,
    found: list[Finding],
) -> Hop:
    judged: PartStatus = worst(one.status for one in found)
    return Hop(
        name=name,
        label=label,
        events_per_second=round(rate, 1),
        lag=None if lag is None else round(lag, 1),
        lag_unit=unit,
        freshness_seconds=None if freshness is None else round(freshness, 1),
        status="idle" if judged == "ok" and not round(rate, 1) and not lag else judged,
        reasons=[one.says for one in found],
    )


def _about(report: Report, subjects: Iterable[str]) -> list[Finding]:
    wanted = set(subjects)
    return [one for one in report.findings if one.subject in wanted]


def _is_engine(service: str, layer: str) -> bool:
    """Whether silver and gold are computed by it; bronze is written without."""
    return layer != "bronze" and service.startswith("spark-")


def _keys(beats: Mapping[str, Heartbeat]) -> set[object]:
    return {(beat.service, beat.pid, what) for beat in beats.values() for what in ("in", "read")}


def _sources(beat: Heartbeat) -> list[dict[str, Any]]:
    return list(beat.details.get("sources", {}).values())


def _lag(said: Iterable[Mapping[str, Any]]) -> int:
    return sum(details.get("lag") or 0 for details in said)


def _settled(beat: Heartbeat) -> float:
    return float(sum(details.get("messages_per_second", 0.0) for details in _sources(beat)))


def _parts(beat: Heartbeat) -> list[dict[str, Any]]:
    return [part for parts in beat.details["partitions"].values() for part in parts.values()]


def _pending(beat: Heartbeat) -> int:
    return sum(part.get("pending") or 0 for part in _parts(beat))
