"""The catalog of one platform: declarations, files, edits, checks and lineage put together."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import pyarrow as pa
from msgspec import structs

from contracts.errors import DependencyError
from contracts.platform import ANNOTATIONS, RESULTS
from contracts.settings import Settings
from lakehouse.audit import UNRECORDED, Recorder
from lakehouse.catalog import described, edits, quality
from lakehouse.catalog.edits import Annotation, Edits
from lakehouse.catalog.entries import (
    CATALOG_VERSION,
    CatalogExport,
    Commit,
    Quality,
    TableDetail,
    TableEntry,
    TableSummary,
)
from lakehouse.catalog.search import Search
from lakehouse.catalog.tables import TABLES
from lakehouse.datasets import Dataset
from lakehouse.datasets.nearest import unknown
from lakehouse.lineage import Lineage
from lakehouse.quality.results import Checked, Results
from lakehouse.reading.platform_rows import Followed
from lakehouse.reading.snapshot import Snapshot
from lakehouse.reading.stream_snapshots import AllSnapshots
from lakehouse.storage.versions import oldest_version

HISTORY = 20
"""How many commits a table's own entry lists."""
OLDEST_SECONDS = 300.0
"""The oldest version is looked for this often: it takes a listing of the log."""
EVERYTHING = Search()

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Catalog:
    """All methods read files and may be called from several threads. What has changed is seen at the next
    call; that old versions have gone is seen after ``OLDEST_SECONDS``."""

    def __init__(
        self,
        settings: Settings,
        snapshots: AllSnapshots | None = None,
        datasets: Mapping[str, Dataset] = TABLES,
    ) -> None:
        self._settings = settings
        self.datasets = datasets
        """By name, upstream before downstream."""
        self._snapshots = AllSnapshots(settings, datasets) if snapshots is None else snapshots
        self._oldest: dict[str, tuple[float, int | None]] = {}
        self._unread: dict[str, str] = {}
        self._edits: Followed[Edits] | None = None
        self.results: Results | None = None
        """Of checks; None: this catalog has no table of them."""
        if ANNOTATIONS.table in datasets:
            self._edits = Followed(settings, ANNOTATIONS, self._snapshots, edits.told)
        if RESULTS.table in datasets:
            self.results = Results(settings, self._snapshots)
        self.lineage = Lineage(datasets)

    def tables(self, search: Search = EVERYTHING) -> list[TableSummary]:
        """What is found, in the order of the declarations."""
        checks = self._checks()
        return [
            described.summary(dataset, snapshot, problem, quality.told(checks.get(dataset.name)))
            for dataset, snapshot, problem in self._found(search)
        ]

    def table(self, name: str) -> TableDetail:
        """One table. Raises NotFound with the names that are near, DependencyError where its log cannot be
        read."""
        self._snapshots.get(self._named(name).name)
        dataset, snapshot, problem = self._as_it_is(self._named(name), self._edited())
        return TableDetail(
            **self._entry(dataset, snapshot, problem, quality.told(self._checks().get(name))),
            properties=dict(snapshot.properties) if snapshot else {},
            history=described.history(snapshot, HISTORY),
        )

    def history(self, name: str, limit: int) -> list[Commit]:
        """The last ``limit`` versions of a table, newest first. Raises NotFound."""
        self._named(name)
        return described.history(self._snapshots.get(name), limit)

    def export(self, search: Search = EVERYTHING) -> CatalogExport:
        """What is found, as one document."""
        checks = self._checks()
        return CatalogExport(
            catalog_version=CATALOG_VERSION,
            generated_at=datetime.now(UTC),
            tables=[
                TableEntry(**self._entry(dataset, snapshot, problem, quality.told(checks.get(dataset.name))))
                for dataset, snapshot, problem in self._found(search)
            ],
        )

    def annotate(
        self, name: str, edit: Annotation, *, by: str, audit: Recorder = UNRECORDED, user: str = ""
    ) -> None:
        """Sets a table's owner or tags for good; ``by`` says who, and ``user``, if that differs, who it is to
        ``audit``. Durable in both when it returns.

        Raises NotFound, ContractError for an owner or tags that may not be, DependencyError where the disk
        refuses or it cannot be recorded; then nothing has changed.
        """
        self._named(name)
        self._snapshots.check_root(had_it=True)  # made anew here, it would hide the one that comes back
        edits.check(edit)
        try:
            audit.record_durably(
                "catalog.annotate",
                user=user or by,
                subject=name,
                details={} if edit.tags is None else {"tags": edit.tags},
                texts={} if edit.owner is None else {"owner": edit.owner},
            )
            edits.write(self._settings, name, edit, by=by, after=self._edited().newest)
        except DependencyError as error:
            raise DependencyError(f"the edit of {name} could not be kept: {error}") from error
        except (OSError, pa.ArrowException) as error:
            reason = (isinstance(error, OSError) and error.strerror) or "the disk refuses"
            raise DependencyError(f"the edit of {name} could not be kept: {reason}") from error

    def _named(self, name: str) -> Dataset:
        found = self.datasets.get(name)
        if found is None:
            raise unknown("table", name, self.datasets)
        return found

    def _found(self, search: Search) -> Iterator[tuple[Dataset, Snapshot | None, str | None]]:
        edited = self._edited()
        for declared in self.datasets.values():
            dataset, snapshot, problem = self._as_it_is(declared, edited)
            if search.matches(dataset):
                yield dataset, snapshot, problem

    def _as_it_is(self, declared: Dataset, edited: Edits) -> tuple[Dataset, Snapshot | None, str | None]:
        """The declaration with what was said and what came since, the newest snapshot, and what is wrong."""
        snapshot, problem = self._snapshots.look(declared.name)
        problem = problem or self._unread.get(declared.name)
        edit = edited.of.get(declared.name, Annotation())
        dataset = structs.replace(
            declared,
            columns=declared.columns + described.undeclared(declared, snapshot),
            owner=declared.owner if edit.owner is None else edit.owner,
            tags=declared.tags if edit.tags is None else edit.tags,
        )
        return dataset, snapshot, problem

    def _entry(
        self, dataset: Dataset, snapshot: Snapshot | None, problem: str | None, checked: Quality | None
    ) -> dict[str, Any]:
        version = snapshot.version if snapshot else None
        oldest = self._oldest_version(snapshot) if snapshot else None
        kept = version - oldest + 1 if version is not None and oldest is not None else None
        return {
            **described.summary_fields(dataset, snapshot, problem, checked),
            **described.entry_fields(dataset),
            "upstream": list(self.lineage.upstreams[dataset.name]),
            "downstream": list(self.lineage.downstreams[dataset.name]),
            "oldest_version": oldest,
            "versions_kept": kept,
            "quality": checked,
        }

    def _oldest_version(self, snapshot: Snapshot) -> int | None:
        if snapshot.version is None:
            return None
        at, oldest = self._oldest.get(snapshot.name, (0.0, None))
        now = time.monotonic()
        if oldest is None or oldest > snapshot.version or now - at > OLDEST_SECONDS:
            oldest = oldest_version(snapshot.path)
            self._oldest[snapshot.name] = now, oldest
        return oldest

    def _edited(self) -> Edits:
        return self._read(self._edits.get if self._edits else None, ANNOTATIONS.table, edits.NONE)

    def _checks(self) -> dict[str, Checked]:
        return self._read(self.results.newest if self.results else None, RESULTS.table, {})

    def _read(self, get: Callable[[], T] | None, table: str, otherwise: T) -> T:
        """What a platform table says. Where it is damaged, the catalog is told without it."""
        if get is None:
            return otherwise
        try:
            told = get()
        except (DependencyError, OSError, pa.ArrowException) as error:
            reason = str(error) if isinstance(error, DependencyError) else "a file of it is damaged"
            if self._unread.get(table) != reason:
                _log.warning("the catalog does without a table", extra={"table": table, "error": str(error)})
            self._unread[table] = reason
            return otherwise
        self._unread.pop(table, None)
        return told
