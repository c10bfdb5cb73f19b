"""Keys are found by the topic's rule, and a line without one says so."""

from __future__ import annotations

import json

import pytest

from contracts.errors import ContractError
from contracts.sources import APP_EVENTS, CDC_CHANGES, EXTERNAL_DATA
from kafka_cluster import keys


def test_the_key_is_the_text_of_the_key_field() -> None:
    line = b'{"event_id":"e","user_id":"\\u00fc1","properties":{"user_id":"no"}}'
    assert keys.by_field(APP_EVENTS)(line) == ("ü1".encode(), line)
    other = b'{"source":"weather"}'
    assert keys.by_field(EXTERNAL_DATA)(other) == (b"weather", other)


@pytest.mark.parametrize(
    "line", [b"{broken", b"{}", b'{"user_id":7}', b"", b"\xff", b'{"user_id":"\\ud83d"}', b"[" * 9999]
)
def test_a_line_without_key_is_told_from_others(line: bytes) -> None:
    with pytest.raises(ContractError):
        keys.by_field(APP_EVENTS)(line)


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_change_is_keyed_by_columns_of_its_row(side: str, wrapped: bool) -> None:
    envelope = {"op": "u", "before": None, "after": None, side: {"a": 9007199254740993, "b": "x", "c": 1}}
    line = json.dumps({"schema": {}, "payload": envelope} if wrapped else envelope).encode()
    assert keys.by_columns(["a", "b"])(line) == (b'{"a":9007199254740993,"b":"x"}', line)
    with pytest.raises(ContractError):
        keys.by_columns(["absent"])(line)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"key":"u1","value":{"a":1}}', (b"u1", b'{"a":1}')),
        (b'{"key":null,"value":{"a":1}}', (None, b'{"a":1}')),
        (b'{"key":"u1","value":null}', (b"u1", None)),
        (b'{"key":{"id": 1},"value":"text"}', (b'{"id": 1}', b'"text"')),
        (b'{"value":{"a":[1,2]},"key":7}', (b"7", b'{"a":[1,2]}')),
    ],
)
def test_keyed_lines(line: bytes, expected: tuple[bytes | None, bytes | None]) -> None:
    assert keys.keyed(APP_EVENTS)(line) == expected


def test_a_changes_key_stays_json() -> None:
    assert keys.keyed(CDC_CHANGES)(b'{"key":"abc","value":null}') == (b'"abc"', None)


@pytest.mark.parametrize("line", [b'{"key":"u1"}', b'{"value":1}', b"7", b"{broken"])
def test_a_line_that_is_not_keyed_is_refused(line: bytes) -> None:
    with pytest.raises(ContractError):
        keys.keyed(APP_EVENTS)(line)
