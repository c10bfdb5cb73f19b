"""Debezium change events of PostgreSQL, MySQL and MariaDB, bare or wrapped, as rows of `cdc_transformed`.

Numbers keep every digit: fractions are decoded as decimals and written as they came. Values stay in
Debezium's wire form here, whatever their logical type.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple, Protocol, TypeGuard

import msgspec
from msgspec import Struct

from contracts.errors import InvalidRecord
from streams.ingestion.lenient import json_object, settled_time

OPERATIONS = {"c": "INSERT", "r": "INSERT", "u": "UPDATE", "d": "DELETE", "t": "TRUNCATE"}
MESSAGE = "m"
UNAVAILABLE = "__debezium_unavailable_value"
_UNAVAILABLE_BASE64 = "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="
_UNAVAILABLE_BYTES = list(UNAVAILABLE.encode())
_NOT_SNAPSHOT = (None, False, "false")
_KEY_HEADERS = ("__debezium.newkey", "__debezium.oldkey")

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encoder = msgspec.json.Encoder(decimal_format="number")


class Change(Struct, kw_only=True, gc=False):
    """A canonical change event: landing's columns but those of the source position."""

    change_id: str
    op: str
    operation: str
    is_snapshot: bool
    connector: str
    database: str
    schema: str | None
    table: str
    key: str | None
    before: str | None
    after: str | None
    changed_columns: list[str] | None
    unavailable_columns: list[str] | None
    commit_timestamp: int
    sequence: str
    envelope: str


class Skipped(NamedTuple):
    """A record that is no change and no fault: `tombstone`, `heartbeat`, `transaction`, `ddl`, `message`."""

    kind: str


class KafkaRecord(Protocol):
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Any


def decode(record: KafkaRecord, latest: int) -> Change | Skipped:
    """The change that a record tells of. ``latest`` is the latest time accepted, microseconds.

    Raises InvalidRecord for what is neither a change nor one of Debezium's other messages.
    """
    if record.value is None:
        return Skipped("tombstone")
    envelope = _payload(json_object(record.value, _decode))
    if envelope is None:
        return Skipped("tombstone")
    if not isinstance(envelope, dict):
        raise InvalidRecord("expected an object", path="$.payload", kind="not_an_object")
    op = envelope.get("op")
    if op is None:
        return Skipped(_kind_without_op(envelope))
    if op == MESSAGE:
        return Skipped("message")
    if not isinstance(op, str) or op not in OPERATIONS:
        raise InvalidRecord(f"expected one of {', '.join(OPERATIONS)}, m", path="$.op", kind="unknown_op")
    return _change(record, envelope, op, latest)


def _change(record: KafkaRecord, envelope: dict[str, Any], op: str, latest: int) -> Change:
    source = envelope.get("source")
    if not isinstance(source, dict):
        raise InvalidRecord("expected Debezium's source block", path="$.source", kind="missing_source")
    connector = _connector(source)
    sequence = _sequence(source, connector)
    key = _key(record.key)
    before, after = _row(envelope, "before"), _row(envelope, "after")
    if op in "cru" and after is None:
        raise InvalidRecord("expected the row", path="$.after", kind="missing_field")
    if op == "d" and before is None and key is None:
        raise InvalidRecord("expected a record key or the row, to know what is deleted", kind="missing_key")
    text = _envelope_text(envelope, record.headers)
    unavailable = sorted(_take_unavailable(before) | _take_unavailable(after))
    return Change(
        change_id=f"{record.topic}/{record.partition}/{record.offset}",
        op=op,
        operation=OPERATIONS[op],
        is_snapshot=op == "r" or source.get("snapshot") not in _NOT_SNAPSHOT,
        connector=connector,
        database=_text(source, "db"),
        schema=source.get("schema") if isinstance(source.get("schema"), str) else None,
        table=_text(source, "table"),
        key=None if key is None else _json(key),
        before=None if before is None else _json(before),
        after=None if after is None else _json(after),
        changed_columns=_changed(before, after, key, unavailable) if op == "u" else None,
        unavailable_columns=unavailable,
        commit_timestamp=_commit_timestamp(envelope, source, record.timestamp, latest),
        sequence=sequence,
        envelope=text,
    )


def _payload(content: dict[str, Any]) -> Any:
    """The envelope, out of Kafka Connect's wrapping where there is one."""
    if "payload" in content and "op" not in content and content.keys() <= {"schema", "payload"}:
        return content["payload"]
    return content


def _kind_without_op(envelope: dict[str, Any]) -> str:
    if "ddl" in envelope or "tableChanges" in envelope:
        return "ddl"
    if envelope.get("status") in ("BEGIN", "END") and "id" in envelope:
        return "transaction"
    if envelope.keys() == {"ts_ms"}:
        return "heartbeat"
    raise InvalidRecord("expected a Debezium envelope with an op", path="$.op", kind="missing_op")


def _connector(source: dict[str, Any]) -> str:
    """The connector's name; releases before 0.9 left it out."""
    if source.get("connector") is None:
        return "postgresql" if "lsn" in source else "mysql"
    return _text(source, "connector")


def _sequence(source: dict[str, Any], connector: str) -> str:
    """Position in the database's log, as text that sorts in its order.

    PostgreSQL: the lsn, 20 digits. MySQL: number and name of the log file, position and row. Positions
    order the changes of one key.
    """
    lsn, file = source.get("lsn"), source.get("file")
    if _is_whole(lsn):
        return f"{lsn:020d}"
    if isinstance(file, str) and _is_whole(source.get("pos")):
        row = source.get("row")
        # mysql-bin.999999 is followed by mysql-bin.1000000: the number leads, padded.
        number = file.rpartition(".")[2]
        place = int(number) if number.isascii() and number.isdigit() else 0
        return f"{place:012d}/{file}/{source['pos']:020d}/{row if _is_whole(row) else 0:010d}"
    raise InvalidRecord(
        f"expected lsn, or file and pos: changes of connector {connector!r} are not read",
        path="$.source",
        kind="unsupported_connector",
    )


def _commit_timestamp(envelope: dict[str, Any], source: dict[str, Any], kafka_ms: int, latest: int) -> int:
    """When the change was committed, microseconds: the database's time, else Debezium's, else Kafka's."""
    for path, value, scale in (
        ("$.source.ts_ms", source.get("ts_ms"), 1_000),
        ("$.source.ts_sec", source.get("ts_sec"), 1_000_000),
        ("$.ts_ms", envelope.get("ts_ms"), 1_000),
    ):
        # Old snapshots carry 0 for "not known".
        if _is_whole(value) and value > 0:
            return settled_time(value * scale, latest, path)
    return min(max(kafka_ms, 0) * 1000, latest)


def _key(data: bytes | None) -> Any:
    """The record's key, decoded: JSON, wrapped or not, or any other text as it is."""
    if data is None:
        return None
    try:
        key = _decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError, ArithmeticError):
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidRecord("expected the key to be JSON", path="key", kind="invalid_key") from None
    if isinstance(key, dict) and key.keys() == {"schema", "payload"}:
        return key["payload"]
    return key


def _row(envelope: dict[str, Any], side: str) -> dict[str, Any] | None:
    row = envelope.get(side)
    if row is None or isinstance(row, dict):
        return row
    raise InvalidRecord("expected an object or null", path=f"$.{side}", kind="wrong_type")


def _take_unavailable(row: dict[str, Any] | None) -> set[str]:
    """Removes the columns whose value the database did not send, and names them."""
    if row is None:
        return set()
    names = {name for name, value in row.items() if _is_unavailable(value)}
    for name in names:
        del row[name]
    return names


def _is_unavailable(value: Any) -> bool:
    if isinstance(value, str):
        return value in (UNAVAILABLE, _UNAVAILABLE_BASE64)
    if isinstance(value, list):
        # A text array holds the marker once, a number array its bytes.
        return bool(value) and (all(_is_unavailable(item) for item in value) or value == _UNAVAILABLE_BYTES)
    return isinstance(value, dict) and value.keys() == {UNAVAILABLE}


def _changed(
    before: dict[str, Any] | None, after: dict[str, Any] | None, key: Any, unavailable: list[str]
) -> list[str] | None:
    """Columns whose value differs; None where ``before`` is not the whole row.

    By default PostgreSQL sends only the key columns, or them and nulls for all others.
    """
    if before is None or after is None or not after.keys() <= before.keys() | set(unavailable):
        return None
    keys = set(key) if isinstance(key, dict) else set()
    others = before.keys() - keys
    if others and all(before[name] is None for name in others):
        return None
    return sorted(
        name
        for name in before.keys() | after.keys()
        if name not in unavailable and _differ(before.get(name), after.get(name))
    )


def _differ(one: Any, other: Any) -> bool:
    return type(one) is not type(other) or bool(one != other)


def _envelope_text(envelope: dict[str, Any], headers: Any) -> str:
    """The envelope as JSON, with the headers that tell of a key change beside it."""
    moved = {name: value for name, value in headers or () if name in _KEY_HEADERS and value is not None}
    if moved:
        kept = {name: value.decode("utf-8", "replace") for name, value in moved.items()}
        envelope = {**envelope, "headers": kept}
    return _json(envelope)


def _json(content: Any) -> str:
    try:
        return _encoder.encode(content).decode()
    except RecursionError:
        raise InvalidRecord("expected JSON of reasonable depth", kind="too_deep") from None


def _text(source: dict[str, Any], name: str) -> str:
    value = source.get(name)
    if not isinstance(value, str):
        raise InvalidRecord("expected a text", path=f"$.source.{name}", kind="missing_source")
    return value


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
