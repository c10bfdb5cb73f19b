"""The containers of docker-compose.yml as processes of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from contracts.configuration import variable_name
from contracts.settings import Settings
from runtime import compose
from runtime.topology import leftovers
from tests.runtime.free_ports import free_ports

FORWARDED = "forwarded"
"""Name of one more port of a project."""


def ports_of_its_own(*further: str) -> dict[str, str]:
    """Setting → a free port; and one for each of the ``further`` names. Asked for at once: what nobody
    listens on yet would be given again."""
    names = (*(f"ports.{name}" for name in Settings().ports.__struct_fields__), *further)
    numbers = map(str, free_ports(len(names)))
    return dict(zip(sorted(names, key="ports.worker_web".__eq__), numbers, strict=True))


def active(services: Mapping[str, Any], *profiles: str) -> dict[str, Any]:
    """What docker starts with these profiles; dependencies that may be missing are left out as it does."""
    chosen = {
        name: content
        for name, content in services.items()
        if not content.get("profiles") or set(content["profiles"]) & set(profiles)
    }
    return {
        name: content
        | {
            "depends_on": {
                other: how
                for other, how in content.get("depends_on", {}).items()
                if other in chosen or how.get("required", True)
            }
        }
        for name, content in chosen.items()
    }


class Project:
    """The containers of some profiles.

    Their environment is the file's; only what docker would map is mapped: host names to loopback, ports to
    free ones, volumes to a temporary folder.
    """

    def __init__(self, folder: Path, *profiles: str) -> None:
        self.folder = folder
        document = yaml.safe_load(compose.FILE.read_text("utf-8"))
        self.containers = active(document["services"], *profiles)
        self.ports = ports_of_its_own(FORWARDED)
        self.forwarded = self.ports.pop(FORWARDED)
        """The driver's page as the master's container has it: they share a network here."""
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._hosts = {"0.0.0.0"} | {content["hostname"] for content in self.containers.values()}

    def environment(self, name: str) -> dict[str, str]:
        mapped = {
            key: self._mapped(str(value)) for key, value in self.containers[name]["environment"].items()
        }
        own = {key: value for key, value in os.environ.items() if not key.startswith("DP_")}
        ports = self.ports | ({"ports.spark_driver_ui": self.forwarded} if name == "spark-master" else {})
        variables = {variable_name(key): value for key, value in ports.items()}
        return {**own, **variables, **mapped, leftovers.INSTANCE: str(self.folder)}

    def start_all(self) -> None:
        """Each when all that it depends on are as it wants them; returns when all are healthy."""
        waiting = dict(self.containers)
        unhealthy: set[str] = set()
        while waiting or unhealthy:
            there = {"service_started": set(self.running), "service_healthy": self.running.keys() - unhealthy}
            for name, content in list(waiting.items()):
                if all(other in there[how["condition"]] for other, how in content["depends_on"].items()):
                    del waiting[name]
                    self.start(name)
                    unhealthy.add(name)
            unhealthy = {name for name in unhealthy if not self.is_healthy(name)}
            time.sleep(1)  # a check is a process that starts, and these have a machine to share

    def start(self, name: str) -> None:
        with open(self.folder / f"{name}.log", "wb") as log:
            self.running[name] = subprocess.Popen(
                (sys.executable, "-m", "runtime", *self.containers[name]["command"]),
                env=self.environment(name),
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def dp(self, name: str, *arguments: str) -> str:
        """`docker compose exec NAME dp …`: what it printed."""
        run = subprocess.run(
            (sys.executable, "-m", "runtime", *arguments),
            env=self.environment(name),
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stderr
        return run.stdout

    def is_healthy(self, name: str) -> bool:
        """Asks as docker would."""
        test = self.containers[name]["healthcheck"]["test"]
        assert test[:2] == ["CMD", "python"]
        check = subprocess.run(
            (sys.executable, *test[2:]), env=self.environment(name), cwd=self.folder, capture_output=True
        )
        if check.returncode == 0:
            return True
        said = (self.folder / f"{name}.log").read_text("utf-8", "replace")[-2000:]
        assert self.running[name].poll() is None, f"{name} ended: {said}"
        assert check.returncode == 3, check.stderr
        return False

    def end(self) -> None:
        """Stops what runs, the last one first, and kills what does not stop."""
        for process in reversed(self.running.values()):
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
        leftovers.end(str(self.folder))
        for process in self.running.values():
            process.wait()

    def _mapped(self, value: str) -> str:
        for host in sorted(self._hosts, key=len, reverse=True):
            if value == host:
                return "127.0.0.1"
            value = value.replace(f"//{host}:", "//127.0.0.1:")
            if value.startswith(f"{host}:"):
                value = value.replace(f"{host}:", "127.0.0.1:", 1)
        defaults = Settings().ports
        for key, number in self.ports.items():
            default = f":{getattr(defaults, key.split('.')[1])}"
            if default in value:
                value = value.replace(default, f":{number}")
                break
        for path in (compose.OUTPUTS, compose.DATA):
            value = value.replace(path, str(self.folder / Path(path).name))
        return value
