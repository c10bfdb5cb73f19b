"""Landing files written by the contract, without the writer under streams/; settings on a temporary root."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.landing import LANDING, META_FIRST_OFFSET, META_LAST_OFFSET, META_TOPIC_ID
from contracts.layout import chain_file_name, chain_folder
from contracts.settings import Lakehouse, Paths, Settings
from contracts.sources import APP_EVENTS, CDC_CHANGES, CLICKSTREAM, EXTERNAL_DATA, USERS, Source
from lakehouse.embedded import EmbeddedEngine

TOPIC_ID = "q1Sh-9_ySYaDkZDXgyWP6g"
NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)

OWN: dict[str, dict[str, Any]] = {
    APP_EVENTS.name: {
        "event_id": "e",
        "user_id": "u1",
        "event_type": "login",
        "app_type": "web",
        "event_timestamp": NOON,
    },
    CLICKSTREAM.name: {
        "click_id": "c",
        "user_id": "u1",
        "click_timestamp": NOON,
        "action": "page_view",
        "page_url": "https://shop.example/",
    },
    USERS.name: {"user_id": "u1", "updated_at": NOON},
    EXTERNAL_DATA.name: {
        "record_id": "r",
        "source": "fx",
        "metric": "eur_usd",
        "value": 1.1,
        "observed_at": NOON,
    },
    CDC_CHANGES.name: {
        "change_id": "t/0/0",
        "op": "c",
        "operation": "INSERT",
        "is_snapshot": False,
        "connector": "postgresql",
        "database": "shop",
        "table": "orders",
        "key": '{"id":1}',
        "commit_timestamp": NOON,
        "sequence": "0",
        "envelope": "{}",
    },
}


class Landing:
    """Writes chain files as a stream worker does. Keeps each chain's end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._ends: dict[Path, int] = {}

    def rows(self, source: Source, rows: Sequence[dict[str, Any]], partition: int, first: int) -> pa.Table:
        full = []
        for index, row in enumerate(rows):
            position = {
                "source_topic": source.topic,
                "source_partition": partition,
                "source_offset": first + index,
                "source_timestamp": NOON + timedelta(seconds=index),
                "ingest_timestamp": NOON + timedelta(seconds=index),
                "source_system": "test",
                "is_late": False,
            }
            full.append({**OWN[source.name], **position, **row})
        return pa.Table.from_pylist(full, LANDING[source.name])

    def add(
        self,
        source: Source,
        rows: Sequence[dict[str, Any]],
        *,
        partition: int = 0,
        topic_id: str = TOPIC_ID,
        first: int | None = None,
        rejected: int = 0,
    ) -> Path:
        """The next file of the chain, with `rejected` offsets after its rows that have none."""
        folder = chain_folder(self.settings, source, topic_id, partition)
        first = self._ends.get(folder, 0) if first is None else first
        last = first + len(rows) + rejected - 1
        self._ends[folder] = last + 1
        path = folder / chain_file_name(first)
        write_chain_file(path, self.rows(source, rows, partition, first), first, last, topic_id)
        return path


def write_chain_file(path: Path, rows: pa.Table, first: int, last: int, topic_id: str = TOPIC_ID) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {
        META_FIRST_OFFSET: str(first).encode(),
        META_LAST_OFFSET: str(last).encode(),
        META_TOPIC_ID: topic_id.encode(),
    }
    hidden = path.with_name("." + path.name)
    pq.write_table(rows.replace_schema_metadata(metadata), hidden)
    os.link(hidden, path)
    hidden.unlink()


def event(event_id: str, at: datetime = NOON, **values: Any) -> dict[str, Any]:
    return {"event_id": event_id, "event_timestamp": at, **values}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        paths=Paths(data=str(tmp_path / "data")), lakehouse=Lakehouse(engine="embedded", gold_seconds=60)
    )


@pytest.fixture
def landing(settings: Settings) -> Landing:
    return Landing(settings)


@pytest.fixture(scope="session")
def make_landing() -> Callable[[Settings], Landing]:
    return Landing


@pytest.fixture
def make_event() -> Callable[..., dict[str, Any]]:
    return event


@pytest.fixture(scope="session")
def engine() -> Iterator[EmbeddedEngine]:
    """One for all: opening a database takes longer than most tests do. It keeps only handles, by path."""
    made = EmbeddedEngine(Settings())
    yield made
    made.close()
