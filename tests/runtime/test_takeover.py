"""A supervisor that is killed, its successor, and copies side by side: each supervisor is a process here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts import configuration
from contracts.settings import Settings
from runtime.topology import detached, leftovers
from runtime.topology.state import read_snapshot, running_supervisor

pytestmark = pytest.mark.heavy

PROGRAM = Path(__file__).with_name("files") / "fake_topology.py"
EXECUTOR = "setsid sleep 1000 & touch {folder}/a.ready; wait"
"""A service with a child that the kernel does not kill with the supervisor."""


class Copy:
    """One supervisor process with one service, `a`."""

    def __init__(self, folder: Path, name: str, script: str = EXECUTOR) -> None:
        self.folder = folder / name
        self.folder.mkdir(exist_ok=True)
        self.settings: Settings = configuration.load(
            flags={"paths.data": str(self.folder / "data")}, environ={}
        ).settings
        self.script = script.format(folder=self.folder)
        self.process = self.start()

    def start(self) -> subprocess.Popen[str]:
        arguments = (str(self.folder), str(self.settings.data_root), f"a={self.script}")
        self.process = subprocess.Popen(
            (sys.executable, str(PROGRAM), *arguments), stderr=subprocess.PIPE, text=True
        )
        return self.process

    @property
    def ready(self) -> bool:
        snapshot = read_snapshot(self.settings)
        return snapshot is not None and snapshot.pid == self.process.pid and snapshot.ready

    @property
    def processes(self) -> list[int]:
        return leftovers.find(str(self.settings.data_root))

    def wait_ready(self) -> None:
        eventually(lambda: self.ready or self.process.poll() is not None)
        assert self.process.poll() is None, self.process.stderr and self.process.stderr.read()

    def end(self) -> None:
        self.process.terminate()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


def eventually(condition: Callable[[], object]) -> None:
    while not condition():
        time.sleep(0.01)


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Copy]:
    copy = Copy(tmp_path, "one")
    yield copy
    copy.end()
    leftovers.end(str(copy.settings.data_root))


def test_nothing_outlives_a_killed_supervisor(copy: Copy) -> None:
    copy.wait_ready()
    assert len(copy.processes) == 2, "the service and its child"
    copy.process.kill()
    eventually(lambda: not copy.processes)


def test_the_next_start_takes_over_from_a_killed_supervisor(copy: Copy) -> None:
    copy.wait_ready()
    before = set(copy.processes)
    copy.process.kill()
    copy.end()
    copy.start()
    copy.wait_ready()
    assert not before & set(copy.processes)
    assert len(copy.processes) == 2


def test_the_next_start_ends_what_was_left_even_without_a_guardian(copy: Copy) -> None:
    copy.wait_ready()
    before = set(copy.processes)
    guardian = next(
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _is_guardian(entry, str(copy.settings.data_root))
    )
    os.kill(guardian, signal.SIGSTOP)
    copy.process.kill()
    copy.end()
    os.kill(guardian, signal.SIGKILL)
    copy.start()
    copy.wait_ready()
    assert not before & set(copy.processes)


def test_a_killed_guardian_is_replaced(copy: Copy) -> None:
    copy.wait_ready()
    root = str(copy.settings.data_root)

    def guardians() -> list[int]:
        entries = (entry for entry in Path("/proc").iterdir() if entry.name.isdigit())
        return [int(entry.name) for entry in entries if _is_guardian(entry, root)]

    (first,) = guardians()
    os.kill(first, signal.SIGKILL)
    eventually(lambda: set(guardians()) - {first})
    copy.process.kill()
    eventually(lambda: not copy.processes)


def test_only_processes_with_the_mark_of_this_data_root_are_ended(tmp_path: Path) -> None:
    root = str(tmp_path / "data")
    others = [
        subprocess.Popen(("sleep", "1000"), env={**os.environ, "DP_INSTANCE": f"{root}-other"}),
        subprocess.Popen(("sleep", "1000"), env={**os.environ, "OTHER": f"DP_INSTANCE={root}"}),
        subprocess.Popen(("sh", "-c", "exec sleep 1000", root)),
    ]
    ours = subprocess.Popen(("sleep", "1000"), env={**os.environ, "DP_INSTANCE": root, "DP_SERVICE": "a"})
    try:
        eventually(lambda: leftovers.find(root) == [ours.pid])
        assert leftovers.end(root, "b") == 0
        assert leftovers.end(root) == 1
        assert ours.wait() == -signal.SIGKILL
        assert [other.poll() for other in others] == [None, None, None]
    finally:
        for process in (*others, ours):
            process.kill()
            process.wait()


def test_two_copies_run_side_by_side(copy: Copy, tmp_path: Path) -> None:
    other = Copy(tmp_path, "two")
    try:
        copy.wait_ready()
        other.wait_ready()
        copy.end()
        assert copy.processes == []
        assert other.process.poll() is None
        assert len(other.processes) == 2
    finally:
        other.end()
    assert other.processes == []


def test_a_second_start_on_the_same_data_root_is_refused(copy: Copy) -> None:
    copy.wait_ready()
    first, before = copy.process, copy.processes
    try:
        second = copy.start()
        assert second.stderr is not None
        with second, second.stderr as stderr:
            said = stderr.read()
        assert "ConflictError" in said
        assert str(first.pid) in said
        assert copy.processes == before
    finally:
        copy.process = first


def test_down_stops_a_running_copy_and_waits_until_it_is_gone(copy: Copy) -> None:
    copy.wait_ready()
    assert detached.stop(copy.settings, lambda snapshot: None)
    assert copy.processes == []
    assert copy.process.wait() == 0
    assert running_supervisor(copy.settings) is None


def test_down_clears_away_what_a_dead_supervisor_left(copy: Copy) -> None:
    copy.wait_ready()
    copy.process.kill()
    detached.stop(copy.settings, lambda snapshot: None)
    assert copy.processes == []


def test_down_where_nothing_runs_says_so(tmp_path: Path) -> None:
    settings = configuration.load(flags={"paths.data": str(tmp_path / "none")}, environ={}).settings
    assert not detached.stop(settings, lambda snapshot: None)
    assert not (tmp_path / "none").exists(), "asking makes nothing"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_a_clean_stop(copy: Copy, number: signal.Signals) -> None:
    copy.wait_ready()
    copy.process.send_signal(number)
    assert copy.process.wait() == 0
    assert copy.processes == []
    snapshot = read_snapshot(copy.settings)
    assert snapshot is not None
    assert snapshot.state == "stopped"


def _is_guardian(entry: Path, root: str) -> bool:
    try:
        return b"runtime.topology.guardian\0" + root.encode() in (entry / "cmdline").read_bytes()
    except OSError:
        return False
