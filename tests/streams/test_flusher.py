"""The worker's rules without a broker: when it flushes, commits, pauses, reloads and gives up."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from contracts.configuration import load
from contracts.errors import ConflictError
from contracts.settings import Settings
from streams.flusher import Flusher, Key, Owned
from tests.streams.feeding import canonical_event
from tests.streams.oracle import check_landing, check_windows
from tests.streams.scenario import TOPIC_ID, packed

KEY: Key = ("app_events", 0)


class MemoryBroker:
    """Commits and buckets in memory; ``end`` is what the topic says of its end."""

    def __init__(self) -> None:
        self.committed: list[int] = []
        self.table: dict[int, bytes] = {}
        self.end: int | None = None
        self.id = TOPIC_ID
        self.before_bucket: Callable[[], None] = lambda: None

    async def commit(self, key: Key, offset: int) -> bool:
        assert key == KEY
        self.committed.append(offset)
        return True

    async def write_bucket(self, key: Key, bucket: int, value: bytes) -> None:
        self.before_bucket()
        self.table[bucket] = value

    def buckets(self, key: Key) -> Mapping[int, bytes]:
        return self.table if key == KEY else {}

    async def topic_id(self, key: Key) -> str | None:
        return self.id

    def end_offset(self, key: Key) -> int | None:
        return self.end


class Ended(BaseException):
    pass


def end(reason: str) -> None:
    raise Ended(reason)


def settings_in(folder: Path, **streams: object) -> Settings:
    flags = {f"streams.{name}": value for name, value in streams.items()}
    return load(flags={"paths.data": str(folder), **flags}, environ={}).settings


def drive(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(scenario())  # type: ignore[arg-type]


async def started(
    settings: Settings, broker: MemoryBroker, step: Callable[[str], None] = lambda name: None
) -> Flusher:
    flusher = Flusher(settings, broker, end, step)
    await flusher.load({KEY: Owned(TOPIC_ID, 0, None)})
    return flusher


def record(number: int) -> bytes:
    return packed(
        number, number, number - 1, [(number, canonical_event(str(number), "a", "error", number * 1_000_000))]
    )


def test_it_flushes_by_count_and_commits_what_landed(tmp_path: Path) -> None:
    async def scenario() -> None:
        settings, broker = settings_in(tmp_path, flush_records=3, flush_seconds=3600.0), MemoryBroker()
        flusher = await started(settings, broker)
        for number in range(2):
            flusher.append(KEY, number, record(number))
        assert not await flusher.tick()
        assert broker.committed == []
        flusher.append(KEY, 2, record(2))
        assert await flusher.tick(), "more may be due by now"
        assert not await flusher.tick()
        assert broker.committed == [3]
        assert flusher.landed == 3
        check_landing(settings, TOPIC_ID, {0: [0, 1, 2]}, {0: 3})

    drive(scenario)


def test_a_skipped_record_ends_the_process_and_a_repeated_one_does_not(tmp_path: Path) -> None:
    async def scenario() -> None:
        flusher = await started(settings_in(tmp_path), MemoryBroker())
        flusher.append(KEY, 0, record(0))
        flusher.append(KEY, 0, record(0))
        with pytest.raises(Ended, match="record 1 of the internal topic was skipped, 2 came"):
            flusher.append(KEY, 2, record(2))

    drive(scenario)


def test_a_full_disk_pauses_says_so_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = True

    def step(name: str) -> None:
        if full and name == "linked":
            raise OSError(errno.ENOSPC, "No space left on device")

    async def scenario() -> None:
        nonlocal full
        settings, broker = settings_in(tmp_path, flush_records=1), MemoryBroker()
        flusher = await started(settings, broker, step)
        flusher.append(KEY, 0, record(0))
        assert not await flusher.tick(), "to be tried again after a pause, not at once"
        assert "No space left" in flusher.failure
        assert flusher.is_paused
        assert broker.committed == []
        full = False
        monkeypatch.setattr("streams.flusher.time.monotonic", lambda: 1e12)
        await flusher.tick()
        assert flusher.failure == ""
        assert not flusher.is_paused
        flusher.append(KEY, 1, record(1))
        await flusher.tick()
        assert broker.committed[-1] == 2
        check_landing(settings, TOPIC_ID, {0: [0, 1]}, {0: 2})
        check_windows(settings, TOPIC_ID, [0])

    drive(scenario)


def test_a_lost_race_for_a_landing_file_is_made_good_by_loading_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        settings = settings_in(tmp_path, flush_records=1)
        mine, other = MemoryBroker(), MemoryBroker()
        flusher, rival = await started(settings, mine), await started(settings, other)
        for each in (flusher, rival):
            each.append(KEY, 0, record(0))
        await rival.tick()
        await flusher.tick()
        flusher.append(KEY, 1, record(1))
        await flusher.tick()
        assert mine.committed[-1] == 2
        check_landing(settings, TOPIC_ID, {0: [0, 1]}, {0: 2})
        check_windows(settings, TOPIC_ID, [0])

    drive(scenario)


def test_what_was_taken_away_during_a_flush_is_not_committed(tmp_path: Path) -> None:
    async def scenario() -> None:
        settings, broker = settings_in(tmp_path, flush_records=1, table_every_flushes=1), MemoryBroker()
        flusher = await started(settings, broker)
        broker.before_bucket = flusher.forget
        flusher.append(KEY, 0, record(0))
        await flusher.tick()
        assert broker.committed == []
        assert len(broker.table) == 1, "nor is the rest of the table written"

    drive(scenario)


def test_a_graceful_stop_lands_all_and_brings_the_table_up_to_date(tmp_path: Path) -> None:
    async def scenario() -> None:
        settings, broker = settings_in(tmp_path, table_every_flushes=100), MemoryBroker()
        flusher = await started(settings, broker)
        flusher.append(KEY, 0, record(0))
        await flusher.flush_all()
        assert broker.committed == [1]
        assert len(broker.table) == 32

    drive(scenario)


def test_the_byte_budget_pauses_consumption_until_it_is_flushed(tmp_path: Path) -> None:
    async def scenario() -> None:
        settings, broker = settings_in(tmp_path, flush_bytes=200, flush_seconds=3600.0), MemoryBroker()
        flusher = await started(settings, broker)
        for number in range(3):
            flusher.append(KEY, number, record(number))
        assert flusher.is_paused
        await flusher.tick()
        await asyncio.wait_for(flusher.room(), 5)
        assert broker.committed == [3]

    drive(scenario)


def test_a_partition_that_makes_no_progress_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        broker = MemoryBroker()
        flusher = await started(settings_in(tmp_path), broker)
        broker.end = 0
        monkeypatch.setattr("streams.flusher.time.monotonic", lambda: 1e11)
        flusher.watch()
        broker.end = 5
        for seconds in range(0, 60, 5):
            monkeypatch.setattr("streams.flusher.time.monotonic", lambda now=seconds: 1e11 + now)
            flusher.watch()
        monkeypatch.setattr("streams.flusher.time.monotonic", lambda: 1e11 + 64)
        with pytest.raises(Ended, match="no progress"):
            flusher.watch()

    drive(scenario)


def test_a_chain_ahead_of_its_topic_stops_the_start_with_a_clear_sentence(tmp_path: Path) -> None:
    async def scenario() -> None:
        settings, broker = settings_in(tmp_path), MemoryBroker()
        flusher = await started(settings, broker)
        flusher.append(KEY, 0, packed(0, 9, -1, []))
        await flusher.flush_all()
        await flusher.load({KEY: Owned(TOPIC_ID, 1, 10)})
        with pytest.raises(ConflictError, match="reaches source offset 9, but its topic ends at 9"):
            await flusher.load({KEY: Owned(TOPIC_ID, 1, 9)})

    drive(scenario)


def test_a_topic_that_is_made_anew_ends_the_process_before_anything_is_committed(tmp_path: Path) -> None:
    async def scenario() -> None:
        broker = MemoryBroker()
        flusher = await started(settings_in(tmp_path, flush_records=1), broker)
        flusher.append(
            KEY,
            0,
            packed(0, 0, -1, [(0, canonical_event("0", "a", "error", 1_000_000))], topic_id="left-over"),
        )
        await flusher.flush_all()
        assert broker.committed == [1], "what is left of a topic that is gone is skipped"
        broker.id = "new"
        flusher.append(
            KEY, 1, packed(0, 0, -1, [(0, canonical_event("0", "a", "error", 1_000_000))], topic_id="new")
        )
        with pytest.raises(Ended, match="made anew"):
            await flusher.flush_all()
        assert broker.committed == [1]

    drive(scenario)
