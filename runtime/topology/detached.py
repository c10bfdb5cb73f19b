"""A supervisor in the background: started, waited for, and stopped from another process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from contracts.configuration import Resolved
from contracts.errors import DependencyError, PlatformError
from contracts.layout import run_folder
from contracts.settings import Settings
from runtime.topology import leftovers
from runtime.topology.environment import background_environment
from runtime.topology.state import Snapshot, lock_is_held, read_snapshot, running_supervisor
from runtime.topology.supervisor import STOP_SECONDS

POLL_SECONDS = 0.2
STOP_PATIENCE = STOP_SECONDS + 5.0


class StartFailed(PlatformError):
    """A background supervisor has given up; ``exit_code`` is its own."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def start(resolved: Resolved, on_change: Callable[[Snapshot], None]) -> Snapshot:
    """Starts a supervisor of its own session and returns when everything is ready.

    Raises StartFailed with the supervisor's own reason. Interrupted, it stops what it has started.
    """
    settings = resolved.settings
    output = run_folder(settings) / "supervisor.out"
    output.parent.mkdir(parents=True, exist_ok=True)
    with open(output, "wb") as file:
        process = subprocess.Popen(
            (sys.executable, "-P", "-m", "runtime", "up", "--background"),
            env=background_environment(resolved),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        while True:
            code = process.poll()
            snapshot = read_snapshot(settings)
            if snapshot is not None and snapshot.pid == process.pid:
                on_change(snapshot)
                if snapshot.state == "ready" and code is None:
                    return snapshot
            if code is not None:
                raise StartFailed(_last_line(output) or f"the supervisor ended with {code}", code or 1)
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise


def stop(settings: Settings, on_change: Callable[[Snapshot], None]) -> bool:
    """Stops the running copy, or clears away what a dead one has left; returns whether there was anything.

    Returns when no process of it is left. Raises DependencyError where that does not happen.
    """
    instance = str(settings.data_root)
    supervisor = running_supervisor(settings)
    found = supervisor is not None
    if supervisor is not None:
        if (snapshot := read_snapshot(settings)) is not None:
            on_change(snapshot)
        _signal(supervisor.pid, signal.SIGTERM)
        if not _wait_for_end(settings, STOP_PATIENCE, on_change):
            # Its guardian ends the services then.
            _signal(supervisor.pid, signal.SIGKILL)
    _wait_for_end(settings, STOP_PATIENCE, on_change)
    found = leftovers.end(instance) > 0 or found
    if remaining := leftovers.find(instance):
        raise DependencyError(f"processes {remaining} of {instance} do not end")
    return found


def _wait_for_end(settings: Settings, seconds: float, on_change: Callable[[Snapshot], None]) -> bool:
    deadline = time.monotonic() + seconds
    while lock_is_held(settings):
        if time.monotonic() > deadline:
            return False
        if (snapshot := read_snapshot(settings)) is not None:
            on_change(snapshot)
        time.sleep(POLL_SECONDS)
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise DependencyError(f"process {pid} belongs to another user") from error


def _last_line(path: Path) -> str:
    lines = path.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1].removeprefix("dp: ") if lines else ""
