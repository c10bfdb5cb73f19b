"""From a Kafka record to a row of `cdc_transformed`, or to the kind of message that it is besides."""

from __future__ import annotations

from typing import Any, NamedTuple

from msgspec import Struct

from contracts.errors import InvalidRecord
from kafka_cluster.record_batches import Record
from streams.ingestion.debezium.position import (
    POSTGRESQL,
    commit_time,
    connector_of,
    is_snapshot,
    sequence_of,
    source_block,
    text_of,
)
from streams.ingestion.debezium.schemas import NO_SCHEMA, Form, Schemas
from streams.ingestion.debezium.unavailable import Row, changed_columns, take_unavailable
from streams.ingestion.debezium.wire import Opener, key_of, key_text, to_text

OPERATIONS = {"c": "INSERT", "r": "INSERT", "u": "UPDATE", "d": "DELETE", "t": "TRUNCATE"}
MESSAGE = "m"
_KEY_HEADERS = ("__debezium.newkey", "__debezium.oldkey")
_HEARTBEAT = frozenset({"ts_ms", "ts_us", "ts_ns"})
VALUE_FORM = "value_form"
"""Member of the kept envelope: `decoded` where a schema said what the values mean, else `wire`."""


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


class ChangeDecoder:
    """Decodes records one by one. Not thread-safe: it remembers the schemas that it has seen."""

    def __init__(self) -> None:
        self._schemas = Schemas()
        self._opener = Opener()

    def decode(self, record: Record, latest: int) -> Change | Skipped:
        """The change that a record tells of. ``latest`` is the latest time accepted, microseconds.

        Raises InvalidRecord for what is neither a change nor one of Debezium's other messages.
        """
        if record.value is None:
            return Skipped("tombstone")
        envelope, schema = self._opener.opened(record.value)
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
        form = self._schemas.of_rows(schema) if schema else NO_SCHEMA
        return self._change(record, envelope, op, form, latest)

    def _change(self, record: Record, envelope: dict[str, Any], op: str, form: Form, latest: int) -> Change:
        source = source_block(envelope)
        connector = connector_of(source)
        snapshot = is_snapshot(source, op)
        key = key_of(record.key, self._schemas)
        before, after = _row(envelope, "before"), _row(envelope, "after")
        if op in "cru" and after is None:
            raise InvalidRecord("expected the row", path="$.after", kind="missing_field")
        if op == "d" and before is None and key is None:
            raise InvalidRecord(
                "expected a record key or the row, to know what is deleted", path="key", kind="missing_key"
            )
        schema = source.get("schema")
        if schema is not None and not isinstance(schema, str):
            raise InvalidRecord("expected a text or null", path="$.source.schema", kind="wrong_type")
        # Before the marked columns are taken out of the rows.
        text = self._envelope_text(envelope, record.headers, form)
        unknown_before, unavailable = take_unavailable(before), take_unavailable(after)
        if op == "u" and unknown_before <= unavailable:
            changed = changed_columns(before, after, key, unavailable, fills=connector == POSTGRESQL)
        else:
            changed = None
        return Change(
            change_id=f"{record.topic}/{record.partition}/{record.offset}",
            op=op,
            operation=OPERATIONS[op],
            is_snapshot=snapshot,
            connector=connector,
            database=text_of(source, "db"),
            schema=schema,
            table=text_of(source, "table"),
            key=None if key is None else key_text(key),
            before=_row_text(before, form, "before"),
            after=_row_text(after, form, "after"),
            changed_columns=changed,
            unavailable_columns=sorted(unavailable if after is not None else unknown_before),
            commit_timestamp=commit_time(envelope, source, record.timestamp, latest),
            sequence=sequence_of(source, connector, snapshot=snapshot),
            envelope=text,
        )

    def _envelope_text(self, envelope: dict[str, Any], headers: Any, form: Form) -> str:
        """The envelope as it came, what form its values have, and the headers that tell of a key change."""
        kept = {**envelope, VALUE_FORM: "decoded" if form.has_schema else "wire"}
        if headers:
            moved = {name: value for name, value in headers if name in _KEY_HEADERS and value is not None}
            if moved:
                kept["headers"] = {name: self._header_text(value) for name, value in moved.items()}
        return to_text(kept)

    def _header_text(self, value: bytes) -> str:
        try:
            return key_text(key_of(value, self._schemas))
        except InvalidRecord:
            # The key itself says what moved; a header that cannot be read is kept for the reader.
            return value.decode("utf-8", "replace")


def _kind_without_op(envelope: dict[str, Any]) -> str:
    if "ddl" in envelope or "tableChanges" in envelope:
        return "ddl"
    if envelope.get("status") in ("BEGIN", "END") and "id" in envelope:
        return "transaction"
    if envelope and envelope.keys() <= _HEARTBEAT:
        return "heartbeat"
    raise InvalidRecord("expected a Debezium envelope with an op", path="$.op", kind="missing_op")


def _row(envelope: dict[str, Any], side: str) -> Row | None:
    row = envelope.get(side)
    if row is None or isinstance(row, dict):
        return row
    raise InvalidRecord("expected an object or null", path=f"$.{side}", kind="wrong_type")


def _row_text(row: Row | None, form: Form, side: str) -> str | None:
    if row is None:
        return None
    if form.decode is None:
        return to_text(row)
    try:
        return to_text(form.decode(row))
    except InvalidRecord as error:
        raise InvalidRecord(error.expectation, path=f"$.{side}{error.path[1:]}", kind=error.kind) from None
