"""A process that dies at any moment leaves a log that is right, and all that it was told is kept."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contracts.settings import Paths, Settings
from lakehouse.audit import AuditLog
from lakehouse.audit.heads import BLOCK
from lakehouse.audit.reading import Wanted, newest
from lakehouse.audit.verify import verify
from tests.examples import examples
from tests.lakehouse.audit.conftest import Process, lines_of

pytestmark = pytest.mark.heavy

WRITER = """
import sys
from contracts.settings import Paths, Settings
from lakehouse.audit import AuditLog

audit = AuditLog(Settings(paths=Paths(data=sys.argv[1])), "api")
number = int(sys.argv[2])
while True:
    for _ in range(number % 7):
        long = {"x": "y" * (number % 900)}
        audit.record("api.query", user="alice", details=long, texts={"statement": f"SELECT {number}"})
    audit.record_durably("keys.create", subject=str(number))
    print(number, flush=True)
    number += 1
"""


def test_every_byte_that_a_crash_can_end_at(settings: Settings, tmp_path: Path) -> None:
    """The head is where it was before the group of lines: that is the state until the group is durable."""
    Process(settings, "api").write(3).die()
    (path,) = lines_of(settings)
    start = path.stat().st_size
    head = settings.data_root / "secrets/audit-heads/api.head"
    before = head.read_bytes()
    Process(settings, "api").write(2).die()
    head.write_bytes(before)
    whole = path.read_bytes()
    for end in range(start, len(whole) + 1):
        path.write_bytes(whole[:end])
        assert verify(settings).right, end
        if end % 10 == 0:
            copy = tmp_path / "copy"
            shutil.copytree(settings.data_root, copy)
            again = Settings(paths=Paths(data=str(copy)))
            Process(again, "api").write(2).die(b'{"action":')
            Process(again, "api").write(1).end()
            report = verify(again)
            assert report.right, (end, report.faults)
            assert report.chains[0].beyond_head == 0
            shutil.rmtree(copy)


@pytest.mark.parametrize(
    "left", [b"{", b'{"action":"audit.opened","at"', b"\0" * 100, b"\0\n\0", b"\xff\xfe"]
)
def test_what_is_left_of_a_line_is_told_and_not_touched(settings: Settings, left: bytes) -> None:
    Process(settings, "api").write(2).die(left)
    report = verify(settings)
    assert report.right
    assert [remains.bytes for remains in report.chains[0].crashes] == [len(left)]
    Process(settings, "api").write(2, day=1).die(left)
    Process(settings, "api").write(2, day=1).end()
    report = verify(settings)
    assert report.right, report.faults
    assert [remains.bytes for remains in report.chains[0].crashes] == [len(left)] * 2
    assert left in lines_of(settings)[0].read_bytes()


def test_a_line_that_nobody_wrote_is_no_remains_of_a_crash(settings: Settings) -> None:
    Process(settings, "api").write(2).die(b'{"action":"x"}')
    assert not verify(settings).right
    Process(settings, "api").write(2).end()
    (fault,) = verify(settings).faults
    assert (fault.line, fault.kind) == (4, "inserted")


def test_nothing_may_come_behind_an_end_in_order(settings: Settings) -> None:
    Process(settings, "api").write(2).end()
    with open(lines_of(settings)[0], "ab") as file:
        file.write(b"{")
    (fault,) = verify(settings).faults
    assert (fault.line, fault.kind) == (5, "inserted")


@pytest.mark.parametrize("block", [0, 1])
def test_a_head_that_is_torn_leaves_the_other(settings: Settings, block: int) -> None:
    process = Process(settings, "api")
    for _ in range(4):
        process.write(2)
    process.die()
    path = settings.data_root / "secrets/audit-heads/api.head"
    content = bytearray(path.read_bytes())
    content[block * BLOCK + 40 : block * BLOCK + 80] = b"\0" * 40
    path.write_bytes(content)
    assert verify(settings).right
    Process(settings, "api").write(2).end()
    report = verify(settings)
    assert report.right
    assert report.chains[0].lines == 1 + 8 + 1 + 2 + 1


def test_a_clock_that_goes_back_opens_no_older_file(settings: Settings) -> None:
    Process(settings, "api").write(2, day=1).end()
    Process(settings, "api").write(2, day=0).end()
    assert len(lines_of(settings)) == 1
    assert verify(settings).right


def test_two_processes_of_one_name_have_chains_of_their_own(settings: Settings) -> None:
    with AuditLog(settings, "dp") as one, AuditLog(settings, "dp") as other:
        one.record_durably("a.b")
        other.record_durably("a.b")
    assert [path.name for path in lines_of(settings)] == ["dp.2.jsonl", "dp.jsonl"]
    assert verify(settings).right


@pytest.mark.heavy
def test_kill_9_loses_nothing_that_was_said_to_be_kept(settings: Settings) -> None:
    chance = random.Random(5)
    said = 0
    for _ in range(examples(12)):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(settings.data_root), str(said + 1)],
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdout is not None
            for _ in range(chance.randint(1, 200)):
                said = int(process.stdout.readline())
            time.sleep(chance.random() / 200)  # anywhere between two of its steps
            process.send_signal(signal.SIGKILL)
            for line in process.stdout:
                said = int(line)
        report = verify(settings)
        assert report.right, report.faults
        kept = {int(entry.subject or 0) for entry in newest(settings, Wanted(action="keys.create"), 10**6)}
        assert set(range(1, said + 1)) <= kept
        # What was said to be kept cannot be cut off unseen.
        path = lines_of(settings)[-1]
        if not report.chains[0].crashes and not report.chains[0].beyond_head:
            content = path.read_bytes()
            path.write_bytes(content[: content.rindex(b"\n", 0, -1) + 1])
            assert [fault.kind for fault in verify(settings).faults] == ["truncated"]
            path.write_bytes(content)
        said = max(kept)
    heads = settings.data_root / "secrets/audit-heads"
    assert [path.name for path in heads.iterdir()] == ["api.head"]
