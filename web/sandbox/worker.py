"""The sandbox's process: `python -m web.sandbox.worker`. Runs one query after the other until its stdin ends.

It may read the tables' folders, write no file (RLIMIT_FSIZE 0), and take so much memory. Time is its
parent's business, which kills it.
"""

from __future__ import annotations

import os
import queue
import resource
import sys
import threading
import time
from typing import BinaryIO

import duckdb
import msgspec

from contracts.errors import QueryError
from web.sandbox.protocol import HEADER, Answer, Column, Failed, Run, Setup, frame
from web.sandbox.syntax import check_syntax
from web.sandbox.values import csv_header, csv_row, json_row

ADDRESS_SPACE_EXTRA_MB = 2048
"""Address space beside DuckDB's memory limit: code, stacks and allocator arenas, most of it never touched."""
_CHUNK = 256
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
    connection = connect(setup)
    _send(
        replies,
        Answer(columns=[], rows=b"", row_count=0, truncated=False, elapsed_ms=0, memory_mb=memory_mb()),
    )
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read_on, args=(requests, waiting), daemon=True).start()
    defined: dict[str, str] = {}
    decode = msgspec.msgpack.Decoder(Run).decode
    while True:
        _send(replies, answer(connection, decode(waiting.get()), defined))


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
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    folders = ", ".join("'" + folder.replace("'", "''") + "'" for folder in setup.directories)
    connection.execute(f"SET allowed_directories = [{folders}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def answer(connection: duckdb.DuckDBPyConnection, run: Run, defined: dict[str, str]) -> Answer | Failed:
    """Runs one query. ``defined`` keeps the views that exist, and is changed."""
    try:
        started = time.perf_counter()
        for name, select in run.views.items():
            if defined.get(name) != select:
                quoted = '"' + name.replace('"', '""') + '"'
                connection.execute(f"CREATE OR REPLACE VIEW {quoted} AS {select}")
                defined[name] = select
        with connection.cursor() as cursor:
            if not run.trusted:
                check_syntax(cursor, run.sql, run.tables)
            return _fetch(cursor, run, started)
    except QueryError as error:
        return Failed(code=error.code, message=str(error))
    except (duckdb.OutOfMemoryException, MemoryError):
        return Failed(code="memory", message="the query needs more memory than one query may have")
    except duckdb.PermissionException as error:
        return Failed(code="refused", message=_brief(error))
    except (duckdb.IOException, duckdb.InternalException, duckdb.FatalException) as error:
        return Failed(code="failed", message=_brief(error))
    except duckdb.Error as error:
        return Failed(code="invalid", message=_brief(error))


def _fetch(cursor: duckdb.DuckDBPyConnection, run: Run, started: float) -> Answer:
    cursor.execute(run.sql)
    columns = [Column(name=str(name), type=str(kind)) for name, kind, *_ in cursor.description or ()]
    parts: list[bytes] = []
    size, truncated = 0, False
    encode = csv_row if run.format == "csv" else json_row
    while not truncated:
        chunk = cursor.fetchmany(min(_CHUNK, run.limit + 1 - len(parts)))
        for row in chunk:
            encoded = encode(row)
            size += len(encoded)
            truncated = len(parts) == run.limit or size > run.max_bytes
            if truncated:
                break
            parts.append(encoded)
        if not chunk:
            break
    if truncated and not parts and run.limit:
        raise QueryError("one row alone is larger than an answer may be", code="memory")
    if run.format == "csv":
        rows = csv_header([column.name for column in columns]) + b"".join(parts)
    else:
        rows = b"[" + b",".join(parts) + b"]"
    return Answer(
        columns=columns,
        rows=rows,
        row_count=len(parts),
        truncated=truncated,
        elapsed_ms=round((time.perf_counter() - started) * 1000, 2),
        memory_mb=memory_mb(),
    )


def memory_mb() -> int:
    """Resident memory of this process, MiB."""
    with open("/proc/self/statm", "rb") as file:
        return int(int(file.read().split()[1]) * _PAGE_MB)


def _brief(error: duckdb.Error) -> str:
    text = str(error).strip()
    return text if len(text) <= 600 else text[:600] + " …"


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


def _send(stream: BinaryIO, message: Answer | Failed) -> None:
    stream.write(frame(message))
    stream.flush()


if __name__ == "__main__":
    main()
