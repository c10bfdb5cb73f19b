"""A supervisor with fake services in a process of its own, to be killed: FOLDER DATA_ROOT [NAME=SCRIPT …]."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from contracts import configuration
from contracts.errors import DependencyError, PlatformError
from contracts.settings import Settings
from runtime.topology.declaration import Launch, Process, Service
from runtime.topology.supervisor import Supervisor


def service(folder: Path, name: str, script: str) -> Service:
    def launch(settings: Settings) -> Launch:
        (folder / f"{name}.ready").unlink(missing_ok=True)
        return Launch(argv=("/bin/sh", "-c", script))

    def probe(settings: Settings, process: Process) -> None:
        if not (folder / f"{name}.ready").exists():
            raise DependencyError("no ready file")

    return Service(name=name, summary=name, launch=launch, probe=probe)


async def main(folder: Path, data: str, *scripts: str) -> None:
    resolved = configuration.load(flags={"paths.data": data}, environ={})
    parts = (script.partition("=") for script in scripts)
    supervisor = Supervisor(resolved, [service(folder, name, text) for name, _, text in parts])
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, supervisor.request_stop)
    await supervisor.run()


if __name__ == "__main__":
    try:
        asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
    except PlatformError as error:
        sys.exit(f"{type(error).__name__}: {error}")
