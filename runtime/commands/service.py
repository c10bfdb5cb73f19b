"""`dp service NAME`: one declared service in the foreground, as a container runs it."""

from __future__ import annotations

import os
import subprocess
import sys

import click

from contracts.configuration import Resolved


@click.command(
    "service",
    hidden=True,
    epilog="""\b
Examples:
  dp service kafka
  dp service kafka --check      whether it is ready: exit code 0, or 3 and the reason""",
)
@click.argument("name")
@click.option("--check", is_flag=True, help="Only ask whether the running one is ready.")
@click.pass_obj
def command(resolved: Resolved, name: str, check: bool) -> None:
    """Become one of the platform's services: this process is replaced by it."""
    from runtime.services import service_named
    from runtime.topology.declaration import Process
    from runtime.topology.leftovers import SERVICE, birth
    from runtime.topology.runner import CHILD

    settings = resolved.settings
    service = service_named(settings, name)
    if check:
        service.probe(settings, Process(service=name, owns=lambda pid: birth(pid) > 0))
        return
    launch = service.launch(settings)
    launch.prepare()
    if launch.beside:
        # The process id stays the same through exec, so that it ends with the service.
        subprocess.Popen((sys.executable, "-I", "-S", str(CHILD), str(os.getpid()), *launch.beside))
    sys.stdout.flush()
    os.execvpe(launch.argv[0], launch.argv, {**os.environ, SERVICE: name, **launch.environment})
