"""What a value means, by the name of its Kafka Connect schema.

One table from name to the decoder's maker. A name that is not in it (a newer connector's, a user's own
transform) leaves the value in its wire form, decoded only by the literal type. docs/events.md lists the
forms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from contracts.errors import InvalidRecord
from streams.ingestion.debezium import decimals, times
from streams.ingestion.nesting import is_too_deep

Decode = Callable[[Any], Any]
"""A wire value (never null) to the value that is kept. Raises InvalidRecord with the path within it."""
Parameters = Mapping[str, Any]
Maker = Callable[[Parameters], Decode]

_decode_json = msgspec.json.Decoder(float_hook=Decimal).decode


def _whole(of: Callable[[int], Any]) -> Maker:
    def decode(value: Any) -> Any:
        if type(value) is not int or not -(2**63) <= value < 2**63:
            raise InvalidRecord("expected a whole number of 64 bits", kind="wrong_type")
        return of(value)

    return lambda parameters: decode


def _text(of: Callable[[str], Any]) -> Maker:
    def decode(value: Any) -> Any:
        if not isinstance(value, str):
            raise InvalidRecord("expected a text", kind="wrong_type")
        return of(value)

    return lambda parameters: decode


def _members(text: str) -> list[str]:
    """MySQL's SET: its members, which cannot contain a comma."""
    return text.split(",") if text else []


def _json(text: str) -> Any:
    """The document; as text where it is none, or nests too deeply to be part of a row."""
    data = text.encode()
    if is_too_deep(data):
        return text
    try:
        return _decode_json(data)
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError):
        return text


def _bits(parameters: Parameters) -> Decode:
    """Little-endian bytes as `0101…`, the most significant bit first.

    A varying column's leading zeros are not on the wire; a fixed one's are put back.
    """
    length = parameters.get("length")
    known = int(length) if isinstance(length, str) and len(length) < 11 and length.isdecimal() else 0

    def decode(value: Any) -> str:
        data = decimals.base64_bytes(value)
        text = format(int.from_bytes(data, "little"), "b")
        return text.zfill(known) if (known + 7) // 8 == len(data) else text

    return decode


def _same(value: int) -> int:
    return value


_DATE = _whole(times.date_from_days)
_MILLIS = _whole(times.timestamp_from_millis)
_TIME_MILLIS = _whole(times.time_from_millis)

LOGICAL_TYPES: dict[str, Maker] = {
    "org.apache.kafka.connect.data.Decimal": decimals.fixed,
    "org.apache.kafka.connect.data.Date": _DATE,
    "org.apache.kafka.connect.data.Time": _TIME_MILLIS,
    "org.apache.kafka.connect.data.Timestamp": _MILLIS,
    "io.debezium.data.VariableScaleDecimal": lambda parameters: decimals.variable,
    "io.debezium.data.Bits": _bits,
    "io.debezium.data.EnumSet": _text(_members),
    "io.debezium.data.Json": _text(_json),
    "io.debezium.time.Date": _DATE,
    "io.debezium.time.Time": _TIME_MILLIS,
    "io.debezium.time.MicroTime": _whole(times.time_from_micros),
    "io.debezium.time.NanoTime": _whole(times.time_from_nanos),
    "io.debezium.time.Timestamp": _MILLIS,
    "io.debezium.time.MicroTimestamp": _whole(times.timestamp_from_micros),
    "io.debezium.time.NanoTimestamp": _whole(times.timestamp_from_nanos),
    "io.debezium.time.ZonedTimestamp": _text(times.timestamp_with_zone),
    "io.debezium.time.IsoTimestamp": _text(times.timestamp_with_zone),
    "io.debezium.time.IsoDate": _text(times.without_zone),
    "io.debezium.time.IsoTime": _text(times.without_zone),
    "io.debezium.time.MicroDuration": _whole(times.duration_from_micros),
    "io.debezium.time.NanoDuration": _whole(times.duration_from_nanos),
    "io.debezium.time.Year": _whole(_same),
    # Texts that are their own best form; named so that another type under these names is refused.
    **{
        name: _text(str)
        for name in (
            "io.debezium.data.Enum",
            "io.debezium.data.Uuid",
            "io.debezium.data.Xml",
            "io.debezium.data.Ltree",
            "io.debezium.data.TsVector",
            "io.debezium.time.Interval",
            "io.debezium.time.ZonedTime",
        )
    },
}
"""Schema name → maker of the decoder. A maker raises InvalidRecord for parameters that it cannot use."""
