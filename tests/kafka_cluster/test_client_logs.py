"""A client library that repeats itself is heard once in a while; our own words always."""

from __future__ import annotations

import logging

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, GroupCoordinatorNotAvailableError

from kafka_cluster import client_logs


def record(name: str, message: str, *values: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "", 0, message, values, None)


def test_repetition_is_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(client_logs.time, "monotonic", lambda: now[0])
    thinned = client_logs.SameMessage()
    assert thinned.filter(record("aiokafka", "no node %s", 1))
    assert not thinned.filter(record("aiokafka", "no node %s", 2))
    assert thinned.filter(record("aiokafka.consumer", "another"))
    assert thinned.filter(record("streams", "ours")) and thinned.filter(record("streams", "ours"))
    now[0] += client_logs.SAME_SECONDS
    assert thinned.filter(record("aiokafka", "no node %s", 1))


def test_what_the_client_tries_again_is_a_warning() -> None:
    thinned = client_logs.SameMessage()
    passing = record("aiokafka.consumer", "no coordinator: %s", GroupCoordinatorNotAvailableError())
    lasting = record("aiokafka.consumer", "refused: %s", GroupAuthorizationFailedError("group"))
    assert thinned.filter(passing) and thinned.filter(lasting)
    assert (passing.levelno, passing.levelname) == (logging.WARNING, "WARNING")
    assert (lasting.levelno, lasting.levelname) == (logging.ERROR, "ERROR")
