"""The client for asyncio: the same methods as coroutines."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import httpx
from tenacity import AsyncRetrying

from dataplatform_client import calls
from dataplatform_client.calls import Call, Parameters, Time
from dataplatform_client.catalog import Catalog, Commit, Lineage, TableDetail, TableSummary
from dataplatform_client.errors import ApiError, error_of, failure_of
from dataplatform_client.moments import Watch
from dataplatform_client.platform import DeadLetters, Health, Journey, Moment, Run, Streams
from dataplatform_client.results import ArrowResult, OnTruncated, Rows, tell_truncated
from dataplatform_client.retries import DEFAULT_RETRIES, Retries
from dataplatform_client.target import Target

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

T = TypeVar("T")


class AsyncClient:
    """As `Client`, whose docstrings say what methods do, for one event loop.

    >>> async with AsyncClient() as platform:
    ...     days, hours = await asyncio.gather(
    ...         platform.query("FROM daily_summary_gold"), platform.query("FROM hourly_metrics_gold")
    ...     )
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        timeout: float = 30.0,
        retries: Retries = DEFAULT_RETRIES,
        on_truncated: OnTruncated = "warn",
        verify: ssl.SSLContext | bool = True,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._target = Target(url, key, timeout, verify)
        self._retries = retries
        self._on_truncated = on_truncated
        self._http = httpx.AsyncClient(**self._target.options(), transport=transport)

    def __repr__(self) -> str:
        return f"AsyncClient({self._target!r})"

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def query(
        self,
        sql: str,
        parameters: Parameters = None,
        limit: int | None = None,
        timeout: float | None = None,
        as_of: Time | None = None,
        *,
        version: int | None = None,
    ) -> pl.DataFrame:
        """As `Client.query`."""
        answer = await self._ask(calls.query_arrow(sql, parameters, limit, timeout, as_of, version))
        tell_truncated(answer, limit, self._on_truncated)
        return answer.polars()

    async def query_pandas(
        self,
        sql: str,
        parameters: Parameters = None,
        limit: int | None = None,
        timeout: float | None = None,
        as_of: Time | None = None,
        *,
        version: int | None = None,
    ) -> pd.DataFrame:
        """As `Client.query_pandas`."""
        answer = await self._ask(calls.query_arrow(sql, parameters, limit, timeout, as_of, version))
        tell_truncated(answer, limit, self._on_truncated)
        return answer.pandas()

    async def query_arrow(
        self,
        sql: str,
        parameters: Parameters = None,
        limit: int | None = None,
        timeout: float | None = None,
        as_of: Time | None = None,
        *,
        version: int | None = None,
    ) -> ArrowResult:
        """As `Client.query_arrow`."""
        answer = await self._ask(calls.query_arrow(sql, parameters, limit, timeout, as_of, version))
        tell_truncated(answer, limit, self._on_truncated)
        return answer

    async def query_rows(
        self,
        sql: str,
        parameters: Parameters = None,
        limit: int | None = None,
        timeout: float | None = None,
        as_of: Time | None = None,
        *,
        version: int | None = None,
    ) -> Rows:
        """As `Client.query_rows`."""
        answer = await self._ask(calls.query_rows(sql, parameters, limit, timeout, as_of, version))
        tell_truncated(answer, limit, self._on_truncated)
        return answer

    async def tables(
        self,
        *,
        layer: str | None = None,
        tag: str | None = None,
        owner: str | None = None,
        q: str | None = None,
        column: str | None = None,
    ) -> list[TableSummary]:
        """As `Client.tables`."""
        return await self._ask(calls.tables(layer=layer, tag=tag, owner=owner, q=q, column=column))

    async def table(self, name: str) -> TableDetail:
        """As `Client.table`."""
        return await self._ask(calls.table(name))

    async def history(self, name: str, limit: int | None = None) -> list[Commit]:
        """As `Client.history`."""
        return await self._ask(calls.history(name, limit))

    async def preview(
        self,
        name: str,
        *,
        limit: int | None = None,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        order: Sequence[str] | None = None,
        as_of: Time | None = None,
    ) -> Rows:
        """As `Client.preview`."""
        return await self._ask(calls.preview(name, limit, columns, where, order, as_of))

    async def catalog(
        self,
        *,
        layer: str | None = None,
        tag: str | None = None,
        owner: str | None = None,
        q: str | None = None,
        column: str | None = None,
    ) -> Catalog:
        """As `Client.catalog`."""
        return await self._ask(calls.catalog(layer=layer, tag=tag, owner=owner, q=q, column=column))

    async def lineage(
        self, name: str, *, direction: str = "both", depth: int | None = None, columns: bool = False
    ) -> Lineage:
        """As `Client.lineage`."""
        return await self._ask(calls.lineage(name, direction, depth, columns))

    async def annotate(
        self, name: str, *, owner: str | None = None, tags: Sequence[str] | None = None
    ) -> TableDetail:
        """As `Client.annotate`."""
        return await self._ask(calls.annotate(name, owner, tags))

    async def health(self) -> Health:
        """As `Client.health`."""
        return await self._ask(calls.health())

    async def streams(self, limit: int | None = None) -> Streams:
        """As `Client.streams`."""
        return await self._ask(calls.streams(limit))

    async def jobs(
        self, job: str | None = None, status: str | None = None, limit: int | None = None
    ) -> list[Run]:
        """As `Client.jobs`."""
        return await self._ask(calls.jobs(job, status, limit))

    async def trace(self, event_id: str) -> Journey:
        """As `Client.trace`."""
        return await self._ask(calls.trace(event_id))

    async def dead_letters(
        self, *, source: str | None = None, kind: str | None = None, limit: int | None = None
    ) -> DeadLetters:
        """As `Client.dead_letters`."""
        return await self._ask(calls.dead_letters(source, kind, limit))

    async def events(self) -> AsyncIterator[Moment]:
        """As `Client.events`."""
        watch, options = Watch(self._retries), calls.events().options(self._target.timeout)
        while True:
            ended: httpx.TransportError | ApiError | None = None
            try:
                async with self._http.stream(**options) as response:
                    if response.status_code == 200:
                        async for line in response.aiter_lines():
                            if moment := watch.hear(line):
                                yield moment
                    else:
                        await response.aread()
                        ended = error_of(response)
            except httpx.TransportError as error:
                ended = error
            await asyncio.sleep(watch.broken(ended, self._target.url))

    async def _ask(self, call: Call[T]) -> T:
        async def send() -> T:
            try:
                return call.answer(await self._http.request(**call.options(self._target.timeout)))
            except httpx.TransportError as error:
                raise failure_of(error, self._target.url) from error

        return await AsyncRetrying(**self._retries.policy(call.repeatable))(send)
