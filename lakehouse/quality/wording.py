"""Numbers, times and keys as the sentences of findings have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from lakehouse.quality.findings import PERSONAL, SAMPLES

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def number(count: int, one: str, many: str = "") -> str:
    """`1 row`, `2,000 rows`."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def every(count: int, one: str, many: str = "") -> str:
    """`all 2,000 rows`, `the one row`."""
    return f"the one {one}" if count == 1 else f"all {number(count, one, many)}"


def verb(count: int, one: str, many: str) -> str:
    """`is` for 1, else `are`."""
    return one if count == 1 else many


def moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def hour(since_epoch: int) -> str:
    """`2026-03-05 14h`, from hours since 1970."""
    return (_EPOCH + timedelta(hours=since_epoch)).strftime("%Y-%m-%d %Hh")


def span(length: timedelta) -> str:
    """Two units at most: `3 d 2 h`, `5 min`, `40 s`."""
    seconds = max(int(length.total_seconds()), 0)
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])


def some(texts: Sequence[str], most: int = SAMPLES) -> str:
    """The first ones, and how many more there are."""
    shown = "; ".join(texts[:most])
    return shown if len(texts) <= most else f"{shown}; and {len(texts) - most:,} more"


def hours(counts: Mapping[int, int], what: str = "row") -> str:
    """`2026-03-05 14h (3 rows); …`."""
    return some([f"{hour(at)} ({number(count, what)})" for at, count in sorted(counts.items())])


def keyed(names: Sequence[str], values: Iterable[Any]) -> str:
    """`event_id 'e1', event_date 2026-03-05`."""
    return ", ".join(f"{name} {value(one)}" for name, one in zip(names, values, strict=True))


def value(one: Any) -> str:
    match one:
        case None:
            return "null"
        case str():
            return repr(one if len(one) <= 80 else f"{one[:77]}…")
        case datetime():
            return one.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return one.isoformat()
    return str(one)


def examples(names: Sequence[str], samples: Sequence[str]) -> str:
    """The end of a failure's sentence; nothing where the keys tell of a person."""
    if not samples or PERSONAL & set(names):
        return ""
    return f", for example {'; '.join(samples)}"
