"""One erasure, place by place, done by whoever writes the tables."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

from contracts.view_lock import rewriting
from lakehouse.datasets import DATASETS
from lakehouse.erasure import archives, files, tables
from lakehouse.erasure.tables import Counts
from lakehouse.jobs.declaration import JOBS
from lakehouse.medallion.rounds import Rounds
from lakehouse.persons.person import Person, Pseudonyms
from lakehouse.persons.receipt import Place, Receipt, remains, write
from lakehouse.reading.view_files import VIEWS
from lakehouse.storage.delta_log import latest_version
from lakehouse.storage.lock import archive_lock, batch_lock
from lakehouse.storage.tables import path_of

log = logging.getLogger(__name__)


def erase(
    rounds: Rounds,
    user_id: str,
    *,
    dry_run: bool,
    purge: bool,
    forget: Callable[[str], None],
    now: datetime | None = None,
) -> Iterator[Place | Receipt]:
    """What was done in each place where something was, and the receipt, which is kept.

    Interrupted, it is run again. Raises ConflictError where archives are being made, a view rewritten or a
    batch job runs: run it again.
    """
    settings, person = rounds.settings, Person(user_id)
    erased_at = now or datetime.now(UTC)
    unreadable: list[Path] = []
    places: list[Place] = []
    with nullcontext() if dry_run else archive_lock(settings):
        steps = _steps(rounds, person, unreadable, forget, dry_run=dry_run, purge=purge)
        for name, counts in steps:
            if counts:
                place = Place(place=name, files=counts.files, rows=counts.rows, values=counts.values)
                places.append(place)
                yield place
    receipt = Receipt(
        person=Pseudonyms(settings).of(user_id),
        erased_at=erased_at,
        dry_run=dry_run,
        purged=purge and not dry_run,
        places=tuple(places),
        remains=remains(settings, erased_at, purged=purge),
        unreadable=tuple(str(path) for path in unreadable),
    )
    if not dry_run:
        write(settings, receipt)
        log.warning("erased a person", extra={"person": receipt.person, "rows": receipt.rows})
    yield receipt


def _steps(
    rounds: Rounds,
    person: Person,
    unreadable: list[Path],
    forget: Callable[[str], None],
    *,
    dry_run: bool,
    purge: bool,
) -> Iterator[tuple[str, Counts]]:
    """Landing first: what comes after it is taken by no table. Then all tables in one go."""
    settings = rounds.settings
    for name, found in files.chain_files(settings).items():
        yield name, files.erase(found, person, unreadable, dry_run=dry_run)
    yield from _tables(rounds, person, forget, dry_run=dry_run, purge=purge)
    for name, found in files.outputs(settings, VIEWS).items():
        with nullcontext() if dry_run else rewriting(settings, name):
            yield name, files.erase(found, person, unreadable, dry_run=dry_run)
    with nullcontext() if dry_run else batch_lock(settings):
        for name, found in files.outputs(settings, (job.name for job in JOBS)).items():
            yield name, files.erase(found, person, unreadable, dry_run=dry_run)
    for name, counts in archives.erase(settings, person, dry_run=dry_run).items():
        yield f"archive {name}", counts


def _tables(
    rounds: Rounds, person: Person, forget: Callable[[str], None], *, dry_run: bool, purge: bool
) -> list[tuple[str, Counts]]:
    """Whoever follows a table has first taken in what it had: nobody reads a row again that has gone. No
    round may come in between."""
    settings = rounds.settings
    if not dry_run:
        _catch_up(rounds)
    there = [declared for declared in DATASETS.values() if latest_version(path_of(settings, declared)) >= 0]
    found = []
    for declared in there:
        found.append(
            (declared.name, tables.erase(path_of(settings, declared), declared, person, dry_run=dry_run))
        )
        forget(declared.name)
    if purge and not dry_run:
        for declared in there:
            tables.forget_versions(path_of(settings, declared))
            forget(declared.name)
    return found


def _catch_up(rounds: Rounds) -> None:
    for bronze in rounds.bronze_tables:
        while bronze.take().more:
            pass
    for silver in rounds.silver_tables:
        while silver.advance() is not None:
            pass
    for gold in rounds.gold_tables:
        while gold.advance(at_once=True) is not None:
            pass
