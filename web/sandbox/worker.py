"""The sandbox's process: `python -m web.sandbox.worker`. Runs one query after the other until its stdin ends.

It may read the tables' folders, write no file (`confinement`, RLIMIT_FSIZE 0), and take so much memory. Time
is its parent's business, which kills it.
"""

from __future__ import annotations

import os
import queue
import resource
import sys
import threading
import time
from collections.abc import Iterator
from typing import BinaryIO

import duckdb
import msgspec

from contracts.errors import QueryError
from web.sandbox.confinement import confine
from web.sandbox.encoding import Cut, parts
from web.sandbox.protocol import HEADER, Begun, Column, Done, Failed, Part, Ready, Reply, Run, Setup, frame
from web.sandbox.refusals import failed
from web.sandbox.syntax import check_syntax

ADDRESS_SPACE_EXTRA_MB = 2048
"""Address space beside DuckDB's memory limit: code, stacks and allocator arenas, most of it never touched."""
LATE_ROWS = 2000
FAILURES = (
    *(QueryError, duckdb.Error, MemoryError, RecursionError),
    *(ArithmeticError, NotImplementedError, TypeError, ValueError),
)
"""What a query may end with: DuckDB's errors, those of Arrow (by the bases of its classes, as it is not
loaded here), and of values that Python cannot hold. It must not take the worker along."""
_PAGE_MB = resource.getpagesize() / 2**20


def main() -> None:
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nothing else may write between the frames
    requests = sys.stdin.buffer
    first = _receive(requests)
    if first is None:
        return
    setup = msgspec.msgpack.decode(first, type=Setup)
    limit_process(setup.memory_mb)
    confined = confine()  # before DuckDB starts threads, which would not be
    connection = connect(setup)
    _send(replies, Ready(confined=confined))
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read_on, args=(requests, waiting), daemon=True).start()
    defined: dict[str, str] = {}
    decode = msgspec.msgpack.Decoder(Run).decode
    while True:
        for message in answer(connection, decode(waiting.get()), defined):
            _send(replies, message)


def limit_process(memory_mb: int) -> None:
    """Hard limits of this process, for good."""
    space = (memory_mb + ADDRESS_SPACE_EXTRA_MB) * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def connect(setup: Setup) -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory that may read below the given folders, and whose settings are locked."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": f"{setup.memory_mb}MiB",
            "threads": str(setup.threads),
            "temp_directory": "",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
            "enable_external_file_cache": "false",
            "errors_as_json": "true",
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    # An ordered read of few rows fetches their other columns afterwards; by itself DuckDB does so up to 50.
    connection.execute(f"SET late_materialization_max_rows = {LATE_ROWS}")
    folders = ", ".join("'" + folder.replace("'", "''") + "'" for folder in setup.directories)
    connection.execute(f"SET allowed_directories = [{folders}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def answer(
    connection: duckdb.DuckDBPyConnection, run: Run, defined: dict[str, str]
) -> Iterator[Begun | Part | Done | Failed]:
    """Runs one query. ``defined`` keeps the views that exist, and is changed."""
    try:
        started = time.perf_counter()
        for name, select in run.views.items():
            if defined.get(name) != select:
                quoted = '"' + name.replace('"', '""') + '"'
                connection.execute(f"CREATE OR REPLACE VIEW {quoted} AS {select}")
                defined[name] = select
        with connection.cursor() as cursor:
            if run.parse_only:
                cursor.extract_statements(run.sql)
                yield Done(row_count=0, truncated=False, elapsed_ms=0, memory_mb=memory_mb())
                return
            repeatable = run.trusted or check_syntax(cursor, run.sql, run.tables)
            yield from _fetch(cursor, run, started, repeatable)
    except FAILURES as error:
        yield failed(error, run.sql)


def _fetch(
    cursor: duckdb.DuckDBPyConnection, run: Run, started: float, repeatable: bool
) -> Iterator[Begun | Part | Done]:
    cursor.execute(run.sql, msgspec.json.decode(run.parameters))
    columns = [Column(name=str(name), type=str(kind)) for name, kind, *_ in cursor.description or ()]
    cut = Cut(run)
    pieces = parts(cursor, [column.name for column in columns], run, cut)
    first = next(pieces, None)  # what fails at once must fail before the answer has begun
    yield Begun(columns)
    if first is not None:
        yield Part(first)
    for piece in pieces:
        yield Part(piece)
    yield Done(
        row_count=cut.rows,
        truncated=cut.truncated,
        elapsed_ms=round((time.perf_counter() - started) * 1000, 2),
        memory_mb=memory_mb(),
        repeatable=repeatable,
    )


def memory_mb() -> int:
    """Resident memory of this process, MiB."""
    with open("/proc/self/statm", "rb") as file:
        return int(int(file.read().split()[1]) * _PAGE_MB)


def _read_on(requests: BinaryIO, waiting: queue.SimpleQueue[bytes]) -> None:
    """Takes requests as they come, so that the parent's end is seen also in the middle of a query."""
    while (body := _receive(requests)) is not None:
        waiting.put(body)
    os._exit(0)


def _receive(stream: BinaryIO) -> bytes | None:
    header = stream.read(HEADER)
    if len(header) < HEADER:
        return None
    body = stream.read(int.from_bytes(header, "big"))
    return body or None


def _send(stream: BinaryIO, message: Reply) -> None:
    stream.write(frame(message))
    stream.flush()


if __name__ == "__main__":
    main()
