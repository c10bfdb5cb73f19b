"""Tables: can they be read, are they behind what they are built from, how good are they, how large."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from contracts.heartbeat import FRESH_SECONDS, Heartbeat
from contracts.platform import METRICS
from contracts.settings import Settings
from lakehouse.alerts.rules import Finding, finding
from lakehouse.catalog import described
from lakehouse.catalog.quality import told
from lakehouse.datasets import Dataset, FromChain, Refused
from lakehouse.health.memory import Memory
from lakehouse.health.report import TableReport
from lakehouse.quality.results import Checked
from lakehouse.reading.snapshot import Snapshot
from lakehouse.reading.stream_snapshots import AllSnapshots

log = logging.getLogger(__name__)


class Upstream(Struct, frozen=True):
    """Something that a table is built from, and its newest event."""

    name: str
    newest: datetime


class TableLook:
    """Looks at tables; what has not changed since the last time is not counted again."""

    def __init__(self, settings: Settings, snapshots: AllSnapshots, datasets: Mapping[str, Dataset]) -> None:
        self._settings = settings
        self._snapshots = snapshots
        self._datasets = datasets
        self._small: dict[str, tuple[Snapshot, int]] = {}
        self._turn = 0

    def read(
        self, quality: Mapping[str, Checked], memory: Memory, now: datetime
    ) -> tuple[list[TableReport], list[Finding]]:
        """Every table as it is, and which of them cannot be read. Never fails for a table."""
        self._turn += 1
        tables, findings = [], []
        for name, dataset in self._datasets.items():
            table = TableReport(
                name=name,
                layer=dataset.layer,
                freshness_target_seconds=dataset.freshness.total_seconds(),
            )
            tables.append(table)
            try:
                snapshot, table.problem = self._snapshots.look(name)
                self._fill(table, dataset, snapshot, quality.get(name), now)
                missing = self._trouble(snapshot) if snapshot else _missing(name, memory)
                trouble = table.problem or missing
            except Exception as error:  # noqa: BLE001  # of any kind that a damaged file may cause
                log.warning("table cannot be read: %s", error, extra={"table": name})
                trouble = (str(error) or type(error).__name__).splitlines()[0]
            if trouble:
                findings.append(finding("table_unreadable", name, f"{name} cannot be read: {trouble}"))
        return tables, findings

    def _fill(
        self,
        table: TableReport,
        dataset: Dataset,
        snapshot: Snapshot | None,
        quality: Checked | None,
        now: datetime,
    ) -> None:
        seen = described.summary(dataset, snapshot, table.problem, told(quality), now)
        for field in ("freshness", "newest_event", "updated_at", "lag_seconds", "version"):
            setattr(table, field, getattr(seen, field))
        table.rows, table.bytes, table.files = seen.rows, seen.bytes, seen.files
        table.small_files = self._small_files(snapshot) if snapshot else None
        if quality is not None:
            table.quality_score, table.quality_checked_at = quality.score, quality.checked_at

    def _small_files(self, snapshot: Snapshot) -> int:
        known = self._small.get(snapshot.name)
        if known is None or known[0] is not snapshot:
            limit = self._settings.health.small_file_mb * 2**20
            known = self._small[snapshot.name] = (
                snapshot,
                sum(file.size < limit for file in snapshot.files),
            )
        return known[1]

    def _trouble(self, snapshot: Snapshot) -> str:
        """A data file that is missing: the newest, and of the others one in turn, as all would be many.

        The outputs of the stream have been listed just now.
        """
        if snapshot.version is None or not snapshot.files:
            return ""
        for number in {len(snapshot.files) - 1, self._turn % len(snapshot.files)}:
            path = Path(snapshot.files[number].path)
            if not path.exists():
                return f"its data file {path.name} is missing (version {snapshot.version})"
        return ""


def _missing(name: str, memory: Memory) -> str:
    version = memory.tables.get(name)
    return "" if version is None else f"it has vanished (its last version was {version})"


def watermarks(beats: Mapping[str, Heartbeat], now: float) -> dict[str, datetime]:
    """The newest event of each source that the stream workers have seen."""
    found: dict[str, datetime] = {}
    for beat in beats.values():
        if now - beat.at > FRESH_SECONDS:
            continue
        for source, partitions in beat.details.get("partitions", {}).items():
            for said in partitions.values():
                if said.get("watermark"):
                    mark = datetime.fromisoformat(said["watermark"])
                    found[source] = max(found.get(source, mark), mark)
    return found


def stale(
    settings: Settings,
    datasets: Mapping[str, Dataset],
    tables: list[TableReport],
    seen: Mapping[str, datetime],
    memory: Memory,
    now: datetime,
) -> Iterator[Finding]:
    """Tables that are behind what they are built from for too long; fills ``behind_seconds``.

    That no events come at all is no fault of ours, and neither is that the first ones after a long silence
    are far ahead of everything: a table is as late as its upstream has been ahead of it, at most.
    ``seen``: the newest event of each source.
    """
    by_name = {table.name: table for table in tables}
    for table in tables:
        dataset = datasets[table.name]
        ahead = [
            (_gap(dataset, table, upstream, now), upstream.name)
            for upstream in _upstreams(dataset, by_name, seen, memory, now)
        ]
        if table.version is None or not ahead:
            continue
        gap, name = max(ahead)
        table.behind_seconds = max(gap, 0.0)
        since = memory.behind.get(table.name, memory.at or None)
        if since is not None:
            table.behind_seconds = max(min(gap, now.timestamp() - since), 0.0)
        target = table.freshness_target_seconds
        if table.behind_seconds > settings.health.stale_factor * target:
            yield finding(
                "table_stale",
                table.name,
                f"{table.name} is {table.behind_seconds:.0f} s behind {name}; its target is {target:.0f} s",
            )


def _upstreams(
    dataset: Dataset,
    tables: Mapping[str, TableReport],
    seen: Mapping[str, datetime],
    memory: Memory,
    now: datetime,
) -> Iterator[Upstream]:
    """What tells that the table should have newer events; times ahead of the clock count as now."""
    if isinstance(dataset.build, Refused) or dataset.layer == "stream":
        return
    if isinstance(dataset.build, FromChain):
        source = dataset.build.source
        if source in seen:
            yield Upstream("the stream workers", min(seen[source], now))
        if source == METRICS.name and memory.at:
            yield Upstream("the health monitor", min(datetime.fromtimestamp(memory.at, now.tzinfo), now))
    for name in dataset.upstream:
        if name in tables and (newest := tables[name].newest_event) is not None:
            yield Upstream(name, min(newest, now))


def _gap(dataset: Dataset, table: TableReport, upstream: Upstream, now: datetime) -> float:
    """Seconds that the upstream's newest event is ahead of what the table has."""
    if dataset.until and table.updated_at is not None:
        # Its newest row may have begun long ago and still grow: what counts is whether it is written.
        return (upstream.newest - table.updated_at).total_seconds()
    if table.newest_event is not None:
        return (upstream.newest - described.end_of(dataset, table.newest_event)).total_seconds()
    if table.rows:
        return 0.0  # it has no event time
    return (now - upstream.newest).total_seconds()
