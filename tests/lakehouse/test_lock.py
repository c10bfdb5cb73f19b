"""The lakehouse lock outlives a killed holder for as long as its children do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.errors import ConflictError
from contracts.settings import Paths, Settings
from lakehouse.storage.lock import batch_lock, lakehouse_lock

HOLDER = """
import subprocess, sys, time
from contracts.settings import Paths, Settings
from lakehouse.storage.lock import lakehouse_lock
with lakehouse_lock(Settings(paths=Paths(data=sys.argv[1]))):
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False)
    print(child.pid, flush=True)
    time.sleep(600)
"""


def test_what_a_killed_holder_has_left_is_waited_for(tmp_path: Path) -> None:
    settings = Settings(paths=Paths(data=str(tmp_path)))
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        with pytest.raises(ConflictError, match=f"pid {holder.pid}"), lakehouse_lock(settings):
            pass
        os.kill(child, signal.SIGSTOP)
        holder.kill()
    with subprocess.Popen([sys.executable, "-c", WAITER, str(tmp_path)], stdout=subprocess.PIPE) as waiter:
        assert waiter.stdout is not None
        assert waiter.stdout.readline() == b"waits\n"
        assert waiter.poll() is None
        os.kill(child, signal.SIGCONT)  # it finds its input closed, and ends
        assert waiter.stdout.readline() == b"has it\n"
        assert waiter.wait(60) == 0


WAITER = """
import sys, time
from contracts.settings import Paths, Settings
from lakehouse.storage import lock
sleep, told = time.sleep, []
def slept(seconds):
    if not told:
        told.append(print("waits", flush=True))
    sleep(seconds)
lock.time.sleep = slept
with lock.lakehouse_lock(Settings(paths=Paths(data=sys.argv[1]))):
    print("has it", flush=True)
"""


def test_a_second_batch_run_is_refused(tmp_path: Path) -> None:
    settings = Settings(paths=Paths(data=str(tmp_path)))
    with batch_lock(settings), pytest.raises(ConflictError, match="batch job"), batch_lock(settings):
        pass
    with batch_lock(settings):
        pass
