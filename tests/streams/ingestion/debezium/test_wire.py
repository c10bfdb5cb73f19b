"""Opening a record gives what its JSON says, whatever was opened before it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import InvalidRecord
from streams.ingestion.debezium.wire import RECENT_SCHEMAS, Opener

SCHEMAS: list[Any] = [
    None,
    {},
    {"type": "struct", "fields": []},
    {"type": "struct", "name": 'a}, "payload":'},
]
PAYLOADS: list[Any] = [None, {}, {"op": "c"}, {"a": {"schema": 1, "payload": 2}}, {"ts_ms": 1}]
TAILS = ["", " ", "}", ',"extra":1}', "x"]


def text(schema: Any, payload: Any, tail: str, spaced: bool) -> bytes:
    whole = json.dumps(
        {"schema": schema, "payload": payload}, separators=(", ", ": ") if spaced else (",", ":")
    )
    return (whole if tail in ("", " ") else whole[:-1]).encode() + tail.encode()


def expected(value: bytes) -> Any:
    """What the standard library makes of it: payload and schema, or nothing."""
    try:
        content = json.loads(value)
    except ValueError:
        return "refused"
    if content.keys() <= {"schema", "payload"}:
        return content["payload"], content["schema"]
    return content, None


@given(
    st.lists(
        st.tuples(st.sampled_from(SCHEMAS), st.sampled_from(PAYLOADS), st.sampled_from(TAILS), st.booleans()),
        max_size=12,
    )
)
def test_what_is_remembered_changes_nothing(sent: list[tuple[Any, Any, str, bool]]) -> None:
    opener = Opener()
    for each in sent:
        value = text(*each)
        try:
            payload, schema = opener.opened(value)
        except InvalidRecord:
            assert expected(value) == "refused"
        else:
            assert (payload, json.loads(schema) if schema else None) == expected(value)


def test_a_payload_that_ends_too_early_is_refused_like_a_new_one() -> None:
    opener = Opener()
    whole = text({"type": "struct"}, {"op": "c"}, "", False)
    assert opener.opened(whole) == ({"op": "c"}, b'{"type":"struct"}')
    for value in (whole[:-1], whole[:-2] + b"\xff}}", whole + b"}"):
        with pytest.raises(InvalidRecord):
            opener.opened(value)


def test_it_remembers_a_few() -> None:
    opener = Opener()
    for number in range(10 * RECENT_SCHEMAS):
        opener.opened(text({"version": number}, {}, "", False))
    assert len(opener._recent) == RECENT_SCHEMAS
