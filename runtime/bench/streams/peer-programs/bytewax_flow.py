"""Bytewax: one-minute windows by event time of (user_id, event_type, app_type), into Parquet.

Its windows are of a key, and each key that a batch touches costs it a call into Python. So its keys are
shards of users, and the three keys are told apart within the window's value: a tenth of the CPU of a key of
the three. Two of its defaults would spoil it as well: folding in the order of time sorts what waits again and
again, and waking at the wall clock's time wakes every window at every step where events are old.
"""

# Runs in an environment of its own, where our checkers do not look.
# mypy: ignore-errors
# ruff: noqa: T201

import os
import sys
import uuid
from datetime import UTC, datetime, timedelta

import bytewax.operators as op
import bytewax.operators.windowing as win
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.run import cli_main

bootstrap, topic, total, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
first, last = 0.15 * total, 0.95 * total
seen = 0


class Event(msgspec.Struct, gc=False):
    user_id: str
    event_type: str
    app_type: str
    event_timestamp: datetime
    event_value: float | None = None


decode = msgspec.json.Decoder(Event).decode


def keyed(messages):
    global seen
    before, seen = seen, seen + len(messages)
    if before < first <= seen or before < last <= seen:
        print(f"mark {seen}", flush=True)
    events = [decode(message.value) for message in messages]
    return [(event.user_id[-1:], event) for event in events]


def add(windows, event):
    key = (event.user_id, event.event_type, event.app_type)
    known = windows.get(key)
    value = event.event_value or 0.0
    if known is None:
        windows[key] = [1, value]
    else:
        known[0] += 1
        known[1] += value
    return windows


def merge(some, others):
    for key, (count, value) in others.items():
        known = some.setdefault(key, [0, 0.0])
        known[0] += count
        known[1] += value
    return some


class Parquet(DynamicSink):
    def build(self, step_id, worker_index, worker_count):
        return ParquetPart()


class ParquetPart(StatelessSinkPartition):
    def __init__(self):
        self.rows = []

    def write_batch(self, items):
        for _, (window, sums) in items:
            self.rows.extend((window, *key, *sum_) for key, sum_ in sums.items())
        if len(self.rows) > 50_000:
            self.close()

    def close(self):
        if self.rows:
            windows, users, types, apps, counts, totals = zip(*self.rows, strict=True)
            table = pa.table(
                {
                    "window": windows,
                    "user_id": users,
                    "event_type": types,
                    "app_type": apps,
                    "event_count": counts,
                    "event_value_sum": totals,
                }
            )
            pq.write_table(table, f"{folder}/{uuid.uuid4().hex}.parquet")
            self.rows = []


flow = Dataflow("bench")
stream = kop.input("in", flow, brokers=[bootstrap], topics=[topic], tail=False, batch_size=5_000)
events = op.flat_map_batch("decode", stream.oks, keyed)
windows = win.fold_window(
    "windows",
    events,
    win.EventClock(
        lambda event: event.event_timestamp, timedelta(seconds=120), to_system_utc=lambda moment: None
    ),
    win.TumblingWindower(timedelta(minutes=1), datetime(2026, 1, 1, tzinfo=UTC)),
    dict,
    add,
    merge,
    ordered=False,
)
op.output("out", windows.down, Parquet())
cli_main(flow, workers_per_process=int(os.environ.get("BENCH_WORKERS", "1")))
