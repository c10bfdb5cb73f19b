"""What the API and a sandbox worker say to each other: MessagePack over the worker's stdin and stdout.

The first frame to the worker is ``Setup``, answered by ``Ready``. Every further one is a ``Run``, answered by
``Begun``, any number of ``Part`` and one ``Done``; or, at any point, by ``Failed``, which is the last.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

Format = Literal["json", "csv", "arrow", "parquet"]


class Setup(Struct, frozen=True, kw_only=True):
    """The first frame: what the worker may use."""

    directories: tuple[str, ...]
    """Folders that DuckDB may read below."""
    memory_mb: int
    threads: int = 2


class Run(Struct, frozen=True, kw_only=True):
    """One query."""

    sql: str
    parameters: bytes = b"null"
    """Values of the statement's parameters as JSON: an array, an object by name, or null."""
    views: dict[str, str]
    """Views to define before the query, where they are new or have changed: name → SELECT."""
    tables: tuple[str, ...]
    """Names that the query may read, lower case."""
    limit: int
    """Most rows of the answer."""
    max_bytes: int
    """Most bytes of the answer's rows."""
    format: Format = "json"
    trusted: bool = False
    """The text is ours: it skips the allow-list, nothing else."""
    parse_only: bool = False
    """Says only whether DuckDB can parse the text."""


class Column(Struct, frozen=True):
    """A column of an answer; several may have one name."""

    name: str
    type: str
    """DuckDB's name of the type."""


class Ready(Struct, frozen=True, tag=True):
    """The worker can take queries."""

    confined: bool
    """Whether the kernel keeps it from writing; else DuckDB and the limits of a process alone do."""


class Begun(Struct, frozen=True, tag=True):
    """The query runs; its columns are known."""

    columns: list[Column]


class Part(Struct, frozen=True, tag=True):
    """The next bytes of the answer. JSON: arrays, one a row, with commas between, none at the ends."""

    data: bytes


class Done(Struct, frozen=True, kw_only=True, tag=True):
    """The answer is complete."""

    row_count: int
    truncated: bool
    elapsed_ms: float
    memory_mb: int
    """Resident memory of the worker after the query, MiB."""
    repeatable: bool = True
    """Whether the same query over the same tables has the same answer: no clock, no chance."""


class Failed(Struct, frozen=True, kw_only=True, tag=True):
    """The query was refused or failed; the fields are ``contracts.errors.QueryError``'s."""

    code: str
    message: str
    offset: int | None = None
    suggestions: list[str] = []
    file: str = ""
    """Path of the file that could not be read, where that is known."""


Reply = Ready | Begun | Part | Done | Failed

HEADER = 4
"""Bytes of a frame's length, big-endian."""

_encode = msgspec.msgpack.Encoder().encode
reply = msgspec.msgpack.Decoder(Reply).decode


def frame(message: Struct) -> bytes:
    body = _encode(message)
    return len(body).to_bytes(HEADER, "big") + body
