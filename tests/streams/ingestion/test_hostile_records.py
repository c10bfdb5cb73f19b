"""Hostile records against the decoder: each is an event, a dead letter or a known other message, as built."""

from __future__ import annotations

from collections import defaultdict

import pytest

from contracts.settings import Settings
from contracts.sources import SOURCES, Source
from kafka_cluster import dead_letters
from streams import packing
from streams.frames import Accepted, landing_frame
from streams.ingestion.decoding import BatchDecoder
from streams.payload import to_payload
from tests.streams.ingestion.event_records import NOW, columns
from tests.streams.ingestion.event_records import Record as EventRecord
from tests.streams.ingestion.hostile import ANY, Hostile, records

COUNT, HUGE, BATCH = 3_000, 5, 100


@pytest.fixture(scope="module")
def sent() -> dict[str, list[Hostile]]:
    by_source = defaultdict(list)
    for record in records(20_261_125, COUNT, huge=HUGE):
        by_source[record.source.name].append(record)
    return by_source


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_each_has_the_fate_that_it_was_built_for(source: Source, sent: dict[str, list[Hostile]]) -> None:
    decoder = BatchDecoder(Settings(), source)
    mine = sent[source.name]
    found = {}
    for first in range(0, len(mine), BATCH):
        batch = [
            EventRecord(each.value, offset, source.topic, key=each.key, headers=each.headers)
            for offset, each in enumerate(mine[first : first + BATCH], first)
        ]
        decoded = decoder.decode(columns(batch), NOW)
        found.update(dict.fromkeys(decoded.offsets, "valid"))
        for rejected in decoded.rejected:
            found[rejected.record.offset] = "invalid"
            letter = dead_letters.decode(
                dead_letters.encode(dead_letters.dead_letter(rejected.record, rejected.error))
            )
            assert isinstance(letter, dead_letters.DeadLetter)
            assert letter.reason.startswith(("$", "key"))
            assert letter.kind != "undecodable", "a case that decoding does not know"
        skipped = len(batch) - len(decoded.offsets) - len(decoded.rejected)
        assert skipped == decoded.skipped.total()
        record = packing.encode(
            topic_id="t",
            prev=first - 1,
            first=first,
            through=first + len(batch) - 1,
            ingest_timestamp=NOW,
            offsets=decoded.offsets,
            source_timestamps_ms=decoded.timestamps_ms,
            source_systems=decoded.systems,
            payload=to_payload([decoded.rows]),
        )
        # One row that the worker could not read would take its whole batch along.
        frame = landing_frame(source, 0, [Accepted(packing.decode(record), first - 1)])
        assert frame["source_offset"].to_list() == decoded.offsets
    wrong = [
        (each.mould, each.fate, found.get(offset, "skipped"), (each.value or b"")[:200])
        for offset, each in enumerate(mine)
        if each.fate not in (found.get(offset, "skipped"), ANY)
    ]
    assert wrong == []
    assert {each.fate for each in mine} >= {"valid", "invalid"}
