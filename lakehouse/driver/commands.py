"""Commands that change tables, from wherever they are given: through the running driver, or else by hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing

from contracts.errors import ConflictError, DependencyError
from contracts.settings import Settings
from lakehouse.audit import AuditLog
from lakehouse.audit.commits import CHAIN, CommitFollower
from lakehouse.driver.audited import Audited
from lakehouse.driver.control import send
from lakehouse.driver.operations import Request, check
from lakehouse.driver.refresh import Progress
from lakehouse.engine import Engine
from lakehouse.medallion.rounds import Rounds
from lakehouse.storage.lock import lakehouse_lock

SERVICE = "dp"
"""What does a command by hand, as the audit log has it."""
START_SECONDS = 60.0
"""A driver that holds the lock may take this long until it listens."""


def run_command(
    settings: Settings, request: Request, make_engine: Callable[[], Engine], user: str | None = None
) -> Iterator[Progress]:
    """Progress of a command of ``user``, until it is done.

    Where no driver listens, takes the lakehouse lock and does the work with an engine of its own; a driver
    that is starting is waited for. Raises NotFound for an unknown table, SettingsError for what makes no
    sense, DependencyError where the driver goes away or holds the lock without answering, and what the
    command itself raises.
    """
    check(request)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            yield from send(settings, request, user)
            return
        except ConnectionRefusedError:
            pass  # nobody listens: the work is done here, unless somebody else has the lock
        try:
            with lakehouse_lock(settings):
                yield from _by_hand(settings, request, make_engine, user)
                return
        except ConflictError as error:
            if time.monotonic() > deadline:
                raise DependencyError(
                    f"no lakehouse driver answers on {settings.control_url}, yet {error}"
                ) from error
        time.sleep(0.5)


def _by_hand(
    settings: Settings, request: Request, make_engine: Callable[[], Engine], user: str | None
) -> Iterator[Progress]:
    with closing(make_engine()) as engine:
        engine.connect()
        with (
            AuditLog(settings, SERVICE, chain=CHAIN) as audit,
            CommitFollower(settings, audit) as commits,
            closing(Rounds(settings, engine)) as rounds,
        ):
            yield from Audited(audit, commits.catch_up).perform(rounds, request, user)
