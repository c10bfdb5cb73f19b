"""App events for the acceptance of the whole path: valid ones in every allowed shape, exact duplicates, and
lines that are certainly invalid; with counts made here, by json and datetime alone, to compare with.

A set has a marker of its own in every id, user and event type, so that it can be told from whatever else the
platform holds.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from msgspec import Struct

APP_TYPES = ("mobile", "web", "server")
EVENT_TYPES = (
    "login",
    "logout",
    "screen_view",
    "page_view",
    "button_click",
    "search",
    "purchase",
    "error",
    "x2",
)
OFFSETS_MINUTES = (0, 0, 60, 120, -300, -480, 330, 345, -210, 840, -720)
COUNTRIES = ("DE", "US", "CZ", "JP", "BR", None)
TEXTS = (
    "žluťoučký kůň",
    "日本語",
    "🛒🎉",
    "Ω≈ç√",
    'quote" back\\slash',
    "tab\tnewline\n",
    "عربى",
    "e\u0301",
    "plain",
)
HOURS = 46
"""Events lie in this many hours before the end."""


class Metric(NamedTuple):
    """The key of a row of event_metrics_gold."""

    date: str
    hour: int
    event_type: str
    app_type: str


class Figures(Struct, kw_only=True):
    """One row that event_metrics_gold should have."""

    events: int = 0
    users: int = 0
    value: float = 0.0
    """Sum of event_value; all are multiples of a quarter, so that the sum is exact in any order."""


class AcceptanceData(Struct, kw_only=True):
    """A set: its lines, in the order in which they are to be sent, and what should become of them."""

    marker: str
    lines: list[bytes]
    events: int
    duplicates: int
    malformed: Counter[str]
    """Lines by kind of fault."""
    metrics: dict[Metric, Figures]
    sample: dict[str, dict[str, Any]]
    """Some events as sent, by event_id."""

    def parts(self, count: int) -> list[list[bytes]]:
        """The lines in ``count`` parts of about equal length."""
        size = -(-len(self.lines) // count)
        return [self.lines[start : start + size] for start in range(0, len(self.lines), size)]


def generate(events: int, duplicates: int, malformed: int, *, seed: int, end: datetime) -> AcceptanceData:
    """A set of ``events`` distinct events with times in the HOURS before ``end``, shuffled.

    The same arguments give the same bytes. ``duplicates`` copies are taken from the events (each at most
    once), ``malformed`` lines from all kinds in turn.
    """
    rng = Random(f"acceptance/{seed}/{end.isoformat()}")
    marker = f"a{rng.getrandbits(40):010x}"
    counted = _Counted()
    lines, sample = [], {}
    for number in range(events):
        event = _event(rng, marker, number, end)
        lines.append(_line(rng, event))
        counted.add(event)
        if number % max(events // 200, 1) == 0:
            sample[event["event_id"]] = event
    lines += rng.sample(lines, duplicates)
    kinds: Counter[str] = Counter()
    for number in range(malformed):
        kind, line = _malformed(rng, _event(rng, marker, events + number, end), number, end)
        kinds[kind] += 1
        lines.append(line)
    rng.shuffle(lines)
    return AcceptanceData(
        marker=marker,
        lines=lines,
        events=events,
        duplicates=duplicates,
        malformed=kinds,
        metrics=counted.figures(),
        sample=sample,
    )


def write(lines: list[bytes], path: Path) -> None:
    """One line each, gzipped where the name ends in `.gz`."""
    content = b"\n".join(lines) + b"\n"
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)


class _Counted:
    """What event_metrics_gold should say, from the text of each event."""

    def __init__(self) -> None:
        self._figures: dict[Metric, Figures] = defaultdict(Figures)
        self._users: dict[Metric, set[str]] = defaultdict(set)

    def add(self, event: dict[str, Any]) -> None:
        at = datetime.fromisoformat(event["event_timestamp"]).astimezone(UTC)
        metric = Metric(at.date().isoformat(), at.hour, event["event_type"], event["app_type"])
        figures = self._figures[metric]
        figures.events += 1
        figures.value += event.get("event_value") or 0.0
        self._users[metric].add(event["user_id"])

    def figures(self) -> dict[Metric, Figures]:
        for metric, users in self._users.items():
            self._figures[metric].users = len(users)
        return dict(self._figures)


def _event(rng: Random, marker: str, number: int, end: datetime) -> dict[str, Any]:
    ago = timedelta(microseconds=rng.randrange(60 * 1_000_000, HOURS * 3_600 * 1_000_000))
    kind = rng.choice(EVENT_TYPES)
    event: dict[str, Any] = {
        "event_id": f"{marker}-{number:07d}",
        "user_id": f"{marker}-{rng.choice(('user', 'ユーザー', 'uživatel'))}-{rng.randrange(5_000)}",
        "event_type": f"{marker}_{kind}",
        "app_type": rng.choice(APP_TYPES),
        "event_timestamp": _time_text(rng, end - ago),
    }
    if kind == "purchase":
        event["event_value"] = rng.randrange(1, 40_000) / 4
    for field, value in _optional(rng):
        if rng.random() < 0.6:
            event[field] = value
        elif rng.random() < 0.2:
            event[field] = None
    if rng.random() < 0.15:
        unknown = ("B", 7, True, None, [1, "zwei"], {"deep": {"er": [9_007_199_254_740_993]}})
        event["experiment"] = rng.choice(unknown)
    return event


def _optional(rng: Random) -> Iterator[tuple[str, Any]]:
    yield "session_id", f"s{rng.randrange(10**6)}"
    yield "platform", rng.choice(("ios", "android", "chrome"))
    yield "app_version", f"{rng.randrange(9)}.{rng.randrange(9)}"
    yield "country", rng.choice(COUNTRIES)
    yield "response_time_ms", rng.choice((0, 12, 80.5, 1234.75))
    yield "status_code", rng.choice((100, 200, 304, 404, 500, 599))
    yield "error_code", rng.choice(("E_TIMEOUT", "", None))
    yield (
        "properties",
        rng.choice(({}, {"q": rng.choice(TEXTS)}, {"n": 1, "list": [1.5, None], "o": {"k": "v"}})),
    )


def _time_text(rng: Random, at: datetime) -> str:
    local = at.astimezone(timezone(timedelta(minutes=rng.choice(OFFSETS_MINUTES))))
    precision = rng.choice(("seconds", "milliseconds", "microseconds"))
    text = local.isoformat(timespec=precision)
    return text.replace("+00:00", "Z") if rng.random() < 0.7 else text


def _line(rng: Random, event: dict[str, Any]) -> bytes:
    fields = list(event.items())
    if rng.random() < 0.3:
        rng.shuffle(fields)
    separators = (", ", ": ") if rng.random() < 0.3 else (",", ":")
    return json.dumps(dict(fields), ensure_ascii=rng.random() < 0.5, separators=separators).encode()


def _malformed(rng: Random, event: dict[str, Any], number: int, end: datetime) -> tuple[str, bytes]:
    kinds = [*_WRONG_TEXTS, *_WRONG_FIELDS, "far_future"]
    kind = kinds[number % len(kinds)]
    if kind in _WRONG_TEXTS:
        return kind, _WRONG_TEXTS[kind](_line(rng, event), event["event_id"].encode())
    if kind == "far_future":
        field, value = "event_timestamp", (end + timedelta(days=1 + rng.randrange(300))).isoformat()
    else:
        field, value = _WRONG_FIELDS[kind]
    # The marker also where the field that is wrong is the one that carries it.
    marked = event["user_id"]
    if value is _MISSING:
        del event[field]
    else:
        event[field] = value
    return kind, json.dumps({**event, "marked": marked}, ensure_ascii=False).encode()


_MISSING = object()
_WRONG_TEXTS: dict[str, Callable[[bytes, bytes], bytes]] = {
    "cut_off": lambda line, event_id: line[: max(len(line) // 2, 1)] + event_id,
    "not_json": lambda line, event_id: b"GET /events/" + event_id + b" HTTP/1.1",
    "array": lambda line, event_id: b"[" + line + b"]",
    "text": lambda line, event_id: b'"' + event_id + b'"',
    "two_objects": lambda line, event_id: line + line,
    "invalid_utf8": lambda line, event_id: line.replace(event_id, event_id + b"\xff"),
    "bare_nan": lambda line, event_id: b'{"event_id":"' + event_id + b'","event_value":NaN,' + line[1:],
}
_WRONG_FIELDS: dict[str, tuple[str, Any]] = {
    "no_event_id": ("event_id", _MISSING),
    "null_event_id": ("event_id", None),
    "empty_event_id": ("event_id", ""),
    "long_event_id": ("event_id", "x" * 129),
    "control_in_event_id": ("event_id", "bell\u0007"),
    "no_user_id": ("user_id", _MISSING),
    "blank_user_id": ("user_id", "  "),
    "long_user_id": ("user_id", "u" * 257),
    "number_user_id": ("user_id", 7),
    "no_event_type": ("event_type", _MISSING),
    "upper_case_event_type": ("event_type", "Purchase"),
    "long_event_type": ("event_type", "t" * 65),
    "unknown_app_type": ("app_type", "desktop"),
    "no_timestamp": ("event_timestamp", _MISSING),
    "no_offset": ("event_timestamp", "2026-01-31T08:00:00"),
    "no_time": ("event_timestamp", "yesterday"),
    "no_such_day": ("event_timestamp", "2026-02-30T08:00:00Z"),
    "before_1970": ("event_timestamp", "1969-12-31T23:59:59Z"),
    "year_9999": ("event_timestamp", "9999-01-01T00:00:00Z"),
    "numeric_timestamp_text": ("event_timestamp", "1767225600"),
    "value_text": ("event_value", "12.50"),
    "negative_response_time": ("response_time_ms", -1),
    "low_status": ("status_code", 99),
    "high_status": ("status_code", 600),
    "fractional_status": ("status_code", 200.5),
    "country_name": ("country", "Germany"),
    "lower_case_country": ("country", "de"),
    "properties_list": ("properties", [1, 2]),
    "platform_number": ("platform", 5),
}
