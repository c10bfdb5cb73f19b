"""ZooKeeper, a broker and `dp` processes of a benchmark's own: free ports, a folder under `<data>/bench/`."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from contracts import configuration
from contracts.configuration import Resolved
from contracts.errors import DependencyError
from contracts.settings import Ports
from kafka_cluster.topics import ensure_topics
from runtime.services import service_named
from runtime.topology.declaration import Process

START_SECONDS = 120.0
STOP_SECONDS = 20.0


class LocalStreams:
    """A context manager; leaving it ends every process and removes the folder.

    The settings are those of ``parent``, but for ports, data root and Kafka's address.
    """

    def __init__(self, parent: Resolved, **flags: object) -> None:
        self.root = parent.settings.data_root / "bench" / f"streams-{uuid.uuid4().hex[:8]}"
        names = Ports.__struct_fields__
        ports = dict(zip((f"ports.{name}" for name in names), free_ports(len(names)), strict=True))
        own = {
            "paths.data": str(self.root),
            "paths.outputs": "",
            "kafka.bootstrap": "",
            "kafka.zookeeper": "",
        }
        dotted = {key.replace("__", "."): value for key, value in flags.items()}
        self.resolved = configuration.load(
            parent.file,
            flags={**own, **ports, **dotted},
            environ=configuration.environment_of(parent),
        )
        self.settings = self.resolved.settings
        clean = {name: value for name, value in os.environ.items() if not name.startswith("DP_")}
        self.environment = clean | configuration.environment_of(self.resolved)
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.root.mkdir(parents=True)
        self._stack.callback(shutil.rmtree, self.root, ignore_errors=True)
        try:
            for service in ("zookeeper", "kafka"):
                self._start_service(service)
            ensure_topics(self.settings)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        for name in reversed(list(self.running)):
            self.stop(name)
        self._stack.close()

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """A `dp` process that runs on as service ``name``; what it says goes to its log."""
        return self.spawn(name, dp_command(*arguments), {"DP_SERVICE": name})

    def run(self, *arguments: str) -> str:
        """What a `dp` command prints. Raises DependencyError where it fails."""
        done = subprocess.run(
            dp_command(*arguments), env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise DependencyError(f"dp {' '.join(arguments)} failed: {done.stderr.strip()[-500:]}")
        return done.stdout

    def spawn(
        self, name: str, argv: list[str], environment: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        log = self._stack.enter_context(self.log_of(name).open("ab"))
        process = subprocess.Popen(
            argv,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=self.root,
        )
        self.running[name] = process
        return process

    def stop(self, name: str) -> None:
        """Ends a process as `dp down` would, and waits for it."""
        process = self.running.pop(name)
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def check(self) -> None:
        """Raises DependencyError where a process has ended that should run."""
        for name, process in self.running.items():
            if process.poll() is not None:
                raise DependencyError(f"{name} ended with {process.returncode}: {self.last_words(name)}")

    def log_of(self, name: str) -> Path:
        return self.root / f"{name}.log"

    def last_words(self, name: str) -> str:
        return self.log_of(name).read_text("utf-8", "replace").strip()[-600:]

    def _start_service(self, name: str) -> None:
        service = service_named(self.settings, name)
        launch = service.launch(self.settings)
        launch.prepare()
        process = self.spawn(name, list(launch.argv), launch.environment)
        deadline = time.monotonic() + START_SECONDS
        seen = Process(service=name, owns=lambda pid: pid == process.pid)
        while True:
            self.check()
            with contextlib.suppress(DependencyError):
                service.probe(self.settings, seen)
                return
            if time.monotonic() > deadline:
                raise DependencyError(f"{name} does not start: {self.last_words(name)}")
            time.sleep(0.2)


def dp_command(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "runtime", *arguments]


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
