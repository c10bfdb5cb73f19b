"""A line of the log: canonical JSON, and last in it the code of all that stands before.

Keys are in the order of the alphabet, `hash` excepted. The code is HMAC-SHA256 over the bytes up to
`,"hash"`; `prev` among them is the code of the line before, so no line can be changed, added, taken away or
moved by somebody who does not have the key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct, field

from contracts import secrets
from contracts.settings import Settings
from lakehouse.audit.entry import Entry

FIRST = "0" * 64
"""`prev` of a chain's first line."""

_TAIL = len(',"hash":"') + 64 + len('"}')


class Line(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line as it is stored. Fields are in the order of the alphabet: that is their order in the file."""

    action: str
    at: datetime
    chain: str
    """Name of the file that it belongs to."""
    details: dict[str, Any] = field(default_factory=dict)
    hash: str = ""
    prev: str = FIRST
    process: str = ""
    """Of the process that wrote it: when it began and a few random digits."""
    seq: int = 0
    """From 1, without a hole."""
    service: str = ""
    subject: str | None = None
    texts: dict[str, str] = field(default_factory=dict)
    """Name → id of the text (``lakehouse.audit.texts``)."""
    user: str | None = None


class _Body(Struct, frozen=True, kw_only=True, gc=False):
    """The same without the code, always with what makes a chain."""

    action: str
    at: datetime
    chain: str
    details: Mapping[str, Any] | msgspec.UnsetType = msgspec.UNSET
    prev: str
    process: str
    seq: int
    service: str
    subject: str | msgspec.UnsetType = msgspec.UNSET
    texts: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    user: str | msgspec.UnsetType = msgspec.UNSET


class Links(Struct, frozen=True, kw_only=True, gc=False):
    """What of a line is looked at when a chain is followed."""

    action: str
    chain: str
    prev: str
    seq: int
    texts: dict[str, str] | None = None


decoder = msgspec.json.Decoder(Line)
links = msgspec.json.Decoder(Links)
_encoder = msgspec.json.Encoder(order="deterministic", enc_hook=str)


class Codes:
    """Makes and proves the codes of lines. Whoever has the key can do both."""

    def __init__(self, key: bytes) -> None:
        # HMAC as RFC 2104 has it. Its two halves are begun once: that halves what a line costs.
        block = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def of(self, content: bytes) -> str:
        """HMAC-SHA256."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(content)
        outer.update(inner.digest())
        return outer.hexdigest()

    def proven(self, raw: bytes) -> bool:
        """Whether a line (without its newline) is one of ours, as it was written."""
        end = raw[-_TAIL:]
        return end == b',"hash":"%b"}' % self.of(raw[:-_TAIL]).encode()


def codes(settings: Settings) -> Codes:
    """By the platform's own key, which is made where there is none yet."""
    return Codes(secrets.secret(settings, secrets.AUDIT).encode())


def encoded(
    entry: Entry,
    ids: dict[str, str],
    *,
    chain: str,
    process: str,
    service: str,
    seq: int,
    prev: str,
    by: Codes,
) -> tuple[bytes, str]:
    """The entry as the line after ``prev``, with its newline, and its code. ``ids``: of its texts."""
    body = _encoder.encode(
        _Body(
            action=entry.action,
            at=entry.at,
            chain=chain,
            details=entry.details or msgspec.UNSET,
            prev=prev,
            process=process,
            seq=seq,
            service=service,
            subject=entry.subject or msgspec.UNSET,
            texts=ids or msgspec.UNSET,
            user=entry.user or msgspec.UNSET,
        )
    )
    body = body[:-1]
    code = by.of(body)
    return b'%b,"hash":"%b"}\n' % (body, code.encode()), code
