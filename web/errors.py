"""One map from the platform's errors to HTTP: problem-like JSON `{"code", "message", "status", …}`."""

from __future__ import annotations

import logging
from typing import Any

from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, SerializationException, ValidationException
from litestar.status_codes import HTTP_500_INTERNAL_SERVER_ERROR

from contracts.errors import (
    ConflictError,
    ContractError,
    DependencyError,
    NotFound,
    PlatformError,
    QueryError,
)

QUERY_STATUS = {
    "invalid": 400,
    "refused": 403,
    "timeout": 408,
    "memory": 413,
    "busy": 503,
    "failed": 500,
}
"""HTTP status of a QueryError by its code."""
BUSY_RETRY_SECONDS = 1

_FAMILIES: tuple[tuple[type[PlatformError], int, str], ...] = (
    (NotFound, 404, "not_found"),
    (ConflictError, 409, "conflict"),
    (ContractError, 422, "contract"),
    (DependencyError, 503, "unavailable"),
    (PlatformError, 500, "platform"),
)
_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}

_log = logging.getLogger(__name__)


def problem(status: int, code: str, message: str, **more: Any) -> Response[dict[str, Any]]:
    """The JSON body of every error."""
    return Response(
        {"code": code, "message": message, "status": status, **more},
        status_code=status,
        media_type=MediaType.JSON,
    )


def platform_error(_: Request[Any, Any, Any], error: PlatformError) -> Response[Any]:
    """A PlatformError as its family's status."""
    if isinstance(error, QueryError):
        response = problem(QUERY_STATUS.get(error.code, 400), error.code, str(error))
        if error.code == "busy":
            response.headers["Retry-After"] = str(BUSY_RETRY_SECONDS)
        return response
    for family, status, code in _FAMILIES:
        if isinstance(error, family):
            return problem(status, code, str(error))
    raise AssertionError("PlatformError is the last family")


def http_error(_: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """What the framework raises: unknown route, wrong method, a body that is not what was asked for."""
    status = error.status_code
    message = error.detail
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        details = [f"{item.get('key', '')}: {item.get('message', '')}".lstrip(": ") for item in error.extra]
        message = "; ".join(details) or message
    response = problem(status, _CODES.get(status, "http"), message)
    response.headers.update(error.headers or {})
    return response


def malformed(_: Request[Any, Any, Any], error: SerializationException) -> Response[Any]:
    """A body that is not JSON."""
    return problem(400, "bad_request", f"the body is not valid JSON: {error.__cause__ or error}")


def unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """A fault of ours: logged whole, told briefly."""
    _log.error("request failed", exc_info=error, extra={"path": request.url.path})
    return problem(HTTP_500_INTERNAL_SERVER_ERROR, "internal", "the server failed to answer; see its log")
