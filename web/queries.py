"""Answers SQL over the platform's tables: check, the tables' newest versions, the sandbox, the answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from contracts.errors import DependencyError, QueryError
from contracts.layout import LAYERS
from contracts.settings import Settings
from lakehouse.catalog import TABLES
from lakehouse.datasets import Dataset
from lakehouse.datasets.nearest import unknown
from lakehouse.datasets.stream import STREAM
from lakehouse.persons.receipt import epoch
from lakehouse.reading.relations import select_of, select_of_nothing
from lakehouse.reading.snapshots import Snapshot
from lakehouse.reading.stream_snapshots import AllSnapshots, stream_folder
from web.executions import Execution, Executions
from web.preview import Preview, statement, trusted_statement
from web.sandbox.check import SyntaxRefused, check
from web.sandbox.pool import Sandbox
from web.sandbox.protocol import Column, Done, Format, Run
from web.sandbox.refusals import VANISHED

CHECKED_TEXTS = 1024
"""How many statements' checks are remembered."""

Parameter = bool | int | float | str | list[bool | int | float | str | None] | None
Parameters = list[Parameter] | dict[str, Parameter] | None
"""Values of a statement's parameters: by number (`?`, `$1`) or by name (`$since`)."""

_Snapshots = dict[str, Snapshot | None]


class Question(Struct, frozen=True, kw_only=True):
    """A query, and how it is to be answered."""

    sql: str
    parameters: Parameters = None
    limit: int | None = None
    """Most rows; the settings' limit holds as well."""
    seconds: float | None = None
    """Time limit; the settings' holds as well."""
    format: Format = "json"
    version: int | None = None
    """Reads the one table of the query as that version."""
    as_of: datetime | None = None
    """Reads every table as it was at that time (UTC)."""


class Result(Struct, frozen=True, kw_only=True):
    """A query's whole answer, and the version of each table that it was read from (None: not created yet, or
    none at all)."""

    columns: list[Column]
    rows: bytes
    """As JSON an array of arrays, else the file of the format."""
    row_count: int
    truncated: bool
    elapsed_ms: float
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
        self.executions = Executions(settings.api.cache_mb * 2**20)
        self.answered = 0
        """Queries that got an answer since the start."""
        self._checked: dict[str, frozenset[str]] = {}
        self._views: dict[str, tuple[object, str]] = {}

    async def ask(self, question: Question) -> Execution:
        """Begins the query, or finds it under way or answered; the caller joins what it gets.

        Raises QueryError and NotFound for what is wrong before a row is read.
        """
        if question.version is not None and question.as_of is not None:
            raise QueryError("a version and a time exclude each other")
        tables = await self._tables(question.sql)
        if question.version is not None and len(tables) > 1:
            raise QueryError(
                f"a version is one table's, and the query reads {', '.join(sorted(tables))}: give a time"
            )
        names = sorted(tables)
        api = self._settings.api
        limit = api.query_rows if question.limit is None else question.limit

        async def current() -> _Snapshots:
            return await self._snapshots(names, question.version, question.as_of)

        def run(snapshots: _Snapshots) -> Run:
            return Run(
                sql=question.sql,
                parameters=msgspec.json.encode(question.parameters),
                views={name: self._view(name, snapshots[name]) for name in names},
                tables=tuple(names),
                limit=min(limit, api.query_rows_max),
                max_bytes=api.answer_mb * 2**20,
                format=question.format,
            )

        identity = (question.sql, repr(question.parameters), limit, question.format)
        return await self._execution(identity, current, run, question.seconds)

    async def preview(self, name: str, preview: Preview) -> Execution:
        """Rows of one table; the caller joins what it gets.

        Without a condition, an order and a time these are the newest rows, from the files that were added
        last: the cost does not grow with the table. Raises NotFound and QueryError.
        """
        dataset = declared(self.datasets, name)
        api = self._settings.api
        limit = min(api.preview_rows if preview.limit is None else preview.limit, api.query_rows_max)
        if not preview.plain:
            sql = statement(dataset, preview, limit)
            return await self.ask(Question(sql=sql, limit=limit, as_of=preview.as_of))

        async def current() -> _Snapshots:
            return await self._snapshots([name], None, None)

        def run(snapshots: _Snapshots) -> Run:
            sql = trusted_statement(dataset, snapshots[name], preview.columns, limit)
            max_bytes = api.answer_mb * 2**20
            return Run(sql=sql, views={}, tables=(), limit=limit, max_bytes=max_bytes, trusted=True)

        return await self._execution(("preview", name, preview.columns, limit), current, run, None)

    async def query(self, sql: str, **how: Any) -> Result:
        """A query's whole answer; ``how`` are ``Question``'s further fields. Raises QueryError, NotFound."""
        execution = await self.ask(Question(sql=sql, **how))
        async with execution.reading():
            end = await execution.whole()
        rows = execution.rows()
        return Result(
            columns=execution.columns,
            rows=rows,
            row_count=end.row_count,
            truncated=end.truncated,
            elapsed_ms=end.elapsed_ms,
            versions=execution.versions,
        )

    async def _tables(self, sql: str) -> frozenset[str]:
        known = self._checked.get(sql)
        if known is None:
            try:
                known = await asyncio.to_thread(check, sql, self.datasets)
            except SyntaxRefused:
                run = Run(sql=sql, views={}, tables=(), limit=1, max_bytes=1, parse_only=True)
                await self.sandbox.run(run, self._settings.api.query_timeout_seconds)
                raise
            if len(self._checked) >= CHECKED_TEXTS:
                self._checked.pop(next(iter(self._checked)))
            self._checked[sql] = known
        return known

    async def _snapshots(
        self, names: Sequence[str], version: int | None, as_of: datetime | None
    ) -> _Snapshots:
        if version is None and as_of is None:
            kept = {name: self.snapshots.unchanged(name) for name in names}
            if all(kept.values()):
                return {**kept}
        return await asyncio.to_thread(self._looked_up, names, version, as_of)

    def _looked_up(self, names: Sequence[str], version: int | None, as_of: datetime | None) -> _Snapshots:
        if version is None and as_of is None:
            return {name: self.snapshots.get(name) for name in names}
        return {name: self.snapshots.at(name, version=version, time=as_of) for name in names}

    def _view(self, name: str, snapshot: Snapshot | None) -> str:
        """The SELECT that a table is in the sandbox: kept, as it names every file."""
        token = snapshot.token if snapshot else None
        kept = self._views.get(name)
        if kept is None or kept[0] != token:
            text = select_of(snapshot) if snapshot else select_of_nothing(self.datasets[name].schema)
            kept = self._views[name] = (token, text)
        return kept[1]

    async def _execution(
        self,
        identity: Hashable,
        current: Callable[[], Awaitable[_Snapshots]],
        run: Callable[[_Snapshots], Run],
        seconds: float | None,
    ) -> Execution:
        """The answer to what ``identity`` names over the tables as they are now."""
        snapshots = await current()
        # After an erasure no answer from before it is given, whatever versions the tables have.
        key = ((identity, epoch(self._settings)), _tokens(snapshots))
        found = self.executions.get(key)
        if found is not None:
            self.answered += 1
            return found
        most = self._settings.api.query_timeout_seconds
        seconds = most if seconds is None else min(seconds, most)
        first = run(snapshots)
        versions = {name: found.version if found else None for name, found in snapshots.items()}

        async def work(execution: Execution) -> Done:
            try:
                end = await self.sandbox.run(first, seconds, execution.hear)
            except QueryError as error:
                if error.code != VANISHED or execution.columns:
                    raise
                end = await self._again(execution, key, current, run, seconds)
            self.answered += 1
            return end

        return self.executions.start(key, Execution(first.format, versions), work)

    async def _again(
        self,
        execution: Execution,
        key: tuple[Hashable, Hashable],
        current: Callable[[], Awaitable[_Snapshots]],
        run: Callable[[_Snapshots], Run],
        seconds: float,
    ) -> Done:
        """Reads the tables as they are now, where files went away under the query: outputs of the stream are
        compacted at any time."""
        snapshots = await current()
        if _tokens(snapshots) == key[1]:
            names = ", ".join(snapshots)
            raise DependencyError(f"files of {names} are missing on disk; see the log of the driver")
        execution.versions |= {name: found.version if found else None for name, found in snapshots.items()}
        return await self.sandbox.run(run(snapshots), seconds, execution.hear)


def _tokens(snapshots: _Snapshots) -> tuple[tuple[object, ...] | None, ...]:
    return tuple(found.token if found else None for found in snapshots.values())


def declared(datasets: Mapping[str, Dataset], name: str) -> Dataset:
    """Raises NotFound with the names that are near."""
    found = datasets.get(name)
    if found is None:
        raise unknown("table", name, datasets)
    return found


@asynccontextmanager
async def open_queries(
    settings: Settings, datasets: Mapping[str, Dataset] = TABLES, *, workers: int | None = None
) -> AsyncIterator[Queries]:
    """Queries with a warm sandbox, which ends with the context. Raises DependencyError."""
    folders = [settings.data_root / layer for layer in LAYERS]
    folders += [stream_folder(settings, dataset.name) for dataset in STREAM]
    api = settings.api
    sandbox = Sandbox(folders, memory_mb=api.query_memory_mb, workers=workers or api.query_workers)
    async with sandbox:
        yield Queries(settings, AllSnapshots(settings, datasets), sandbox, datasets)
