"""Seeded landing of three days: users that agree across the sources, duplicates, late and odd records."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.sources import APP_EVENTS, CDC_CHANGES, CLICKSTREAM, EXTERNAL_DATA, USERS, Source

Row = dict[str, Any]
START = datetime(2026, 3, 4, tzinfo=UTC)
USERS_ALL = ["u1", "u2", "é🤦🏼‍♂️", "O'Neill", "u 5", "u6", "U6"]
MINUTE = timedelta(minutes=1)


def batches(seed: int, rounds: int = 6, size: int = 24) -> Iterator[list[tuple[Source, int, list[Row]]]]:
    """For each round the files that land: (source, partition, rows). Time goes on to three days."""
    chance = random.Random(seed)
    sequence = 0
    stride = 72 // rounds
    past: dict[str, list[Row]] = {source.name: [] for source in (APP_EVENTS, CLICKSTREAM, EXTERNAL_DATA)}
    for number in range(rounds):
        now = START + timedelta(hours=stride * (number + 1))

        def moment(now: datetime = now, stride: int = stride) -> datetime:
            at = now - timedelta(minutes=chance.randrange(60 * stride), microseconds=chance.randrange(10**6))
            if chance.random() < 0.1:
                at -= timedelta(hours=chance.randrange(1, 60))
            return max(at, START)

        landed: list[tuple[Source, int, list[Row]]] = []
        for partition in (0, 1):
            for source, make in ((APP_EVENTS, event), (CLICKSTREAM, click), (EXTERNAL_DATA, observation)):
                rows = [make(chance, moment(), f"{number}-{partition}-{n}") for n in range(size)]
                known = past[source.name]
                again = [dict(row) for row in chance.sample(known, min(len(known), size // 8))]
                for row in again[: len(again) // 2]:
                    row[source.time_field] += chance.choice([1, -1]) * chance.choice([MINUTE, 3 * MINUTE])
                rows += again + [dict(row) for row in rows[:2]]
                known += rows
                landed.append((source, partition, rows))
            landed.append((USERS, partition, [profile(chance, moment()) for _ in range(size // 4)]))
        changes = []
        for _ in range(size):
            sequence += chance.choice([0, 1, 1, 3])
            changes.append(
                {**change(chance, moment(), sequence), "change_id": f"t/0/{number}-{sequence}-{len(changes)}"}
            )
        landed.append((CDC_CHANGES, 0, changes))
        yield landed


def event(chance: random.Random, at: datetime, name: str) -> Row:
    kind = chance.choice(["login", "purchase", "page_view", "error", "logout"])
    return {
        "event_id": f"e-{name}",
        "user_id": chance.choice(USERS_ALL),
        "event_type": kind,
        "app_type": chance.choice(["web", "mobile"]),
        "event_timestamp": at,
        "event_value": chance.choice([None, 9.99, 0.1, 1e9, -5.0, float("nan"), float("inf")])
        if kind == "purchase"
        else None,
        "response_time_ms": chance.choice([None, 12.5, 80.0, chance.random() * 1000]),
        "status_code": chance.choice([None, 200, 204, 302, 404, 500]),
        "error_code": chance.choice([None, None, None, "E1"]),
        "is_late": chance.random() < 0.1,
    }


def click(chance: random.Random, at: datetime, name: str) -> Row:
    return {
        "click_id": f"c-{name}",
        "user_id": chance.choice(USERS_ALL),
        "session_id": chance.choice([None, None, "s1", "s2"]),
        "click_timestamp": at,
        "action": chance.choice(["page_view", "page_view", "click", "scroll"]),
        "page_url": f"https://shop.example/{chance.randrange(9)}",
        "referrer_url": chance.choice([None, "https://search.example/"]),
        "device_type": chance.choice([None, "phone"]),
    }


def observation(chance: random.Random, at: datetime, name: str) -> Row:
    return {
        "record_id": f"r-{name}",
        "source": "fx",
        "metric": "eur",
        "value": chance.random(),
        "observed_at": at,
    }


def profile(chance: random.Random, at: datetime) -> Row:
    return {
        "user_id": chance.choice([*USERS_ALL, "silent"]),
        "updated_at": at.replace(minute=0, second=0, microsecond=0),
        "name": chance.choice([None, "Ada", "Åsa"]),
        "plan": chance.choice([None, "free", "pro"]),
        "country": chance.choice([None, "DE"]),
        "is_active": chance.choice([None, True, False]),
        "signup_timestamp": chance.choice([None, START]),
    }


def change(chance: random.Random, at: datetime, sequence: int) -> Row:
    kind = chance.choices(["upsert", "delete", "truncate", "snapshot"], [10, 3, 1, 3])[0]
    row: Row = {"commit_timestamp": at, "sequence": f"{sequence:020d}", "before": None, "after": None}
    row |= {"table": chance.choice(["orders", "a b/é"]), "unavailable_columns": []}
    if kind == "truncate":
        return row | {"op": "t", "operation": "TRUNCATE", "key": None}
    number = chance.randrange(6)
    row["key"] = json.dumps({"id": number})
    if kind == "delete":
        return row | {"op": "d", "operation": "DELETE"}
    after = {"id": number, "state": chance.choice(["new", "paid"]), "note": f"note {chance.randrange(9)}"}
    if kind == "snapshot":
        return row | {"op": "r", "operation": "INSERT", "is_snapshot": True, "after": json.dumps(after)}
    if chance.random() < 0.3:
        del after["note"]
        row["unavailable_columns"] = ["note"]
    return row | {"op": "u", "operation": "UPDATE", "after": json.dumps(after)}
