"""Compaction of the stream's views: fewer files, the same rows by the reading rule, at any time."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from contracts.settings import Paths, Settings
from contracts.view_lock import rewriting
from lakehouse.embedded import EmbeddedEngine
from lakehouse.embedded.jobs import files_query
from lakehouse.maintenance import views as view_maintenance
from lakehouse.maintenance.steps import Maintenance
from lakehouse.medallion.rounds import Rounds
from lakehouse.reading.view_files import VIEWS, days_of, revisions, view_files
from tests.examples import examples
from tests.lakehouse.view_rows import DAY, Views, window

WINDOWS = "events_aggregated_realtime"


def known(settings: Settings) -> list[tuple[Any, ...]]:
    """All windows by the reading rule, over whatever files there are."""
    files = view_files(settings, WINDOWS, days_of(settings, WINDOWS))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rule = VIEWS[WINDOWS].query(f"({files_query(files)}) AS files")
        return sorted(connection.sql(rule).fetchall(), key=repr)


def compact_all(settings: Settings) -> None:
    for folder in list(view_maintenance.folders(settings)):
        view_maintenance.compact(folder, settings)


def remove_all(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> int:
    with monkeypatch.context() as patch:
        patch.setattr(view_maintenance, "READERS_SECONDS", -1.0)
        return sum(view_maintenance.remove_replaced(folder) for folder in view_maintenance.folders(settings))


ROWS = st.lists(
    st.tuples(
        st.integers(0, 2), st.sampled_from(["u1", "u2"]), st.integers(1, 4), st.booleans(), st.booleans()
    ),
    min_size=1,
    max_size=4,
)


@hypothesis_settings(max_examples=examples(12), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3), ROWS), min_size=1, max_size=8),
    when=st.lists(st.integers(0, 7), max_size=3),
)
def test_compaction_at_any_time_changes_nothing_that_is_read(
    files: list[Any],
    when: list[int],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = [
        Settings(paths=Paths(data=str(tmp_path_factory.mktemp(name)))) for name in ("plain", "compacted")
    ]
    views = [Views(one) for one in settings]
    told: dict[tuple[Any, ...], int] = {}
    for number, (partition, revision, rows) in enumerate(files):
        unique = {}
        for minute, user, count, final, late in rows:
            # A revision of a partition tells one thing of a key, however often it is written.
            key = (partition, revision, minute, user, late)
            unique[key] = window(
                minute, user, told.setdefault(key, count), is_final=final or late, is_late=late,
                source_partition=partition,
            )  # fmt: skip
        for writer in views:
            writer.add(list(unique.values()), revision)
        if number in when:
            compact_all(settings[1])
            assert known(settings[1]) == known(settings[0])
            remove_all(settings[1], monkeypatch)
        if number % 3 == 2:
            compact_all(settings[1])
    assert known(settings[1]) == known(settings[0])
    compact_all(settings[1])
    remove_all(settings[1], monkeypatch)
    assert known(settings[1]) == known(settings[0])
    paths = [view_files(one, WINDOWS, [DAY]).files for one in settings]
    assert len(paths[1]) == 1
    assert revisions(paths[1]) == revisions(paths[0])


def test_views_are_compacted_when_there_are_too_many_files(
    settings: Settings, engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = Views(settings)
    monkeypatch.setattr(view_maintenance, "LOOSE_FILES", 5)
    paths = [views.add([window(n, "u1", 1)], n) for n in range(4)]
    day = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
    clock = [0.0]
    with closing(Rounds(settings, engine)) as rounds:
        now = [day]
        steps = Maintenance(settings, rounds, lambda: clock[0], lambda: now[0])

        def a_pass() -> None:
            clock[0] += steps.due_in()
            while steps.due_in() == 0:
                steps.step()

        a_pass()
        assert steps.done == 0
        paths.append(views.add([window(4, "u1", 1)], 4))
        with rewriting(settings, WINDOWS):  # a replay, in this case
            a_pass()
        assert steps.done == 0
        a_pass()
        assert steps.done == 1 and all(path.exists() for path in paths)
        monkeypatch.setattr(view_maintenance, "READERS_SECONDS", -1.0)
        a_pass()
        assert not any(path.exists() for path in paths)
        # A day that is over ends as one file, once no more comes.
        views.add([window(5, "u1", 1)], 5)
        now[0] = datetime.now(UTC)
        a_pass()
        assert len(view_files(settings, WINDOWS, [DAY]).files) == 2
        now[0] += timedelta(hours=2)
        a_pass()
        a_pass()
        (only,) = view_files(settings, WINDOWS, [DAY]).files
        assert pq.read_metadata(only).num_rows == 6
        assert steps.failed == 0
