"""Every commit of every table becomes an entry: what was written, by which engine, how many rows.

Read from the tables' own logs, whoever wrote them, under either engine; so a commit is told of even where its
writer was killed right after it. How far each table has been told of is `carried` by the chain itself, so
nothing beside it can disagree.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

import msgspec

from contracts.settings import Settings
from lakehouse.audit import files
from lakehouse.audit.entry import OPENED
from lakehouse.audit.line import decoder
from lakehouse.audit.log import AuditLog
from lakehouse.datasets import DATASETS, Dataset
from lakehouse.storage import commits, delta_log, tables

CHAIN = "lakehouse-driver"
"""Of whoever holds the lakehouse lock: the one writer of tables, as a service or by hand."""
VERSIONS = "versions"
SECONDS = 1.0
ACTIONS = {
    "CREATE TABLE": "table.create",
    "WRITE": "table.write",
    "MERGE": "table.merge",
    "DELETE": "table.delete",
    "UPDATE": "table.update",
    "OPTIMIZE": "table.compact",
    "VACUUM START": "table.vacuum",
    "VACUUM END": "table.vacuum",
    "RESTORE": "table.restore",
    "ADD COLUMN": "table.schema",
}
"""By the operation of the commit; `table.commit` for any other."""

log = logging.getLogger(__name__)


class CommitFollower:
    """Tells ``audit`` of commits, about once a second from a thread of its own, and whenever it is asked to.

    For the holder of the lakehouse lock. A table that is there and was never told of is followed from now on.
    """

    def __init__(
        self, settings: Settings, audit: AuditLog, datasets: Mapping[str, Dataset] = DATASETS
    ) -> None:
        self._settings = settings
        self._audit = audit
        self._paths = {name: tables.path_of(settings, one) for name, one in datasets.items()}
        self._told = _carried(settings)
        for name, path in self._paths.items():
            self._told.setdefault(name, delta_log.latest_version(path))
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="commits", daemon=True)
        audit.carry = lambda: {VERSIONS: dict(self._told)}

    def catch_up(self) -> None:
        """All commits so far have been told of when this returns, as far as there is room; never raises."""
        with self._lock:
            for name in self._paths:
                try:
                    self._follow(name)
                except Exception:
                    log.exception("commits cannot be told of", extra={"table": name})

    def __enter__(self) -> CommitFollower:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()
        self.catch_up()

    def _run(self) -> None:
        while not self._ended.wait(SECONDS):
            self.catch_up()

    def _follow(self, name: str) -> None:
        path = self._paths[name]
        newest = delta_log.latest_version(path, self._told[name])
        for version in range(self._told[name] + 1, newest + 1):
            commit = delta_log.read_commit(path, version)
            if commit is not None:
                action = ACTIONS.get(str(commit.info.get("operation")), "table.commit")
                if not self._audit.record(action, subject=name, details=details_of(commit)):
                    return  # told at the next time
            self._told[name] = version


def details_of(commit: delta_log.Commit) -> dict[str, Any]:
    """What is told of a commit. No predicate and no value: they may name persons."""
    info = commit.info
    own = commits.metadata_of(info) or {}
    metrics = info.get("operationMetrics") or {}
    details: dict[str, Any] = {
        "version": commit.version,
        "operation": info.get("operation"),
        "engine": own.get("engine") or info.get("engineInfo") or info.get("clientVersion"),
        "rows": own.get("rows", sum(file.rows for file in commit.added if file.data_change)),
        "files_added": len(commit.added),
        "files_removed": len(commit.removed),
    }
    if "txn" in own:
        details["txn"] = own["txn"]
    if commits.RESTORED in own:
        details["restored"] = own[commits.RESTORED]
    for name in ("numDeletedFiles", "num_deleted_files", "numVacuumedDirectories"):
        if name in metrics:
            details["files_deleted"] = metrics[name]
            break
    if commit.is_new_schema:
        details["schema"] = (info.get("operationParameters") or {}).get("fields", True)
    return details


def _carried(settings: Settings) -> dict[str, int]:
    """Table → the last version that the chain tells of: as its newest file began, and what came then."""
    told: dict[str, int] = {}
    for day in reversed(files.days_of(settings, CHAIN)):
        with open(files.lines_path(settings, day, CHAIN), "rb") as file:
            for raw in file:
                if b'"action":"table.' not in raw and OPENED.encode() not in raw:
                    continue
                try:
                    line = decoder.decode(raw[max(raw.rfind(b'{"action":"'), 0) :])
                except msgspec.MsgspecError:
                    continue
                if line.action == OPENED:
                    told |= line.details.get("carried", {}).get(VERSIONS, {})
                elif line.subject and "version" in line.details:
                    told[line.subject] = int(line.details["version"])
        if told:
            break
    return told
