"""Change events as connectors send them, and the real decoder's answer to them."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from contracts.errors import InvalidRecord
from streams.ingestion.debezium.changes import Change, ChangeDecoder, Skipped
from streams.ingestion.decoding import Decoded
from tests.streams.ingestion.event_records import rows

LATEST = 1_795_000_000_000_000
"""The latest time accepted in these tests, 2026-11-18T11:06:40Z, microseconds."""
MYSQL = {
    "connector": "mysql",
    "db": "shop",
    "table": "orders",
    "ts_ms": 1_700_000_000_123,
    "file": "mysql-bin.000003",
    "pos": 484,
    "row": 0,
    "snapshot": "false",
}
POSTGRES = {
    "connector": "postgresql",
    "db": "shop",
    "schema": "public",
    "table": "orders",
    "ts_ms": 1_700_000_000_123,
    "lsn": 24_023_128,
}
ROW = {"id": 1, "name": "Ann", "total": 10}


class Record(NamedTuple):
    """What decoding reads of a Kafka record."""

    value: bytes | None
    key: bytes | None = b'{"id":1}'
    headers: tuple[tuple[str, bytes | None], ...] = ()
    topic: str = "topic_cdc_changes"
    partition: int = 2
    offset: int = 7
    timestamp: int = 1_700_000_000_999


def envelope(op: str, before: Any = None, after: Any = None, source: Any = POSTGRES, **more: Any) -> Any:
    return {"before": before, "after": after, "source": source, "op": op, "ts_ms": 1_700_000_000_500, **more}


def wrapped(columns: list[dict[str, Any]], sent: dict[str, Any]) -> dict[str, Any]:
    """The envelope with its schema, as Kafka Connect's JSON converter writes it."""
    row = {"type": "struct", "fields": columns, "optional": True, "name": "shop.public.orders.Value"}
    fields = [
        {**row, "field": "before"},
        {**row, "field": "after"},
        {"type": "struct", "fields": [], "field": "source"},
        {"type": "string", "field": "op"},
    ]
    return {
        "schema": {"type": "struct", "fields": fields, "name": "shop.public.orders.Envelope"},
        "payload": sent,
    }


def change(value: Any, **record: Any) -> Change:
    found = ChangeDecoder().decode(Record(_bytes(value), **record), LATEST)
    assert isinstance(found, Change)
    return found


def skipped(value: Any) -> str:
    found = ChangeDecoder().decode(Record(None if value is None else _bytes(value)), LATEST)
    assert isinstance(found, Skipped)
    return found.kind


def refusal(value: Any, **record: Any) -> tuple[str, str]:
    """Kind and field path of the refusal."""
    with pytest.raises(InvalidRecord) as caught:
        ChangeDecoder().decode(Record(_bytes(value), **record), LATEST)
    assert str(caught.value) == f"{caught.value.path}: {caught.value.expectation}"
    return caught.value.kind, caught.value.path


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def changes(found: Decoded) -> list[Change]:
    """The changes that a batch came to."""
    return [Change(**row) for row in rows(found)]
