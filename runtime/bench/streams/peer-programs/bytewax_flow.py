"""Bytewax: one-minute windows by event time of (user_id, event_type, app_type), into Parquet."""

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


class Event(msgspec.Struct):
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
    return [(f"{event.user_id}|{event.event_type}|{event.app_type}", event) for event in events]


def add(known, event):
    return known[0] + 1, known[1] + (event.event_value or 0.0)


class Parquet(DynamicSink):
    def build(self, step_id, worker_index, worker_count):
        return ParquetPart()


class ParquetPart(StatelessSinkPartition):
    def __init__(self):
        self.rows = []

    def write_batch(self, items):
        self.rows.extend(items)
        if len(self.rows) > 50_000:
            self.close()

    def close(self):
        if self.rows:
            keys, values = zip(*self.rows, strict=True)
            windows, sums = zip(*values, strict=True)
            counts, totals = zip(*sums, strict=True)
            table = pa.table({"key": keys, "window": windows, "event_count": counts, "value": totals})
            pq.write_table(table, f"{folder}/{uuid.uuid4().hex}.parquet")
            self.rows = []


flow = Dataflow("bench")
stream = kop.input("in", flow, brokers=[bootstrap], topics=[topic], tail=False, batch_size=5_000)
events = op.flat_map_batch("decode", stream.oks, keyed)
windows = win.fold_window(
    "windows",
    events,
    win.EventClock(lambda event: event.event_timestamp, timedelta(seconds=120)),
    win.TumblingWindower(timedelta(minutes=1), datetime(2026, 1, 1, tzinfo=UTC)),
    lambda: (0, 0.0),
    add,
    lambda a, b: (a[0] + b[0], a[1] + b[1]),
)
op.output("out", windows.down, Parquet())
cli_main(flow, workers_per_process=int(os.environ.get("BENCH_WORKERS", "1")))
