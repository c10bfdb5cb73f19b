"""Lines that judge by what a platform leaves on disk: each is green, then red for a fault of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from contracts.heartbeat import Heartbeat, heartbeats_folder
from contracts.settings import Alerts, Archive, Settings, Simulators
from lakehouse.alerts.rules import RULES
from runtime.bootstrap.place import ROOT
from runtime.doctor import documentation
from tests.lakehouse.health.conftest import Simulation
from tests.runtime.doctor.files_of_a_platform import look


def beat(settings: Settings, name: str, **values: object) -> None:
    folder = heartbeats_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    told = Heartbeat(service=name, pid=1, at=time.time(), **values)  # type: ignore[arg-type]
    (folder / f"{name}.json").write_bytes(msgspec.json.encode(told))


def test_no_simulators(platform: Simulation) -> None:
    off = msgspec.structs.replace(platform.settings, simulators=Simulators(enabled=False))
    assert look("simulators", off).status == "skipped"


@pytest.mark.heavy
def test_a_simulator_that_is_degraded_or_stands_still(platform: Simulation) -> None:
    beat(platform.settings, "web-simulator", total=10, state="degraded", message="no broker")
    found = look("simulators", platform.settings)
    assert (found.status, "no broker" in found.measured) == ("red", True)
    beat(platform.settings, "web-simulator", total=10, rate=0.0)
    found = look("simulators", platform.settings)
    assert (found.status, "has delivered nothing" in found.measured) == ("red", True)


def living(platform: Simulation) -> None:
    """The simulation's last minute is now: the doctor's clock is the wall's."""
    platform.now = datetime.now(UTC)
    platform.started = platform.now.replace(year=platform.now.year - 1)
    platform.monitor = platform.new_monitor()
    platform.minutes(1, platform.flow)
    platform.now = datetime.now(UTC)
    platform.write()


def test_many_refused_records(platform: Simulation) -> None:
    living(platform)
    assert look("dead-letters", platform.settings).status == "green"
    memory = platform.settings.data_root / "run" / "health.json"
    told = json.loads(memory.read_bytes())
    told["refused_per_minute"] = {"app_events": 5000.0}
    memory.write_text(json.dumps(told))
    found = look("dead-letters", platform.settings)
    assert (found.status, "5,000" in found.measured) == ("red", True)


def test_a_monitor_that_has_stopped(platform: Simulation) -> None:
    assert look("monitor", platform.settings).status == "red"  # never
    living(platform)
    assert look("monitor", platform.settings).status == "green"
    memory = platform.settings.data_root / "run" / "health.json"
    told = json.loads(memory.read_bytes())
    memory.write_text(json.dumps({**told, "at": time.time() - 3600}))
    found = look("monitor", platform.settings)
    assert (found.status, "60 min" in found.measured) == ("red", True)


def test_notices_that_wait(platform: Simulation) -> None:
    living(platform)
    assert look("alerts", platform.settings).status == "green"
    hook = platform.settings.data_root / "hook"
    hook.write_text("http://127.0.0.1:1/")
    with_hook = msgspec.structs.replace(
        platform.settings, alerts=Alerts(webhook_file=str(hook), webhook_seconds=0.2)
    )
    found = look("alerts", with_hook)
    assert (found.status, "not tried without --notify: webhook" in found.measured) == ("green", True)


@pytest.mark.heavy
def test_a_webhook_that_does_not_answer_is_red_when_it_is_to_be_tried(platform: Simulation) -> None:
    hook = platform.settings.data_root / "hook"
    hook.write_text("http://127.0.0.1:1/")
    settings = msgspec.structs.replace(
        platform.settings, alerts=Alerts(webhook_file=str(hook), webhook_seconds=0.2)
    )
    found = look("alerts", settings, notify=True)
    assert (found.status, "webhook" in found.measured) == ("red", True)


def test_no_archive_is_a_warning_where_one_is_due(platform: Simulation) -> None:
    assert look("archive", platform.settings).status == "skipped"
    due = msgspec.structs.replace(platform.settings, archive=Archive(schedule="0 3 * * *"))
    assert look("archive", due).status == "warning"


LINES = {
    "valid": ('{"ts":"2026-11-25T10:00:00.000Z","level":"info","service":"a","message":"b"}', "green"),
    "no JSON": ("hello", "red"),
    "no service": ('{"ts":"2026-11-25T10:00:00.000Z","level":"info","message":"b"}', "red"),
    "local time": ('{"ts":"2026-11-25 10:00:00","level":"info","service":"a","message":"b"}', "red"),
    "level": ('{"ts":"2026-11-25T10:00:00.000Z","level":"INFO","service":"a","message":"b"}', "red"),
}


@pytest.mark.parametrize("kind", LINES)
def test_log_lines(platform: Simulation, kind: str) -> None:
    folder = platform.settings.data_root / "logs"
    assert look("logs", platform.settings).status == "skipped"
    folder.mkdir()
    line, status = LINES[kind]
    (folder / "a.log").write_text(f"{LINES['valid'][0]}\n{line}\n")
    assert look("logs", platform.settings).status == status


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with all documents."""
    folder = tmp_path / "checkout"
    (folder / "tests").mkdir(parents=True)
    for rule in RULES.values():
        page = folder / rule.runbook
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_bytes((ROOT / rule.runbook).read_bytes())
    (folder / "README.md").write_text("# A platform\n")
    (folder / "QUICK_START.md").write_text("# Start\n")
    (folder / "tests" / "test_it.py").write_text('PAGE = "QUICK_START.md"\n')
    return folder


def without_a_part(root: Path) -> None:
    page = root / RULES["holes"].runbook
    page.write_text(page.read_text("utf-8").replace("## Fixed when", ""))


MISSING: dict[str, tuple[str, Callable[[Path], object]]] = {
    "no readme": ("readme", lambda root: (root / "README.md").unlink()),
    "an empty readme": ("readme", lambda root: (root / "README.md").write_text("")),
    "no quick start": ("quick-start", lambda root: (root / "QUICK_START.md").unlink()),
    "nobody runs it": ("quick-start", lambda root: (root / "tests" / "test_it.py").unlink()),
    "no runbook": ("runbooks", lambda root: (root / RULES["lag_high"].runbook).unlink()),
    "half a runbook": ("runbooks", without_a_part),
}


@pytest.mark.parametrize("what", MISSING)
def test_documents_that_are_missing(platform: Simulation, root: Path, what: str) -> None:
    line, take_away = MISSING[what]
    assert look(line, platform.settings, root).status == "green"
    take_away(root)
    assert look(line, platform.settings, root).status == "red"
    assert look(line, platform.settings, None).status == "skipped"


@pytest.mark.heavy
def test_endpoints_that_are_not_told(platform: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    assert look("endpoints", platform.settings).status == "green"
    told = documentation.document()
    operation = told["paths"]["/query"]["post"]
    parts = ("summary", "description")
    for part in parts:
        less = json.loads(json.dumps(told))
        less["paths"]["/query"]["post"][part] = ""
        assert list(documentation.undocumented(less)) == [f"POST /query has no {part}"]
    operation["requestBody"]["content"]["application/json"].pop("examples")
    monkeypatch.setattr(documentation, "document", lambda: told)
    found = look("endpoints", platform.settings)
    assert (found.status, "no example" in found.measured) == ("red", True)
