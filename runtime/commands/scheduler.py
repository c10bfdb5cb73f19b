"""`dp scheduler`: starts the batch jobs at their time, watches over health, and tells of alerts."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import click

from contracts.configuration import Resolved

SERVICE = "scheduler"


@click.command(
    "scheduler",
    epilog="""\b
Examples:
  dp scheduler
  dp --set batch.schedule="30 1 * * *" --set batch.time_zone=Europe/Berlin scheduler""",
)
@click.pass_obj
def command(resolved: Resolved) -> None:
    """Runs the batch jobs at `batch.schedule`, and at the start those that were missed.

    A closed day is run, and again where late data touched it within `batch.late_days`. One run at a time,
    each a process of its own, tried again when it fails. `dp batch history` shows the runs.

    Beside them, every `health.sample_seconds`, it examines the platform, leaves a sample in
    `platform_metrics_silver`, and tells of alerts (`dp alerts list`).
    """
    from batch.archiving import archiving
    from batch.duty import BatchJobs
    from batch.schedule import Scheduler
    from contracts import logs
    from contracts.heartbeat import HeartbeatWriter
    from lakehouse.audit import AuditLog
    from runtime.monitoring import health_monitor
    from runtime.topology.environment import background_environment

    settings = resolved.settings
    logs.configure(SERVICE, settings.logs.level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    marks = {name: text for name in _MARKS if (text := os.environ.get(name)) is not None}
    environment = {**background_environment(resolved), **marks}
    with AuditLog(settings, SERVICE) as audit:
        jobs = BatchJobs(settings, environment)
        monitor = health_monitor(settings, audit)
        scheduler = Scheduler([jobs, monitor, *archiving(settings, environment)], stop)
        beats = HeartbeatWriter(settings, SERVICE)
        scheduler.start()
        while True:
            troubles = [f"{state.duty.name}: {state.error}" for state in scheduler.states if state.error]
            details: dict[str, Any] = {
                "running": jobs.running,
                "health": monitor.latest.status if monitor.latest else None,
                "findings": len(monitor.latest.findings) if monitor.latest else 0,
                "next": {s.duty.name: s.next_at.isoformat() for s in scheduler.states if s.next_at},
            }
            beats.beat(
                sum(state.done for state in scheduler.states),
                state="degraded" if troubles else "running",
                message="; ".join(troubles),
                details=details,
                force=True,
            )
            if stop.wait(1.0):
                break
        scheduler.join()


_MARKS = ("DP_INSTANCE", "DP_SERVICE")
"""By these the supervisor knows what belongs to its copy, children included."""
