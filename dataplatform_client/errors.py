"""What goes wrong, one tree::

    DataPlatformError
    ├── ConnectionFailed         nobody answers there, or the connection broke
    │   └── NoAnswerInTime       connected, but no answer within the time limit
    ├── Truncated                not all rows were answered, and the client was told to raise then
    └── ApiError                 the API says no; carries its code, status, detail, position, suggestions
        ├── Unauthorized         no key, or one that is not (or no longer) valid
        ├── Forbidden            the key's scope is not enough
        ├── NotFound             no table, column, job or path of that name; suggestions are the nearest
        ├── InvalidQuery         the statement is wrong or not allowed; position says where
        ├── QueryTimeout         stopped at its time limit
        ├── QueryTooLarge        the query or its answer needs too much memory
        ├── RateLimited          too many requests; retry_after says how long to wait
        └── Unavailable          busy, or something that the API needs does not answer

No error carries a key.
"""

from __future__ import annotations

import httpx
import msgspec
from msgspec import Struct, field


class DataPlatformError(Exception):
    """Root of all errors that the client raises on purpose."""


class ConnectionFailed(DataPlatformError):
    """Nobody answers at the URL, or the connection broke."""


class NoAnswerInTime(ConnectionFailed):
    """The server took the request, and did not answer within the client's time limit."""


class Truncated(DataPlatformError):
    """There are more rows than were answered."""


class TruncatedWarning(UserWarning):
    """There are more rows than were answered: what is computed from these is not about all of them."""


class Position(Struct, frozen=True):
    """A place in the text of a query; line and column count from 1."""

    offset: int
    line: int
    column: int


class ApiError(DataPlatformError):
    """The API refused a request or failed.

    ``code`` is the kind (`GET /problems/{code}` explains it), ``request_id`` what the server's log has it
    under.
    """

    def __init__(
        self,
        code: str,
        status: int,
        detail: str,
        *,
        position: Position | None = None,
        suggestions: tuple[str, ...] = (),
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code, status, detail)
        self.code = code
        self.status = status
        self.detail = detail
        self.position = position
        self.suggestions = suggestions
        self.request_id = request_id
        self.retry_after = retry_after
        """Seconds to wait, where the server says so."""

    def __str__(self) -> str:
        at = f" (line {self.position.line}, column {self.position.column})" if self.position else ""
        near = f"; near: {', '.join(self.suggestions)}" if self.suggestions else ""
        return f"{self.detail}{at}{near} [{self.code}, request {self.request_id or 'unknown'}]"


class Unauthorized(ApiError):
    """A key is needed, or this one is not valid."""


class Forbidden(ApiError):
    """The key's scope is not enough, or the API does not take requests from here."""


class NotFound(ApiError):
    """There is no such thing; ``suggestions`` are the nearest names."""


class InvalidQuery(ApiError):
    """The statement or a parameter is wrong, or not allowed."""


class QueryTimeout(ApiError):
    """The query was stopped at its time limit."""


class QueryTooLarge(ApiError):
    """The query needs more memory than one may have, or the request is too large."""


class RateLimited(ApiError):
    """Too many requests."""


class Unavailable(ApiError):
    """Too many queries at once, or something that is needed does not answer."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: InvalidQuery,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    408: QueryTimeout,
    413: QueryTooLarge,
    422: InvalidQuery,
    429: RateLimited,
    503: Unavailable,
}
_BY_CODE: dict[str, type[ApiError]] = {"refused": InvalidQuery}


class _Problem(Struct):
    detail: str = ""
    title: str = ""
    code: str = ""
    position: Position | None = None
    suggestions: tuple[str, ...] = field(default_factory=tuple)


def error_of(response: httpx.Response) -> ApiError:
    """What an answer that is no success means. A body that is none of the API's (a proxy's) is told short."""
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
    except msgspec.DecodeError:
        problem = _Problem()
    kind = _BY_CODE.get(problem.code) or _BY_STATUS.get(response.status_code, ApiError)
    return kind(
        problem.code or "unknown",
        response.status_code,
        problem.detail or problem.title or f"HTTP {response.status_code}",
        position=problem.position,
        suggestions=problem.suggestions,
        request_id=response.headers.get("x-request-id", ""),
        retry_after=_seconds(response.headers.get("retry-after")),
    )


def failure_of(error: httpx.TransportError, url: httpx.URL) -> ConnectionFailed:
    """What it means that no answer came."""
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        return NoAnswerInTime(f"{url}: no answer within the time limit")
    return ConnectionFailed(f"{url}: {error or type(error).__name__}")


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isdecimal() else None
