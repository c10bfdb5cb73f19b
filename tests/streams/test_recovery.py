"""A bucket of the table that is lost or old, when landing has been cleaned meanwhile: bronze has the rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import polars as pl
import pytest

from contracts.errors import ContractError
from contracts.sources import APP_EVENTS, CLICKSTREAM, Source
from tests.streams.feeding import canonical_click, canonical_event
from tests.streams.oracle import check_landing, check_windows, read_by_rule
from tests.streams.scenario import MICRO, TOPIC_ID, Scenario, flush, loaded, packed, temporary_settings
from tests.streams.session_oracle import check_sessions

EVENTS = [canonical_event(str(n), "u", "purchase", (100 + n) * MICRO, 0.25) for n in range(5)]
CLICKS = [canonical_click(str(n), "u", (100 + n) * MICRO, page=f"/{n}") for n in range(5)]


@pytest.mark.parametrize("source", [APP_EVENTS, CLICKSTREAM], ids=lambda source: source.name)
@pytest.mark.parametrize("kept", ["nothing", "an old table", "some of an old table"])
def test_what_is_open_keeps_all_of_its_events(source: Source, kept: str) -> None:
    with temporary_settings(window_seconds=60, session_gap_seconds=60) as conf:
        scenario = Scenario(conf, source, EVENTS if source is APP_EVENTS else CLICKS)
        scenario.play("step", 1)
        if kept != "nothing":
            scenario.play("table", 0)
        if kept == "some of an old table":
            scenario.table = {bucket: value for bucket, value in scenario.table.items() if bucket % 2}
        for _ in range(3):
            scenario.play("step", 1)
        scenario.clean()
        assert len(scenario.cleaned) == 3
        scenario.restart(torn=False)
        scenario.flush()
        scenario.finish()
        check_landing(conf, TOPIC_ID, {0: scenario.valid}, {0: 5}, source)
        if source is APP_EVENTS:
            assert check_windows(conf, TOPIC_ID, [0]) == 1
        else:
            assert check_sessions(conf, TOPIC_ID, [0]) == 1


def test_bronze_is_asked_for_the_days_that_can_matter_and_never_for_what_landing_has() -> None:
    noon = 1_795_000_000 - 1_795_000_000 % 86_400 + 43_200  # 2026-11-18T12:00:00Z
    asked: list[tuple[int, date]] = []

    def bronze(
        source: Source, topic_id: str, partition: int, offset: int, day: date
    ) -> Iterator[pl.DataFrame]:
        asked.append((offset, day))
        return iter(())

    with temporary_settings() as conf:
        partition = loaded(conf, APP_EVENTS)
        for offset in range(3):
            event = canonical_event(str(offset), "u", "login", (noon + offset) * MICRO)
            data = packed(offset, offset, offset - 1, [(offset, event)], kafka_seconds=noon + 9)
            partition.append(offset, data)
            flush(partition)
        loaded(conf, APP_EVENTS, None, bronze)
        assert asked == []
        newest = max((conf.data_root / "landing").rglob("*.parquet"))
        for path in (conf.data_root / "landing").rglob("*.parquet"):
            if path != newest:
                path.unlink()
        loaded(conf, APP_EVENTS, None, bronze)
        assert asked == [(2, date(2026, 11, 17))]


def test_a_bronze_that_cannot_tell_stops_no_worker(caplog: pytest.LogCaptureFixture) -> None:
    def bronze(*_: object) -> Iterator[pl.DataFrame]:
        raise ContractError("rows of two topics")

    with temporary_settings() as conf:
        scenario = Scenario(conf, APP_EVENTS, EVENTS)
        scenario.play("step", 1)
        scenario.play("step", 1)
        scenario.clean()
        partition = loaded(conf, APP_EVENTS, None, bronze)
        flush(partition)
        assert "which cannot give them (rows of two topics)" in caplog.text
        assert len(read_by_rule(conf)) == 1
