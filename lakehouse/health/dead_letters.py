"""Dead letters since the sample before, none lost and none counted twice.

Ingestion counts refused records along with the offsets that it commits, in series that outlive its processes
(``streams.ingestion.refusal_count``). Of each series the greatest count that any heartbeat tells is the true
one, as counts only rise. What the monitor has taken of each stands in its samples themselves: the same file
holds the difference and the count up to which it goes, and appears as a whole or not at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import pyarrow.compute as pc

from contracts.heartbeat import Heartbeat
from contracts.platform import METRICS
from contracts.settings import Settings
from lakehouse.medallion import platform_landing

TAKEN = "dead_letters_total"
"""Metric of the counts; its component is the series, `ingestion/<source>/<partition>/<series>`."""
SINCE = "dead_letters"
"""Metric of the differences; its component is the source."""
_PREFIX = "ingestion/"


def told(beats: Iterable[Heartbeat]) -> dict[str, int]:
    """Counts by series (`<source>/<partition>/<series>`), of all heartbeats, those of the dead included."""
    found: dict[str, int] = {}
    for beat in beats:
        for source, details in beat.details.get("sources", {}).items():
            for place, count in details.get("refused", {}).items():
                series = f"{source}/{place}"
                found[series] = max(found.get(series, 0), count)
    return found


def taken(settings: Settings) -> dict[str, int] | None:
    """Counts by series up to which samples have been taken, by the newest one; None: there is none."""
    table = platform_landing.newest(settings, METRICS.name)
    if table is None:
        return None
    rows = table.filter(pc.equal(table["metric"], TAKEN))
    return {
        component.removeprefix(_PREFIX): int(value)
        for component, value in zip(rows["component"].to_pylist(), rows["value"].to_pylist(), strict=True)
    }


def component(series: str) -> str:
    return _PREFIX + series


def merged(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, int]:
    """The counts up to which the next sample goes; series that nobody tells any more are kept."""
    return {series: max(before.get(series, 0), now.get(series, 0)) for series in {**before, **now}}


def by_source(counts: Mapping[str, int]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for series, count in counts.items():
        sums[series.partition("/")[0]] += count
    return sums
