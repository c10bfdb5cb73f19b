"""After an erasure nothing under the data root holds the id, and everything else is as it was."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.errors import SettingsError
from contracts.landing import CLICKSTREAM_SESSIONS
from contracts.layout import view_folder
from contracts.settings import Lakehouse, Paths, Settings
from contracts.sources import APP_EVENTS, CDC_CHANGES, CLICKSTREAM, EXTERNAL_DATA, USERS
from lakehouse.archive import store
from lakehouse.archive.checking import verify
from lakehouse.archive.copying import make
from lakehouse.archive.restoring import restore_in_place
from lakehouse.datasets import DATASETS, dataset
from lakehouse.datasets.stream import STREAM
from lakehouse.driver.operations import EraseRequest, OptimizeRequest, perform
from lakehouse.embedded import EmbeddedEngine
from lakehouse.medallion.chains import chain_files, discover
from lakehouse.medallion.rounds import Rounds
from lakehouse.persons.declared import kinds_of
from lakehouse.persons.person import Person
from lakehouse.persons.receipt import Receipt, epoch, receipts
from lakehouse.storage import tables
from lakehouse.storage.delta_log import latest_version

pytestmark = pytest.mark.heavy

WHO = "zoë-4711's"
"""As hostile as an id may be: escaped in JSON and in URLs."""
NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def land(landing: Any) -> None:
    """Twice the same people, so that every table has a version with the person before its newest."""
    for day in (0, 1):
        at = NOON + timedelta(days=day)
        for number, user in enumerate((WHO, "u1", "u2")):
            url = f"https://shop.example/?u={quote(user)}"
            landing.add(
                APP_EVENTS,
                [
                    {
                        "event_id": f"e{day}-{number}-1",
                        "user_id": user,
                        "event_timestamp": at,
                        "properties": json.dumps({"me": user}),
                    },
                    {
                        "event_id": f"e{day}-{number}-2",
                        "user_id": user,
                        "event_timestamp": at,
                        "event_type": "purchase",
                        "event_value": -1.0,
                    },
                    {
                        "event_id": f"e{day}-{number}-3",
                        "user_id": user,
                        "event_timestamp": at,
                        "properties": json.dumps({"friend": WHO, "n": 9007199254740993}),
                    },
                ],
            )
            landing.add(
                CLICKSTREAM,
                [{"click_id": f"c{day}-{number}", "user_id": user, "click_timestamp": at, "page_url": url}],
            )
            landing.add(USERS, [{"user_id": user, "updated_at": at, "name": user}])
            after = json.dumps({"user_id": user, "total": 4711}, ensure_ascii=bool(day))
            landing.add(
                CDC_CHANGES,
                [
                    {
                        "change_id": f"t/{day}/{number}",
                        "key": json.dumps({"user_id": user}),
                        "after": after,
                        "envelope": after,
                        "sequence": f"{day:020d}",
                        "commit_timestamp": at,
                    }
                ],
            )
        landing.add(
            EXTERNAL_DATA,
            [{"record_id": f"r{day}", "observed_at": at, "dimensions": json.dumps({"by": WHO})}],
        )


def views_and_results(settings: Settings) -> None:
    row = {
        "session_key": "k",
        "user_id": WHO,
        "session_start": NOON,
        "session_end": NOON,
        "duration_ms": 0,
        "page_count": 1,
        "click_count": 1,
        "page_sequence": [f"/u/{WHO}"],
        "is_bounce": True,
        "source_partition": 0,
        "revision": 7,
        "is_final": True,
        "is_late": False,
    }
    other = {**row, "session_key": "l", "user_id": "u1"}
    folder = view_folder(settings, "clickstream_sessions") / "date=2026-03-05" / "topic_id=t"
    folder.mkdir(parents=True)
    rows = pa.Table.from_pylist([row, other], CLICKSTREAM_SESSIONS)
    pq.write_table(rows, folder / f"00000-{7:020d}-0123456789ab.parquet")
    result = settings.outputs_root / "user_segments" / "date=2026-03-05"
    result.mkdir(parents=True)
    seen = pa.table({"user_id": [WHO, "u1"]}).replace_schema_metadata({"dp.seen": "{}"})
    pq.write_table(seen, result / "user_segments.parquet")


def rounds_of(settings: Settings, engine: EmbeddedEngine) -> Rounds:
    engine._handles.clear()
    rounds = Rounds(settings, engine)
    for gold in rounds.gold_tables:
        gold._every = 0
    return rounds


def go_on(rounds: Rounds) -> None:
    rounds.bronze(), rounds.silver(), rounds.gold()
    assert rounds.status.failures == dict.fromkeys(rounds.status.failures, 0), rounds.status.errors


@pytest.fixture
def lived_in(settings: Settings, landing: Any, engine: EmbeddedEngine) -> Iterator[Rounds]:
    settings = Settings(
        paths=Paths(data=settings.paths.data), lakehouse=Lakehouse(engine="embedded", gold_seconds=1)
    )
    with closing(rounds_of(settings, engine)) as rounds:
        land(landing)
        go_on(rounds)
        list(make(settings))
        list(perform(rounds, OptimizeRequest()))
        list(make(settings, ["users_silver"]))
        # Not taken in yet when the erasure comes.
        landing.add(APP_EVENTS, [{"event_id": "waiting", "user_id": WHO, "event_timestamp": NOON + MINUTE}])
        landing.add(APP_EVENTS, [{"event_id": "of u1", "user_id": "u1", "event_timestamp": NOON + MINUTE}])
        views_and_results(settings)
        yield rounds


def erase(rounds: Rounds, **arguments: Any) -> Receipt:
    *_, end = perform(rounds, EraseRequest(user_id=WHO, **arguments))
    return msgspec.json.decode(end.message, type=Receipt)


def holding(root: Path) -> list[str]:
    """Files with the id, in their bytes or in what they say, whatever way it is written in."""
    needles = Person(WHO).needles
    found = []
    for path in sorted(root.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        texts = [content.decode("utf-8", "replace")]
        if path.suffix == ".parquet":
            frame = pl.from_arrow(pq.ParquetFile(path).read())
            assert isinstance(frame, pl.DataFrame)
            texts += [repr(row) for row in frame.rows()] + frame.select(pl.col(pl.String)).unpivot()[
                "value"
            ].drop_nulls().to_list()
        if any(needle in text or json.dumps(needle) in text for needle in needles for text in texts):
            found.append(str(path.relative_to(root)))
    return found


def frame(settings: Settings, name: str) -> pl.DataFrame:
    return pl.read_delta(str(tables.path_of(settings, dataset(name))))


def others(settings: Settings) -> dict[str, list[str]]:
    """What is about nobody but others, without when it was written."""
    found = {}
    person = Person(WHO)
    for declared in DATASETS.values():
        if latest_version(tables.path_of(settings, declared)) >= 0:
            rows = frame(settings, declared.name).drop("load_timestamp").rows()
            found[declared.name] = sorted(
                repr(row) for row in rows if not any(map(person.is_in, map(str, row)))
            )
    return found


def test_nothing_holds_the_id_and_the_others_are_as_before(
    lived_in: Rounds, landing: Any, engine: EmbeddedEngine
) -> None:
    settings = lived_in.settings
    data = settings.data_root
    assert len(holding(data)) > 30
    go_on(lived_in)
    before, gold = others(settings), frame(settings, "event_metrics_gold")["total_events"].sum()
    names = {
        chain: [name for name, _ in chain_files(folder)]
        for source in (APP_EVENTS, CDC_CHANGES)
        for chain, folder in discover(settings, source).items()
    }
    assert erase(lived_in, dry_run=True).rows > 10 and len(holding(data)) > 30 and receipts(settings) == []
    was = epoch(settings)
    receipt = erase(lived_in, purge=True)
    assert holding(data) == []
    assert epoch(settings) != was
    told = {place.place: place for place in receipt.places}
    assert told["app_events_bronze"].rows == 7 and told["app_events_bronze"].values == 4
    assert told["quarantine_silver"].rows == 2 and told["entities_silver"].rows == 2
    assert told["users_silver"].rows == told["user_segments_gold"].rows == 1
    assert told["user_segments"].rows == told["clickstream_sessions"].rows == 1
    assert {name for name in told if name.startswith("archive ")} == {
        f"archive {m.name}" for m in store.archives(settings)
    }
    assert WHO not in receipt.text and "Kafka" in receipt.text and receipts(settings) == [receipt]
    # Nobody else has lost anything but a mention, and nothing is computed anew.
    after = others(settings)
    for name in before:
        assert len(before[name]) <= len(after[name]), name
        if name not in (
            "app_events_bronze",
            "app_events_silver",
            "external_data_bronze",
            "external_data_silver",
            "quarantine_silver",
        ):
            assert before[name] == after[name], name
    assert frame(settings, "event_metrics_gold")["total_events"].sum() == gold
    properties = frame(settings, "app_events_silver")["properties"].drop_nulls().to_list()
    assert json.dumps({"friend": "erased", "n": 9007199254740993}, separators=(",", ":")) in properties
    with closing(rounds_of(settings, engine)) as rounds:
        go_on(rounds)
        assert sum(rounds.status.lag.values()) == 0
    assert frame(settings, "event_metrics_gold")["total_events"].sum() == gold
    assert {
        chain: [name for name, _ in chain_files(folder)]
        for source in (APP_EVENTS, CDC_CHANGES)
        for chain, folder in discover(settings, source).items()
    } == names
    # Once more is nothing more.
    with closing(rounds_of(settings, engine)) as rounds:
        assert erase(rounds).places == () and len(receipts(settings)) == 2
    # Archives are whole, and put back they hold nothing either.
    for manifest in store.archives(settings):
        list(verify(settings, manifest))
    list(restore_in_place(settings, store.archives(settings)[0], ()))
    assert holding(data) == []
    with closing(rounds_of(settings, engine)) as rounds:
        landing.add(APP_EVENTS, [{"event_id": "later", "user_id": "u1", "event_timestamp": NOON}])
        go_on(rounds)
    assert frame(settings, "app_events_bronze")["event_id"].to_list().count("later") == 1


def test_what_was_on_its_way_is_not_taken_but_who_comes_back_is(lived_in: Rounds, landing: Any) -> None:
    receipt = erase(lived_in)
    assert "time travel" in receipt.text
    settings = lived_in.settings
    sent = receipt.erased_at - MINUTE
    both = {"user_id": WHO, "event_timestamp": NOON}
    landing.add(
        APP_EVENTS,
        [
            {**both, "event_id": "on its way", "source_timestamp": sent},
            {"event_id": "of u2", "user_id": "u2"},
        ],
    )
    change = {"key": json.dumps({"user_id": WHO}), "after": json.dumps({"user_id": WHO}), "sequence": "9"}
    landing.add(CDC_CHANGES, [{**change, "change_id": "x", "source_timestamp": sent}])
    landing.add(APP_EVENTS, [{**both, "event_id": "back", "source_timestamp": receipt.erased_at + MINUTE}])
    go_on(lived_in)
    ids = frame(settings, "app_events_silver")["event_id"].to_list()
    assert {"back", "of u1", "of u2"} <= set(ids) and not {"on its way", "waiting"} & set(ids)
    assert not frame(settings, "cdc_changes_bronze")["change_id"].str.contains("x").any()


def test_ids_are_found_as_such() -> None:
    short, number = Person("u1"), Person("4711")
    assert short.without("/u1/u12?u=u1") == "/erased/u12?u=erased"
    assert not short.is_in_record('{"a": "u12", "total": 1}') and short.is_in_record('{"user": {"id": "u1"}}')
    assert number.is_in_record('{"user_id": 4711}') and not number.is_in_record('{"total": 4711}')
    assert Person('a"b\\c').is_in_record(json.dumps({"x": 'a"b\\c'}))
    for user_id in ("", " "):
        with pytest.raises(SettingsError):
            list(perform(None, EraseRequest(user_id=user_id)))  # type: ignore[arg-type]
    assert WHO not in repr(EraseRequest(user_id=WHO))


def test_no_column_that_may_hold_a_person_is_forgotten() -> None:
    named = re.compile(r"(.*_)?(user|customer|person|account|visitor|member)(_?(id|key|name))?")
    texts = {"key", "before", "after", "envelope", "row", "properties", "extra", "dimensions"}
    for declared in (*DATASETS.values(), *STREAM):
        kinds = kinds_of(declared)
        for column in declared.columns:
            if named.fullmatch(column.name) and column.type == pa.string():
                assert kinds.get(column.name) == "id", f"{declared.name}.{column.name}: declare `personal`"
            if column.name in texts:
                assert kinds.get(column.name), f"{declared.name}.{column.name}: declare `personal`"


def test_landing_keeps_its_times(lived_in: Rounds) -> None:
    """A file that was rewritten goes when it would have gone."""
    (folder,) = discover(lived_in.settings, USERS).values()
    path = chain_files(folder)[0][1]
    os.utime(path, (1000, 1000))
    erase(lived_in)
    assert path.stat().st_mtime == 1000 and pq.read_metadata(path).num_rows == 0
