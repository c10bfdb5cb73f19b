"""Hours that are missing, and hours with far fewer rows than usual, in what comes from outside.

Both are said only where the rows themselves say what is usual: a young or quiet platform raises nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from math import sqrt
from statistics import median

from msgspec import Struct

from lakehouse.datasets import Dataset, FromChain, InsertNew, ReplaceHours
from lakehouse.quality import wording
from lakehouse.quality.extent import Days, rows_of
from lakehouse.quality.findings import Finding
from lakehouse.quality.look import Table
from lakehouse.quality.rows import hour_counts

DENSE_ROWS = 20
"""Where half of the hours have so many rows, an hour without any is no chance."""
REGULAR_SHARE = 0.1
"""An hour with less of the median than this is an edge (late events of another day), not a regular hour."""
HISTORY_DAYS = 14
"""The same hour of so many days before is what an hour is compared with …"""
LEAST_DAYS = 5
"""… where at least so many of them have rows."""
CHECKED_HOURS = 24
"""The last so many closed hours are compared with what is usual."""
DEVIATIONS = 5.0
"""An hour is low beyond so many (robust) standard deviations …"""
LEAST_SHARE = 0.5
"""… and only below this share of the usual."""
_NORMAL = 1.4826
"""A median absolute deviation times this is a standard deviation, if rows are spread normally."""


class Low(Struct, frozen=True):
    """An hour with fewer rows than usual."""

    hour: int
    rows: int
    usual: float


def findings(table: Table) -> Iterator[Finding]:
    """Of a bronze table, which is fed from outside; others are held to their upstreams."""
    if not has_hours(table.declared) or not isinstance(table.declared.build, FromChain):
        return
    gaps = missing(table.hours)
    if gaps:
        missed = wording.number(len(gaps), "hour")
        lack = wording.verb(len(gaps), "has", "have")
        said = f"{missed} between the first and the last {lack} no row: {_stretches(gaps)}"
    else:
        said = f"No hour is missing among {wording.number(len(table.hours), 'hour')} with rows"
    yield table.finding(
        "hours_present",
        "flag",
        f"{table.name}: {said}",
        checked=len(table.hours) + len(gaps),
        failed=len(gaps),
    )
    counts = table.hours | _history(table)
    low, compared = unusual(counts, max(table.hours, default=0))
    if not compared:
        return  # too young to have a usual level
    if low:
        told = wording.some([f"{wording.hour(o.hour)} has {o.rows:,}, usually {o.usual:,.0f}" for o in low])
        have = wording.verb(len(low), "has", "have")
        said = f"{len(low)} of {wording.number(compared, 'hour')} {have} far fewer rows than usual: {told}"
    else:
        said = f"{wording.every(compared, 'hour')} checked had no fewer rows than usual at that time of day"
    yield table.finding("usual_level", "flag", f"{table.name}: {said}", checked=compared, failed=len(low))


def has_hours(declared: Dataset) -> bool:
    """Whether its rows are events that come all the time."""
    match declared.build:
        case FromChain(quality_flags=quality_flags):
            return quality_flags and declared.layer == "bronze"
        case InsertNew() | ReplaceHours():
            return True
    return False


def missing(counts: Mapping[int, int]) -> list[int]:
    """The hours without a row between the first and the last regular one; none where rows are sparse."""
    if not counts or median(counts.values()) < DENSE_ROWS:
        return []
    least = REGULAR_SHARE * median(counts.values())
    regular = [hour for hour, rows in counts.items() if rows >= least]
    return [hour for hour in range(min(regular), max(regular)) if not counts.get(hour)]


def unusual(counts: Mapping[int, int], newest: int) -> tuple[list[Low], int]:
    """Of the last closed hours, those with far fewer rows than the same hour of the days before; and how many
    could be compared. The newest hour may be open."""
    low: list[Low] = []
    compared = 0
    for hour in range(newest - CHECKED_HOURS, newest):
        same = (hour - 24 * back for back in range(1, HISTORY_DAYS + 1))
        before = [counts[one] for one in same if one in counts]
        if len(before) < LEAST_DAYS or median(before) < DENSE_ROWS:
            continue
        compared += 1
        usual = median(before)
        spread = max(_NORMAL * median(abs(rows - usual) for rows in before), sqrt(usual))
        rows = counts.get(hour, 0)
        if rows < usual - DEVIATIONS * spread and rows < LEAST_SHARE * usual:
            low.append(Low(hour, rows, usual))
    return low, compared


def _history(table: Table) -> dict[int, int]:
    """Rows by hour of the days before those that are looked at."""
    first = table.look.days.first
    if first is None:
        return {}
    before = Days(first - timedelta(days=HISTORY_DAYS + 1), first - timedelta(days=1))
    table.look.view("before", rows_of(table.declared, table.snapshot, before))
    return hour_counts(table, "before")


def _stretches(hours: list[int]) -> str:
    """`2026-03-05 03h to 05h`: hours one after the other as one."""
    found: list[list[int]] = []
    for hour in hours:
        if found and hour == found[-1][1] + 1:
            found[-1][1] = hour
        else:
            found.append([hour, hour])
    return wording.some(
        [wording.hour(a) if a == b else f"{wording.hour(a)} to {wording.hour(b)}" for a, b in found]
    )
