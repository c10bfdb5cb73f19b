from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lakehouse.medallion.first_wins import first_wins

MINUTE = 60_000_000
HOUR = 60 * MINUTE


def test_a_chain_of_near_ones_keeps_what_is_far_from_all_kept() -> None:
    rows = [("a", 0), ("a", 50 * MINUTE), ("a", 100 * MINUTE), ("b", 50 * MINUTE)]
    assert first_wins(rows, HOUR) == [True, False, True, True]


def test_the_edge_belongs_to_the_window_and_order_decides_not_time() -> None:
    assert first_wins([("a", HOUR), ("a", 0), ("a", -1), ("a", 2 * HOUR + 1)], HOUR) == [
        True,
        False,
        True,
        True,
    ]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 40))), st.integers(0, 10))
def test_agrees_with_comparing_each_with_all_kept(rows: list[tuple[str, int]], within: int) -> None:
    kept: list[tuple[str, int]] = []
    expected = []
    for key, at in rows:
        new = all(key != other or abs(at - time) > within for other, time in kept)
        expected.append(new)
        if new:
            kept.append((key, at))
    assert first_wins(rows, within) == expected
