"""The benchmarks' own arithmetic, and the generated events against ingestion's contract."""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from contracts import configuration
from contracts.events import AppEvent
from contracts.settings import Paths, Settings
from contracts.sources import APP_EVENTS
from runtime.bench.acceptance_data import AcceptanceData, Metric, generate, write
from runtime.bench.freshness import LandingWatch, Window, ages
from runtime.bench.path import differing
from runtime.cli import main

END = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def data() -> AcceptanceData:
    return generate(3000, 100, 82, seed=4, end=END)


def test_the_same_arguments_are_the_same_bytes(data: AcceptanceData) -> None:
    assert generate(3000, 100, 82, seed=4, end=END).lines == data.lines
    assert generate(3000, 100, 82, seed=5, end=END).marker != data.marker


def test_lines_are_as_many_as_promised(data: AcceptanceData) -> None:
    assert len(data.lines) == 3182
    copies = Counter(data.lines)
    assert sum(count - 1 for count in copies.values()) == 100
    assert max(copies.values()) == 2
    assert not any(b"\n" in line or b"\r" in line for line in data.lines)
    assert all(data.marker.encode() in line for line in data.lines)
    assert [line for part in data.parts(2) for line in part] == data.lines


def test_the_other_lines_are_valid_and_counted(data: AcceptanceData) -> None:
    valid, refused = [], 0
    for line in set(data.lines):
        try:
            # Bytes that are not UTF-8 are no JSON: msgspec does not look into fields that it does not know.
            text = line.decode()
            known = AppEvent.__struct_fields__
            event = {k: v for k, v in json.loads(text, parse_constant=_refuse).items() if k in known}
            valid.append(msgspec.convert(event, AppEvent))
        except (ValueError, AttributeError, msgspec.ValidationError):
            refused += 1
            continue
        if not datetime(1970, 1, 1, tzinfo=UTC) <= valid[-1].event_timestamp <= END:
            valid.pop()
            refused += 1
    assert len(valid) == len({event.event_id for event in valid}) == 3000
    assert refused == 82 == data.malformed.total()
    assert len(data.malformed) >= 12
    rows: Counter[Metric] = Counter()
    for event in valid:
        at = event.event_timestamp.astimezone(UTC)
        rows[Metric(f"{at:%Y-%m-%d}", at.hour, event.event_type, event.app_type)] += 1
    assert rows == {key: figures.events for key, figures in data.metrics.items()}
    assert sum(figures.value for figures in data.metrics.values()) == sum(e.event_value or 0 for e in valid)
    suffixes = Counter(event.event_timestamp.utcoffset() for event in valid)
    assert len(suffixes) > 5


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def test_files_plain_and_gzipped_hold_the_same_lines(data: AcceptanceData, tmp_path: Path) -> None:
    import gzip

    write(data.lines, tmp_path / "a.ndjson")
    write(data.lines, tmp_path / "a.ndjson.gz")
    plain = (tmp_path / "a.ndjson").read_bytes()
    assert plain == gzip.decompress((tmp_path / "a.ndjson.gz").read_bytes())
    assert plain.split(b"\n")[:-1] == data.lines


def test_gold_that_differs_is_found(data: AcceptanceData) -> None:
    found = {key: (row.events, row.users, row.value) for key, row in data.metrics.items()}
    assert differing(found, data) == []
    first, second, third, *_ = found
    found[first] = (found[first][0] + 1, *found[first][1:])
    del found[second]
    found[third._replace(hour=99)] = (1, 1, 0.0)
    assert set(differing(found, data)) == {first, second, third._replace(hour=99)}


def test_percentiles_are_those_of_the_single_values() -> None:
    run = Random(1)
    values = [round(run.expovariate(0.1), 2) for _ in range(5000)]
    found = ages("landing", "users", Counter(values), 15.0)
    ranked = sorted(values)
    assert (found.p50, found.p95, found.p99) == (ranked[2499], ranked[4749], ranked[4949])
    assert found.most == ranked[-1]
    assert found.met is False
    assert ages("landing", "users", Counter([1.0]), 15.0).met is True
    assert ages("landing", "users", Counter(), 15.0).met is False
    assert ages("landing", "users", Counter(), None).met is None


def test_landing_ages_are_from_event_time_to_the_files_appearance(tmp_path: Path) -> None:
    settings = Settings(paths=Paths(data=str(tmp_path)))
    folder = tmp_path / "landing/app_events/topic_id=t/partition=0"
    folder.mkdir(parents=True)

    def land(number: int, at: list[datetime], kafka: list[datetime]) -> float:
        stamps = pa.timestamp("us", tz="UTC")
        table = pa.table(
            {"event_timestamp": pa.array(at, stamps), "source_timestamp": pa.array(kafka, stamps)}
        )
        hidden = folder / f".{number}"
        pq.write_table(table, hidden)
        os.link(hidden, folder / f"{number:020d}.parquet")
        hidden.unlink()
        return (folder / f"{number:020d}.parquet").stat().st_ctime

    now = datetime.now(UTC)
    land(0, [now], [now])
    watch = LandingWatch(settings, APP_EVENTS)
    window = Window(int(now.timestamp() * 1000) - 20_000, int(now.timestamp() * 1000) - 5_000)
    inside, before, after = (now - timedelta(seconds=s) for s in (10, 30, 2))
    old = now - timedelta(seconds=12)
    appeared = land(1, [inside, before, after, old], [inside, before, after, old + timedelta(seconds=61)])
    watch.look(window)
    watch.look(window)
    assert sum(watch.counts.values()) == 1
    (age,) = watch.counts
    assert age == pytest.approx(appeared - inside.timestamp(), abs=0.02)
    assert watch.newest == int(after.timestamp() * 1000)


def test_help_shows_examples() -> None:
    for arguments in (["bench"], ["bench", "freshness"], ["bench", "path"], ["simulate"]):
        shown = CliRunner().invoke(main, [*arguments, "--help"])
        assert shown.exit_code == 0, shown.output
        assert "Examples:" in shown.output


def test_simulate_writes_what_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "out.ndjson"
    arguments = ["simulate", "web", "--start", "2026-01-01", "--count", "5", "--output", str(path)]
    shown = CliRunner().invoke(main, arguments)
    assert shown.exit_code == 0, shown.output
    events: list[dict[str, Any]] = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert len(events) == 5
    assert events[0]["event_timestamp"] == "2026-01-01T00:00:00Z"
    assert CliRunner().invoke(main, ["simulate", "web", "--keyed"]).exit_code == 2
    assert CliRunner().invoke(main, ["simulate", "web", "--start", "noon"]).exit_code == 2


def test_bench_names_the_service_that_is_missing(tmp_path: Path) -> None:
    resolved = configuration.load(flags={"paths.data": str(tmp_path), "ports.api": 27098}, environ={})
    from contracts.errors import DependencyError
    from runtime.bench.api_client import ApiClient

    with (
        ApiClient(resolved.settings, patience_seconds=0) as api,
        pytest.raises(DependencyError, match="27098"),
    ):
        api.rows("SELECT 1")


def test_dead_letters_of_the_set_are_told_from_others() -> None:
    import base64

    from runtime.bench.path import DeadLetters

    letters = DeadLetters(Settings(), "mine", 0)

    def letter(raw: bytes, origin: str, reason: str = "$: bad") -> dict[str, str]:
        return {"reason": reason, "raw": base64.b64encode(raw).decode(), "origin": origin}

    for taken in (
        letter(b"..mine..", "topic/0/1"),
        letter(b"..theirs..", "topic/0/2"),
        letter(b"mine", "topic/0/3", reason=""),
        letter(b"..mine..", "topic/0/1"),
        {"type": "replayed", "origin": "topic/0/1"},
    ):
        letters._take(json.dumps(taken).encode())
    assert (len(letters._reasons), letters.reasons, letters.repeated) == (2, 1, 1)
