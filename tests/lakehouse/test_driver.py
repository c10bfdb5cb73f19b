"""The driver as a process: its loop, lock, heartbeat and control channel, and what a kill leaves behind."""

from __future__ import annotations

import http.client
import json
import os
import queue
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from deltalake import DeltaTable

from contracts import secrets
from contracts.configuration import variable_name
from contracts.errors import ConflictError, DependencyError, NotFound, PortInUse, SettingsError
from contracts.heartbeat import Heartbeat, read_heartbeats
from contracts.layout import table_path
from contracts.settings import Settings
from contracts.sources import APP_EVENTS
from lakehouse.commands import run_command
from lakehouse.control import Command, ControlServer
from lakehouse.driver import SERVICE, Loop
from lakehouse.embedded import EmbeddedEngine
from lakehouse.engine import Engine
from lakehouse.lock import lakehouse_lock
from lakehouse.refresh import Progress, RefreshRequest, refresh
from lakehouse.rounds import Rounds

Event = Callable[..., dict[str, Any]]
DRIVER = """
import sys
from contracts import logs
from contracts.configuration import load
from lakehouse.driver import run
from lakehouse.embedded import EmbeddedEngine
settings = load().settings
logs.configure("lakehouse-driver")
run(settings, EmbeddedEngine(settings))
"""
PATIENCE = 60.0


def until(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)
    return found


@pytest.fixture
def live(settings: Settings) -> Settings:
    """Settings with a free port and the shortest cadence."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return msgspec.structs.replace(
        settings,
        ports=msgspec.structs.replace(settings.ports, lakehouse_control=port),
        lakehouse=msgspec.structs.replace(
            settings.lakehouse, bronze_seconds=1, silver_seconds=1, gold_seconds=1
        ),
    )


class Driver:
    """A driver process, started and ended by the test."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        settings = self.settings
        values = {
            "paths.data": settings.paths.data,
            "ports.lakehouse_control": settings.ports.lakehouse_control,
            "lakehouse.engine": "embedded",
            "lakehouse.bronze_seconds": settings.lakehouse.bronze_seconds,
            "lakehouse.silver_seconds": settings.lakehouse.silver_seconds,
            "lakehouse.gold_seconds": settings.lakehouse.gold_seconds,
        }
        environment = {**os.environ, **{variable_name(key): str(value) for key, value in values.items()}}
        self.process = subprocess.Popen([sys.executable, "-c", DRIVER], env=environment)

    def beat(self) -> Heartbeat | None:
        """Its heartbeat, once it is ready."""
        found = read_heartbeats(self.settings).get(SERVICE)
        mine = found is not None and self.process is not None and found.pid == self.process.pid
        return found if found is not None and mine and found.state != "starting" else None

    def end(self, how: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)


@pytest.fixture
def driver(live: Settings) -> Iterator[Driver]:
    made = Driver(live)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait()


def count(settings: Settings, layer: str, name: str, column: str = "") -> int:
    path = table_path(settings, layer, name)
    if not (path / "_delta_log").exists():
        return -1
    rows = DeltaTable(str(path)).to_pyarrow_table()
    return int(sum(rows[column].to_pylist())) if column else int(rows.num_rows)


def test_events_go_through_and_the_driver_ends_in_order(
    driver: Driver, live: Settings, make_landing: Any, make_event: Event
) -> None:
    landing = make_landing(live)
    landing.add(APP_EVENTS, [make_event("a"), make_event("b"), make_event("a")])
    driver.start()
    until(driver.beat, "the driver is ready")
    until(lambda: count(live, "gold", "event_metrics_gold", "total_events") == 2, "gold has them")
    landing.add(APP_EVENTS, [make_event("c")])
    until(lambda: count(live, "gold", "event_metrics_gold", "total_events") == 3, "gold has the new one")

    def told() -> Heartbeat | None:
        beat = driver.beat()
        return beat if beat and "event_metrics_gold" in beat.details["newest"] and beat.total == 4 else None

    beat = until(told, "the heartbeat tells of gold")
    assert beat.state == "running"
    assert beat.details["newest"]["app_events_silver"].startswith("2026-03-05T12:00:00")
    assert set(beat.details["rounds"]) == {"bronze", "silver", "gold"}
    with pytest.raises(ConflictError, match="writes the tables"), lakehouse_lock(live):
        pass

    def never() -> Engine:
        raise AssertionError("the driver does the work")

    lines = list(run_command(live, RefreshRequest(table="event_metrics_gold", full=True), never))
    assert [line.state for line in lines] == ["queued", "running", "done"]
    with pytest.raises(SettingsError, match="cannot be built anew"):
        list(run_command(live, RefreshRequest(table="users_bronze", full=True), never))
    assert driver.end(signal.SIGTERM) == 0
    with lakehouse_lock(live):
        pass


@pytest.mark.system
def test_killed_at_any_time_nothing_is_lost_and_nothing_doubled(
    driver: Driver, live: Settings, make_landing: Any, make_event: Event
) -> None:
    landing = make_landing(live)
    chance = random.Random(7)
    sent = 0
    for _ in range(4):
        driver.start()
        until(driver.beat, "the driver is ready")
        for _ in range(6):
            events = [make_event(f"{sent + n}", user_id=f"u{n}") for n in range(50)]
            landing.add(APP_EVENTS, [*events, events[0]], partition=chance.randrange(3))
            sent += len(events)
            time.sleep(chance.uniform(0, 0.3))
        assert driver.end(signal.SIGKILL) == -signal.SIGKILL
    driver.start()
    until(lambda: count(live, "gold", "event_metrics_gold", "total_events") == sent, "gold has all")
    assert driver.end(signal.SIGINT) == 0
    bronze = DeltaTable(str(table_path(live, "bronze", "app_events_bronze"))).to_pyarrow_table()
    positions = list(
        zip(bronze["source_partition"].to_pylist(), bronze["source_offset"].to_pylist(), strict=True)
    )
    assert len(positions) == len(set(positions)) == sent + 24
    silver = DeltaTable(str(table_path(live, "silver", "app_events_silver"))).to_pyarrow_table()
    assert sorted(silver["event_id"].to_pylist(), key=int) == [str(n) for n in range(sent)]


def test_a_refresh_without_a_driver_does_the_work_itself(
    live: Settings, make_landing: Any, make_event: Event
) -> None:
    make_landing(live).add(APP_EVENTS, [make_event("a")])
    request = RefreshRequest(table="event_metrics_gold")
    lines = list(run_command(live, request, lambda: EmbeddedEngine(live)))
    assert [line.state for line in lines] == ["running", "running", "running", "done"]
    assert count(live, "gold", "event_metrics_gold", "total_events") == 1
    again = list(run_command(live, request, lambda: EmbeddedEngine(live)))
    assert again[-1].rows == 0


def test_a_driver_that_holds_the_lock_but_never_answers(
    live: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakehouse.commands.START_SECONDS", 0.0)
    with lakehouse_lock(live), pytest.raises(DependencyError, match="no lakehouse driver answers"):
        list(run_command(live, RefreshRequest(table="app_events_silver"), lambda: EmbeddedEngine(live)))


def test_a_refresh_of_nothing_known(live: Settings) -> None:
    with pytest.raises(NotFound, match="app_events_silver"):
        list(run_command(live, RefreshRequest(table="nix"), lambda: EmbeddedEngine(live)))


def test_dry_runs_name_partitions_and_change_nothing(
    settings: Settings, landing: Any, make_event: Event, engine: EmbeddedEngine
) -> None:
    day = datetime(2026, 3, 5, 12, tzinfo=UTC)
    landing.add(
        APP_EVENTS,
        [make_event("a", day), make_event("b", day.replace(day=6)), make_event("c", day.replace(day=8))],
    )
    with closing(Rounds(settings, engine)) as rounds:
        rounds.bronze(), rounds.silver(), rounds.gold()
        paths = [table.path for table in rounds.silver_tables]
        paths += [table.path for table in rounds.gold_tables]
        versions = [DeltaTable(str(path)).version() for path in paths]
        for table in ("app_events_silver", "event_metrics_gold"):
            request = RefreshRequest(table=table, start=date(2026, 3, 6), dry_run=True)
            lines = list(refresh(rounds, request))
            assert [line.partition for line in lines[:-1]] == ["2026-03-06", "2026-03-08"]
            assert (lines[-1].state, lines[-1].rows) == ("done", 0)
        with pytest.raises(SettingsError, match="after"):
            backwards = RefreshRequest(
                table="app_events_silver", start=date(2026, 3, 6), end=date(2026, 3, 5)
            )
            list(refresh(rounds, backwards))
        after = [DeltaTable(str(path)).version() for path in paths]
    assert after == versions


def test_a_failing_table_does_not_hold_up_the_others_and_is_said(
    settings: Settings,
    landing: Any,
    make_event: Event,
    engine: EmbeddedEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    landing.add(APP_EVENTS, [make_event("a")])
    with closing(Rounds(settings, engine)) as rounds:
        rounds.bronze()

        def fails(task: Any) -> Any:
            raise OSError("no space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(engine, "run", fails)
            for attempt in range(1, 4):
                rounds.silver()
                assert rounds.failing() == attempt
                assert bool(rounds.status.complaints()) == (attempt == 3)
            landing.add(APP_EVENTS, [make_event("b")])
            rounds.bronze()
            assert rounds.status.total == 2
            assert "no space left" in rounds.status.complaints()[0]
        rounds.silver()
        assert rounds.status.complaints() == []
        assert rounds.failing() == 0
    assert count(settings, "silver", "app_events_silver") == 2


def test_an_engine_that_is_gone_is_started_anew(
    settings: Settings,
    landing: Any,
    make_event: Event,
    engine: EmbeddedEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    landing.add(APP_EVENTS, [make_event("a")])
    warm: list[bool] = []
    run = engine.run

    def dies_once(task: Any) -> Any:
        if not warm:
            raise DependencyError("the JVM is gone")
        return run(task)

    monkeypatch.setattr(engine, "run", dies_once)
    monkeypatch.setattr(engine, "warm_up", lambda: warm.append(True))
    with closing(Rounds(settings, engine)) as rounds:
        rounds.bronze()
        rounds.silver()
        assert (warm, rounds.failing()) == ([True], 1)
        rounds.silver()
        assert (warm, rounds.failing()) == ([True], 0)


@pytest.fixture
def channel(live: Settings) -> Iterator[tuple[http.client.HTTPConnection, list[Command]]]:
    """A server whose driver does each refresh in no time, and a connection to it."""
    taken: list[Command] = []

    def submit(command: Command) -> None:
        taken.append(command)
        command.tell(Progress(state="done", table=command.request.table))

    with closing(ControlServer(live, submit, lambda: {"state": "running"})):
        connection = http.client.HTTPConnection("127.0.0.1", live.ports.lakehouse_control, timeout=PATIENCE)
        yield connection, taken
        connection.close()


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, token: str | None, body: str | None = None
) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    connection.request(method, path, body=body, headers=headers)
    response = connection.getresponse()
    return response.status, response.read().decode()


@pytest.mark.parametrize("method,path", [("GET", "/status"), ("POST", "/refresh/app_events_silver")])
@pytest.mark.parametrize("token", [None, "", "wrong", "é"])
def test_the_channel_asks_for_the_secret(
    channel: Any, live: Settings, method: str, path: str, token: str | None
) -> None:
    connection, taken = channel
    status, body = ask(connection, method, path, token)
    assert (status, taken) == (401, [])
    assert secrets.secret(live, secrets.CONTROL) not in body


def test_what_the_channel_answers(channel: Any, live: Settings) -> None:
    connection, taken = channel
    token = secrets.secret(live, secrets.CONTROL)
    assert ask(connection, "GET", "/status", token) == (200, '{"state":"running"}')
    assert ask(connection, "GET", "/other", token)[0] == 404
    assert ask(connection, "POST", "/drop/app_events_silver", token)[0] == 404
    for bad in ("{", "[]", '{"from":"x"}', '{"start":"2026-13-01"}', '{"full":"yes"}'):
        assert ask(connection, "POST", "/refresh/app_events_silver", token, bad)[0] == 400
    assert taken == []
    status, body = ask(connection, "POST", "/refresh/a%20b", token, '{"start":"2026-03-05","table":"z"}')
    assert status == 200
    assert [json.loads(line)["state"] for line in body.splitlines()] == ["queued", "done"]
    assert taken[0].request == RefreshRequest(table="a b", start=date(2026, 3, 5))


def test_a_taken_port_is_named(channel: Any, live: Settings) -> None:
    with pytest.raises(PortInUse, match=r"ports\.lakehouse_control"):
        ControlServer(live, lambda command: None, dict)


def test_commands_that_wait_at_the_end_are_told(settings: Settings, engine: EmbeddedEngine) -> None:
    wake: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
    stop = threading.Event()
    with closing(Rounds(settings, engine)) as rounds:
        loop = Loop(settings, rounds, wake, stop)
        command = Command(RefreshRequest(table="app_events_silver"))
        loop._waiting.append(command)
        stop.set()
        loop.run()
    assert [progress.state for progress in command.follow()] == ["failed"]
