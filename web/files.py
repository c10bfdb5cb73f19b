"""Runs queries over files that may go away or be damaged under them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec import structs

from contracts.errors import BrokenTable, DependencyError
from lakehouse.reading.damage import Damage
from lakehouse.reading.snapshot import Snapshot
from web.executions import Execution
from web.sandbox.pool import FileFailed, Sandbox
from web.sandbox.protocol import Done, Run
from web.sandbox.refusals import VANISHED

MOST_RUNS = 5
"""So often a query is begun at most, as files go away under it."""

Tables = dict[str, Snapshot | None]
"""What a query reads; None: not created yet."""


async def run_on_files(
    sandbox: Sandbox,
    damage: Damage,
    execution: Execution,
    first: Run,
    tables: Tables,
    current: Callable[[], Awaitable[Tables]],
    run: Callable[[Tables], Run],
    seconds: float,
) -> Done:
    """Runs ``first``; where files of ``tables`` go away under it, what ``run`` makes of them as they are
    then: outputs of the stream are compacted at any time, and tables may be replaced. That answer is not
    kept, as it is not the one of the tables that were asked for.

    Raises BrokenTable where files cannot be read or are missing; ``damage`` is told.
    """
    asked = first
    for _ in range(MOST_RUNS):
        try:
            end = await sandbox.run(asked, seconds, execution.hear)
            return end if asked is first else structs.replace(end, repeatable=False)
        except FileFailed as error:
            if error.code != VANISHED:
                raise _broken(damage, tables, error) from error
            before, tables = tables, await current()
            if tokens_of(tables) == tokens_of(before):
                raise _broken(damage, tables, error) from error
            if not execution.begin_again(versions_of(tables)):
                break
            asked = run(tables)
    raise DependencyError(f"{', '.join(tables)}: replaced again and again while they were read; ask again")


def versions_of(tables: Tables) -> dict[str, int | None]:
    """Delta version of each table; None: not created yet, or without versions."""
    return {name: found.version if found else None for name, found in tables.items()}


def tokens_of(tables: Tables) -> tuple[tuple[object, ...] | None, ...]:
    """Equal for tables that hold the same rows."""
    return tuple(found.token if found else None for found in tables.values())


def _broken(damage: Damage, tables: Tables, error: FileFailed) -> DependencyError:
    read = [snapshot for snapshot in tables.values() if snapshot is not None]
    of_file = [found for found in read if error.file and Path(error.file).is_relative_to(found.path)]
    found = (of_file or read)[:1]
    if not found or (len(read) > 1 and not of_file):
        return DependencyError(f"a file of {', '.join(tables)} cannot be read: {error}")
    what = "files of it are missing" if error.code == VANISHED else str(error)
    damage.tell(found[0], what, error.file)
    return BrokenTable(found[0].name, what)
