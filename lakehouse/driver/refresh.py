"""`dp lakehouse refresh`: brings a table up to date, or builds days of it (or all of it) anew, step by step.

Every step is one commit that leaves a right table, so a refresh may be interrupted and run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from msgspec import Struct

from contracts.errors import SettingsError
from lakehouse.datasets import FromChain, ReplaceDates, ReplaceHours, ReplaceKeys, Versions, dataset
from lakehouse.medallion.following import Follower
from lakehouse.medallion.gold import GoldTable
from lakehouse.medallion.rounds import Rounds
from lakehouse.storage.retained import retained_from


class RefreshRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to refresh. Neither dates nor ``full``: only what is not in the table yet."""

    table: str
    start: date | None = None
    """First UTC date to build anew; None with ``end``: the first that there is."""
    end: date | None = None
    """Last UTC date, itself included."""
    full: bool = False
    dry_run: bool = False
    """Names the partitions and changes nothing."""

    @property
    def rebuilds(self) -> bool:
        """Whether days are built anew, which leaves bronze alone."""
        return self.full or self.start is not None or self.end is not None


class Progress(Struct, frozen=True, kw_only=True):
    """One line of what a command tells. ``state``: queued, running, done or failed."""

    state: str
    table: str
    partition: str = ""
    """The partition that was built just now; of a dry run: would be."""
    done: int = 0
    total: int = 0
    rows: int = 0
    """Rows written (by retention: removed) by this step; with `done`, by all of them."""
    bytes: int = 0
    """Bytes of what retention removes; of other commands 0."""
    message: str = ""


def refresh(rounds: Rounds, request: RefreshRequest) -> Iterator[Progress]:
    """Runs the refresh; the caller may do other work between two steps.

    Raises NotFound for an unknown table, SettingsError for dates that make no sense.
    """
    declared = dataset(request.table)
    if request.start and request.end and request.start > request.end:
        raise SettingsError(f"--from {request.start} is after --to {request.end}")
    for silver in rounds.silver_tables:
        if silver.declared.name == declared.name:
            yield from _silver(rounds, silver, request) if request.rebuilds else _newest(rounds, request)
            return
    for gold in rounds.gold_tables:
        if gold.declared.name == declared.name:
            yield from _gold(rounds, gold, request) if request.rebuilds else _newest(rounds, request)
            return
    if request.rebuilds:
        raise SettingsError(
            f"{declared.name} cannot be built anew: bronze is what landed, once; "
            "without --full, --from and --to what has landed since is taken in"
        )
    yield from _newest(rounds, request)


def _ensure_whole(
    table: str, request: RefreshRequest, first: date | None, upstream: Sequence[str], *, by_date: bool = True
) -> None:
    """Raises SettingsError where days would be built anew that upstream no longer has all rows of: they would
    lose what they have."""
    if first is None:
        return
    said = f"{' and '.join(upstream)} no longer {'have' if len(upstream) > 1 else 'has'} all rows of before"
    if not by_date:
        raise SettingsError(f"{table} cannot be built anew without loss: {said} {first}")
    if request.start is None or request.start < first:
        raise SettingsError(
            f"{table} would lose what retention has removed: {said} {first}; build it anew --from {first}"
        )


def _newest(rounds: Rounds, request: RefreshRequest) -> Iterator[Progress]:
    build = dataset(request.table).build
    steps: list[tuple[str, Callable[[], bool]]] = [("bronze", rounds.bronze)]
    if not isinstance(build, FromChain):
        steps.append(("silver", rounds.silver))
    if isinstance(build, ReplaceHours | ReplaceDates | ReplaceKeys):
        steps.append(("gold", rounds.gold))
    total = 0
    for index, (name, step) in enumerate(steps):
        rows = 0
        while not request.dry_run:
            more = step()
            rows += int(rounds.status.rounds[name]["rows"])
            if not more:
                break
        total += rows
        yield _step(request, f"new rows of {name}", index, len(steps), rows)
    yield _end(request, len(steps), total)


def _silver(rounds: Rounds, table: Follower, request: RefreshRequest) -> Iterator[Progress]:
    back = table.reaches_back
    retained = retained_from(table.upstream_path)
    first = retained + timedelta(days=back or 0) if retained else None
    _ensure_whole(table.declared.name, request, first, table.declared.upstream, by_date=back is not None)
    while not request.dry_run and (done := table.advance()) is not None and done.more:
        yield _step(request, "new rows", 0, 0, done.rows_out)
    if isinstance(table.declared.build, Versions):
        rows = 0 if request.dry_run else table.rebuild_all().rows_out
        yield _step(request, "all partitions", 0, 1, rows)
        yield _end(request, 1, rows)
        return
    yield from _days(request, _between(table.dates(), request), lambda day: table.rebuild(day).rows_out)


def _gold(rounds: Rounds, table: GoldTable, request: RefreshRequest) -> Iterator[Progress]:
    by_keys = isinstance(table.declared.build, ReplaceKeys)
    _ensure_whole(
        table.declared.name, request, table.complete_from(), table.declared.upstream, by_date=not by_keys
    )
    if by_keys or (request.full and not request.start and not request.end):
        rows = 0 if request.dry_run else table.rebuild_all().rows_out
        yield _step(request, "all partitions", 0, 1, rows)
        yield _end(request, 1, rows)
        return
    yield from _days(request, _between(table.dates(), request), lambda day: table.rebuild(day).rows_out)


def _days(request: RefreshRequest, days: list[date], build: Callable[[date], int]) -> Iterator[Progress]:
    total = 0
    for index, day in enumerate(days):
        rows = 0 if request.dry_run else build(day)
        total += rows
        yield _step(request, day.isoformat(), index, len(days), rows)
    yield _end(request, len(days), total)


def _between(days: list[date], request: RefreshRequest) -> list[date]:
    return [d for d in days if (request.start or d) <= d <= (request.end or d)]


def _step(request: RefreshRequest, partition: str, index: int, total: int, rows: int) -> Progress:
    return Progress(
        state="running", table=request.table, partition=partition, done=index + 1, total=total, rows=rows
    )


def _end(request: RefreshRequest, total: int, rows: int) -> Progress:
    message = "dry run: nothing was changed" if request.dry_run else ""
    return Progress(state="done", table=request.table, done=total, total=total, rows=rows, message=message)


def status_of(rounds: Rounds, engine: str) -> dict[str, Any]:
    """Answer of the control channel's GET /status."""
    complaints = rounds.status.complaints()
    return {
        "state": "degraded" if complaints else "running",
        "engine": engine,
        "complaints": complaints,
        "total": rounds.status.total,
        **rounds.status.details(),
    }
