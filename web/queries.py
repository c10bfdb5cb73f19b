"""Answers SQL over the platform's tables: check, the tables' newest versions, the sandbox, the answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from msgspec import Struct

from contracts.errors import NotFound, QueryError
from contracts.layout import LAYERS
from contracts.settings import Settings
from lakehouse.datasets import DATASETS, Dataset
from lakehouse.datasets.stream import STREAM
from lakehouse.reading.relations import identifier, select_of, select_of_nothing
from lakehouse.reading.snapshots import newest_files
from lakehouse.reading.stream_snapshots import AllSnapshots, stream_folder
from web.sandbox.check import check, near
from web.sandbox.pool import Sandbox
from web.sandbox.protocol import Answer, Format, Run

MAX_ANSWER_BYTES = 32 * 2**20
"""Most bytes of one answer; what is beyond is cut like rows beyond the limit."""
TABLES: dict[str, Dataset] = {dataset.name: dataset for dataset in STREAM} | DATASETS
"""What can be queried: the live outputs of the stream, and every Delta table."""
PREVIEW_FILES = 4


class Result(Struct, frozen=True, kw_only=True):
    """A query's answer, and the version of each table that it was read from (None: not created yet, or none
    at all)."""

    answer: Answer
    versions: dict[str, int | None]


class Queries:
    """SQL over declared tables. Made by ``open_queries``."""

    def __init__(
        self, settings: Settings, snapshots: AllSnapshots, sandbox: Sandbox, datasets: Mapping[str, Dataset]
    ) -> None:
        self._settings = settings
        self.datasets = datasets
        self.snapshots = snapshots
        self.sandbox = sandbox
        self.answered = 0
        """Queries answered since the start."""

    async def query(
        self,
        sql: str,
        *,
        limit: int | None = None,
        seconds: float | None = None,
        format: Format = "json",
        version: int | None = None,
        as_of: datetime | None = None,
    ) -> Result:
        """Runs one SELECT. ``limit`` (rows) and ``seconds`` (time) can only narrow the settings.

        ``as_of`` (UTC) reads every table as it was at that time, ``version`` the one table of the query as
        that version. Raises QueryError and NotFound.
        """
        if version is not None and as_of is not None:
            raise QueryError("a version and a time exclude each other")
        api = self._settings.api
        tables = await asyncio.to_thread(check, sql, tuple(self.datasets))
        if version is not None and len(tables) > 1:
            raise QueryError(
                f"a version is one table's, and the query reads {', '.join(sorted(tables))}: give a time"
            )
        views, versions = await asyncio.to_thread(self._views, tables, version, as_of)
        run = Run(
            sql=sql,
            views=views,
            tables=tuple(tables),
            limit=api.query_rows if limit is None else min(limit, api.query_rows),
            max_bytes=MAX_ANSWER_BYTES,
            format=format,
        )
        most = api.query_timeout_seconds
        seconds = most if seconds is None else min(seconds, most)
        answer = await self.sandbox.run(run, seconds)
        self.answered += 1
        return Result(answer=answer, versions=versions)

    async def preview(self, name: str, limit: int | None = None) -> Result:
        """The table's newest rows, from the files added last: the cost does not grow with the table.

        Raises NotFound and QueryError.
        """
        dataset = declared(self.datasets, name)
        rows = self._settings.api.preview_rows if limit is None else min(limit, self._settings.api.query_rows)
        snapshot = await asyncio.to_thread(self.snapshots.get, name)
        if snapshot is None:
            sql = select_of_nothing(dataset.schema)
        else:
            sql = select_of(snapshot, [file.path for file in newest_files(snapshot, rows, PREVIEW_FILES)])
            if dataset.time in snapshot.schema.names:
                sql = f"SELECT * FROM ({sql}) ORDER BY {identifier(dataset.time)} DESC LIMIT {rows}"
        run = Run(sql=sql, views={}, tables=(), limit=rows, max_bytes=MAX_ANSWER_BYTES, trusted=True)
        answer = await self.sandbox.run(run, self._settings.api.query_timeout_seconds)
        return Result(answer=answer, versions={name: snapshot.version if snapshot else None})

    def _views(
        self, tables: frozenset[str], version: int | None, as_of: datetime | None
    ) -> tuple[dict[str, str], dict[str, int | None]]:
        views: dict[str, str] = {}
        versions: dict[str, int | None] = {}
        for name in sorted(tables):
            if version is None and as_of is None:
                snapshot = self.snapshots.get(name)
            else:
                snapshot = self.snapshots.at(name, version=version, time=as_of)
            versions[name] = snapshot.version if snapshot else None
            views[name] = select_of(snapshot) if snapshot else select_of_nothing(self.datasets[name].schema)
        return views, versions


def declared(datasets: Mapping[str, Dataset], name: str) -> Dataset:
    """Raises NotFound with the names that are near."""
    found = datasets.get(name)
    if found is None:
        raise NotFound(f"no table named {name!r}{near(name, datasets)}")
    return found


@asynccontextmanager
async def open_queries(
    settings: Settings, datasets: Mapping[str, Dataset] = TABLES, *, workers: int = 2
) -> AsyncIterator[Queries]:
    """Queries with a warm sandbox, which ends with the context. Raises DependencyError."""
    folders = [settings.data_root / layer for layer in LAYERS]
    folders += [stream_folder(settings, dataset.name) for dataset in STREAM]
    async with Sandbox(folders, memory_mb=settings.api.query_memory_mb, workers=workers) as sandbox:
        yield Queries(settings, AllSnapshots(settings, datasets), sandbox, datasets)
