"""Small services in place of the real ones: shells that write down what happens to them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from contracts import configuration
from contracts.configuration import Resolved
from contracts.errors import DependencyError
from contracts.settings import Settings
from runtime.topology import runner as runner_module
from runtime.topology import supervisor as supervisor_module
from runtime.topology.declaration import Launch, Port, Process, Service
from runtime.topology.supervisor import Supervisor

WELL_BEHAVED = """
echo "start {name}" >> {diary}
trap 'echo "stop {name}" >> {diary}; exit 0' TERM
touch {ready}
while :; do sleep 0.02; done
"""


class Fakes:
    """Makes fake services that share one diary."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.diary_path = folder / "diary"

    @property
    def diary(self) -> list[str]:
        return self.diary_path.read_text().splitlines() if self.diary_path.exists() else []

    def ready_path(self, name: str) -> Path:
        return self.folder / f"{name}.ready"

    def service(
        self,
        name: str,
        script: str = WELL_BEHAVED,
        *,
        depends_on: Sequence[str] = (),
        ports: Sequence[Port] = (),
        start_seconds: float = 30.0,
        stop_seconds: float = 5.0,
        prepare: Callable[[Settings], None] | None = None,
    ) -> Service:
        """A shell that runs ``script``, ready when it has made its ready file."""
        ready = self.ready_path(name)
        text = script.format(name=name, diary=self.diary_path, ready=ready, folder=self.folder)

        def launch(settings: Settings) -> Launch:
            ready.unlink(missing_ok=True)
            return Launch(argv=("/bin/sh", "-c", text))

        def probe(settings: Settings, process: Process) -> None:
            if not ready.exists():
                raise DependencyError("no ready file")

        return Service(
            name=name,
            summary=name,
            launch=launch,
            probe=probe,
            depends_on=tuple(depends_on),
            ports=tuple(ports),
            start_seconds=start_seconds,
            stop_seconds=stop_seconds,
            prepare=prepare,
        )

    @contextlib.asynccontextmanager
    async def running(self, supervisor: Supervisor) -> AsyncIterator[asyncio.Task[None]]:
        """Runs it; the body begins when its services are known, and all has stopped after it."""
        task = asyncio.create_task(supervisor.run())
        try:
            await self.eventually(lambda: supervisor.snapshot.services or task.done())
            yield task
        finally:
            if not task.done():
                supervisor.request_stop()
            await asyncio.gather(task, return_exceptions=True)

    async def eventually(self, condition: Callable[[], object]) -> None:
        """Returns when the condition holds; the test's own time limit ends a wait for nothing."""
        while not condition():  # noqa: ASYNC110  # conditions lie outside of the loop: files, processes
            await asyncio.sleep(0.01)


@pytest.fixture
def fakes(tmp_path: Path) -> Fakes:
    folder = tmp_path / "fakes"
    folder.mkdir()
    return Fakes(folder)


@pytest.fixture
def resolved(tmp_path: Path) -> Resolved:
    return configuration.load(flags={"paths.data": str(tmp_path / "data root")}, environ={})


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(runner_module, "PROBE_SECONDS", 0.02)
    monkeypatch.setattr(runner_module, "WATCH_SECONDS", 0.05)
    monkeypatch.setattr(supervisor_module, "TICK_SECONDS", 0.05)
    monkeypatch.setattr(supervisor_module, "LAG_SECONDS", 3600.0)
