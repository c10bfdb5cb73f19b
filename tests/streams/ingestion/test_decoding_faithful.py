"""What is accepted is kept as it was sent.

Covers, of the cases under "Events and collection": NUL in a text, a byte-order mark, integers beyond 2^53.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.sources import APP_EVENTS
from tests.streams.ingestion.event_records import (
    APP,
    decode,
    rows,
)


class TestFaithfulness:
    def test_a_byte_order_mark_is_taken_off(self) -> None:
        assert rows(decode(b"\xef\xbb\xbf" + json.dumps(APP).encode())) == rows(decode(APP))

    def test_of_equal_keys_the_last_wins(self) -> None:
        text = json.dumps(APP)[:-1] + ',"user_id":"u2","properties":{"a":1,"a":2}}'
        for value in (text, text[:-1] + ',"novel":1}'):
            (row,) = rows(decode(value))
            assert row["user_id"] == "u2"
            assert json.loads(row["properties"])["a"] == 2

    def test_pretty_printed_json_is_an_event_like_others(self) -> None:
        event = {**APP, "properties": {"a": [1, {"b": 2}]}}
        assert rows(decode(json.dumps(event, indent=4))) == rows(decode(event))

    def test_nul_is_stored_through_parquet(self, tmp_path: Any) -> None:
        decoded = decode({**APP, "user_id": "a\u0000b", "properties": {"t": "x\u0000"}})
        pl.DataFrame(pl.from_arrow(decoded.rows)).write_parquet(tmp_path / "nul.parquet")
        (row,) = pl.read_parquet(tmp_path / "nul.parquet").to_dicts()
        assert row["user_id"] == "a\u0000b"
        assert json.loads(row["properties"]) == {"t": "x\u0000"}

    @pytest.mark.parametrize("number", [9007199254740993, 9223372036854775806, 2**64 + 1, -(2**70)])
    def test_whole_numbers_keep_every_digit(self, number: int) -> None:
        (row,) = rows(decode({**APP, "properties": {"n": number}, "novel": number}))
        assert json.loads(row["properties"]) == {"n": number, "novel": number}

    @given(
        st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
            st.recursive(
                st.none()
                | st.booleans()
                | st.integers()
                | st.floats(allow_nan=False, allow_infinity=False)
                | st.text(st.characters(exclude_categories=["Cs"])),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("k"), inner),
                max_leaves=6,
            ),
            max_size=4,
        )
    )
    def test_properties_come_back_equal(self, properties: dict[str, Any]) -> None:
        (row,) = rows(decode({**APP, "properties": properties}))
        assert json.loads(row["properties"]) == properties

    @given(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300),
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=150),
    )
    def test_the_fast_path_accepts_nothing_that_the_contract_refuses(self, user: str, event: str) -> None:
        value = {**APP, "user_id": user, "event_id": event}
        try:
            msgspec.convert(value, APP_EVENTS.event)
            valid = True
        except msgspec.ValidationError:
            valid = False
        assert len(decode(value).offsets) == valid
