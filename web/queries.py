"""Answers SQL over the platform's tables: check, the tables' newest versions, the sandbox, the answer."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from contracts.errors import QueryError
from contracts.layout import LAYERS
from contracts.settings import Settings
from lakehouse.catalog import TABLES
from lakehouse.datasets import Dataset
from lakehouse.datasets.nearest import unknown
from lakehouse.datasets.stream import STREAM
from lakehouse.persons.receipt import epoch
from lakehouse.reading.relations import select_of, select_of_nothing
from lakehouse.reading.snapshot import Snapshot
from lakehouse.reading.stream_snapshots import AllSnapshots, stream_folder
from web.executions import Execution, Executions
from web.files import Tables, run_on_files, tokens_of, versions_of
from web.preview import Preview, statement, trusted_statement
from web.sandbox.check import check
from web.sandbox.parsing import SyntaxRefused
from web.sandbox.pool import Sandbox
from web.sandbox.protocol import Column, Done, Format, Run

CHECKED_TEXTS = 1024
"""How many statements' checks are remembered."""
CHECKED_CHARACTERS = 4096
"""Longer statements' are not: a thousand of the longest that may be would be remembered for good."""
CHECKS_AT_ONCE = 2
"""Threads that check statements. They share the processor with everything else that is answered here, and
hostile texts are many."""

Parameter = bool | int | float | str | list[bool | int | float | str | None] | None
Parameters = list[Parameter] | dict[str, Parameter] | None
"""Values of a statement's parameters: by number (`?`, `$1`) or by name (`$since`)."""

T = TypeVar("T")


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
        self._checks = ThreadPoolExecutor(CHECKS_AT_ONCE, "sql-check")
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

        async def current() -> Tables:
            return await self._snapshots(names, question.version, question.as_of)

        def run(snapshots: Tables) -> Run:
            return Run(
                sql=question.sql,
                parameters=msgspec.json.encode(question.parameters),
                views={name: self._view(name, snapshots[name]) for name in names},
                tables=tuple(names),
                limit=min(limit, api.query_rows_max),
                max_bytes=api.answer_mb * 2**20,
                format=question.format,
            )

        identity = (_digest(question.sql, question.parameters), limit, question.format)
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
            sql = await self._in_check(statement, dataset, preview, limit)
            return await self.ask(Question(sql=sql, limit=limit, as_of=preview.as_of))

        async def current() -> Tables:
            return await self._snapshots([name], None, None)

        def run(snapshots: Tables) -> Run:
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
                known = await self._in_check(check, sql, self.datasets)
            except SyntaxRefused:
                run = Run(sql=sql, views={}, tables=(), limit=1, max_bytes=1, parse_only=True)
                await self.sandbox.run(run, self._settings.api.query_timeout_seconds)
                raise
            if len(sql) > CHECKED_CHARACTERS:
                return known
            if len(self._checked) >= CHECKED_TEXTS:
                self._checked.pop(next(iter(self._checked)))
            self._checked[sql] = known
        return known

    async def _in_check(self, work: Callable[..., T], *arguments: Any) -> T:
        """A parser's work, in threads of its own."""
        return await asyncio.get_running_loop().run_in_executor(self._checks, work, *arguments)

    def close(self) -> None:
        """Ends the threads; what they check is finished first."""
        self._checks.shutdown(wait=False)

    async def _snapshots(self, names: Sequence[str], version: int | None, as_of: datetime | None) -> Tables:
        if version is None and as_of is None:
            kept = {name: self.snapshots.unchanged(name) for name in names}
            if all(kept.values()):
                return {**kept}
        return await asyncio.to_thread(self._looked_up, names, version, as_of)

    def _looked_up(self, names: Sequence[str], version: int | None, as_of: datetime | None) -> Tables:
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
        current: Callable[[], Awaitable[Tables]],
        run: Callable[[Tables], Run],
        seconds: float | None,
    ) -> Execution:
        """The answer to what ``identity`` names over the tables as they are now."""
        snapshots = await current()
        # After an erasure no answer from before it is given, whatever versions the tables have.
        key = ((identity, epoch(self._settings)), tokens_of(snapshots))
        found = self.executions.get(key)
        if found is not None:
            self.answered += 1
            return found
        most = self._settings.api.query_timeout_seconds
        seconds = most if seconds is None else min(seconds, most)
        first = run(snapshots)
        versions = versions_of(snapshots)

        async def work(execution: Execution) -> Done:
            end = await run_on_files(
                self.sandbox, self.snapshots.damage, execution, first, snapshots, current, run, seconds
            )
            self.answered += 1
            return end

        return self.executions.start(key, Execution(first.format, versions), work)


def _digest(sql: str, parameters: Parameters) -> bytes:
    """Stands for a text that may be long, by which its answer is kept."""
    return hashlib.sha256(f"{len(sql)} {sql} {parameters!r}".encode()).digest()


def declared(datasets: Mapping[str, Dataset], name: str) -> Dataset:
    """Raises NotFound with the names that are near."""
    found = datasets.get(name)
    if found is None:
        raise unknown("table", name, datasets)
    return found


@asynccontextmanager
async def open_queries(
    settings: Settings,
    datasets: Mapping[str, Dataset] = TABLES,
    *,
    workers: int | None = None,
    warm: bool = True,
) -> AsyncIterator[Queries]:
    """Queries with a sandbox, which ends with the context; one that is not ``warm`` begins with the first
    query. Raises DependencyError."""
    folders = [settings.data_root / layer for layer in LAYERS]
    folders += [stream_folder(settings, dataset.name) for dataset in STREAM]
    api = settings.api
    workers = workers or api.query_workers
    sandbox = Sandbox(folders, memory_mb=api.query_memory_mb, workers=workers, warm=warm)
    queries = Queries(settings, AllSnapshots(settings, datasets), sandbox, datasets)
    async with sandbox:
        try:
            yield queries
        finally:
            queries.close()
