"""How far each chain has come, where nobody but the platform may write: what makes a missing end seen.

A head is moved on when its line is on disk, never before. So a file that ends before its head has been cut,
and a file that goes on beyond it has lines that nobody was told are kept. A head is two blocks
of one file, written in turns: a write that is torn leaves the other.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from contracts.durability import sync_folder
from contracts.layout import audit_heads_folder
from contracts.settings import Settings
from lakehouse.audit.line import FIRST, Codes

BLOCK = 512
SUFFIX = ".head"


class Head(Struct, frozen=True, kw_only=True):
    """The last line of a chain that is known to be on disk."""

    chain: str
    seq: int = 0
    hash: str = FIRST
    day: str = ""
    """UTC date of the file that it is in."""
    line: int = 0
    """Its number in that file."""
    offset: int = 0
    """Bytes of that file up to its end."""
    closed: bool = False
    """Whether its writer stopped in order: nothing may come after it."""
    code: str = ""
    """Of all the rest."""


class HeadFile:
    """The head of a chain that this process writes. Holds the chain's lock until ``close``."""

    def __init__(self, descriptor: int, chain: str, by: Codes) -> None:
        content = os.pread(descriptor, 2 * BLOCK, 0)
        self.head = _newest(content, by) or Head(chain=chain)
        self._descriptor = descriptor
        # The one that does not hold the newest: it is the one to lose.
        self._block = 1 if _newest(content[:BLOCK], by) == self.head else 0
        self._by = by

    def move(self, head: Head) -> None:
        """Durable when it returns. Raises OSError; then the head may or may not have moved."""
        self.head = head
        content = msgspec.json.encode(structs.replace(head, code=_code(head, self._by)))
        assert len(content) < BLOCK
        os.pwrite(self._descriptor, content.ljust(BLOCK - 1) + b"\n", BLOCK * self._block)
        os.fdatasync(self._descriptor)
        self._block = 1 - self._block

    def close(self) -> None:
        os.close(self._descriptor)


def claim(settings: Settings, name: str, by: Codes) -> HeadFile:
    """The chain of that name, or where another process writes it, the first of `<name>.2`, `<name>.3`, …
    that nobody writes. Raises OSError."""
    folder = audit_heads_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for number in count(1):
        chain = name if number == 1 else f"{name}.{number}"
        path = folder / f"{chain}{SUFFIX}"
        is_new = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        except BaseException:
            os.close(descriptor)
            raise
        if is_new:
            sync_folder(folder)
        return HeadFile(descriptor, chain, by)
    raise AssertionError


def read_head(settings: Settings, chain: str, by: Codes) -> Head | None:
    """None: there is none, or it is damaged. A head without a line has the seq 0."""
    try:
        content = (audit_heads_folder(settings) / f"{chain}{SUFFIX}").read_bytes()
    except FileNotFoundError:
        return None
    return _newest(content, by) if content else Head(chain=chain)


def chains_with_heads(settings: Settings) -> Iterator[str]:
    folder: Path = audit_heads_folder(settings)
    yield from sorted(path.name.removesuffix(SUFFIX) for path in folder.glob(f"*{SUFFIX}"))


def _newest(content: bytes, by: Codes) -> Head | None:
    found = []
    for start in (0, BLOCK):
        try:
            head = msgspec.json.decode(content[start : start + BLOCK], type=Head)
        except msgspec.MsgspecError:
            continue
        if head.code == _code(head, by):
            found.append(head)
    return max(found, key=lambda head: (head.seq, head.closed), default=None)


def _code(head: Head, by: Codes) -> str:
    return by.of(msgspec.json.encode(structs.replace(head, code="")))
