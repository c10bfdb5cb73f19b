"""Valid events of each source, and what the real decoder makes of values like them."""

from __future__ import annotations

import calendar
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa

from contracts.settings import Settings
from contracts.sources import APP_EVENTS, CLICKSTREAM, EXTERNAL_DATA, USERS, Source
from kafka_cluster.record_batches import Columns
from streams.ingestion.decoding import BatchDecoder, Decoded

NOW = 1_795_000_000_000_000
"""Ingestion's clock in these tests, 2026-11-18T11:06:40Z, microseconds."""
APP = {
    "event_id": "e1",
    "user_id": "u1",
    "event_type": "login",
    "app_type": "web",
    "event_timestamp": "2026-11-18T10:00:00Z",
}
CLICK = {
    "click_id": "c1",
    "user_id": "u1",
    "click_timestamp": "2026-11-18T10:00:00Z",
    "action": "click",
    "page_url": "/",
}
USER = {"user_id": "u1", "updated_at": "2026-11-18T10:00:00Z"}
EXTERNAL = {
    "record_id": "r1",
    "source": "weather",
    "metric": "temperature",
    "value": -3.5,
    "observed_at": "2026-11-18T10:00:00Z",
}
EXAMPLES: dict[str, dict[str, Any]] = {
    APP_EVENTS.name: APP,
    CLICKSTREAM.name: CLICK,
    USERS.name: USER,
    EXTERNAL_DATA.name: EXTERNAL,
}


class Record(NamedTuple):
    value: bytes | None
    offset: int = 0
    topic: str = "topic_app_events"
    partition: int = 0
    timestamp: int = 1_794_999_000_000
    key: bytes | None = b"k"
    headers: tuple[tuple[str, bytes | None], ...] = ()


def columns(records: Sequence[Any]) -> Columns:
    """Records of one partition as ingestion reads them."""
    return Columns(
        records[0].topic,
        records[0].partition,
        [record.offset for record in records],
        [record.timestamp for record in records],
        [record.key for record in records],
        [record.value for record in records],
        [list(record.headers) for record in records],
    )


def decode(*values: Any, source: Source = APP_EVENTS, configured: Settings | None = None) -> Decoded:
    """Decodes values (dicts, texts or bytes) as one batch, from a cold and again from a warm decoder."""
    records = columns([Record(as_bytes(value), offset) for offset, value in enumerate(values)])
    decoder = BatchDecoder(configured or Settings(), source)
    cold, warm = decoder.decode(records, NOW), decoder.decode(records, NOW)
    assert cold.rows.equals(warm.rows)
    assert [r.error.args for r in cold.rejected] == [r.error.args for r in warm.rejected]
    assert cold.rows.num_rows == len(cold.offsets)
    return warm


def rows(decoded: Decoded) -> list[dict[str, Any]]:
    """The canonical events; times are microseconds."""
    fields = [
        field.with_type(pa.int64()) if pa.types.is_timestamp(field.type) else field
        for field in decoded.rows.schema
    ]
    found: list[dict[str, Any]] = decoded.rows.cast(pa.schema(fields)).to_pylist()
    return found


def refusal(value: Any, source: Source = APP_EVENTS) -> tuple[str, str]:
    """Kind and field path of the refusal of one value that stands between two good ones."""
    good = EXAMPLES[source.name]
    decoded = decode(good, value, good, source=source)
    assert decoded.offsets == [0, 2]
    (rejected,) = decoded.rejected
    assert rejected.record.offset == 1
    assert str(rejected.error) == f"{rejected.error.path}: {rejected.error.expectation}"
    return rejected.error.kind, rejected.error.path


def microseconds(text: str) -> int:
    """An independent reading of a time with at most six digits of fraction."""
    moment = datetime.fromisoformat(text)
    return calendar.timegm(moment.utctimetuple()) * 1_000_000 + moment.microsecond


def as_bytes(value: Any) -> bytes | None:
    if isinstance(value, dict):
        return json.dumps(value).encode()
    return value.encode() if isinstance(value, str) else value
