"""What values become in JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from web.sandbox.values import csv_row, json_row


def test_json_is_valid_and_loses_no_digit() -> None:
    row = (
        9007199254740993,
        170141183460469231731687303715884105727,
        -(2**63),
        float("nan"),
        float("-inf"),
        Decimal("300000.00"),
        datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC),
        datetime(2026, 1, 2),
        date(1000, 1, 1),
        time(12, 30),
        timedelta(days=1, seconds=1),
        b"\x00\xff",
        UUID(int=1),
        None,
        True,
        [{"a": float("inf")}, {1: Decimal("1.5")}],
        "\ud7ff<script>",
    )
    assert json.loads(json_row(row), parse_constant=lambda word: f"constant {word}") == [
        9007199254740993,
        170141183460469231731687303715884105727,
        -9223372036854775808,
        "NaN",
        "-Infinity",
        "300000.00",
        "2026-01-02T03:04:05.123456Z",
        "2026-01-02T00:00:00Z",
        "1000-01-01",
        "12:30:00",
        "P1DT1S",
        "AP8=",
        "00000000-0000-0000-0000-000000000001",
        None,
        True,
        [{"a": "Infinity"}, {"1": "1.5"}],
        "\ud7ff<script>",
    ]


def test_csv_guards_formulas_and_leaves_numbers_alone() -> None:
    row = (
        "=1+1",
        "+a",
        "-5",
        "-cmd",
        "@x",
        "\tx",
        "\rx",
        -5,
        -1.5,
        "a,b",
        'q"q',
        "two\nlines",
        None,
        "",
        "ok",
    )
    line = csv_row(row).decode()
    assert next(csv.reader(io.StringIO(line, newline=""))) == [
        "'=1+1",
        "'+a",
        "-5",
        "'-cmd",
        "'@x",
        "'\tx",
        "'\rx",
        "-5",
        "-1.5",
        "a,b",
        'q"q',
        "two\nlines",
        "",
        "",
        "ok",
    ]
    assert line.endswith(',,"",ok\r\n')  # null is empty, an empty text is quoted
