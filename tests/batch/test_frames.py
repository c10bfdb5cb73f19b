from __future__ import annotations

from datetime import UTC, date, datetime

from batch.frames import literal, micros, predicate
from lakehouse.engine import Replace


def test_values_that_share_all_but_the_last_column_share_one_term() -> None:
    write = Replace(
        ("metric_date", "metric_hour"),
        ((date(2026, 3, 5), 7), (date(2026, 3, 5), 8), (date(2026, 3, 6), 0)),
    )
    assert predicate(write) == (
        "(`metric_date` = DATE '2026-03-05' AND `metric_hour` IN (7, 8)) "
        "OR (`metric_date` = DATE '2026-03-06' AND `metric_hour` IN (0))"
    )


def test_no_value_means_no_row() -> None:
    assert predicate(Replace(("day",), ())) == "false"


def test_quotes_and_backslashes_stay_inside_a_text() -> None:
    assert literal("O'Neill\\") == "'O\\'Neill\\\\'"


def test_microseconds_are_exact_before_and_after_1970() -> None:
    assert micros(datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)) == -1
    assert micros(datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)) == 253402300799999999
