"""Answers of queries over HTTP: their form, their headers, and what happens when the client hangs up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.response import Stream
from msgspec import Struct

from web.executions import Execution
from web.sandbox.protocol import Column, Format

FORMATS: dict[str, Format] = {
    "application/json": "json",
    "text/csv": "csv",
    "application/vnd.apache.arrow.stream": "arrow",
    "application/vnd.apache.parquet": "parquet",
}
"""Media types of answers, the preferred first."""
ROWS = "rows"
"""Key of the number of rows answered in the scope's state."""
TABLES = "tables"
"""Key of the names of the tables read in the scope's state; there is none where a query reads no table."""
STREAM_BYTES = 256 * 1024
"""JSON answers that grow beyond this are sent while the query still runs."""

CLIENT_GONE = 499
"""Status in the log of a request whose client hung up; nobody sees it."""

T = TypeVar("T")


class QueryAnswer(Struct, kw_only=True):
    """Rows of a query.

    Integers keep every digit as JSON numbers, also beyond 2^53; NaN and the infinities are texts, decimals
    are text, timestamps RFC 3339 in UTC.
    """

    columns: list[Column]
    versions: dict[str, int | None]
    """Delta version that each table was read at; null: not created yet, or without versions."""
    rows: list[list[Any]]
    row_count: int
    truncated: bool
    """Whether there are more rows than were asked for or are allowed."""
    elapsed_ms: float
    """Of the run that the rows are from."""


def wanted_format(request: Request[Any, Any, Any], default: Format = "json") -> Format:
    """The form that the header Accept asks for. Raises a 406 where none of ours is acceptable."""
    header = request.headers.get("accept")
    if not header or header == "*/*":
        return default
    chosen = request.accept.best_match(list(FORMATS))
    if chosen is None:
        raise HTTPException(status_code=406, detail=f"no form of {header!r}; there are {', '.join(FORMATS)}")
    return FORMATS[chosen]


async def answer(request: Request[Any, Any, Any], asked: Coroutine[Any, Any, Execution]) -> Response[Any]:
    """The answer of an execution, in its format.

    A client that hangs up ends the run, unless others wait for the same. A JSON answer that grows large is
    sent as it comes (a failure then ends the connection short of its last bytes); the other formats are sent
    when they are whole, as what their headers say is known then.
    """
    execution, cached = await _unless_gone(request, _joined(asked))
    headers = {"X-Cache": "hit" if cached else "miss"}
    state = request.scope["state"]
    state[TABLES] = tuple(execution.versions) or None
    if execution.end is None:
        return Stream(_json_stream(execution, state), media_type=_MEDIA["json"], headers=headers)
    execution.leave()
    state[ROWS] = execution.end.row_count
    headers["X-Row-Count"] = str(execution.end.row_count)
    headers["X-Truncated"] = str(execution.end.truncated).lower()
    if execution.format != "json":
        headers["X-Versions"] = msgspec.json.encode(execution.versions).decode()
    return Response(execution.body(), media_type=_MEDIA[execution.format], headers=headers)


async def _joined(asked: Coroutine[Any, Any, Execution]) -> tuple[Execution, bool]:
    """The execution, joined and ready to be sent, and whether its answer was there already."""
    execution = await asked
    cached = execution.end is not None
    execution.join()
    try:
        if not cached:
            await _ready(execution)
    except BaseException:
        execution.leave()
        raise
    return execution, cached


async def _ready(execution: Execution) -> None:
    """Returns when the answer can be sent: at its end, or a JSON answer when it is known to be large."""
    if execution.format == "json":
        async for _ in execution.pieces():
            if execution.size > STREAM_BYTES:
                return
    await execution.whole()


async def _json_stream(execution: Execution, state: dict[str, Any]) -> AsyncIterator[bytes]:
    try:
        execution.sent = True
        yield execution.json_head()
        first = True
        async for piece in execution.pieces():
            yield piece if first else b"," + piece
            first = False
        if execution.end is not None:
            state[ROWS] = execution.end.row_count
        yield execution.json_tail()
    finally:
        execution.leave()


async def _unless_gone(request: Request[Any, Any, Any], work: Coroutine[Any, Any, T]) -> T:
    """The work's result; cancelled, it and this request, when the client hangs up."""
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    either: set[asyncio.Future[Any]] = {working, gone}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise HTTPException(status_code=CLIENT_GONE, detail="the client hung up")
        return working.result()
    finally:
        gone.cancel()
        working.cancel()


async def _gone(request: Request[Any, Any, Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


_MEDIA = {format: media for media, format in FORMATS.items()}
