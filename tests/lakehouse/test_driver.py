"""The driver as a process: its loop, lock, heartbeat and control channel."""

from __future__ import annotations

import http.client
import json
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from typing import Any

import pytest
from deltalake import DeltaTable

from contracts import secrets
from contracts.errors import ConflictError, DependencyError, NotFound, PortInUse, SettingsError
from contracts.heartbeat import Heartbeat
from contracts.settings import Paths, Settings
from contracts.sources import APP_EVENTS
from lakehouse.driver.commands import run_command
from lakehouse.driver.control import Command, ControlServer
from lakehouse.driver.loop import Loop
from lakehouse.driver.refresh import Progress, RefreshRequest, refresh
from lakehouse.embedded import EmbeddedEngine
from lakehouse.engine import Engine
from lakehouse.medallion.rounds import Rounds
from lakehouse.storage.lock import lakehouse_lock
from tests.lakehouse.driver_process import PATIENCE, Driver, count, until, with_shortest_cadence

Event = Callable[..., dict[str, Any]]


@pytest.fixture
def live(settings: Settings) -> Settings:
    return with_shortest_cadence(settings)


@pytest.fixture
def driver(live: Settings) -> Iterator[Driver]:
    made = Driver(live)
    yield made
    made.close()


@pytest.mark.heavy
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
    monkeypatch.setattr("lakehouse.driver.commands.START_SECONDS", 0.0)
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


def test_bronze_goes_on_while_the_engine_is_at_work(
    live: Settings, landing: Any, make_event: Event, engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.add(APP_EVENTS, [make_event("a")])
    stop = threading.Event()
    run = engine.run

    def waits_for_bronze(task: Any) -> Any:
        if task.target.name == "app_events_silver" and not stop.is_set():
            landing.add(APP_EVENTS, [make_event("b")])
            until(lambda: count(live, "bronze", "app_events_bronze") == 2, "bronze has the second event")
            stop.set()
        return run(task)

    monkeypatch.setattr(engine, "run", waits_for_bronze)
    with closing(Rounds(live, engine)) as rounds:
        Loop(live, rounds, queue.SimpleQueue(), stop).run()
        assert rounds.failing() == 0
        # What came meanwhile is the next round's.
        assert count(live, "silver", "app_events_silver") == 1
        rounds.silver()
    assert count(live, "silver", "app_events_silver") == 2


def test_an_engine_that_fails_does_not_slow_bronze_down(
    settings: Settings,
    landing: Any,
    make_event: Event,
    engine: EmbeddedEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    landing.add(APP_EVENTS, [make_event("a")])

    def fails(task: Any) -> Any:
        raise DependencyError("no executor")

    monkeypatch.setattr(engine, "run", fails)
    monkeypatch.setattr(engine, "warm_up", lambda: None)
    with closing(Rounds(settings, engine)) as rounds:
        rounds.bronze(), rounds.silver()
        assert (rounds.failing("bronze"), rounds.failing("silver"), rounds.failing()) == (0, 1, 1)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, list[Command]]]:
    """A server whose driver does each refresh in no time. One for all: to close it takes half a second."""
    settings = with_shortest_cadence(Settings(paths=Paths(data=str(tmp_path_factory.mktemp("data")))))
    taken: list[Command] = []

    def submit(command: Command) -> None:
        taken.append(command)
        command.tell(Progress(state="done", table=command.request.table))

    with closing(ControlServer(settings, submit, lambda: {"state": "running"})):
        yield settings, taken


Channel = tuple[http.client.HTTPConnection, list[Command], Settings]


@pytest.fixture
def channel(serving: tuple[Settings, list[Command]]) -> Iterator[Channel]:
    """A connection to it, the commands that it takes from now on, and its settings."""
    settings, taken = serving
    taken.clear()
    port = settings.ports.lakehouse_control
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        yield connection, taken, settings


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, token: str | None, body: str | None = None
) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    connection.request(method, path, body=body, headers=headers)
    response = connection.getresponse()
    return response.status, response.read().decode()


@pytest.mark.parametrize("method,path", [("GET", "/status"), ("POST", "/refresh/app_events_silver")])
@pytest.mark.parametrize("token", [None, "", "wrong", "é"])
def test_the_channel_asks_for_the_secret(channel: Channel, method: str, path: str, token: str | None) -> None:
    connection, taken, settings = channel
    status, body = ask(connection, method, path, token)
    assert (status, taken) == (401, [])
    assert secrets.secret(settings, secrets.CONTROL) not in body


def test_what_the_channel_answers(channel: Channel) -> None:
    connection, taken, settings = channel
    token = secrets.secret(settings, secrets.CONTROL)
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


def test_a_taken_port_is_named(channel: Channel) -> None:
    with pytest.raises(PortInUse, match=r"ports\.lakehouse_control"):
        ControlServer(channel[2], lambda command: None, dict)


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
