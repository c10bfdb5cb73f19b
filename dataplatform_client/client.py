"""The client for programs and notebooks."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import httpx
from tenacity import Retrying

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


class Client:
    """The API of one platform. Keeps connections; several threads may use one.

    ``url`` and ``key`` are `DP_API_URL` and `DP_API_KEY` by default, and without these this machine's API.
    ``timeout`` is how many seconds the server may be silent, beyond the time that a query may take.
    ``on_truncated`` says what to do where an answer is not all of the rows: warn, raise `Truncated`, or
    nothing. Methods raise the errors of `dataplatform_client.errors`.

    >>> with Client("http://127.0.0.1:8888") as platform:
    ...     platform.health().status
    'healthy'
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
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._target = Target(url, key, timeout, verify)
        self._retries = retries
        self._on_truncated = on_truncated
        self._http = httpx.Client(**self._target.options(), transport=transport)

    def __repr__(self) -> str:
        return f"Client({self._target!r})"

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def query(
        self,
        sql: str,
        parameters: Parameters = None,
        limit: int | None = None,
        timeout: float | None = None,
        as_of: Time | None = None,
        *,
        version: int | None = None,
    ) -> pl.DataFrame:
        """The rows of one SELECT (DuckDB's dialect) as a Polars data frame.

        ``parameters`` are a list for `?` and `$1`, a dict for `$name`: never paste values into SQL. ``limit``
        is the most rows, ``timeout`` the most seconds of the query; the server's own limits hold as well.
        ``as_of`` reads every table as it was then, ``version`` the one table of the query as that version.
        Types: see `dataplatform_client.frames`.

        >>> platform.query(
        ...     "SELECT metric_hour, sum(total_events) AS events FROM event_metrics_gold "
        ...     "WHERE metric_date = $day::DATE GROUP BY metric_hour ORDER BY metric_hour",
        ...     {"day": "2026-11-24"},
        ... )
        """
        answer = self._ask(calls.query_arrow(sql, parameters, limit, timeout, as_of, version))
        tell_truncated(answer, limit, self._on_truncated)
        return answer.polars()

    def query_pandas(
        self,
        sql: str,
        parameters: Parameters = None,
        limit: int | None = None,
        timeout: float | None = None,
        as_of: Time | None = None,
        *,
        version: int | None = None,
    ) -> pd.DataFrame:
        """As `query`, as a pandas data frame."""
        answer = self._ask(calls.query_arrow(sql, parameters, limit, timeout, as_of, version))
        tell_truncated(answer, limit, self._on_truncated)
        return answer.pandas()

    def query_arrow(
        self,
        sql: str,
        parameters: Parameters = None,
        limit: int | None = None,
        timeout: float | None = None,
        as_of: Time | None = None,
        *,
        version: int | None = None,
    ) -> ArrowResult:
        """As `query`, as an Arrow table with what is known of the answer: whether it is all of the rows, the
        version of each table that it was read at, the request's id.

        >>> platform.query_arrow("FROM user_segments_gold").versions
        {'user_segments_gold': 31}
        """
        answer = self._ask(calls.query_arrow(sql, parameters, limit, timeout, as_of, version))
        tell_truncated(answer, limit, self._on_truncated)
        return answer

    def query_rows(
        self,
        sql: str,
        parameters: Parameters = None,
        limit: int | None = None,
        timeout: float | None = None,
        as_of: Time | None = None,
        *,
        version: int | None = None,
    ) -> Rows:
        """As `query`, as plain values; needs neither pyarrow nor Polars.

        >>> platform.query_rows("SELECT count(*) AS n FROM app_events_silver").dicts()
        [{'n': 1796204}]
        """
        answer = self._ask(calls.query_rows(sql, parameters, limit, timeout, as_of, version))
        tell_truncated(answer, limit, self._on_truncated)
        return answer

    def tables(
        self,
        *,
        layer: str | None = None,
        tag: str | None = None,
        owner: str | None = None,
        q: str | None = None,
        column: str | None = None,
    ) -> list[TableSummary]:
        """The tables that have all that is asked for.

        >>> [table.name for table in platform.tables(layer="gold", q="hour")]
        ['event_metrics_gold', 'hourly_metrics_gold']
        """
        return self._ask(calls.tables(layer=layer, tag=tag, owner=owner, q=q, column=column))

    def table(self, name: str) -> TableDetail:
        """All that there is to know of one table.

        >>> [column.name for column in platform.table("user_segments_gold").columns][:2]
        ['user_id', 'segment']
        """
        return self._ask(calls.table(name))

    def history(self, name: str, limit: int | None = None) -> list[Commit]:
        """The versions of a table, newest first.

        >>> platform.history("event_metrics_gold", limit=1)[0].version
        412
        """
        return self._ask(calls.history(name, limit))

    def preview(
        self,
        name: str,
        *,
        limit: int | None = None,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        order: Sequence[str] | None = None,
        as_of: Time | None = None,
    ) -> Rows:
        """Some rows of a table, the newest where neither ``where`` nor ``order`` says otherwise.

        >>> platform.preview("app_events_silver", columns=["event_id"], limit=5).dicts()
        """
        return self._ask(calls.preview(name, limit, columns, where, order, as_of))

    def catalog(
        self,
        *,
        layer: str | None = None,
        tag: str | None = None,
        owner: str | None = None,
        q: str | None = None,
        column: str | None = None,
    ) -> Catalog:
        """The catalog as one document, of all tables or of those that have all that is asked for.

        >>> {table.name: table.upstream for table in platform.catalog(layer="gold").tables}
        """
        return self._ask(calls.catalog(layer=layer, tag=tag, owner=owner, q=q, column=column))

    def lineage(
        self, name: str, *, direction: str = "both", depth: int | None = None, columns: bool = False
    ) -> Lineage:
        """What a topic, a table or a batch job's result is built from (`upstream`), what is built from it
        (`downstream`), or `both`; ``depth`` hops far.

        >>> [(e.origin, e.to) for e in platform.lineage("user_segments_gold", depth=1).edges]
        [('users_silver', 'user_segments_gold'), ('user_activity_silver', 'user_segments_gold')]
        """
        return self._ask(calls.lineage(name, direction, depth, columns))

    def annotate(
        self, name: str, *, owner: str | None = None, tags: Sequence[str] | None = None
    ) -> TableDetail:
        """Sets a table's owner, all its tags, or both; answers the table with them. Never sent twice.

        >>> platform.annotate("daily_summary_gold", owner="growth", tags=["kpi"]).owner
        'growth'
        """
        return self._ask(calls.annotate(name, owner, tags))

    def health(self) -> Health:
        """How the platform is, also when it has failed.

        >>> platform.health().reasons
        []
        """
        return self._ask(calls.health())

    def streams(self, limit: int | None = None) -> Streams:
        """What the stream workers know now; ``limit`` entries of each list.

        >>> platform.streams().open_sessions
        211
        """
        return self._ask(calls.streams(limit))

    def jobs(self, job: str | None = None, status: str | None = None, limit: int | None = None) -> list[Run]:
        """The runs of the batch jobs, newest first; of one job, or with one status.

        >>> platform.jobs(status="failed")
        []
        """
        return self._ask(calls.jobs(job, status, limit))

    def trace(self, event_id: str) -> Journey:
        """Where one event is: its deliveries, landing file, bronze, silver, the gold rows that it counts in;
        where no table has it, the dead letters that hold its id. Raises `NotFound` where it is nowhere.

        >>> platform.trace("my-first-1").reached
        'silver'
        """
        return self._ask(calls.trace(event_id))

    def dead_letters(
        self, *, source: str | None = None, kind: str | None = None, limit: int | None = None
    ) -> DeadLetters:
        """What ingestion has refused: how often for which reason, and the newest ``limit`` with their bytes.

        >>> [(one.reason, one.count) for one in platform.dead_letters().by_reason]
        []
        """
        return self._ask(calls.dead_letters(source, kind, limit))

    def events(self) -> Iterator[Moment]:
        """The platform second by second, for as long as it is asked. Connects again where the connection
        breaks; raises where that fails too often in a row.

        >>> for moment in platform.events():
        ...     print(sum(source.events_per_second for source in moment.sources))
        """
        watch, options = Watch(self._retries), calls.events().options(self._target.timeout)
        while True:
            ended: httpx.TransportError | ApiError | None = None
            try:
                with self._http.stream(**options) as response:
                    if response.status_code == 200:
                        for line in response.iter_lines():
                            if moment := watch.hear(line):
                                yield moment
                    else:
                        response.read()
                        ended = error_of(response)
            except httpx.TransportError as error:
                ended = error
            time.sleep(watch.broken(ended, self._target.url))

    def _ask(self, call: Call[T]) -> T:
        def send() -> T:
            try:
                return call.answer(self._http.request(**call.options(self._target.timeout)))
            except httpx.TransportError as error:
                raise failure_of(error, self._target.url) from error

        return Retrying(**self._retries.policy(call.repeatable))(send)
