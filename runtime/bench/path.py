"""Generated events through the whole path, and every figure on the other side compared with the input's own.

Counts only what carries the set's marker, so it may run on a platform that holds other data.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from msgspec import Struct
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from contracts.configuration import Resolved
from contracts.errors import DependencyError, PlatformError
from contracts.settings import Settings
from contracts.sources import APP_EVENTS, DEAD_LETTER_TOPIC
from kafka_cluster.security import librdkafka_options
from runtime.bench.acceptance_data import AcceptanceData, Metric, write
from runtime.bench.api_client import ApiClient
from runtime.topology.environment import background_environment
from runtime.topology.state import read_snapshot

POLL_SECONDS = 1.0


class Check(Struct, kw_only=True):
    """One figure: what the input says, what the platform says, and how long it took to agree."""

    name: str
    expected: Any
    found: Any
    seconds: float
    """From the start of the first run of `dp produce`."""

    @property
    def passed(self) -> bool:
        return bool(self.expected == self.found)


def produce(resolved: Resolved, lines: list[bytes]) -> None:
    """Sends lines with `dp produce`, as a user would. Raises PlatformError with its last words."""
    with tempfile.TemporaryDirectory(prefix="dp-bench-") as folder:
        path = Path(folder) / "events.ndjson.gz"
        write(lines, path)
        _dp(resolved, "produce", APP_EVENTS.topic, str(path))


def restart(resolved: Resolved) -> None:
    """`dp down`, then `dp up --detach` of the same kind. Raises PlatformError with their last words."""
    options = []
    snapshot = read_snapshot(resolved.settings)
    if snapshot is not None:
        options += ["--engine", snapshot.engine or resolved.settings.lakehouse.engine]
        if not any(service.name.endswith("-simulator") for service in snapshot.services):
            options.append("--no-simulators")
    _dp(resolved, "down")
    _dp(resolved, "up", "--detach", *options)


def _dp(resolved: Resolved, *arguments: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "runtime", *arguments],
        env=background_environment(resolved),
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        said = run.stderr.strip() or run.stdout.strip()
        raise PlatformError(f"dp {arguments[0]} ended with {run.returncode}: {said[-500:]}")


def dead_letter_end(settings: Settings) -> int:
    """The offset of the next dead letter. Raises DependencyError."""
    consumer = _consumer(settings)
    try:
        return _end(consumer)
    except KafkaException as error:
        raise DependencyError(f"no broker answers at {settings.bootstrap_servers}: {error}") from error
    finally:
        consumer.close()


@retry(
    retry=retry_if_exception_type(KafkaException),
    wait=wait_exponential_jitter(multiplier=1.0, max=5.0),
    stop=stop_after_delay(90),
    reraise=True,
)
def _end(consumer: Consumer) -> int:
    """The next offset of dead_letter; a broker that is being restarted is waited for."""
    return int(consumer.get_watermark_offsets(TopicPartition(DEAD_LETTER_TOPIC, 0), timeout=30)[1])


def verify(
    settings: Settings, data: AcceptanceData, *, first_dead_letter: int, began: float, timeout: float
) -> Iterator[Check]:
    """Waits for each figure in the order of the path, ``timeout`` seconds in all; yields them as they settle.

    ``first_dead_letter`` is the offset before the set was sent, ``began`` the monotonic time of that.
    A figure that goes past what is expected settles at once: it cannot come back.
    """
    deadline = time.monotonic() + timeout
    total = data.events + data.duplicates
    own = f"starts_with(event_id, '{data.marker}')"

    with ApiClient(settings) as api:

        def one(sql: str) -> Any:
            return api.rows(sql)[0][0]

        def settled(name: str, expected: Any, ask: Callable[[], Any], *, wait: bool = True) -> Check:
            while True:
                found = ask()
                beyond = isinstance(expected, int) and isinstance(found, int) and found > expected
                if found == expected or beyond or not wait or time.monotonic() > deadline:
                    seconds = round(time.monotonic() - began, 1)
                    return Check(name=name, expected=expected, found=found, seconds=seconds)
                time.sleep(POLL_SECONDS)

        bronze, silver = APP_EVENTS.bronze_table, "app_events_silver"
        yield settled("bronze rows", total, lambda: one(f"SELECT count(*) FROM {bronze} WHERE {own}"))
        positions = "DISTINCT (source_topic, source_partition, source_offset)"
        yield settled(
            "bronze source positions",
            total,
            lambda: one(f"SELECT count({positions}) FROM {bronze} WHERE {own}"),
            wait=False,
        )
        letters = DeadLetters(settings, data.marker, first_dead_letter)
        yield settled("dead letters", data.malformed.total(), letters.count)
        yield settled("… each with a reason", data.malformed.total(), lambda: letters.reasons, wait=False)
        yield settled("silver rows", data.events, lambda: one(f"SELECT count(*) FROM {silver} WHERE {own}"))
        yield settled(
            "silver event ids",
            data.events,
            lambda: one(f"SELECT count(DISTINCT event_id) FROM {silver} WHERE {own}"),
            wait=False,
        )
        yield settled("silver sample, wrong values", [], lambda: _wrong(api, silver, data), wait=False)
        kinds = f"starts_with(event_type, '{data.marker}')"
        yield settled(
            "gold total_events",
            data.events,
            lambda: int(one(f"SELECT coalesce(sum(total_events), 0) FROM event_metrics_gold WHERE {kinds}")),
        )
        yield settled("gold rows that differ", 0, lambda: len(differing(_gold(api, kinds), data)))


class DeadLetters:
    """Counts a set's dead letters, reading on from where it stopped.

    A refusal is counted once, by its source position: ingestion that was killed before it had committed
    writes the same dead letter again.
    """

    def __init__(self, settings: Settings, marker: str, first: int) -> None:
        self._settings = settings
        self._marker = marker.encode()
        self._next = first
        self._reasons: dict[str, str] = {}
        self.repeated = 0
        """Dead letters that were there already."""

    def count(self) -> int:
        """Dead letters of the set so far."""
        consumer = _consumer(self._settings)
        try:
            end = _end(consumer)
            consumer.assign([TopicPartition(DEAD_LETTER_TOPIC, 0, self._next)])
            while self._next < end:
                messages = consumer.consume(1000, timeout=5.0)
                if not messages:
                    break  # what lies before the end may be a transaction marker; or the broker is away
                for message in messages:
                    if message.error() is None:
                        self._next = int(message.offset() or 0) + 1
                        self._take(message.value() or b"")
        except KafkaException as error:
            raise DependencyError(f"dead letters: {error}") from error
        finally:
            consumer.close()
        return len(self._reasons)

    @property
    def reasons(self) -> int:
        """How many of them carry a reason."""
        return sum(map(bool, self._reasons.values()))

    def _take(self, value: bytes) -> None:
        letter = json.loads(value)
        if "reason" not in letter:
            return  # a note of a replay
        raw = base64.b64decode(letter.get("raw") or "")
        if self._marker in raw:
            self.repeated += letter["origin"] in self._reasons
            self._reasons[letter["origin"]] = letter["reason"]


def differing(found: dict[Metric, tuple[int, int, float]], data: AcceptanceData) -> list[Metric]:
    """Rows of event_metrics_gold whose events, users or sum of values are not those of the input."""
    expected = {key: (row.events, row.users, row.value) for key, row in data.metrics.items()}
    return [key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)]


def _gold(api: ApiClient, kinds: str) -> dict[Metric, tuple[int, int, float]]:
    rows = api.rows(
        "SELECT metric_date::VARCHAR, metric_hour, event_type, app_type, total_events, unique_users, "
        f"coalesce(total_event_value, 0) FROM event_metrics_gold WHERE {kinds}"
    )
    return {Metric(*row[:4]): (row[4], row[5], float(row[6])) for row in rows}


_COMPARED = (
    "user_id", "session_id", "event_type", "app_type", "platform", "app_version", "country", "event_value",
    "response_time_ms", "status_code", "error_code",
)  # fmt: skip


def _wrong(api: ApiClient, table: str, data: AcceptanceData) -> list[str]:
    """`event_id.column` of every value of the sample that silver has otherwise than it was sent."""
    ids = ", ".join(f"'{event_id}'" for event_id in data.sample)
    rows = api.rows(
        f"SELECT event_id, epoch_us(event_timestamp), properties, {', '.join(_COMPARED)} "
        f"FROM {table} WHERE event_id IN ({ids})"
    )
    wrong = []
    for event_id, at, properties, *values in rows:
        sent = data.sample[event_id]
        moment = datetime.fromisoformat(sent["event_timestamp"])
        if at != (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1):
            wrong.append(f"{event_id}.event_timestamp")
        kept = (sent.get("properties") or {}) | {k: sent[k] for k in ("experiment",) if k in sent}
        if (json.loads(properties) if properties else {}) != kept:
            wrong.append(f"{event_id}.properties")
        wrong += [
            f"{event_id}.{column}"
            for column, value in zip(_COMPARED, values, strict=True)
            if value != sent.get(column)
        ]
    missing = data.sample.keys() - {row[0] for row in rows}
    return wrong + [f"{event_id} missing" for event_id in sorted(missing)]


def _consumer(settings: Settings) -> Consumer:
    return Consumer(
        librdkafka_options(settings)
        | {"group.id": "dp-bench", "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    )
