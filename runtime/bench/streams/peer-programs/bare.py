"""The limit: aiokafka's fetching and msgspec's decoding, and nothing done with the events."""

# Runs in an environment of its own, where our checkers do not look.
# mypy: ignore-errors
# ruff: noqa: T201

from __future__ import annotations

import asyncio
import sys

import msgspec
from aiokafka import AIOKafkaConsumer


class Event(msgspec.Struct):
    event_id: str
    user_id: str
    event_type: str
    app_type: str
    event_timestamp: str
    event_value: float | None = None


async def main(bootstrap: str, topic: str, total: int) -> None:
    decode = msgspec.json.Decoder(Event).decode
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id="bench-bare", auto_offset_reset="earliest"
    )
    await consumer.start()
    seen, marked = 0, False
    while seen < 0.95 * total:
        for records in (await consumer.getmany(timeout_ms=1000)).values():
            for record in records:
                decode(record.value)
            seen += len(records)
        if not marked and seen >= 0.15 * total:
            print(f"mark {seen}", flush=True)
            marked = True
    print(f"mark {seen}", flush=True)
    await asyncio.sleep(1)
    await consumer.stop()


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
