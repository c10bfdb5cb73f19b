"""OpenLineage events of driver rounds and batch jobs: valid, in pairs, and never in the way."""

from __future__ import annotations

import http.server
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from contracts.errors import DependencyError
from contracts.settings import Lineage, Settings
from contracts.sources import APP_EVENTS, CDC_CHANGES, CLICKSTREAM
from lakehouse.datasets import dataset
from lakehouse.embedded import EmbeddedEngine
from lakehouse.embedded.jobs import EmbeddedJobs
from lakehouse.engine import Result, Task
from lakehouse.jobs.declaration import job_named
from lakehouse.jobs.runner import run_job
from lakehouse.medallion.rounds import Rounds
from lakehouse.openlineage import Outcome, Reporter, Run
from lakehouse.openlineage import reporter as reporters
from lakehouse.openlineage.engine import ToldEngine
from lakehouse.openlineage.transports import file_of
from lakehouse.quality import check
from tests.examples import examples
from tests.lakehouse import seeded
from tests.lakehouse.conftest import NOON, OWN, Landing
from tests.lakehouse.openlineage_schema import valid

pytestmark = pytest.mark.heavy

Event = dict[str, Any]


def told_to(settings: Settings, **values: Any) -> Settings:
    return msgspec.structs.replace(settings, lineage=Lineage(**values))


@pytest.fixture
def told(settings: Settings) -> Settings:
    return told_to(settings, transport="file")


def events_in(settings: Settings) -> list[Event]:
    """Of the file; each is valid."""
    found = [json.loads(line) for line in file_of(settings).read_text().splitlines()]
    for event in found:
        valid(event)
    return found


def pairs(events: list[Event]) -> list[tuple[Event, Event]]:
    """Beginning and end of every run, in the order of the ends."""
    begun: dict[str, Event] = {}
    found = []
    for event in events:
        run_id = event["run"]["runId"]
        if event["eventType"] == "START":
            assert run_id not in begun
            begun[run_id] = event
        else:
            start = begun.pop(run_id)
            assert start["eventTime"] <= event["eventTime"] and start["job"] == event["job"]
            found.append((start, event))
    assert begun == {}
    return found


def advance(settings: Settings, engine: Any) -> Rounds:
    rounds = Rounds(settings, engine)
    seeded.advance(rounds)
    rounds.close()
    return rounds


def test_every_write_is_told_with_what_is_known_of_it(
    told: Settings, landing: Landing, engine: EmbeddedEngine
) -> None:
    landing.add(APP_EVENTS, [{"event_id": f"e{n}", "event_value": 1.5} for n in range(3)])
    landing.add(CLICKSTREAM, [{"click_id": "c"}])
    landing.add(CDC_CHANGES, [OWN["cdc_changes"] | {"after": '{"id":1}'}])
    advance(told, engine)
    check(told, tables=("app_events_bronze",))
    landing.add(APP_EVENTS, [{"event_id": "later"}])
    advance(told, engine)
    runs = pairs(events_in(told))
    assert {end["eventType"] for _, end in runs} == {"COMPLETE"}
    jobs = {end["job"]["name"] for _, end in runs}
    assert jobs == {
        *("app_events_bronze", "clickstream_bronze", "cdc_changes_bronze"),
        *("app_events_silver", "clickstream_silver", "entities_silver", "user_activity_silver"),
        *("users_silver", "event_metrics_gold", "hourly_metrics_gold", "daily_summary_gold"),
        *("user_segments_gold", "external_data_silver"),
        "quality_results",
    }
    first, last = [end for _, end in runs if end["job"]["name"] == "app_events_silver"]
    (output,) = first["outputs"]
    columns = output["facets"]["schema"]["fields"]
    declared = dataset("app_events_silver")
    assert [one["name"] for one in columns] == declared.schema.names
    assert [one["type"] for one in columns] == [str(field.type) for field in declared.schema]
    assert output["facets"]["columnLineage"]["fields"]["event_date"]["inputFields"] == [
        {
            "namespace": "dataplatform",
            "name": "app_events_bronze",
            "field": "event_timestamp",
            "transformations": [],
        }
    ]
    assert {one["assertion"] for one in output["facets"]["dataQualityAssertions"]["assertions"]} == {
        rule.name for rule in declared.rules
    }
    statistics = output["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["fileCount"]) == (3, 1)
    files = seeded.path_of(told, "app_events_silver").glob("event_date=*/*.parquet")
    assert statistics["size"] in {path.stat().st_size for path in files}
    assert first["inputs"][0]["inputFacets"] == {}  # not checked yet
    assertions = last["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    by_name = {one["assertion"]: one for one in assertions}
    assert by_name["readable"]["success"] and by_name["negative_event_value"]["severity"] == "warn"
    bronze = next(end for _, end in runs if end["job"]["name"] == "app_events_bronze")
    assert bronze["inputs"] == [
        {
            "namespace": "kafka://127.0.0.1:29092",
            "name": "topic_app_events",
            "facets": {},
            "inputFacets": {},
        }
    ]
    entities = next(end for _, end in runs if end["job"]["name"] == "cdc_changes_bronze")
    assert [one["name"] for one in entities["inputs"]] == ["cdc_transformed"]
    assert bronze["run"]["facets"]["processing_engine"]["name"] == "deltalake"
    assert first["run"]["facets"]["processing_engine"]["name"] == "embedded"


class Faulty:
    """An engine that fails at some tables."""

    name = "faulty"

    def __init__(self, engine: EmbeddedEngine, faults: dict[str, BaseException]) -> None:
        self._engine = engine
        self.faults = faults

    def connect(self) -> None: ...
    def warm_up(self) -> None: ...
    def close(self) -> None: ...

    def run(self, task: Task) -> Result:
        if task.target.name in self.faults:
            raise self.faults[task.target.name]
        return self._engine.run(task)


def test_a_round_that_raises_ends_as_failed(told: Settings, landing: Landing, engine: EmbeddedEngine) -> None:
    landing.add(APP_EVENTS, [{"event_id": "e"}])
    faults: dict[str, BaseException] = {
        "event_metrics_gold": DependencyError("the engine is gone"),
        "users_silver": ValueError("no such thing"),
    }
    rounds = advance(told, Faulty(engine, faults))
    assert rounds.status.failures["event_metrics_gold"] == rounds.status.failures["users_silver"] == 1
    ends = {end["job"]["name"]: end for _, end in pairs(events_in(told))}
    for name, message in (
        ("event_metrics_gold", "DependencyError: the engine is gone"),
        ("users_silver", "ValueError: no such thing"),
    ):
        assert ends[name]["eventType"] == "FAIL"
        assert ends[name]["run"]["facets"]["errorMessage"]["message"] == message
    assert ends["app_events_silver"]["eventType"] == "COMPLETE"


def test_an_interrupted_task_ends_as_failed(told: Settings, landing: Landing, engine: EmbeddedEngine) -> None:
    landing.add(APP_EVENTS, [{"event_id": "e"}])
    with (
        closing(Rounds(told, Faulty(engine, {"app_events_silver": KeyboardInterrupt()}))) as rounds,
        pytest.raises(KeyboardInterrupt),
    ):
        seeded.advance(rounds)
    runs = pairs(events_in(told))
    assert [(end["job"]["name"], end["eventType"]) for _, end in runs] == [
        ("app_events_bronze", "COMPLETE"),
        ("app_events_silver", "FAIL"),
    ]


def test_bronze_that_raises_ends_as_failed(
    told: Settings, landing: Landing, engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.add(APP_EVENTS, [{"event_id": "e"}])
    with closing(Rounds(told, engine)) as rounds:
        bronze = next(one for one in rounds.bronze_tables if one.declared.name == "app_events_bronze")
        monkeypatch.setattr(bronze, "_commit", lambda *_: (_ for _ in ()).throw(OSError("no space left")))
        rounds.bronze()
    ((_, end),) = pairs(events_in(told))
    assert end["eventType"] == "FAIL"
    assert end["run"]["facets"]["errorMessage"]["message"] == "OSError: no space left"


def test_a_batch_job_is_told_while_it_runs(told: Settings, engine: EmbeddedEngine) -> None:
    job, day = job_named("hourly_aggregates"), NOON.date()
    run_job(told, job, day, EmbeddedJobs(told), today=day + timedelta(days=1))

    class Broken(EmbeddedJobs):
        def compute(self, *_: Any, **__: Any) -> Any:
            raise DependencyError("gone")

    with pytest.raises(DependencyError):
        run_job(told, job, day, Broken(told), today=day + timedelta(days=1))
    (_, done), (_, failed) = pairs(events_in(told))
    assert (done["eventType"], failed["eventType"]) == ("COMPLETE", "FAIL")
    assert [one["name"] for one in done["inputs"]] == ["events_aggregated_realtime"]
    nominal = done["run"]["facets"]["nominalTime"]
    assert nominal["nominalStartTime"] == "2026-03-05T00:00:00.000Z"
    assert nominal["nominalEndTime"] == "2026-03-06T00:00:00.000Z"
    (output,) = done["outputs"]
    assert [one["name"] for one in output["facets"]["schema"]["fields"]] == job.schema.names
    assert output["facets"]["columnLineage"]["fields"]["event_count"]["inputFields"]
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 0


class Endpoint:
    """An HTTP server that takes events, or answers as it is told to."""

    def __init__(self) -> None:
        self.bodies: list[Event] = []
        self.keys: set[str | None] = set()
        self.status = 201
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                assert self.path == "/api/v1/lineage"
                outer.keys.add(self.headers.get("authorization"))
                outer.bodies.append(json.loads(body))
                self.send_response(outer.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = Endpoint()
    yield made
    made.close()


def test_an_endpoint_gets_the_same_events(
    settings: Settings, landing: Landing, engine: EmbeddedEngine, endpoint: Endpoint, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text("s3cret\n")
    told = told_to(settings, transport="http", url=endpoint.url, key_file=str(key), namespace="shop")
    landing.add(APP_EVENTS, [{"event_id": "e"}])
    advance(told, engine)
    for event in endpoint.bodies:
        valid(event)
    runs = pairs(endpoint.bodies)
    assert {end["job"]["namespace"] for _, end in runs} == {"shop"}
    assert {"app_events_bronze", "app_events_silver"} <= {end["job"]["name"] for _, end in runs}
    assert endpoint.keys == {"Bearer s3cret"}
    assert not file_of(told).exists()


def test_what_does_not_arrive_is_counted_and_stops_nobody(
    settings: Settings,
    landing: Landing,
    engine: EmbeddedEngine,
    endpoint: Endpoint,
    caplog: pytest.LogCaptureFixture,
) -> None:
    endpoint.status = 500
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{probe.getsockname()[1]}"
    for number, url in enumerate((endpoint.url, nobody)):
        caplog.clear()
        told = told_to(settings, transport="http", url=url)
        landing.add(APP_EVENTS, [{"event_id": f"e{number}"}])
        rounds = Rounds(told, engine)
        seeded.advance(rounds)
        rounds.close()
        assert not any(rounds.status.failures.values())
        reporter = rounds._reporter
        assert reporter.failed >= 4 and reporter.sent == 0
        assert len([r for r in caplog.records if "do not arrive" in r.getMessage()]) == 1
    assert seeded.frame(settings, "app_events_silver").height == 2


def test_a_client_that_hangs_holds_nobody_up(
    told: Settings, landing: Landing, engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, release = threading.Event(), threading.Event()

    class Hanging:
        def emit(self, _: Any) -> None:
            hangs.set()
            release.wait()

        def close(self, timeout: float = -1.0) -> bool:
            return True

    landing.add(APP_EVENTS, [{"event_id": "e"}])
    rounds = Rounds(told, engine)
    rounds._reporter._make_client = lambda _: Hanging()
    seeded.advance(rounds)
    assert hangs.wait(60)
    assert seeded.frame(told, "event_metrics_gold").height == 1
    assert rounds._reporter.sent == 0
    rounds._reporter.close(0.0)
    release.set()
    rounds.close()


class Collected:
    """A client that keeps what it is given, once it may."""

    def __init__(self, open_: threading.Event | None = None) -> None:
        self.events: list[Event] = []
        self._open = open_

    def emit(self, event: Any) -> None:
        from openlineage.client.serde import Serde

        if self._open is not None:
            self._open.wait()
        self.events.append(json.loads(Serde.to_json(event)))

    def close(self, timeout: float = -1.0) -> bool:
        return True


def test_too_much_is_dropped_by_whole_runs(told: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporters, "MOST_WAITING", 6)
    gate = threading.Event()
    client = Collected(gate)
    reporter = Reporter(told, lambda _: client)
    begun = []
    for _ in range(10):
        run = Run(output="users_silver", inputs=("users_bronze",), engine="e")
        if reporter.begun(run):
            begun.append(run)
            reporter.ended(run, Outcome())
    assert reporter.dropped == 10 - len(begun) > 0
    gate.set()
    reporter.close()
    assert [end["run"]["runId"] for _, end in pairs(client.events)] == [run.run_id for run in begun]


outcomes = st.sampled_from(["well", "fails", "interrupted"])


@hypothesis_settings(max_examples=examples(15))
@given(
    runs=st.lists(st.tuples(st.sampled_from(["users_silver", "user_segments_gold"]), outcomes), max_size=8)
)
def test_every_beginning_has_its_end(runs: list[tuple[str, str]]) -> None:
    client = Collected()
    reporter = Reporter(Settings(lineage=Lineage(transport="file")), lambda _: client)
    raised: dict[str, type[BaseException]] = {"fails": DependencyError, "interrupted": KeyboardInterrupt}
    for name, outcome in runs:
        try:
            with reporter.telling(name, dataset(name).upstream, "engine") as say:
                if outcome in raised:
                    raise raised[outcome]("so it is")
                say(Outcome(rows=3))
        except (DependencyError, KeyboardInterrupt) as error:
            assert type(error) is raised[outcome]
    reporter.close()
    wanted = [(name, "COMPLETE" if outcome == "well" else "FAIL") for name, outcome in runs]
    assert [(end["job"]["name"], end["eventType"]) for _, end in pairs(client.events)] == wanted
    for event in client.events:
        valid(event)


def test_off_nothing_is_loaded_or_written(
    settings: Settings, landing: Landing, engine: EmbeddedEngine
) -> None:
    landing.add(APP_EVENTS, [{"event_id": "e"}])
    rounds = advance(settings, engine)
    assert not (settings.data_root / "lineage").exists()
    assert not isinstance(rounds._engine, ToldEngine)
    program = (
        "import sys; import lakehouse.medallion.rounds, lakehouse.jobs.runner; "
        "sys.exit(any(name.startswith('openlineage') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_clients_own_configuration(
    settings: Settings,
    landing: Landing,
    engine: EmbeddedEngine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = tmp_path / "told.jsonl"
    config = tmp_path / "openlineage.yml"
    config.write_text(f"transport:\n  type: file\n  log_file_path: {target}\n  append: true\n")
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(config))
    landing.add(APP_EVENTS, [{"event_id": "e"}])
    advance(told_to(settings, transport="client"), engine)
    found = [json.loads(line) for line in target.read_text().splitlines()]
    for event in found:
        valid(event)
    assert pairs(found)


def test_files_are_put_aside_and_an_endpoint_without_an_address_is_said(
    settings: Settings, landing: Landing, engine: EmbeddedEngine, caplog: pytest.LogCaptureFixture
) -> None:
    small = msgspec.structs.replace(settings.logs, max_bytes=1, keep=2)
    told = msgspec.structs.replace(told_to(settings, transport="file"), logs=small)
    landing.add(APP_EVENTS, [{"event_id": "e"}])
    advance(told, engine)
    names = sorted(path.name for path in file_of(told).parent.iterdir())
    assert names == ["events.jsonl", "events.jsonl.1", "events.jsonl.2"]
    landing.add(APP_EVENTS, [{"event_id": "f"}])
    rounds = advance(told_to(settings, transport="http"), engine)
    assert "lineage.url is empty" in caplog.text
    assert not rounds._reporter.enabled and not any(rounds.status.failures.values())
