"""What is refused names its field and its kind, and spoils nothing beside it.

Covers, of the cases under "Events and collection": a lone surrogate.
"""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.settings import Ingestion, Settings
from tests.streams.ingestion.event_records import (
    APP,
    decode,
    refusal,
)


class TestRefusals:
    @pytest.mark.parametrize(
        ("value", "kind", "path"),
        [
            (None, "empty", "$"),
            (b"", "empty", "$"),
            (b"\x00\x01\xfe", "malformed_json", "$"),
            (b"{", "malformed_json", "$"),
            (b"null", "not_an_object", "$"),
            (b"[1]", "not_an_object", "$"),
            (b"7", "not_an_object", "$"),
            (json.dumps(APP).encode() + b"x", "malformed_json", "$"),
            (json.dumps(APP).encode("utf-16"), "malformed_json", "$"),
            ({k: v for k, v in APP.items() if k != "user_id"}, "missing_field", "$"),
            ({**APP, "user_id": None}, "wrong_type", "$.user_id"),
            ({**APP, "user_id": 5}, "wrong_type", "$.user_id"),
            ({**APP, "user_id": ""}, "out_of_range", "$.user_id"),
            ({**APP, "user_id": " \t\u3000"}, "out_of_range", "$.user_id"),
            ({**APP, "user_id": "u" * 257}, "out_of_range", "$.user_id"),
            ({**APP, "event_id": "e" * 129}, "out_of_range", "$.event_id"),
            ({**APP, "event_id": "a\nb"}, "out_of_range", "$.event_id"),
            ({**APP, "event_type": "Login"}, "out_of_range", "$.event_type"),
            ({**APP, "event_type": "login\n"}, "out_of_range", "$.event_type"),
            ({**APP, "app_type": "desktop"}, "out_of_range", "$.app_type"),
            ({**APP, "country": "de"}, "out_of_range", "$.country"),
            ({**APP, "status_code": 99}, "out_of_range", "$.status_code"),
            ({**APP, "status_code": 200.5}, "wrong_type", "$.status_code"),
            ({**APP, "response_time_ms": -1}, "out_of_range", "$.response_time_ms"),
            ({**APP, "event_value": "9"}, "wrong_type", "$.event_value"),
            ({**APP, "event_value": math.nan}, "malformed_json", "$"),
            ({**APP, "event_value": math.inf}, "malformed_json", "$"),
            ({**APP, "properties": [1]}, "wrong_type", "$.properties"),
            ({**APP, "event_timestamp": 1_763_000_000}, "wrong_type", "$.event_timestamp"),
        ],
    )
    def test_name_the_field_and_the_kind(self, value: Any, kind: str, path: str) -> None:
        assert refusal(value) == (kind, path)

    def test_numbers_out_of_range(self) -> None:
        text = json.dumps(APP)[:-1]
        assert refusal(text + ',"event_value":1e400}')[0] == "out_of_range"
        assert refusal(text + ',"properties":{"n":' + "9" * 5000 + "}}")[0] == "out_of_range"

    def test_a_lone_surrogate_spoils_only_its_own_record(self) -> None:
        text = json.dumps(APP)[:-1]
        decoded = decode(APP, text + ',"platform":"cut \\ud83d"}', text + ',"properties":{"\\ude00":1}}', APP)
        assert decoded.offsets == [0, 3]
        assert all("surrogate" in rejected.error.expectation for rejected in decoded.rejected)

    @pytest.mark.parametrize("depth", [501, 2_000, 200_000])
    def test_deep_nesting_is_a_dead_letter(self, depth: int) -> None:
        text = json.dumps(APP)[:-1]
        assert refusal(text + ',"properties":{"a":' + "[" * depth + "]" * depth + "}}")[0] == "too_deep"
        assert refusal(text + ',"novel":' + "[" * depth + "]" * depth + "}")[0] == "too_deep"
        assert refusal("[" * depth)[0] == "too_deep"

    def test_a_record_over_the_size_limit(self) -> None:
        small = Settings(ingestion=Ingestion(max_record_bytes=300))
        decoded = decode(APP, {**APP, "properties": {"a": "x" * 300}}, APP, configured=small)
        assert decoded.offsets == [0, 2]
        assert decoded.rejected[0].error.kind == "too_large"

    @given(st.binary(max_size=200))
    def test_any_bytes_are_an_event_or_a_dead_letter(self, value: bytes) -> None:
        decoded = decode(APP, value, APP)
        assert len(decoded.offsets) + len(decoded.rejected) == 3
        assert {0, 2} <= set(decoded.offsets)
