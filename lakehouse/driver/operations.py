"""What can be asked of whoever writes the tables: one request a command, one place that carries it out."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from deltalake import DeltaTable
from msgspec import Struct, structs

from contracts.errors import NotFound, SettingsError
from lakehouse.datasets import DATASETS, Dataset, dataset
from lakehouse.driver.refresh import Progress, RefreshRequest, refresh
from lakehouse.erasure import request as erasure
from lakehouse.maintenance.steps import forget
from lakehouse.maintenance.tables import due, rewrite, vacuum
from lakehouse.medallion.rounds import Rounds
from lakehouse.persons.receipt import Receipt
from lakehouse.retention import request as retention
from lakehouse.storage import commits, tables
from lakehouse.storage.delta_log import latest_version
from lakehouse.storage.versions import version_at

ALL = "*"
"""In the place of a table's name: every table."""

log = logging.getLogger(__name__)


class OptimizeRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Compacts and orders every partition of a table (or of all) that would have fewer files."""

    table: str = ALL
    dry_run: bool = False


class VacuumRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Removes files that no version within the table's time travel needs."""

    table: str = ALL
    dry_run: bool = False


class RestoreRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Puts a table back to a version, or to what it was at a time. Exactly one of the two is given."""

    table: str
    version: int | None = None
    at: datetime | None = None
    dry_run: bool = False


class RetentionRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Removes the rows of a table that are past its retention; of all tables, the views and landing too."""

    table: str = ALL
    dry_run: bool = False


class EraseRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Removes one person from everywhere. ``user_id`` is to be written down nowhere: not in a log, not in an
    error, not in an audit record; what may be is in the receipt."""

    user_id: str
    table: str = ALL
    purge: bool = False
    """Whether the versions of tables that had the person go as well, now."""
    dry_run: bool = False

    def __repr__(self) -> str:
        return f"EraseRequest(purge={self.purge}, dry_run={self.dry_run})"


Request = RefreshRequest | OptimizeRequest | VacuumRequest | RestoreRequest | RetentionRequest | EraseRequest
REQUESTS: dict[str, type[Request]] = {
    "refresh": RefreshRequest,
    "optimize": OptimizeRequest,
    "vacuum": VacuumRequest,
    "restore": RestoreRequest,
    "retention": RetentionRequest,
    "erase": EraseRequest,
}
"""By the command's name."""


def name_of(request: Request) -> str:
    """The command's name."""
    return next(name for name, kind in REQUESTS.items() if isinstance(request, kind))


def check(request: Request) -> None:
    """What can be said without a table: raises NotFound for an unknown one, SettingsError for nonsense."""
    if request.table != ALL or isinstance(request, RefreshRequest | RestoreRequest):
        dataset(request.table)
    if isinstance(request, RestoreRequest) and (request.version is None) == (request.at is None):
        raise SettingsError("restore takes either --version or --as-of")
    if isinstance(request, EraseRequest) and (not request.user_id.strip() or request.table != ALL):
        raise SettingsError("erase takes one id, which is not blank, and goes everywhere")


def perform(rounds: Rounds, request: Request) -> Iterator[Progress]:
    """Carries a request out, step by step; the caller may do other work between two steps.

    Raises what ``check`` raises, and NotFound for a version that is no more.
    """
    check(request)
    match request:
        case RefreshRequest():
            return refresh(rounds, request)
        case OptimizeRequest():
            return _optimize(rounds, request)
        case VacuumRequest():
            return _vacuum(rounds, request)
        case RestoreRequest():
            return _restore(rounds, request)
        case RetentionRequest():
            return _retain(rounds, request)
        case EraseRequest():
            return _erase(rounds, request)


def _optimize(rounds: Rounds, request: OptimizeRequest) -> Iterator[Progress]:
    now = datetime.now(UTC)
    works = [
        (declared, work)
        for declared in _chosen(rounds, request.table)
        for work in due(tables.path_of(rounds.settings, declared), declared, now, everything=True)
    ]
    for number, (declared, work) in enumerate(works):
        partition = f"{declared.name} {work.partition or ''}".strip()
        message = f"{work.how} {work.files} files"
        if not request.dry_run:
            outcome = rewrite(tables.path_of(rounds.settings, declared), declared, work)
            forget(rounds, declared.name)
            message = f"{work.how}: {outcome.files_before} files became {outcome.files_after}"
        yield Progress(
            state="running",
            table=request.table,
            partition=partition,
            done=number + 1,
            total=len(works),
            message=message,
        )
    yield _end(request, len(works), f"{len(works)} partitions")


def _vacuum(rounds: Rounds, request: VacuumRequest) -> Iterator[Progress]:
    chosen = _chosen(rounds, request.table)
    total = 0
    for number, declared in enumerate(chosen):
        removed = vacuum(tables.path_of(rounds.settings, declared), declared, dry_run=request.dry_run)
        if not request.dry_run:
            forget(rounds, declared.name)
        total += len(removed)
        yield Progress(
            state="running",
            table=request.table,
            partition=declared.name,
            done=number + 1,
            total=len(chosen),
            message=f"{len(removed)} files",
        )
    yield _end(request, len(chosen), f"{total} files")


def _restore(rounds: Rounds, request: RestoreRequest) -> Iterator[Progress]:
    (declared,) = _chosen(rounds, request.table)
    path = tables.path_of(rounds.settings, declared)
    newest = latest_version(path)
    if request.at is not None:
        version = version_at(path, request.at)
    else:
        version = request.version if request.version is not None else newest
    if not 0 <= version <= newest:
        raise NotFound(f"{declared.name} has the versions 0 to {newest}, not {version}")
    message = f"{declared.name} from version {newest} to what version {version} was"
    if not request.dry_run:
        _put_back(path, version)
        forget(rounds, declared.name)
        log.warning("restored a table", extra={"table": declared.name, "to": version, "from": newest})
    yield _end(request, 1, message)


def _retain(rounds: Rounds, request: RetentionRequest) -> Iterator[Progress]:
    settings, now, dry_run = rounds.settings, datetime.now(UTC), request.dry_run
    names = retention.names_with_retention() if request.table == ALL else [request.table]
    parts: list[Iterator[retention.Removed]] = [
        retention.of_table(settings, name, now, dry_run=dry_run, forget=lambda name: forget(rounds, name))
        for name in names
    ]
    if request.table == ALL:
        parts.append(retention.of_views(settings, now, dry_run=dry_run))
        parts += [retention.of_landing(settings, one, dry_run=dry_run) for one in rounds.bronze_tables]
    rows = size = 0
    for number, part in enumerate(parts):
        for one in part:
            rows, size = rows + one.rows, size + one.bytes
            yield Progress(
                state="running",
                table=request.table,
                partition=one.place,
                done=number + 1,
                total=len(parts),
                rows=one.rows,
                bytes=one.bytes,
                message=one.message,
            )
    end = _end(request, len(parts), f"{rows:,} rows, {size / 1e6:,.1f} MB")
    yield structs.replace(end, rows=rows, bytes=size)


def _erase(rounds: Rounds, request: EraseRequest) -> Iterator[Progress]:
    steps = erasure.erase(
        rounds,
        request.user_id,
        dry_run=request.dry_run,
        purge=request.purge,
        forget=lambda name: forget(rounds, name),
    )
    for number, step in enumerate(steps):
        if isinstance(step, Receipt):
            text = msgspec.json.encode(step).decode()
            yield Progress(state="done", table=ALL, done=number, total=number, rows=step.rows, message=text)
            return
        yield Progress(
            state="running",
            table=ALL,
            partition=step.place,
            done=number + 1,
            rows=step.rows,
            message=f"{step.rows:,} rows, {step.values:,} mentions in others",
        )


def _put_back(path: Path, version: int) -> None:
    """The position stays the newest: what was taken in since is neither taken again nor computed anew."""
    table = DeltaTable(str(path))
    table.restore(
        version,
        commit_properties=commits.changing_nothing(
            path, table.version(), **{commits.RESTORED: {"to": version, "from": table.version()}}
        ),
    )


def _chosen(rounds: Rounds, name: str) -> list[Dataset]:
    """The tables that are there. Raises NotFound where the one that is named has not been written yet."""
    declared = list(DATASETS.values()) if name == ALL else [dataset(name)]
    there = [one for one in declared if latest_version(tables.path_of(rounds.settings, one)) >= 0]
    if not there and name != ALL:
        raise NotFound(f"table {name} has not been written yet")
    return there


def _end(request: Request, total: int, message: str) -> Progress:
    if request.dry_run:
        message = f"dry run, nothing was changed: {message}"
    return Progress(state="done", table=request.table, done=total, total=total, message=message)
