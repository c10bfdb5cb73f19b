"""Records that producers should never send, among some that they may, each with the fate that it must have.

The fate follows from how a record was built, never from reading it: every mould below says which it is.
Seeded: one seed is one stream of records.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

from contracts.sources import CDC_CHANGES, SOURCES, Source
from tests.streams.ingestion.change_records import MYSQL, POSTGRES, ROW, envelope, wrapped
from tests.streams.ingestion.event_records import EXAMPLES

Fate = Literal["valid", "invalid", "skipped", "any"]
VALID: Fate = "valid"
INVALID: Fate = "invalid"
SKIPPED: Fate = "skipped"
ANY: Fate = "any"
"""Bytes changed at random: one of the three, and only one."""
MEGABYTE = 1024**2


class Hostile(NamedTuple):
    """A record to send, what must become of it, and the mould that it came from."""

    source: Source
    value: bytes | None
    key: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    fate: Fate
    mould: str


Built = tuple[bytes | None, Fate]
Mould = Callable[[random.Random, Source], Built]

_OBJECTS = {"app_events": "properties", "clickstream": "properties", "external_data": "dimensions"}
"""Field of each source that holds an object."""
_TEXTS = ("", "ü", "\u202e", "🦆" * 40, "\u2028\u2029\x85", "\uffff", "a\tb", '"\\', "\x7f", "NaN", "-0")
_BAD_UTF8 = (b"\xff", b"\xc3(", b"\xc0\xaf", b"\xed\xa0\xbd", b"\xf4\x90\x80\x80", b"\x80")
_BAD_TIMES = (
    "0001-01-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59.999999Z",
    "2999-01-01T00:00:00+14:00",
    "+010000-01-01T00:00:00Z",
    "-5965-01-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-01-01T24:00:01Z",
    "2026-01-01T16:01:60Z",
    "2026-01-01T00:00:00",
    "2026-01-01",
    "yesterday",
    "",
    1_767_225_600,
    -62_135_596_800_000,
    1e300,
    None,
    [],
    {"year": 1},
)


def records(seed: int, count: int, *, huge: int = 0) -> Iterator[Hostile]:
    """``count`` records over all five sources, the first ``huge`` of them of ten megabytes."""
    chance = random.Random(seed)
    for number in range(count):
        source = SOURCES[number % len(SOURCES)]
        moulds = _MOULDS + (_CHANGE_MOULDS if source is CDC_CHANGES else _EVENT_MOULDS)
        mould = _huge if number < huge else chance.choice(moulds)
        value, fate = mould(chance, source)
        key: bytes | None = chance.choice((b"k", b"", None, b"\x00", chance.randbytes(8)))
        if source is CDC_CHANGES:
            key = chance.choice((b'{"id":1}', b'{"schema":null,"payload":{"id":1}}', b"7", b"Struct{id=1}"))
        headers = chance.choice(((), (("source", b"fuzz"),), (("source", b"\xff\x00"), ("x", None))))
        yield Hostile(source, value, key, headers, fate, mould.__name__)


def good(chance: random.Random, source: Source) -> dict[str, Any]:
    """A valid event, or change."""
    if source is not CDC_CHANGES:
        return dict(EXAMPLES[source.name])
    op = chance.choice("crud")
    origin = dict(chance.choice((MYSQL, POSTGRES)))
    sides = {"c": (None, ROW), "r": (None, ROW), "u": (ROW, {**ROW, "total": 11}), "d": (ROW, None)}[op]
    return {**envelope(op, *sides, origin)}


def _text(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


def _with(source: Source, event: dict[str, Any], content: str) -> bytes:
    """The event with raw JSON somewhere inside: in a row, an object, or a field that nobody knows."""
    if source is CDC_CHANGES:
        side = "after" if event["after"] is not None else "before"
        event = {**event, side: {**event[side], "raw": "@@"}}
    else:
        event = {**event, "novel": {"raw": "@@"}}
    return _text(event).replace(b'"@@"', content.encode())


def _no_json(chance: random.Random, source: Source) -> Built:
    return b"\x01" + chance.randbytes(chance.randrange(300)), INVALID


def _no_object(chance: random.Random, source: Source) -> Built:
    return chance.choice((b"", b"null", b"[]", b"7", b'"x"', b"true", b"{}", b" ", b"[{}]", b"\x00")), INVALID


def _null(chance: random.Random, source: Source) -> Built:
    return None, SKIPPED if source is CDC_CHANGES else INVALID


def _cut(chance: random.Random, source: Source) -> Built:
    value = _text(good(chance, source))
    return value[: chance.randrange(1, len(value) - 1)], INVALID


def _trailing(chance: random.Random, source: Source) -> Built:
    return _text(good(chance, source)) + chance.choice((b"x", b"{}", b"\x00", b",", b"]")), INVALID


def _bad_utf8(chance: random.Random, source: Source) -> Built:
    value = _with(source, good(chance, source), '"cut@here"')
    return value.replace(b"@", chance.choice(_BAD_UTF8)), INVALID


def _lone_surrogate(chance: random.Random, source: Source) -> Built:
    escape = chance.choice((r"\ud83d", r"\ude00", r"\ud83dx", r"\ude00\ud83d"))
    return _with(source, good(chance, source), f'"{escape}"'), INVALID


def _other_encoding(chance: random.Random, source: Source) -> Built:
    return json.dumps(good(chance, source)).encode(
        chance.choice(("utf-16", "utf-32-le", "utf-7"))
    ) + b"\xff", INVALID


def _byte_order_mark(chance: random.Random, source: Source) -> Built:
    return b"\xef\xbb\xbf" + _text(good(chance, source)), VALID


def _too_deep(chance: random.Random, source: Source) -> Built:
    depth = chance.choice((510, 5_000, 50_000))
    return _with(source, good(chance, source), "[" * depth + "]" * depth), INVALID


def _deep(chance: random.Random, source: Source) -> Built:
    return _with(source, good(chance, source), '{"a":' * 300 + "1" + "}" * 300), VALID


def _unclosed(chance: random.Random, source: Source) -> Built:
    return chance.choice((b"[", b'{"a":', b'"\\', b'{"a":"')) * chance.choice((3, 300, 30_000)), INVALID


def _no_number(chance: random.Random, source: Source) -> Built:
    token = chance.choice(
        ("NaN", "Infinity", "-Infinity", "0x10", "01", "1.", "+1", ".5", "1e", "--1", "1_000")
    )
    return _with(source, good(chance, source), token), INVALID


def _endless_number(chance: random.Random, source: Source) -> Built:
    return _with(source, good(chance, source), "9" * 5_000), INVALID


def _big_number(chance: random.Random, source: Source) -> Built:
    token = chance.choice(("9007199254740993", str(2**64 + 1), str(-(2**70)), "1e300", "-0.0", "5e-324"))
    return _with(source, good(chance, source), token), VALID


def _strange_texts(chance: random.Random, source: Source) -> Built:
    return _with(source, good(chance, source), json.dumps([*_TEXTS, "\u0000"])), VALID


def _raw_control(chance: random.Random, source: Source) -> Built:
    value = _with(source, good(chance, source), '"cut@here"')
    return value.replace(b"@", chance.choice((b"\x00", b"\n", b"\x1f"))), INVALID


def _pretty(chance: random.Random, source: Source) -> Built:
    text = json.dumps(good(chance, source), indent=chance.randrange(1, 9)).replace("\n", "\r\n")
    return text.encode() + b"\r\n", VALID


def _duplicate_keys(chance: random.Random, source: Source) -> Built:
    return _with(source, good(chance, source), '{"a":1,"a":"x","a":[]}'), VALID


def _mutated(chance: random.Random, source: Source) -> Built:
    value = bytearray(_text(good(chance, source)))
    for _ in range(chance.randrange(1, 6)):
        place = chance.randrange(len(value))
        value[place : place + chance.randrange(3)] = chance.choice(
            (b"", b'"', b"\\", b"9", chance.randbytes(2))
        )
    return bytes(value), ANY


def _large(chance: random.Random, source: Source) -> Built:
    """Just within the size that is accepted; rare, or it would be most of the bytes."""
    size = 900_000 if chance.random() < 0.01 else 20_000
    return _with(source, good(chance, source), json.dumps("x" * size)), VALID


def _huge(chance: random.Random, source: Source) -> Built:
    size = 10 * MEGABYTE - 1_000
    kind = chance.randrange(4)
    if kind == 0:
        return _with(source, good(chance, source), json.dumps("x" * (size - 1_000))), INVALID
    return ((b"[" * 1_000), (b'"\\' * 500), chance.randbytes(1_000))[kind - 1] * (size // 1_000), INVALID


def _wrong_type(chance: random.Random, source: Source) -> Built:
    event = good(chance, source)
    if source is CDC_CHANGES:
        side = "after" if event["after"] is not None else "before"
        wrong = chance.choice((5, "{}", [], True, 1.5))
        part = chance.choice((side, "source", "op"))
        return _text({**event, part: [wrong] if part == "op" else wrong}), INVALID
    field = chance.choice([name for name in event if name not in (source.time_field, "value")])
    return _text({**event, field: chance.choice((5, [], {}, None, False, 1e9))}), INVALID


def _missing(chance: random.Random, source: Source) -> Built:
    event = good(chance, source)
    del event[chance.choice(("source", "op") if source is CDC_CHANGES else list(event))]
    return _text(event), INVALID


def _bad_time(chance: random.Random, source: Source) -> Built:
    return _text({**good(chance, source), source.time_field: chance.choice(_BAD_TIMES)}), INVALID


def _good_time(chance: random.Random, source: Source) -> Built:
    time = chance.choice(
        (
            "1970-01-01T00:00:00Z",
            "2016-12-31T23:59:60Z",
            "2026-01-01T00:00:00.1234567890123Z",
            "2026-01-01t00:00:00z",
            "2026-01-01T00:00:00+23:59",
        )
    )
    return _text({**good(chance, source), source.time_field: time}), VALID


def _last_key_wins(chance: random.Random, source: Source) -> Built:
    event = good(chance, source)
    field = next(iter(event))
    second = chance.choice((("7", INVALID), ('"again"', VALID)))
    return _text(event)[:-1] + f',"{field}":{second[0]}}}'.encode(), second[1]


def _out_of_range(chance: random.Random, source: Source) -> Built:
    event = good(chance, source)
    field = next(iter(event))
    return _text({**event, field: chance.choice(("", "x" * 1_000))}), INVALID


def _wrong_object(chance: random.Random, source: Source) -> Built:
    field = _OBJECTS.get(source.name, "user_id")
    return _text({**good(chance, source), field: chance.choice(([], 5))}), INVALID


def _unknown_fields(chance: random.Random, source: Source) -> Built:
    extra = {f"field {number}": [number] for number in range(chance.randrange(50))}
    return _text({**good(chance, source), **extra, "": None, "\u0000": 1}), VALID


def _other_messages(chance: random.Random, source: Source) -> Built:
    message: dict[str, Any] = chance.choice(
        (
            {"ts_ms": 1},
            {"status": "BEGIN", "id": "1", "ts_ms": -1},
            {"ddl": "DROP TABLE x"},
            {"op": "m", "source": None},
        )
    )
    return _text({"schema": None, "payload": message} if chance.random() < 0.5 else message), SKIPPED


def _wrapped_tombstone(chance: random.Random, source: Source) -> Built:
    return chance.choice((b'{"payload":null}', b'{"schema":{"type":"struct"},"payload":null}')), SKIPPED


def _unknown_op(chance: random.Random, source: Source) -> Built:
    return _text({**good(chance, source), "op": chance.choice(("x", "", "C", "cc", 1, [], {}))}), INVALID


def _bad_position(chance: random.Random, source: Source) -> Built:
    event = good(chance, source)
    field = "lsn" if "lsn" in event["source"] else chance.choice(("pos", "row", "file"))
    return _text(
        {**event, "source": {**event["source"], field: chance.choice((-1, [], 1.5, 2**70, False))}}
    ), INVALID


def _bad_commit_time(chance: random.Random, source: Source) -> Built:
    event = good(chance, source)
    at = chance.choice((253_402_300_799_000, -62_135_596_800_000, 2**63, "2026-01-01T00:00:00Z", [], 1e300))
    return _text({**event, "source": {**event["source"], "ts_ms": at}}), INVALID


def _other_database(chance: random.Random, source: Source) -> Built:
    origin = chance.choice(
        (
            {"connector": "mongodb", "db": "d", "collection": "c", "ord": 1},
            {"connector": "sqlserver", "db": "d", "schema": "s", "table": "t", "commit_lsn": "0"},
            {"connector": "oracle", "db": "d", "table": "t", "scn": "1"},
            {},
        )
    )
    return _text({**good(chance, source), "source": origin}), INVALID


def _bad_schema(chance: random.Random, source: Source) -> Built:
    schema = chance.choice((5, "x", [], {"type": "struct"}, {"type": "struct", "fields": [1]}))
    if schema == {"type": "struct"}:
        schema = {"type": "struct", "fields": {}}
    return _text({"schema": schema, "payload": good(chance, source)}), INVALID


def _bad_logical_value(chance: random.Random, source: Source) -> Built:
    name, value = chance.choice(
        (
            ("org.apache.kafka.connect.data.Decimal", "not base64!"),
            ("org.apache.kafka.connect.data.Decimal", {}),
            ("io.debezium.time.Date", "2026-01-01"),
            ("io.debezium.time.MicroTimestamp", 2**63),
            ("io.debezium.time.ZonedTimestamp", 5),
            ("io.debezium.data.Bits", "?"),
        )
    )
    column = {"field": "x", "type": "bytes", "name": name, "parameters": {"scale": "2", "length": "3"}}
    return _text(wrapped([column], envelope("c", None, {"x": value}))), INVALID


def _good_logical_value(chance: random.Random, source: Source) -> Built:
    name, value = chance.choice(
        (
            ("org.apache.kafka.connect.data.Decimal", "AcnDgA=="),
            ("io.debezium.time.Date", -(2**31)),
            ("io.debezium.time.MicroTimestamp", -(2**63)),
            ("io.debezium.time.NanoTimestamp", 2**63 - 1),
            ("io.debezium.time.ZonedTimestamp", "no time at all"),
            ("io.debezium.data.Json", "[" * 5_000),
        )
    )
    column = {"field": "x", "type": "bytes", "name": name, "parameters": {"scale": "2"}}
    return _text(wrapped([column], envelope("c", None, {"x": value}))), VALID


_MOULDS: tuple[Mould, ...] = (
    _no_json,
    _no_object,
    _null,
    _cut,
    _trailing,
    _bad_utf8,
    _lone_surrogate,
    _other_encoding,
    _byte_order_mark,
    _too_deep,
    _deep,
    _unclosed,
    _no_number,
    _endless_number,
    _big_number,
    _strange_texts,
    _raw_control,
    _pretty,
    _duplicate_keys,
    _mutated,
    _large,
    _wrong_type,
    _missing,
    _unknown_fields,
)
_EVENT_MOULDS: tuple[Mould, ...] = (_bad_time, _good_time, _last_key_wins, _out_of_range, _wrong_object)
_CHANGE_MOULDS: tuple[Mould, ...] = (
    _other_messages,
    _wrapped_tombstone,
    _unknown_op,
    _bad_position,
    _bad_commit_time,
    _other_database,
    _bad_schema,
    _bad_logical_value,
    _good_logical_value,
)
