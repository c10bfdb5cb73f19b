"""The number of files follows the flushes, never the events' times.

Covers, of the cases under "Events and collection": out-of-order hour edges give no file per event.
"""

from __future__ import annotations

from contracts.layout import view_folder
from contracts.sources import APP_EVENTS
from tests.streams.feeding import canonical_event
from tests.streams.oracle import chain_files
from tests.streams.scenario import MICRO, TOPIC_ID, flush, loaded, packed, temporary_settings

MIDNIGHT = 86_400
EVENTS = 600


def test_events_to_and_fro_over_an_hour_that_is_also_midnight() -> None:
    with temporary_settings() as conf:
        partition = loaded(conf, APP_EVENTS)
        for number in range(3):
            first = number * EVENTS
            events = [
                (
                    offset,
                    canonical_event(
                        str(offset), "u", "login", (MIDNIGHT + (-1) ** offset * (offset % 60)) * MICRO
                    ),
                )
                for offset in range(first, first + EVENTS)
            ]
            partition.append(number, packed(first, first + EVENTS - 1, first - 1, events))
            flush(partition)
        assert len(chain_files(conf, APP_EVENTS, TOPIC_ID, 0)) == 3, "one a flush"
        views = list(view_folder(conf, "events_aggregated_realtime").rglob("*.parquet"))
        days = {path.relative_to(view_folder(conf, "events_aggregated_realtime")).parts[0] for path in views}
        assert days == {"date=1970-01-01", "date=1970-01-02"}
        assert len(views) <= 3 * 2, "one a flush and day"
