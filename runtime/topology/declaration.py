"""What a service is: everything that the local topology and docker-compose.yml are both made from."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from msgspec import Struct

from contracts.errors import DependencyError
from contracts.layout import run_folder
from contracts.settings import Settings

LOOPBACK = "127.0.0.1"
WILDCARDS = frozenset({"0.0.0.0", "::"})
ONCE_SECONDS = 120.0


class ConfigFile(Struct, frozen=True, kw_only=True):
    """A file that is made from settings before the process starts."""

    path: Path
    content: str
    secret: bool = False
    """Whether only its owner may read it."""

    def write(self) -> None:
        """Replaces the file as a whole."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(f".{self.path.name}.fresh")
        fresh.unlink(missing_ok=True)
        fresh.touch(mode=0o600 if self.secret else 0o644, exist_ok=False)
        fresh.write_text(self.content, "utf-8")
        fresh.replace(self.path)


class Once(Struct, frozen=True, kw_only=True):
    """A command that has to succeed before the first start of a process, and never again."""

    argv: tuple[str, ...]
    makes: Path
    """What it makes last: where that is, it is not run."""

    def run(self) -> None:
        """Raises DependencyError with the last that it said."""
        if self.makes.exists():
            return
        try:
            done = subprocess.run(
                self.argv, capture_output=True, text=True, check=False, timeout=ONCE_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DependencyError(f"{self.argv[0]}: {error}") from error
        if done.returncode != 0:
            said = (done.stderr + done.stdout).strip().rpartition("\n")[2]
            raise DependencyError(f"{self.makes} could not be made: {said or done.returncode}")


class Launch(Struct, frozen=True, kw_only=True):
    """One process, ready to be executed: nothing in it is secret, secrets stand in its files."""

    argv: tuple[str, ...]
    environment: dict[str, str] = {}
    files: tuple[ConfigFile, ...] = ()
    folders: tuple[Path, ...] = ()
    once: Once | None = None
    beside: tuple[str, ...] = ()
    """A process that a container runs beside this one, and that ends with it."""

    def prepare(self) -> None:
        """Makes the folders and files that the process reads. Raises DependencyError where it cannot."""
        for folder in self.folders:
            folder.mkdir(parents=True, exist_ok=True)
        for file in self.files:
            file.write()
        if self.once is not None:
            self.once.run()


Publish = Literal["", "loopback", "everywhere"]


class Port(Struct, frozen=True, kw_only=True):
    """A port that a service listens on, and the setting that changes it."""

    number: int
    setting: str
    publish: Publish = "loopback"
    """Where a container publishes it on its host; empty: nowhere."""
    title: str = ""
    """What a person finds there; empty: nothing to open."""
    scheme: str = "http"


class Process(Struct, frozen=True, kw_only=True):
    """A running process, as a probe needs to know it."""

    service: str
    owns: Callable[[int], bool]
    """Whether a process id is the service's: its own, or a descendant's."""
    since: float = 0.0
    """Unix time of its start."""


Probe = Callable[[Settings, Process], None]
"""Returns when the service is ready, raises DependencyError that says what is missing. Takes 5 s at most."""


class Service(Struct, frozen=True, kw_only=True):
    """One service of the platform, declared once."""

    name: str
    summary: str
    launch: Callable[[Settings], Launch]
    probe: Probe
    depends_on: tuple[str, ...] = ()
    """Services that must be ready before this one is started, and are stopped after it."""
    after: tuple[str, ...] = ()
    """Services whose containers are started before its own; it does not wait until they are ready."""
    ports: tuple[Port, ...] = ()
    prepare: Callable[[Settings], None] | None = None
    """Run once after the first readiness, before those that depend on the service are started."""
    start_seconds: float = 180.0
    """A start that takes longer has failed."""
    stop_seconds: float = 5.0
    """Share of the time limit of a stop that this service may need."""
    memory_mb: int = 256
    """What it needs at the default rate; a container is limited to twice that."""
    cores: float = 2.0
    """Most cores of its container."""
    java: bool = False
    """Whether its container needs Java and our jars."""
    container: str = ""
    """Name of its container; empty: the service's."""
    profile: str = ""
    """Profile of its container; empty: always started. Settings that make another container of it name
    another profile."""
    volumes: tuple[str, ...] = ()
    """Named volumes of its container (`lakehouse`, `outputs`, `kafka`, …)."""
    container_settings: dict[str, str] = {}
    """Settings that its container alone has."""

    @property
    def host(self) -> str:
        """Name of its container, and under which other containers reach it."""
        return self.container or self.name


def config_folder(settings: Settings, service: str) -> Path:
    """Where a service's generated files lie."""
    return run_folder(settings) / "config" / service


def connect_host(settings: Settings) -> str:
    """Address under which a process on this host reaches what listens on ``network.host``."""
    return LOOPBACK if settings.network.host in WILDCARDS else settings.network.host


def advertised_host(settings: Settings, service: str) -> str:
    """Name under which others reach a service: in containers, which listen on every address, its own name."""
    return service if settings.network.host in WILDCARDS else settings.network.host
