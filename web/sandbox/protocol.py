"""What the API and a sandbox worker say to each other: MessagePack over the worker's stdin and stdout."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

Format = Literal["json", "csv"]


class Setup(Struct, frozen=True, kw_only=True):
    """The first frame: what the worker may use."""

    directories: tuple[str, ...]
    """Folders that DuckDB may read below."""
    memory_mb: int
    threads: int = 2


class Run(Struct, frozen=True, kw_only=True):
    """One query."""

    sql: str
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


class Column(Struct, frozen=True):
    """A column of an answer; several may have one name."""

    name: str
    type: str
    """DuckDB's name of the type."""


class Answer(Struct, frozen=True, kw_only=True, tag=True):
    """Rows, as JSON (an array of arrays) or CSV (header included)."""

    columns: list[Column]
    rows: bytes
    row_count: int
    truncated: bool
    elapsed_ms: float
    memory_mb: int
    """Resident memory of the worker after the query, MiB."""


class Failed(Struct, frozen=True, kw_only=True, tag=True):
    """The query was refused or failed; ``code`` as in ``contracts.errors.QueryError``."""

    code: str
    message: str


HEADER = 4
"""Bytes of a frame's length, big-endian."""

_encode = msgspec.msgpack.Encoder().encode
reply = msgspec.msgpack.Decoder(Answer | Failed).decode


def frame(message: Struct) -> bytes:
    body = _encode(message)
    return len(body).to_bytes(HEADER, "big") + body
