"""Lines of newline-delimited files, plain or gzip, in big blocks: no line is lost, whatever ends it."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from typing import IO, cast

BLOCK = 1024**2
BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"


def plain(stream: IO[bytes]) -> IO[bytes]:
    """The stream, decompressed where it begins like a gzip file."""
    buffered = (
        stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, stream))
    )
    if buffered.peek(2)[:2] == _GZIP:
        return cast(IO[bytes], gzip.GzipFile(fileobj=buffered, mode="rb"))
    return buffered


def blocks_of_lines(stream: IO[bytes], block: int = BLOCK) -> Iterator[list[bytes]]:
    """Lists of whole lines without their ends (LF or CRLF), empty ones included.

    A byte-order mark at the start is taken off; a last line without an end is a line.
    """
    rest: list[bytes] = []
    first = True
    while chunk := stream.read(block):
        if first:
            chunk = chunk.removeprefix(BOM)
            first = False
        head, newline, tail = chunk.rpartition(b"\n")
        if newline:
            yield _lines(b"".join([*rest, head]))
            rest = []
        rest.append(tail)
    last = b"".join(rest)
    if last:
        yield _lines(last)


def _lines(text: bytes) -> list[bytes]:
    lines = text.split(b"\n")
    if b"\r" in text:
        lines = [line.removesuffix(b"\r") for line in lines]
    return lines
