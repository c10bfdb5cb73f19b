"""The followed dead-letter topic, against plain counting of what was written into it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from contracts.errors import DependencyError, InvalidRecord
from contracts.settings import Settings
from kafka_cluster import dead_letter_log
from kafka_cluster.dead_letter_box import Note, Places
from kafka_cluster.dead_letter_log import DeadLetterLog
from kafka_cluster.dead_letters import ATTEMPTS_HEADER, ORIGIN_HEADER, Replayed, dead_letter, decode, encode

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Topic:
    """Stands in for the topic, one partition: records, where it begins, and a broker that may be away."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.begin = 0
        self.is_up = True
        self.read: list[int] = []

    def refuse(
        self, number: int, *, kind: str = "wrong_type", value: bytes = b"{}", attempts: int = 1
    ) -> None:
        headers = []
        if attempts > 1:
            origin = f"topic_users/0/{number}"
            headers = [(ATTEMPTS_HEADER, str(attempts - 1).encode()), (ORIGIN_HEADER, origin.encode())]
        record = SimpleNamespace(
            topic="topic_users",
            partition=0,
            offset=number if attempts == 1 else 10_000 + number,
            timestamp=0,
            value=value,
            key=None,
            headers=headers,
        )
        letter = dead_letter(record, InvalidRecord(f"reason {kind}", kind=kind))
        letter.dead_lettered_at = AT + timedelta(seconds=len(self.records))
        self.records.append(encode(letter))

    def replay(self, number: int, attempts: int = 1) -> None:
        self.records.append(
            encode(Replayed(origin=f"topic_users/0/{number}", attempts=attempts, replayed_at=AT))
        )

    async def notes(self, settings: Settings, places: Places, seconds: float) -> AsyncIterator[Note]:
        if not self.is_up:
            raise DependencyError("no broker answers")
        if places.next.get(0, 0) > len(self.records):
            places.next, places.times_anew = {}, places.times_anew + 1
        places.begin[0] = self.begin
        for offset in range(max(places.next.get(0, 0), self.begin), len(self.records)):
            self.read.append(offset)
            places.next[0] = offset + 1
            yield Note(0, offset, decode(self.records[offset]))


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Topic:
    made = Topic()
    monkeypatch.setattr(dead_letter_log, "read_notes", made.notes)
    monkeypatch.setattr(dead_letter_log.connections, "check_reachable", lambda *_: None)
    return made


def test_each_refused_record_counts_once_and_is_read_once(topic: Topic) -> None:
    log = DeadLetterLog(Settings())
    for number in (1, 2, 2, 3):  # ingestion may send one twice
        topic.refuse(number)
    topic.refuse(4, kind="too_large")
    seen = log.look()
    assert (seen.total, seen.replayed, seen.complete) == (4, 0, True)
    assert [(one.source, one.kind, one.reason, one.count) for one in seen.reasons] == [
        ("users", "wrong_type", "$: reason wrong_type", 3),
        ("users", "too_large", "$: reason too_large", 1),
    ]
    assert seen.reasons[0].newest == AT + timedelta(seconds=3)
    topic.replay(1)
    topic.replay(2)
    topic.refuse(2, attempts=2)
    again = log.look()
    assert (again.total, again.replayed) == (4, 1)
    letters = {letter.origin: letter for letter in again.letters["users", "wrong_type"]}
    assert [letter.attempts for letter in letters.values()] == [2, 1, 1]  # the newest refusal first
    assert {origin: letter.replayed for origin, letter in letters.items()} == {
        "topic_users/0/2": False,
        "topic_users/0/3": False,
        "topic_users/0/1": True,
    }
    assert letters["topic_users/0/2"].position == "dead_letter/0/7"
    log.look()
    assert topic.read == list(range(8))


def test_memory_is_bounded(topic: Topic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letter_log, "MOST_LETTERS", 50)
    monkeypatch.setattr(dead_letter_log, "MOST_WHOLE", 5)
    monkeypatch.setattr(dead_letter_log, "MOST_KINDS", 3)
    log = DeadLetterLog(Settings())
    for number in range(200):
        topic.refuse(number, kind=f"kind {number % 4}", value=b"x" * 10_000)
    seen = log.look()
    assert (seen.total, seen.complete) == (50, False)
    assert {kind: len(kept) for (_, kind), kept in seen.letters.items()} == dict.fromkeys(
        ["kind 0", "kind 1", "kind 2"], 5
    )
    kept = [letter for letter in log._letters.values() if letter.raw is not None]
    assert len(kept) == 15
    assert {(len(letter.raw or b""), letter.raw_bytes) for letter in kept} == {(4096, 10_000)}


def test_what_retention_has_cut_and_a_topic_made_anew(topic: Topic) -> None:
    log = DeadLetterLog(Settings())
    for number in range(10):
        topic.refuse(number)
    assert log.look().total == 10
    topic.begin = 7
    assert log.look().total == 3
    topic.records, topic.begin = [], 0
    assert log.look().total == 0
    topic.refuse(77)
    assert [one.origin for one in log.look().letters["users", "wrong_type"]] == ["topic_users/0/77"]
    topic.records = []
    topic.refuse(78)
    topic.begin = 0
    log.look()
    for number in range(5):
        topic.refuse(number)
    assert log.look().total == 6


def test_a_broker_that_is_away_is_said_and_then_read_on(topic: Topic) -> None:
    log = DeadLetterLog(Settings())
    topic.refuse(1)
    log.look()
    topic.is_up = False
    with pytest.raises(DependencyError):
        log.look()
    topic.is_up = True
    topic.refuse(2)
    assert log.look().total == 2
    assert topic.read == [0, 1]


def test_a_topic_that_takes_long_is_read_in_parts(topic: Topic, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = topic.notes

    async def slow(*asked: Any) -> AsyncIterator[Note]:
        count = 0
        async for note in whole(*asked):
            yield note
            count += 1
            if count == 3:
                await asyncio.Event().wait()

    monkeypatch.setattr(dead_letter_log, "read_notes", slow)
    monkeypatch.setattr(dead_letter_log, "LOOK_SECONDS", 0.05)
    for number in range(5):
        topic.refuse(number)
    log = DeadLetterLog(Settings())
    first = log.look()
    assert first.total == 3 and not first.complete
    last = log.look()
    assert last.total == 5 and last.complete
