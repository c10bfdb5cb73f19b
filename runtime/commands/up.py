"""`dp up`: starts the whole platform and keeps it running."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import Any

import click
import msgspec
from rich.console import Console

from contracts.configuration import Resolved
from contracts.settings import Settings


@click.command(
    "up",
    epilog="""\b
Examples:
  dp up                                  until Ctrl-C, with a live view
  dp up --detach                         in the background; returns when everything is ready
  dp up --engine embedded --rate 500     without Spark; 500 events/s of each simulator
  dp --set paths.data=/tmp/other --set ports.api=9888 … up     a second copy beside it""",
)
@click.option("--detach", is_flag=True, help="Run in the background; return when everything is ready.")
@click.option("--engine", type=click.Choice(["spark", "embedded"]), help="What runs silver and gold.")
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), help="Events per second of each simulator."
)
@click.option("--kraft", is_flag=True, help="Run the broker without ZooKeeper.")
@click.option("--no-simulators", is_flag=True, help="Start without simulated events.")
@click.option("--background", is_flag=True, hidden=True, help="What --detach starts.")
@click.pass_obj
def command(
    resolved: Resolved,
    detach: bool,
    engine: str | None,
    rate: float | None,
    kraft: bool,
    no_simulators: bool,
    background: bool,
) -> None:
    """Start the whole platform, in order, and keep it running.

    Ctrl-C stops all of it cleanly; a second Ctrl-C kills it at once.
    """
    flags: dict[str, Any] = {}
    if engine:
        flags["lakehouse.engine"] = engine
    if rate:
        flags["simulators.rate"] = rate
    if kraft:
        flags["kafka.coordination"] = "kraft"
    if no_simulators:
        flags["simulators.enabled"] = False
    resolved = _overridden(resolved, flags)
    if background:
        _supervise(resolved, None)
        return

    from runtime.services import check_before_start

    check_before_start(resolved.settings)
    console = Console()
    if detach:
        _start_detached(resolved, console)
    else:
        _supervise(resolved, console)


def _overridden(resolved: Resolved, flags: dict[str, Any]) -> Resolved:
    """The settings with this command's own options on top."""
    content = msgspec.to_builtins(resolved.settings)
    for key, value in flags.items():
        section, _, name = key.partition(".")
        content[section][name] = value
    return Resolved(
        settings=msgspec.convert(content, Settings),
        origins=resolved.origins | dict.fromkeys(flags, "flag"),
        file=resolved.file,
    )


def _start_detached(resolved: Resolved, console: Console) -> None:
    from runtime.topology import detached
    from runtime.topology.view import view_for

    with view_for(console) as view:
        detached.start(resolved, view.update)


def _supervise(resolved: Resolved, console: Console | None) -> None:
    """Runs the supervisor in this process, with a view where there is a console."""
    from runtime.services import services
    from runtime.topology.logfiles import SUPERVISOR, LogFileHandler
    from runtime.topology.supervisor import Supervisor
    from runtime.topology.view import view_for

    settings = resolved.settings
    handler = LogFileHandler(settings, SUPERVISOR)
    logging.basicConfig(handlers=[handler], level=settings.logs.level.upper(), force=True)
    chosen = services(settings)

    async def main(supervisor: Supervisor) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, supervisor.request_stop)
        await supervisor.run()

    if console is None:
        asyncio.run(main(Supervisor(resolved, chosen)))
        return
    with view_for(console, hint="Ctrl-C stops it") as view:
        asyncio.run(main(Supervisor(resolved, chosen, on_change=view.update)))
