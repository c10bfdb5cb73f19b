"""Faults on purpose: malformed, duplicate and late records, to show that the platform copes with them."""

from __future__ import annotations

import json
from collections import Counter, deque
from random import Random
from typing import Any

from contracts.sources import CDC_CHANGES, source_of_topic
from simulators.behaviour import Record, Simulator, encode
from simulators.population import SECOND

LATEST_KEPT = 200
"""Records that a duplicate is taken from."""
LEAST_LATE, MOST_LATE = 10 * 60 * SECOND, 6 * 3600 * SECOND


class Faults:
    """Passes a simulator's records on, a share of them spoilt. With share 0 it draws no random number."""

    def __init__(self, simulator: Simulator, share: float, run: Random) -> None:
        self._simulator = simulator
        self._share = share
        self._run = run
        self._latest: deque[Record] = deque(maxlen=LATEST_KEPT)
        self.counts: Counter[str] = Counter()
        """Faults made so far, by kind: `malformed`, `duplicate`, `late`."""

    def next(self, at: int) -> Record:
        """The record of the slot at ``at`` (UTC microseconds)."""
        if self._share <= 0:
            return self._simulator.next(at)
        if self._run.random() >= self._share:
            return self._keep(self._simulator.next(at))
        kind = self._run.choice(("malformed", "duplicate", "late"))
        if kind == "duplicate" and not self._latest:
            return self._keep(self._simulator.next(at))
        self.counts[kind] += 1
        if kind == "duplicate":
            return self._run.choice(self._latest)
        if kind == "late":
            return self._keep(self._simulator.next(at, late=self._run.randrange(LEAST_LATE, MOST_LATE)))
        record = self._simulator.next(at)
        return record._replace(value=self._spoil(record))

    def _keep(self, record: Record) -> Record:
        self._latest.append(record)
        return record

    def _spoil(self, record: Record) -> bytes:
        """A value that is certainly invalid for the record's topic."""
        value = record.value or b"{}"
        kind = self._run.randrange(5)
        if kind == 0 and len(value) > 2:
            return value[: self._run.randrange(1, len(value))]  # cut off
        if kind == 1:
            return b"<html>502 Bad Gateway</html>"
        if kind == 2:
            return b"[" + value + b"]"
        event: dict[str, Any] = json.loads(value)
        if record.topic == CDC_CHANGES.topic:
            event["op"] = "x" if kind == 3 else 7
            event.setdefault("source", None)
            return encode(event)
        field = source_of_topic(record.topic).time_field
        if kind == 3:
            event.pop(field, None)
        else:
            event[field] = "yesterday"
        return encode(event)
