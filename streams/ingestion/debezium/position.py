"""Where and when a change happened: Debezium's source block."""

from __future__ import annotations

from typing import Any

from contracts.errors import InvalidRecord
from streams.ingestion.lenient import settled_time

POSTGRESQL = "postgresql"
_CONNECTORS = (POSTGRESQL, "mysql", "mariadb")
_NOT_SNAPSHOT = (None, False, "false")
_LSN, _POS, _ROW, _FILE_NUMBER = 2**64, 2**64, 10**10, 12
"""Limits that keep the parts of a sequence within their digits."""
_SOURCE_TIMES = (("ts_ms", 1_000), ("ts_usec", 1), ("ts_sec", 1_000_000))
"""Field and unit in microseconds, the present one first; releases before 0.9 had the others."""


def source_block(envelope: dict[str, Any]) -> dict[str, Any]:
    """Raises InvalidRecord where there is none."""
    source = envelope.get("source")
    if not isinstance(source, dict):
        raise InvalidRecord("expected Debezium's source block", path="$.source", kind="missing_source")
    return source


def connector_of(source: dict[str, Any]) -> str:
    """The connector's name; releases before 0.9 left it out. Raises InvalidRecord for another database's."""
    name = source.get("connector")
    if name is None:
        if "lsn" in source:
            return POSTGRESQL
        if "file" in source:
            return "mysql"
    if not isinstance(name, str) or name not in _CONNECTORS:
        raise InvalidRecord(
            f"expected one of {', '.join(_CONNECTORS)}: changes of other databases are not read",
            path="$.source.connector",
            kind="unsupported_connector",
        )
    return name


def is_snapshot(source: dict[str, Any], op: str) -> bool:
    return op == "r" or source.get("snapshot") not in _NOT_SNAPSHOT


def sequence_of(source: dict[str, Any], connector: str, *, snapshot: bool) -> str:
    """Position in the database's log, as text that sorts in its order.

    PostgreSQL: the lsn, 20 digits. MySQL: number and name of the log file, position and row. A snapshot
    without a position (the connector had read none yet) comes before everything. Positions order the changes
    of one key; changes at the same position (MySQL's key change) are in the order of their Kafka offsets.
    Raises InvalidRecord where there is no position.
    """
    if connector == POSTGRESQL:
        if snapshot and source.get("lsn") is None:
            return f"{0:020d}"
        return f"{_whole(source, 'lsn', _LSN):020d}"
    if snapshot and source.get("file") is None:
        return _log_position("", 0, 0)
    file = text_of(source, "file")
    row = _whole(source, "row", _ROW) if source.get("row") is not None else 0
    return _log_position(file, _whole(source, "pos", _POS), row)


def _log_position(file: str, pos: int, row: int) -> str:
    # mysql-bin.999999 is followed by mysql-bin.1000000: the number leads, padded.
    number = file.rpartition(".")[2]
    is_number = number.isascii() and number.isdigit() and len(number) <= _FILE_NUMBER
    return f"{number if is_number else '0':0>{_FILE_NUMBER}}/{file}/{pos:020d}/{row:010d}"


def commit_time(envelope: dict[str, Any], source: dict[str, Any], kafka_ms: int, latest: int) -> int:
    """When the change was committed, microseconds: the database's time, else Debezium's, else Kafka's.

    0 and null mean "not known", as old snapshots have it; a newer connector says the microseconds besides.
    Raises InvalidRecord for a time before 1970, after ``latest`` (microseconds), or of another type.
    """
    for name, unit in _SOURCE_TIMES:
        if moment := _moment(source, name, "$.source."):
            at = settled_time(moment * unit, latest, f"$.source.{name}")
            finer = source.get("ts_us")
            return finer if type(finer) is int and finer // 1_000 * 1_000 == at else at
    if moment := _moment(envelope, "ts_ms", "$."):
        return settled_time(moment * 1_000, latest, "$.ts_ms")
    return min(kafka_ms * 1000, latest) if kafka_ms >= 0 else latest


def _moment(block: dict[str, Any], name: str, path: str) -> int:
    """A time in the field's unit; 0 where it is not known."""
    value = block.get(name)
    if value is None:
        return 0
    if type(value) is not int:
        raise InvalidRecord("expected a whole number", path=path + name, kind="wrong_type")
    return value


def text_of(source: dict[str, Any], name: str) -> str:
    """Raises InvalidRecord where the source block has no such text."""
    value = source.get(name)
    if not isinstance(value, str):
        raise InvalidRecord("expected a text", path=f"$.source.{name}", kind="missing_source")
    return value


def _whole(source: dict[str, Any], name: str, limit: int) -> int:
    value = source.get(name)
    if type(value) is not int or not 0 <= value < limit:
        raise InvalidRecord(
            f"expected a whole number from 0 to {limit - 1}", path=f"$.source.{name}", kind="missing_position"
        )
    return value
