"""Chains to bronze: every row once, whatever stops the writer, and one bad file holds up its chain only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

import lakehouse.medallion.bronze
from contracts.settings import Settings
from contracts.sources import APP_EVENTS, CDC_CHANGES, SOURCES, USERS, Source
from lakehouse.datasets import dataset
from lakehouse.medallion.bronze import BronzeTable
from lakehouse.medallion.chains import QUARANTINE
from lakehouse.storage import commits, delta_log

Event = Callable[..., dict[str, Any]]


def bronze(settings: Settings, source: Source = APP_EVENTS) -> BronzeTable:
    return BronzeTable(settings, dataset(source.bronze_table))


def rows_of(table: BronzeTable) -> list[dict[str, Any]]:
    rows = DeltaTable(str(table.path)).to_pyarrow_table().to_pylist()
    return sorted(
        rows, key=lambda row: (row["load_timestamp"], row["source_partition"], row["source_offset"])
    )


def positions(table: BronzeTable) -> list[tuple[int, int]]:
    return [(row["source_partition"], row["source_offset"]) for row in rows_of(table)]


@pytest.mark.parametrize("source", SOURCES, ids=[source.name for source in SOURCES])
def test_rows_arrive_as_they_landed(settings: Settings, landing: Any, source: Source) -> None:
    id_field = source.id_field
    path = landing.add(source, [{id_field: f"{n}"} if id_field else {} for n in range(3)], partition=2)
    table = bronze(settings, source)
    done = table.take()
    assert (done.rows, done.files, done.more, done.troubles) == (3, 1, False, ())
    landed = pq.read_table(path, partitioning=None)
    got = DeltaTable(str(table.path)).to_pyarrow_table().sort_by("source_offset")
    assert got.select(landed.column_names).to_pylist() == landed.to_pylist()
    times = landed[source.time_field].to_pylist()
    assert got[source.date_column].to_pylist() == [at.date() for at in times]
    assert done.newest == max(times)


def test_a_second_round_takes_only_what_is_new(settings: Settings, landing: Any, make_event: Event) -> None:
    table = bronze(settings)
    assert table.take().files == 0
    landing.add(APP_EVENTS, [make_event("a")])
    assert table.take().rows == 1
    assert table.take().files == 0
    landing.add(APP_EVENTS, [make_event("b")])
    landing.add(APP_EVENTS, [make_event("c")], partition=3)
    assert table.take().rows == 2
    assert positions(bronze(settings)) == [(0, 0), (0, 1), (3, 0)]


def test_several_files_in_one_commit_within_bounds(
    settings: Settings, landing: Any, make_event: Event
) -> None:
    for number in range(6):
        landing.add(APP_EVENTS, [make_event(f"{number}-{row}") for row in range(10)], partition=number % 2)
    table = bronze(settings)
    first = table.take(max_rows=35)
    assert (first.files, first.rows, first.more) == (4, 40, True)
    second = table.take(max_rows=35)
    assert (second.files, second.rows, second.more) == (2, 20, False)
    assert table.version == 2


def test_a_backlog_of_one_chain_does_not_hold_up_another(
    settings: Settings, landing: Any, make_event: Event
) -> None:
    for number in range(5):
        landing.add(APP_EVENTS, [make_event(f"{number}")], partition=0)
    landing.add(APP_EVENTS, [make_event("other")], partition=1)
    table = bronze(settings)
    table.take(max_rows=2)
    assert positions(table) == [(0, 0), (1, 0)]


def test_a_file_without_rows_moves_the_chain(settings: Settings, landing: Any, make_event: Event) -> None:
    landing.add(APP_EVENTS, [], rejected=7)
    table = bronze(settings)
    assert (table.take().files, table.take().files) == (1, 0)
    landing.add(APP_EVENTS, [make_event("a")])
    again = bronze(settings)
    assert again.take().rows == 1
    assert positions(again) == [(0, 7)]


def test_a_chain_may_begin_late_and_a_topic_made_anew_begins_again(
    settings: Settings, landing: Any, make_event: Event
) -> None:
    landing.add(APP_EVENTS, [make_event("a"), make_event("b")], first=500)
    table = bronze(settings)
    assert table.take().rows == 2
    landing.add(APP_EVENTS, [make_event("c")], topic_id="anotherTopicOfThisName")
    assert table.take().rows == 1
    assert positions(table) == [(0, 500), (0, 501), (0, 0)]


@pytest.mark.parametrize("committed", [False, True], ids=["before", "after"])
def test_a_crash_around_the_commit_loses_and_doubles_nothing(
    settings: Settings, landing: Any, make_event: Event, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    table = bronze(settings)
    landing.add(APP_EVENTS, [make_event("a")])
    table.take()
    landing.add(APP_EVENTS, [make_event("b")])

    def crash(*arguments: Any, **options: Any) -> None:
        if committed:
            write_deltalake(*arguments, **options)
        raise RuntimeError("power is gone")

    with monkeypatch.context() as patch:
        patch.setattr(lakehouse.medallion.bronze, "write_deltalake", crash)
        with pytest.raises(RuntimeError):
            table.take()
    # The same object (a driver that retries) and a new one (a driver that was restarted) both go on rightly.
    assert table.take().rows == (0 if committed else 1)
    landing.add(APP_EVENTS, [make_event("c")])
    again = bronze(settings)
    assert again.take().rows == 1
    assert positions(again) == [(0, 0), (0, 1), (0, 2)]


def test_a_zombie_writer_is_refused(settings: Settings, landing: Any, make_event: Event) -> None:
    landing.add(APP_EVENTS, [make_event("a")])
    zombie, heir = bronze(settings), bronze(settings)
    assert zombie.version == 0
    assert heir.take().rows == 1
    with pytest.raises(Exception, match=r"(?i)transaction"):
        zombie.take()
    assert zombie.take().files == 0
    assert positions(heir) == [(0, 0)]


def test_the_position_survives_compaction_and_a_cleaned_log(
    settings: Settings, landing: Any, make_event: Event
) -> None:
    table = bronze(settings)
    for name in "abc":
        landing.add(APP_EVENTS, [make_event(name)])
        table.take()
    handle = DeltaTable(str(table.path))
    handle.optimize.compact()
    handle.create_checkpoint()
    assert bronze(settings).take().files == 0
    for version in range(handle.version()):
        delta_log.commit_file(table.path, version).unlink()
    landing.add(APP_EVENTS, [make_event("d")])
    assert commits.last_metadata(table.path) is None
    again = bronze(settings)
    assert again.take().rows == 1
    assert len(positions(again)) == 4
    assert bronze(settings).take().files == 0


def test_rules_flag_rows_and_drop_none(settings: Settings, landing: Any, make_event: Event) -> None:
    landing.add(
        APP_EVENTS,
        [
            make_event("a"),
            make_event("b", event_type="purchase", event_value=-1.0),
            make_event("a", event_type="purchase"),
        ],
    )
    landing.add(APP_EVENTS, [make_event("b"), make_event("c", event_value=0.0)], partition=1)
    table = bronze(settings)
    table.take()
    assert [row["quality_flags"] for row in rows_of(table)] == [
        [],
        ["negative_event_value"],
        ["duplicate_in_batch", "purchase_without_value"],
        ["duplicate_in_batch"],
        [],
    ]
    landing.add(APP_EVENTS, [make_event("a")])
    table.take()
    assert rows_of(table)[-1]["quality_flags"] == []


def test_rules_of_other_tables(settings: Settings, landing: Any) -> None:
    landing.add(CDC_CHANGES, [{"key": None}, {"key": None, "operation": "TRUNCATE"}, {}])
    changes = bronze(settings, CDC_CHANGES)
    changes.take()
    assert [row["quality_flags"] for row in rows_of(changes)] == [["key_missing"], [], []]
    later = datetime(2027, 1, 1, tzinfo=UTC)
    landing.add(USERS, [{}, {"signup_timestamp": later}])
    users = bronze(settings, USERS)
    users.take()
    assert [row["quality_flags"] for row in rows_of(users)] == [[], ["signup_after_update"]]


def test_dates_are_utc_and_by_event_time(settings: Settings, landing: Any, make_event: Event) -> None:
    edge = datetime(2026, 3, 5, tzinfo=UTC)
    landing.add(
        APP_EVENTS,
        [
            make_event("a", edge - timedelta(microseconds=1)),
            make_event("b", edge),
            make_event("c", datetime(1970, 1, 1, tzinfo=UTC)),
        ],
    )
    table = bronze(settings)
    table.take()
    dates = {row["event_id"]: row["event_date"] for row in rows_of(table)}
    assert dates == {"a": date(2026, 3, 4), "b": date(2026, 3, 5), "c": date(1970, 1, 1)}


def test_load_timestamps_rise_with_every_commit_even_when_the_clock_goes_back(
    settings: Settings, landing: Any, make_event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock(datetime):
        year_now = 2030

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime(cls.year_now, 1, 1, tzinfo=UTC)

    monkeypatch.setattr(lakehouse.medallion.bronze, "datetime", Clock)
    table = bronze(settings)
    for year, name in ((2030, "a"), (2029, "b"), (2029, "c")):
        Clock.year_now = year
        landing.add(APP_EVENTS, [make_event(name)])
        bronze(settings).take() if name == "c" else table.take()
    stamps = [row["load_timestamp"] for row in rows_of(table)]
    assert stamps == sorted(set(stamps)) and len(stamps) == 3
    assert [row["event_id"] for row in rows_of(table)] == ["a", "b", "c"]


def broken(kind: str, path: Path) -> None:
    content = path.read_bytes()
    match kind:
        case "empty":
            path.write_bytes(b"")
        case "cut":
            path.write_bytes(content[: len(content) // 2])
        case "zeros":
            path.write_bytes(bytes(len(content)))
        case "footer":
            length = int.from_bytes(content[-8:-4], "little")
            path.write_bytes(content[: -8 - length] + bytes(length) + content[-8:])
        case "pages":
            path.write_bytes(content[:4] + bytes(400) + content[404:])
        case "text":
            path.write_text("not Parquet")
        case "foreign":
            pq.write_table(pa.table({"x": [1]}), path)


@pytest.mark.parametrize("kind", ["empty", "cut", "zeros", "footer", "pages", "text", "foreign"])
def test_a_torn_or_foreign_file_is_set_aside_and_the_rest_goes_on(
    settings: Settings, landing: Any, make_event: Event, kind: str
) -> None:
    bad = landing.add(APP_EVENTS, [make_event("a")])
    intact = bad.read_bytes()
    landing.add(APP_EVENTS, [make_event("b")])
    landing.add(APP_EVENTS, [make_event("c")], partition=1)
    broken(kind, bad)
    table = bronze(settings)
    done = table.take()
    assert sorted(positions(table)) == [(0, 1), (1, 0)]
    (trouble,) = done.troubles
    assert trouble.fresh and str(bad) in trouble.message
    aside = bad.parent / QUARANTINE / bad.name
    assert aside.exists() and not bad.exists()
    # It stays said, also after a restart, until the file is there again.
    again = bronze(settings).take()
    assert again.rows == 0 and not any(trouble.fresh for trouble in again.troubles)
    assert any("passed over 0 to 0" in trouble.message for trouble in again.troubles)
    bad.write_bytes(intact)
    healed = bronze(settings).take()
    assert healed.rows == 1 and healed.troubles == ()
    assert sorted(positions(table)) == [(0, 0), (0, 1), (1, 0)]
    assert bronze(settings).take().rows == 0


def test_a_bad_file_at_the_end_of_a_chain_is_waited_for(
    settings: Settings, landing: Any, make_event: Event
) -> None:
    landing.add(APP_EVENTS, [make_event("a")])
    bad = landing.add(APP_EVENTS, [make_event("b")])
    intact = bad.read_bytes()
    broken("cut", bad)
    table = bronze(settings)
    assert table.take().rows == 1
    (waits,) = table.take().troubles
    assert f"waits for {bad}" in waits.message
    landing.add(APP_EVENTS, [make_event("c")])
    assert table.take().rows == 1
    bad.write_bytes(intact[:-9])
    assert table.take().troubles[0].fresh
    bad.write_bytes(intact)
    assert table.take().rows == 1
    assert sorted(positions(table)) == [(0, 0), (0, 1), (0, 2)]


def test_files_of_foreign_names_are_taken_out_of_the_workers_way(
    settings: Settings, landing: Any, make_event: Event
) -> None:
    path = landing.add(APP_EVENTS, [make_event("a")])
    strangers = [path.with_name(name) for name in ("part-0.parquet", "notes.txt", "7.parquet")]
    for stranger in strangers:
        stranger.write_bytes(b"whatever")
    hidden = path.with_name(f".{path.name}.1f")
    hidden.write_bytes(b"a worker's work in hand")
    done = bronze(settings).take()
    assert done.rows == 1 and sum(trouble.fresh for trouble in done.troubles) == 3
    assert sorted(child.name for child in (path.parent / QUARANTINE).iterdir()) == sorted(
        stranger.name for stranger in strangers
    )
    assert hidden.exists()


def test_a_file_that_names_another_place_is_foreign(
    settings: Settings, landing: Any, make_event: Event
) -> None:
    path = landing.add(APP_EVENTS, [make_event("a"), make_event("b")])
    path.rename(path.with_name(f"{1:020d}.parquet"))
    table = bronze(settings)
    done = table.take()
    assert done.rows == 0 and done.troubles[0].fresh


def test_a_missing_file_in_a_chain_is_said(settings: Settings, landing: Any, make_event: Event) -> None:
    paths = [landing.add(APP_EVENTS, [make_event(name)]) for name in "abc"]
    paths[1].unlink()
    table = bronze(settings)
    assert table.take().rows == 1
    (trouble,) = bronze(settings).take().troubles
    assert "offset 2" in trouble.message and "at 1 is missing" in trouble.message


def test_thousands_of_rows_in_one_commit(settings: Settings, landing: Any, make_event: Event) -> None:
    start = datetime(2026, 3, 5, tzinfo=UTC)
    landing.add(
        APP_EVENTS,
        [make_event(f"{n}", start + timedelta(seconds=n, microseconds=123456)) for n in range(9_000)],
    )
    table = bronze(settings)
    assert table.take().rows == 9_000
    assert positions(table) == [(0, offset) for offset in range(9_000)]


def test_properties_are_as_declared(settings: Settings) -> None:
    table = bronze(settings)
    configuration = DeltaTable(str(table.path)).metadata().configuration
    assert configuration["delta.checkpointInterval"] == "500"
    assert configuration["delta.logRetentionDuration"] == "interval 7 days"
