"""One map from the platform's errors to HTTP: problem documents (RFC 9457), `application/problem+json`.

`type` names a page of ours that explains the kind, `code` is its last part, `detail` a sentence about this
case. Errors of SQL add `position` (characters before the place, line, column) and `suggestions` (the nearest
names) where they are known.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, SerializationException, ValidationException
from msgspec import Struct

from contracts.errors import (
    ConflictError,
    ContractError,
    DependencyError,
    NotFound,
    PlatformError,
    QueryError,
)

PROBLEM_JSON = "application/problem+json"
REQUEST_ID = "request_id"
"""Key of the request's id in the scope's state."""
STATEMENT = "statement"
"""Key of the SQL text that a request asks for in the scope's state."""
BUSY_RETRY_SECONDS = 1


class ProblemKind(Struct, frozen=True):
    """A kind of problem: what `GET /problems/{code}` tells."""

    status: int
    title: str
    help: str


KINDS: dict[str, ProblemKind] = {
    "bad_request": ProblemKind(400, "The request is not understood", "Compare it with /docs."),
    "invalid": ProblemKind(400, "The query is not valid", "Mend the statement at the position given."),
    "unauthorized": ProblemKind(
        401, "A key is needed", "Send Authorization: Bearer <key>; `dp keys create` makes one."
    ),
    "forbidden": ProblemKind(403, "The key does not allow this", "Use a key with the scope that is named."),
    "refused": ProblemKind(
        403, "The query is not allowed", "One SELECT over catalogued tables and pure functions may run."
    ),
    "cross_site": ProblemKind(
        403, "Another site's page may not ask", "List its origin in access.cors_origins, if it should."
    ),
    "not_found": ProblemKind(404, "There is no such thing", "GET /tables lists the names."),
    "method_not_allowed": ProblemKind(405, "The method does not fit the path", "Compare it with /docs."),
    "not_acceptable": ProblemKind(
        406, "The answer cannot be had in that form", "See /docs for the media types that there are."
    ),
    "timeout": ProblemKind(
        408, "The query took too long", "Read less: fewer columns, a narrower range of dates, a LIMIT inside."
    ),
    "slow_body": ProblemKind(408, "The body did not come in time", "Send it faster, or less of it."),
    "conflict": ProblemKind(409, "Somebody else was faster", "Read the newest state and try again."),
    "too_large": ProblemKind(413, "The request is too large", "Send less."),
    "memory": ProblemKind(
        413, "The query needs too much memory", "Group by fewer values, sort fewer rows, or join less."
    ),
    "url_too_long": ProblemKind(
        414, "The address is too long", "Send a long query as the body of POST /query."
    ),
    "unsupported_media_type": ProblemKind(415, "The body has the wrong type", "Send application/json."),
    "misdirected": ProblemKind(
        421, "This server does not answer for that host", "Use the address that it listens on."
    ),
    "contract": ProblemKind(422, "The data breaks the contract", "See the dataset's page in the catalog."),
    "rate_limited": ProblemKind(429, "Too many requests", "Wait as long as Retry-After says."),
    "headers_too_large": ProblemKind(431, "The headers are too large", "Send less."),
    "internal": ProblemKind(500, "The server failed", "Its log has the request's id and the reason."),
    "failed": ProblemKind(500, "The query failed", "The log has the reason; the table may be damaged."),
    "platform": ProblemKind(500, "The platform failed", "The log has the reason."),
    "unavailable": ProblemKind(503, "Something that is needed does not answer", "See GET /health."),
    "busy": ProblemKind(503, "Too many queries at once", "Wait as long as Retry-After says."),
}
"""Every kind of problem by its code. Of those with one status the first stands for the framework's errors."""

_FAMILIES: tuple[tuple[type[PlatformError], str], ...] = (
    (NotFound, "not_found"),
    (ConflictError, "conflict"),
    (ContractError, "contract"),
    (DependencyError, "unavailable"),
    (PlatformError, "platform"),
)
_BY_STATUS = {kind.status: code for code, kind in reversed(KINDS.items())}

_log = logging.getLogger(__name__)


class Position(Struct, kw_only=True):
    """A place in the text of a query."""

    offset: int
    """Characters before it."""
    line: int
    """From 1."""
    column: int
    """From 1."""


class Problem(Struct, kw_only=True, omit_defaults=True):
    """The body of every error."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str | None = None
    """The request's id, under which the log has it."""
    position: Position | None = None
    suggestions: list[str] | None = None


def problem(
    code: str,
    detail: str,
    *,
    request_id: str | None = None,
    position: Position | None = None,
    suggestions: Sequence[str] = (),
    status: int | None = None,
) -> Response[Problem]:
    """A problem document. ``code`` is one of ``KINDS``; ``status`` is its own unless another is given."""
    kind = KINDS[code]
    return Response(
        Problem(
            type=f"/problems/{code}",
            title=kind.title,
            status=status or kind.status,
            detail=detail,
            code=code,
            instance=f"urn:request:{request_id}" if request_id else None,
            position=position,
            suggestions=list(suggestions) or None,
        ),
        status_code=status or kind.status,
        media_type=PROBLEM_JSON,
    )


def position_in(text: str, offset: int) -> Position:
    """Line and column of a place in a text."""
    before = text[:offset]
    return Position(offset=offset, line=before.count("\n") + 1, column=offset - before.rfind("\n"))


def platform_error(request: Request[Any, Any, Any], error: PlatformError) -> Response[Problem]:
    """A PlatformError as its family's kind."""
    request_id = _request_id(request)
    if not isinstance(error, QueryError | NotFound):
        code = next(code for family, code in _FAMILIES if isinstance(error, family))
        return problem(code, str(error), request_id=request_id)
    code = error.code if isinstance(error, QueryError) else "not_found"
    sql = request.scope["state"].get(STATEMENT)
    response = problem(
        code,
        str(error),
        request_id=request_id,
        position=position_in(sql, error.offset) if sql is not None and error.offset is not None else None,
        suggestions=error.suggestions,
    )
    if code == "busy":
        response.headers["Retry-After"] = str(BUSY_RETRY_SECONDS)
    return response


def http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """What the framework raises: unknown route, wrong method, a body that is not what was asked for."""
    message = error.detail
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        details = [f"{item.get('key', '')}: {item.get('message', '')}".lstrip(": ") for item in error.extra]
        message = "; ".join(details) or message
    code = _BY_STATUS.get(error.status_code, "bad_request" if error.status_code < 500 else "internal")
    response = problem(code, message, request_id=_request_id(request), status=error.status_code)
    response.headers.update(error.headers or {})
    return response


def malformed(request: Request[Any, Any, Any], error: SerializationException) -> Response[Problem]:
    """A body that is not JSON."""
    detail = f"the body is not valid JSON: {error.__cause__ or error}"
    return problem("bad_request", detail, request_id=_request_id(request))


def too_deep(request: Request[Any, Any, Any], error: RecursionError) -> Response[Problem]:
    """A body that is nested deeper than it can be read: nothing else here goes deep."""
    request_id = _request_id(request)
    _log.warning("nested too deeply", exc_info=error, extra={"path": request.url.path, "request": request_id})
    return problem("bad_request", "the request is nested too deeply", request_id=request_id)


def unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """A fault of ours: logged whole, told briefly."""
    request_id = _request_id(request)
    _log.error("request failed", exc_info=error, extra={"path": request.url.path, "request": request_id})
    return problem("internal", "the server failed to answer; see its log", request_id=request_id)


def _request_id(request: Request[Any, Any, Any]) -> str | None:
    found = request.scope["state"].get(REQUEST_ID)
    return str(found) if found else None
