"""Workers as processes, restarted when they die, as a supervisor would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

WORKER = Path(__file__).with_name("crash_worker.py")


class Crew:
    """Starts workers, strikes them, and brings back those that have died."""

    def __init__(self, flags: dict[str, object], folder: Path) -> None:
        self.flags = flags
        self.folder = folder
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self.plan: list[tuple[object, ...]] = []
        """What strikes the workers that are brought back, one after another."""
        self.deaths: list[tuple[int, int]] = []
        """(worker, exit code) of each that was brought back."""

    def start(self, index: int, *strike: object) -> None:
        log = open(self.folder / f"worker-{index}.log", "ab")  # noqa: SIM115 - the child keeps it
        arguments = [sys.executable, str(WORKER), json.dumps(self.flags), str(index), *map(str, strike)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DP_")}
        self.processes[index] = subprocess.Popen(arguments, stdout=log, stderr=log, env=environment)
        log.close()

    def tend(self) -> int:
        """Brings back the dead; returns how many there were."""
        dead = [(index, process) for index, process in self.processes.items() if process.poll() is not None]
        for index, process in dead:
            self.deaths.append((index, process.returncode))
            self.start(index, *(self.plan.pop(0) if self.plan else ()))
        return len(dead)

    def kill(self, index: int) -> None:
        self.processes[index].kill()
        self.processes[index].wait()

    def signal(self, index: int, number: signal.Signals) -> None:
        self.processes[index].send_signal(number)

    def is_stopped(self, index: int) -> bool:
        return bool(psutil.Process(self.processes[index].pid).status() == psutil.STATUS_STOPPED)

    def memory(self) -> int:
        """Resident bytes of the biggest worker."""
        return max(psutil.Process(p.pid).memory_info().rss for p in self.processes.values())

    def stop(self, timeout: float = 20.0) -> list[int]:
        """SIGTERM for all; their exit codes."""
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        deadline = time.monotonic() + timeout
        codes = []
        for process in self.processes.values():
            try:
                codes.append(process.wait(max(deadline - time.monotonic(), 0.1)))
            except subprocess.TimeoutExpired:
                process.kill()
                codes.append(process.wait())
        self.processes.clear()
        return codes
