"""`dp doctor` on a platform that runs: green, then each thing broken for real, red, mended, green again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.bootstrap.place import checkout
from runtime.doctor.checklist import lines_of
from runtime.doctor.checkup import Checked, go_through
from runtime.doctor.evidence import Evidence
from tests.system import broken_platform as broken
from tests.system.broken_platform import Break
from tests.system.platform_copy import PlatformCopy

RUNNING: dict[str, tuple[Break, tuple[str, ...]]] = {
    "broker never answers": (broken.halted("kafka"), ("broker",)),
    "zookeeper never answers": (broken.halted("zookeeper"), ("zookeeper",)),
    "registry never answers": (broken.halted("schema-registry"), ("registry",)),
    "api never answers": (broken.halted("lakehouse-api"), ("api",)),
    "a simulator halts": (broken.halted("web-simulator"), ("simulators",)),
    "the monitor halts": (broken.halted("scheduler"), ("monitor", "services")),
    "a worker halts": (broken.halted("stream-worker-1"), ("landing", "outputs", "consumers", "services")),
    "a listener elsewhere": (broken.another_address, ("network",)),
    "a file for a folder": (broken.file_in_place_of_a_folder, ("folders",)),
    "secrets are open": (broken.open_secrets, ("folders",)),
    "a wrong log line": (broken.line_of_another_form, ("logs",)),
    "no notices": (broken.no_file_for_notices, ("alerts",)),
    "an archive is damaged": (broken.damaged_archive, ("archive",)),
    "a manifest is damaged": (broken.damaged_manifest, ("archive",)),
}
"""Breaks of a platform that runs, with the lines that are red then."""
STOPPED: dict[str, tuple[Break, tuple[str, ...]]] = {
    "bronze vanishes": (broken.table_gone("bronze", "external_data_bronze"), ("bronze", "lineage")),
    "a file of silver is gone": (broken.newest_file_gone("silver", "app_events_silver"), ("silver",)),
    "silver is emptied": (broken.silver_without_rows, ("silver",)),
    "a file of gold is gone": (broken.newest_file_gone("gold", "event_metrics_gold"), ("gold",)),
    "keys twice": (broken.rows_twice, ("keys", "rules")),
    "a rule is broken": (broken.rows_that_break_a_rule, ("rules",)),
    "values are missing": (broken.rows_without_a_user, ("nulls",)),
    "another type": (broken.column_of_another_type, ("schemas",)),
    "a column too many": (broken.column_too_many, ("schemas",)),
    "a job has failed": (broken.failed_job, ("batch-jobs",)),
}
"""Breaks of its tables, which nobody may write beside the driver."""
WITHOUT_EVENTS = {"spark-master", "spark-workers", "batch-jobs"}
"""Lines that a young platform on the embedded engine skips."""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformCopy]:
    made = PlatformCopy(
        tmp_path_factory.mktemp("doctor"),
        lakehouse__engine="embedded",
        simulators__rate=20.0,
        streams__flush_seconds=2.0,
        lakehouse__silver_seconds=2,
        lakehouse__gold_seconds=2,
        health__start_seconds=0,
        health__sample_seconds=2.0,
        health__flush_seconds=10.0,
    )
    made.up()
    yield made
    made.end()


def looked_at(copy: PlatformCopy, *names: str) -> dict[str, Checked]:
    """These lines, or all."""
    lines = [line for line in lines_of() if not names or line.name in names]
    found = go_through(Evidence(copy.settings, root=checkout()), lines)
    return {one.line: one for one in found}


def becomes(copy: PlatformCopy, status: str, names: tuple[str, ...]) -> None:
    """Waits until all these lines have the status; the test's own time limit ends a wait for nothing."""
    copy.eventually(
        lambda: {one.status for one in looked_at(copy, *names).values()} == {status},
    )


def well(copy: PlatformCopy) -> bool:
    found = looked_at(copy)
    return all(
        one.status == "green" or (one.status == "skipped" and name in WITHOUT_EVENTS)
        for name, one in found.items()
        if name != "quick-start" or _has_quick_start()
    )


def _has_quick_start() -> bool:
    root = checkout()
    return root is not None and (root / "QUICK_START.md").is_file()


@pytest.mark.timeout(1500)
def test_each_line_is_red_when_its_thing_is_broken_and_green_again(
    copy: PlatformCopy, subtests: pytest.Subtests
) -> None:
    copy.dp("lakehouse", "archive")
    copy.eventually(lambda: well(copy))
    told = subprocess.run(
        [sys.executable, "-m", "runtime", "doctor", "--json"],
        env=copy.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    document = json.loads(told.stdout)
    assert told.returncode == (0 if document["green"] else 1)
    assert [line["line"] for line in document["lines"]] == [line.name for line in lines_of()]
    assert document["engine"] == "embedded"
    assert document["data"] == str(copy.settings.data_root)

    for told_as, (how, names) in RUNNING.items():
        with subtests.test(told_as):
            with how(copy):
                becomes(copy, "red", names)
            becomes(copy, "green", names)

    copy.down()
    for told_as, (how, names) in STOPPED.items():
        with subtests.test(told_as):
            assert "red" not in {one.status for one in looked_at(copy, *names).values()}
            with how(copy):
                becomes(copy, "red", names)  # a platform that was just stopped is not judged at once
            assert "red" not in {one.status for one in looked_at(copy, *names).values()}


def test_nothing_runs(tmp_path: Path) -> None:
    """Red within the limits, exit code 1, and no data root is made."""
    copy = PlatformCopy(tmp_path, lakehouse__engine="embedded")
    told = json.loads(
        copy.dp("doctor", "--json", "--area", "infrastructure", "--area", "operations", expect=1)
    )
    status = {line["line"]: line["status"] for line in told["lines"]}
    assert status["services"] == status["broker"] == status["zookeeper"] == status["api"] == "red"
    assert status["spark-master"] == status["network"] == status["archive"] == "skipped"
    assert all(line["repair"] and line["page"] for line in told["lines"] if line["status"] == "red")
    assert not copy.settings.data_root.exists()
