"""How old events are when they reach landing, and when `POST /query` first counts them: in
events_aggregated_realtime, and in app_events_silver.

Both by the events' own clock. Measured are all events whose time lies in one window, from its beginning to
its end and until the last of them has arrived, so that slow ones are not cut off. An event that was old
already when Kafka got it (history, late on purpose) says nothing of the platform and is left out.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import pyarrow.compute as pc
import pyarrow.parquet as pq
from msgspec import Struct

from contracts.layout import chains_root
from contracts.settings import Settings
from contracts.sources import APP_EVENTS, SOURCES, Source
from runtime.bench.api_client import ApiClient

OLD_MS = 60_000
"""An event that Kafka got later than this after its own time is left out."""
TICK_MS = 100
"""Silver's events are counted in steps of event time this long; the start of a step stands for all of it."""
POLL_SECONDS = 1.0
PATIENCE_SECONDS = 180.0
SHARES = (0.5, 0.95, 0.99)

LANDING_TARGET, COUNTED_TARGET, SILVER_TARGET = 15.0, 15.0, 60.0
"""p95 at the simulators' default rate, seconds."""


class Ages(Struct, kw_only=True):
    """Ages of events at one place, seconds. ``target`` is for p95; None: none is promised."""

    place: str
    source: str
    events: int
    p50: float | None
    p95: float | None
    p99: float | None
    most: float | None
    target: float | None

    @property
    def met(self) -> bool | None:
        """None where nothing was promised."""
        return None if self.target is None else self.p95 is not None and self.p95 <= self.target


class Window(Struct, frozen=True):
    """Event times that are measured: milliseconds since 1970, end exclusive."""

    start: int
    end: int

    def holds(self, at: int) -> bool:
        return self.start <= at < self.end


class LandingWatch:
    """Follows a source's chain files and notes the age of each event when its file appeared."""

    def __init__(self, settings: Settings, source: Source) -> None:
        self.source = source
        self._root = chains_root(settings, source)
        self._seen: set[str] = {str(path) for path in self._files()}
        self.counts: dict[float, int] = defaultdict(int)
        """Events by age, seconds in steps of a hundredth."""
        self.newest = 0
        """Greatest event time seen, milliseconds."""

    def look(self, window: Window) -> None:
        for path in self._files():
            if str(path) in self._seen:
                continue
            self._seen.add(str(path))
            # A file is written under a hidden name and appears by a link, which sets its change time.
            appeared = path.stat().st_ctime_ns // 1_000_000
            rows = pq.ParquetFile(path).read(columns=[self.source.time_field, "source_timestamp"])
            times = pc.divide(rows[self.source.time_field].cast("int64"), 1000).to_pylist()
            kafka = pc.divide(rows["source_timestamp"].cast("int64"), 1000).to_pylist()
            for at, received in zip(times, kafka, strict=True):
                if received - at <= OLD_MS:
                    self.newest = max(self.newest, at)
                    if window.holds(at):
                        self.counts[round((appeared - at) / 1000, 2)] += 1

    def _files(self) -> Iterable[Any]:
        return self._root.glob("topic_id=*/partition=*/*.parquet")


class CountedWatch:
    """Follows events_aggregated_realtime, as the API shows it, for a tenth of the users.

    A row is a user's events of a minute, type and app. Measured are the rows of a single event, whose time
    is known from landing: their age when the row first shows.
    """

    def __init__(self, settings: Settings, api: ApiClient) -> None:
        self._api = api
        self._root = chains_root(settings, APP_EVENTS)
        self._read = {str(path) for path in self._files()}
        self._shown: dict[_Row, int] = {}
        self._times: dict[_Row, list[int]] = defaultdict(list)

    def look(self, window: Window) -> None:
        since = window.start // 60_000 * 60
        rows = self._api.rows(
            "SELECT epoch_ms(window_start) AS w, user_id, event_type, app_type FROM "
            f"events_aggregated_realtime WHERE window_start >= to_timestamp({since}) "
            f"AND user_id LIKE '%{_USERS}' AND event_count > 0"
        )
        shown = time.time_ns() // 1_000_000
        for row in rows:
            self._shown.setdefault(_Row(*row), shown)
        for path in self._files():
            if str(path) not in self._read:
                self._read.add(str(path))
                self._take(pq.ParquetFile(path).read(columns=[APP_EVENTS.time_field, *_Row._fields[1:]]))

    def ages(self, window: Window) -> dict[float, int]:
        """Ages of the window's events that were alone in their row, counted by value."""
        counts: dict[float, int] = defaultdict(int)
        for row, (at, *others) in self._times.items():
            if not others and window.holds(at) and row in self._shown:
                counts[round((self._shown[row] - at) / 1000, 2)] += 1
        return counts

    def _take(self, rows: Any) -> None:
        times = pc.divide(rows[APP_EVENTS.time_field].cast("int64"), 1000).to_pylist()
        for at, *names in zip(times, *(rows[name].to_pylist() for name in _Row._fields[1:]), strict=True):
            if names[0].endswith(_USERS):
                self._times[_Row(at // 60_000 * 60_000, *names)].append(at)

    def _files(self) -> Iterable[Any]:
        return self._root.glob("topic_id=*/partition=*/*.parquet")


class _Row(NamedTuple):
    window: int
    user_id: str
    event_type: str
    app_type: str


_USERS = "7"
"""Last character of the users that are followed."""


class SilverWatch:
    """Follows app_events_silver by load_timestamp, as the API shows it; notes when each row first shows."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api
        self._latest = self._newest_load()
        self.counts: dict[float, int] = defaultdict(int)
        self.newest = 0

    def look(self, window: Window) -> None:
        rows = self._api.rows(
            f"SELECT epoch_ms(event_timestamp) // {TICK_MS} * {TICK_MS}, epoch_us(max(load_timestamp)), "
            f"count(*) FROM app_events_silver WHERE load_timestamp > make_timestamptz({self._latest}) "
            f"AND epoch_ms(source_timestamp) - epoch_ms(event_timestamp) <= {OLD_MS} GROUP BY 1"
        )
        shown = time.time_ns() // 1_000_000
        for at, loaded, count in rows:
            self._latest = max(self._latest, loaded)
            self.newest = max(self.newest, at)
            if window.holds(at):
                self.counts[round((shown - at) / 1000, 2)] += count

    def _newest_load(self) -> int:
        found = self._api.rows("SELECT coalesce(epoch_us(max(load_timestamp)), 0) FROM app_events_silver")
        return int(found[0][0])


def measure(
    settings: Settings, *, seconds: float, warm_up: float, progress: Callable[[str], None]
) -> list[Ages]:
    """Watches a running platform: the window begins after ``warm_up`` and lasts ``seconds``.

    ``progress`` is told once a second what is being waited for.

    Then waits until events after the window have shown wherever events come, PATIENCE_SECONDS at most.
    Raises DependencyError where the API does not answer.
    """
    with ApiClient(settings) as api:
        landings = [LandingWatch(settings, source) for source in SOURCES]
        silver = SilverWatch(api)
        counted = CountedWatch(settings, api)
        begin = time.time_ns() // 1_000_000 + int(warm_up * 1000)
        window = Window(begin, begin + int(seconds * 1000))
        while True:
            for landing in landings:
                landing.look(window)
            silver.look(window)
            counted.look(window)
            now = time.time_ns() // 1_000_000
            watches: list[LandingWatch | SilverWatch] = [*landings, silver]
            # Partitions arrive one by one: a little beyond the window is enough for all of them.
            complete = all(watch.newest >= window.end + 15_000 for watch in watches if watch.newest)
            if now >= window.end and (complete or now > window.end + PATIENCE_SECONDS * 1000):
                break
            progress(_phase(window, now))
            time.sleep(POLL_SECONDS)
    found = [ages("landing", watch.source.name, watch.counts, LANDING_TARGET) for watch in landings]
    for place, counts, target in (
        ("events_aggregated_realtime, by POST /query", counted.ages(window), COUNTED_TARGET),
        ("app_events_silver, by POST /query", silver.counts, SILVER_TARGET),
    ):
        found.append(ages(place, APP_EVENTS.name, counts, target))
    return found


def _phase(window: Window, now: int) -> str:
    """What is being waited for at ``now`` (milliseconds since 1970)."""
    if now < window.start:
        return f"warming up: {(window.start - now) / 1000:.0f} s left"
    if now < window.end:
        return f"measuring: {(window.end - now) / 1000:.0f} s left"
    return f"waiting until later events have arrived everywhere: {(now - window.end) / 1000:.0f} s"


def ages(place: str, source: str, counts: Mapping[float, int], target: float | None) -> Ages:
    """Percentiles (nearest rank) of ages that are counted by value."""
    total = sum(counts.values())
    ranked = sorted(counts.items())
    values = [_at_rank(ranked, share * total) if total else None for share in SHARES]
    return Ages(
        place=place,
        source=source,
        events=total,
        p50=values[0],
        p95=values[1],
        p99=values[2],
        most=ranked[-1][0] if ranked else None,
        target=target,
    )


def _at_rank(ranked: list[tuple[float, int]], rank: float) -> float:
    passed = 0
    for age, count in ranked:
        passed += count
        if passed >= rank:
            return age
    return ranked[-1][0]
