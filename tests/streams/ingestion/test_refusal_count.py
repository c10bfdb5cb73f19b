"""Dead letters are counted once each: by simulated lives of ingestion that end anywhere."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.ingestion.refusal_count import RefusalCount

OFFSETS = st.sets(st.integers(0, 60), max_size=30)
LIVES = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 6), st.booleans()), max_size=12)
"""Records that a life reads a round, rounds, and whether the last one is committed before it is killed."""


@given(refused=OFFSETS, lives=LIVES, rewind=st.integers(0, 20))
def test_whatever_is_killed_when(refused: set[int], lives: list[tuple[int, int, bool]], rewind: int) -> None:
    committed, metadata, told = 0, "", 0
    for size, rounds, last_is_committed in lives:
        life = RefusalCount(committed or None, metadata)
        start = committed
        for number in range(rounds):
            through = start + size - 1
            life.add((offset for offset in refused if start <= offset <= through), through)
            start = through + 1
            if number < rounds - 1 or last_is_committed:
                committed, metadata = start, life.metadata
                told = max(told, life.count)
        assert told == sum(offset < max(committed, _through(metadata) + 1) for offset in refused)
        if rounds > 1 and committed > rewind:
            # A hole: records are sent again and committed again, from further back.
            start = committed - rewind
            life.add((offset for offset in refused if start <= offset < committed), committed - 1)
            committed, metadata, told = max(start, 1), life.metadata, life.count


def _through(metadata: str) -> int:
    return int(metadata.split("through=")[1].split()[0]) if metadata else -1


def test_a_group_that_was_reset_counts_anew_under_another_name() -> None:
    life = RefusalCount(10, "")
    life.add([3, 10, 12], 12)
    assert life.count == 2
    after = RefusalCount(13, life.metadata)
    assert (after.count, after.series) == (2, life.series)
    assert RefusalCount(13, "").series != life.series
    assert RefusalCount(None, "somebody else's words").count == 0
