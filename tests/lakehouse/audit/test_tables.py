"""What is done to tables is in the log: each commit once, commands with who gave them."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from contracts.errors import DependencyError, NotFound
from contracts.layout import audit_folder
from contracts.settings import Lakehouse, Settings
from contracts.sources import APP_EVENTS
from lakehouse.audit import AuditLog
from lakehouse.audit.commits import CHAIN, CommitFollower
from lakehouse.audit.reading import Recorded, Wanted, newest
from lakehouse.audit.verify import verify
from lakehouse.datasets import DATASETS
from lakehouse.driver.commands import run_command
from lakehouse.driver.operations import EraseRequest, OptimizeRequest, RestoreRequest
from lakehouse.driver.refresh import RefreshRequest
from lakehouse.embedded import EmbeddedEngine
from lakehouse.maintenance.steps import Maintenance
from lakehouse.medallion.rounds import Rounds
from lakehouse.storage import delta_log, tables
from tests.lakehouse.driver_process import Driver, until, with_shortest_cadence

pytestmark = pytest.mark.heavy

SILVER = "app_events_silver"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    embedded = Settings(paths=settings.paths, lakehouse=Lakehouse(engine="embedded"))
    return with_shortest_cadence(embedded)  # its port is nobody else's


def told(settings: Settings, action: str = "*", **wanted: Any) -> list[Recorded]:
    return newest(settings, Wanted(action=action, **wanted), 10_000)


def versions(settings: Settings) -> dict[str, list[int]]:
    """Table → the versions that are told of, the oldest first."""
    found: dict[str, list[int]] = {}
    for entry in reversed(told(settings, "table.*")):
        found.setdefault(entry.subject or "", []).append(entry.details["version"])
    return found


def every_version(settings: Settings) -> dict[str, list[int]]:
    paths = {name: tables.path_of(settings, declared) for name, declared in DATASETS.items()}
    newest_of = {name: delta_log.latest_version(path) for name, path in paths.items()}
    return {name: list(range(version + 1)) for name, version in newest_of.items() if version >= 0}


def test_every_commit_is_told_of_once(
    settings: Settings, make_landing: Any, make_event: Any, engine: EmbeddedEngine
) -> None:
    landing = make_landing(settings)
    for number in range(2):  # a process, and the next
        with (
            AuditLog(settings, "lakehouse-driver", chain=CHAIN) as audit,
            CommitFollower(settings, audit) as commits,
            closing(Rounds(settings, engine)) as rounds,
        ):
            landing.add(APP_EVENTS, [make_event(f"e{number}"), make_event(f"f{number}")])
            rounds.bronze(), rounds.silver(), rounds.gold()
            commits.catch_up()
        assert versions(settings) == every_version(settings)
    (write, *_) = told(settings, "table.*", table=SILVER)
    assert write.action in ("table.write", "table.merge")
    assert write.details["rows"] == 2
    assert write.details["engine"] == "embedded"
    assert write.user is None
    assert told(settings, "table.create")
    assert verify(settings).right


def test_commits_of_a_driver_that_died_are_told_of_by_the_next(
    settings: Settings, make_landing: Any, make_event: Any, engine: EmbeddedEngine
) -> None:
    with (
        AuditLog(settings, "d", chain=CHAIN) as audit,
        CommitFollower(settings, audit),
        closing(Rounds(settings, engine)),
    ):
        pass
    before = versions(settings)
    with closing(Rounds(settings, engine)) as rounds:  # without a log, as if it had been killed before
        make_landing(settings).add(APP_EVENTS, [make_event("a")])
        rounds.bronze()
    assert versions(settings) == before != every_version(settings)
    with AuditLog(settings, "d", chain=CHAIN) as audit, CommitFollower(settings, audit):
        pass
    assert versions(settings) == every_version(settings)


def test_commands_by_hand_say_who_gave_them(settings: Settings, make_landing: Any, make_event: Any) -> None:
    landing = make_landing(settings)

    def run(request: Any) -> None:
        list(run_command(settings, request, lambda: EmbeddedEngine(settings), "alice"))

    for number in range(3):
        landing.add(APP_EVENTS, [make_event(f"e{number}")])
        run(RefreshRequest(table=SILVER))
    run(OptimizeRequest(table=SILVER))
    run(OptimizeRequest(table=SILVER, dry_run=True))
    run(RestoreRequest(table=SILVER, version=1))
    with pytest.raises(NotFound):
        run(RestoreRequest(table=SILVER, version=99))
    asked = [
        (entry.action, entry.details["state"])
        for entry in reversed(told(settings, "lakehouse.*", user="alice", table=SILVER))
    ]
    assert asked == [
        *[("lakehouse.refresh", "begun"), ("lakehouse.refresh", "done")] * 3,
        *[("lakehouse.optimize", "begun"), ("lakehouse.optimize", "done")],
        *[("lakehouse.restore", "begun"), ("lakehouse.restore", "done")],
        *[("lakehouse.restore", "begun"), ("lakehouse.restore", "failed")],
    ]
    (failed, *_) = told(settings, "lakehouse.restore")
    assert "has the versions" in (failed.texts["reason"] or "")
    assert [entry.action for entry in told(settings, "table.*", table=SILVER)][:2] == [
        "table.restore",
        "table.compact",
    ]
    assert versions(settings) == every_version(settings)
    assert verify(settings).right


def test_an_erasure_is_recorded_without_the_person(
    settings: Settings, make_landing: Any, make_event: Any
) -> None:
    make_landing(settings).add(APP_EVENTS, [make_event("a", user_id="person-77")])
    with AuditLog(settings, "lakehouse-api") as api:
        for text in ("SELECT * FROM t WHERE user_id = 'person-77'", "SELECT 1"):
            api.record("api.query", user="bob", texts={"statement": text})
        api.flush()
        request = EraseRequest(user_id="person-77")
        list(run_command(settings, request, lambda: EmbeddedEngine(settings), "alice"))
    (done, begun) = told(settings, "lakehouse.erase", user="alice")
    assert (begun.details["state"], done.details["state"]) == ("begun", "done")
    assert done.details["rows"] >= 1
    (redacted,) = told(settings, "audit.redacted")
    assert redacted.user == "alice"
    assert [entry.texts["statement"] for entry in told(settings, "api.query")] == ["SELECT 1", None]
    every = [path.read_bytes() for path in audit_folder(settings).rglob("*") if path.is_file()]
    assert not any(b"person-77" in content for content in every)
    report = verify(settings)
    assert report.right, report.faults


def test_a_command_that_cannot_be_recorded_changes_nothing(
    settings: Settings, make_landing: Any, make_event: Any
) -> None:
    make_landing(settings).add(APP_EVENTS, [make_event("a")])
    audit_folder(settings).write_text("in the way")
    with pytest.raises(DependencyError, match="audit log"):
        list(run_command(settings, RefreshRequest(table=SILVER), lambda: EmbeddedEngine(settings)))
    assert delta_log.latest_version(tables.path_of(settings, DATASETS[SILVER])) == 0


def test_what_maintenance_removes_is_told(
    settings: Settings, engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakehouse.maintenance.landing.clean", lambda *_: 3)
    with AuditLog(settings, "d") as audit, closing(Rounds(settings, engine)) as rounds:
        maintenance = Maintenance(settings, rounds, clock=lambda: 1e9, audit=audit)
        maintenance._next_pass = 0.0
        for _ in range(50):
            maintenance.step()
    found = told(settings, "maintenance.landing", table="app_events_bronze")
    assert [entry.details["files_deleted"] for entry in found[:1]] == [3]


@pytest.fixture
def driver(settings: Settings) -> Iterator[Driver]:
    made = Driver(settings)
    yield made
    made.close()


def test_the_driver_tells_and_is_killed_without_harm(
    driver: Driver, make_landing: Any, make_event: Callable[..., dict[str, Any]]
) -> None:
    settings = driver.settings
    landing = make_landing(settings)
    for number, how in enumerate((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)):
        landing.add(APP_EVENTS, [make_event(f"e{number}")])
        driver.start()
        until(driver.beat, "the driver is ready")
        request = RefreshRequest(table=SILVER, full=True)
        lines = list(run_command(settings, request, lambda: EmbeddedEngine(settings), "bob"))
        assert lines[-1].state == "done"
        # It was said to be done: it is on disk, and so are its commits.
        asked = told(settings, "lakehouse.refresh", user="bob")
        assert [entry.details["state"] for entry in asked] == ["done", "begun"] * (number + 1)
        driver.end(how)
        report = verify(settings)
        assert report.right, report.faults
    assert versions(settings) == every_version(settings)
    assert told(settings)[0].action == "audit.closed"
