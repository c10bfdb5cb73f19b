"""Sessions of DuckDB for computing beside the engine: rules, keys, what a batch touches."""

from __future__ import annotations

from functools import cache
from threading import Lock

import duckdb

THREADS = 2
_opening = Lock()


def session() -> duckdb.DuckDBPyConnection:
    """A session in UTC, which the caller closes. Nobody else sees its temporary tables and views.

    All are of one database of this process: opening another costs some 20 ms of CPU, and threads of its own.
    """
    with _opening:
        opened = _database().cursor()
    opened.execute("SET TimeZone = 'UTC'")
    return opened


@cache
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": THREADS})
