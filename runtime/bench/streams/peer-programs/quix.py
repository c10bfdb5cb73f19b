"""Quix Streams: one-minute windows by event time of (user_id, event_type, app_type), into Parquet.

Its windows are of a message's key, which is the user; the two other keys are told apart within the window's
value, which spares it the repartitioning that ``group_by`` would cost.
"""

# Runs in an environment of its own, where our checkers do not look.
# mypy: ignore-errors
# ruff: noqa: T201

import sys
from datetime import datetime

from quixstreams import Application
from quixstreams.sinks.community.file.formats import ParquetFormat
from quixstreams.sinks.community.file.local import LocalFileSink

bootstrap, topic_name, total, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
seen = 0


def event_time(value, headers, timestamp, timestamp_type):
    global seen
    seen += 1
    if seen in (first, last):
        print(f"mark {seen}", flush=True)
    return int(datetime.fromisoformat(value["event_timestamp"]).timestamp() * 1000)


def begin(event):
    return add({}, event)


def add(windows, event):
    key = f"{event['event_type']}|{event['app_type']}"
    known = windows.get(key)
    value = event["event_value"] or 0.0
    if known is None:
        windows[key] = [1, value]
    else:
        known[0] += 1
        known[1] += value
    return windows


def rows(window):
    return [
        {"window_start": window["start"], "key": key, "event_count": count, "event_value_sum": value}
        for key, (count, value) in window["value"].items()
    ]


first, last = int(0.15 * total), int(0.95 * total)
app = Application(
    broker_address=bootstrap,
    consumer_group="bench-quix",
    auto_offset_reset="earliest",
    state_dir=f"{folder}/state",
    loglevel="WARNING",
    commit_interval=5.0,
)
topic = app.topic(topic_name, value_deserializer="json", timestamp_extractor=event_time)
frame = app.dataframe(topic)
frame = frame.tumbling_window(60_000, grace_ms=120_000).reduce(reducer=add, initializer=begin).final()
frame = frame.apply(rows, expand=True)
# The folder is below the one that this runs in: a sink takes no path with a hyphen.
frame.sink(LocalFileSink(directory="parquet", format=ParquetFormat()))
app.run()
