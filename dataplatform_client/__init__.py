"""The client of the data platform's API: tables as data frames, and all else that it answers, typed.

::

    from dataplatform_client import Client

    with Client() as platform:  # DP_API_URL, DP_API_KEY; else this machine, without a key
        frame = platform.query("SELECT * FROM daily_summary_gold ORDER BY summary_date")

`AsyncClient` has the same methods as coroutines. Errors are those of `dataplatform_client.errors`; an answer
that is not all of the rows warns with `TruncatedWarning`. Polars, pandas and pyarrow are loaded when they are
needed.
"""

from __future__ import annotations

from dataplatform_client.asynchronous import AsyncClient
from dataplatform_client.client import Client
from dataplatform_client.errors import (
    ApiError,
    ConnectionFailed,
    DataPlatformError,
    Forbidden,
    InvalidQuery,
    NoAnswerInTime,
    NotFound,
    Position,
    QueryTimeout,
    QueryTooLarge,
    RateLimited,
    Truncated,
    TruncatedWarning,
    Unauthorized,
    Unavailable,
)
from dataplatform_client.results import ArrowResult, Rows
from dataplatform_client.retries import Retries

__all__ = [
    "ApiError",
    "ArrowResult",
    "AsyncClient",
    "Client",
    "ConnectionFailed",
    "DataPlatformError",
    "Forbidden",
    "InvalidQuery",
    "NoAnswerInTime",
    "NotFound",
    "Position",
    "QueryTimeout",
    "QueryTooLarge",
    "RateLimited",
    "Retries",
    "Rows",
    "Truncated",
    "TruncatedWarning",
    "Unauthorized",
    "Unavailable",
]
