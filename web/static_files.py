"""Files of a folder as HTTP serves them: media types, ETags, compressed forms.

They are compressed once, kept in memory and read anew when they change, so that a page that was built again
shows without a restart. Only files that lie in the folder itself are served, and only those of a known type.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from stat import S_ISREG

import cramjam
from msgspec import Struct

from contracts.errors import NotFound

MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
CODINGS = (("br", cramjam.brotli, 9), ("gzip", cramjam.gzip, 9))
"""Content codings, what makes them and at which level; the best first. Brotli's highest, 11, takes
about nine times as long as 9 for a twelfth less."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_WEIGHTLESS = re.compile(r"0(?:\.0{0,3})?")
_Stamp = tuple[int, int, int] | None


class Body(Struct, frozen=True):
    """One form of a file."""

    content: bytes
    etag: str
    """Strong: another for each coding."""
    coding: str | None = None
    """Its Content-Encoding."""


class StaticFile(Struct, frozen=True):
    """A file in all its forms."""

    media_type: str
    plain: Body
    packed: tuple[Body, ...]
    """The best first."""

    def body(self, accept_encoding: str) -> Body:
        """The best form that a client takes, by its Accept-Encoding."""
        taken = _taken(accept_encoding)
        for body in self.packed:
            assert body.coding is not None
            if taken.get(body.coding, taken.get("*", False)):
                return body
        return self.plain


class _Kept(Struct, frozen=True):
    stamp: _Stamp
    file: StaticFile


class StaticFiles:
    """The files of one folder. Safe for several threads: at worst two read the same file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, _Kept] = {}

    def get(self, name: str) -> StaticFile:
        """The file as it is now. Raises NotFound for what is no file of a known type in the folder."""
        media_type = MEDIA_TYPES.get(Path(name).suffix)
        place = self._folder / name
        if media_type is None or _NAME.fullmatch(name) is None:
            raise _unknown(name)
        stamp = _stamp(place)
        kept = self._kept.get(name)
        if kept is not None and kept.stamp == stamp:
            return kept.file
        self._kept.pop(name, None)
        if stamp is None:
            raise _unknown(name)
        try:
            file = _read(place, media_type)
        except FileNotFoundError:
            raise _unknown(name) from None  # built again in between
        there = {other: kept for other, kept in self._kept.items() if (self._folder / other).exists()}
        self._kept = {**there, name: _Kept(stamp, file)}
        return file


def is_known(if_none_match: str, etag: str) -> bool:
    """Whether an If-None-Match names what would be answered."""
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return not known.isdisjoint((etag, "*"))


def _read(place: Path, media_type: str) -> StaticFile:
    content = place.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:32]
    forms = [(coding, bytes(maker.compress(content, level=level))) for coding, maker, level in CODINGS]
    packed = [
        Body(form, f'"{digest}-{coding}"', coding) for coding, form in forms if len(form) < len(content)
    ]
    return StaticFile(media_type, Body(content, f'"{digest}"'), tuple(packed))


def _stamp(place: Path) -> _Stamp:
    try:
        found = place.lstat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ino, found.st_size) if S_ISREG(found.st_mode) else None


def _taken(accept_encoding: str) -> dict[str, bool]:
    """Codings of an Accept-Encoding (RFC 9110), and whether each may be sent."""
    found = {}
    for item in accept_encoding.split(","):
        coding, *parameters = (part.strip().lower() for part in item.split(";"))
        weights = [text.removeprefix("q=").strip() for text in parameters if text.startswith("q=")]
        found[coding] = not (weights and _WEIGHTLESS.fullmatch(weights[0]))
    return found


def _unknown(name: str) -> NotFound:
    return NotFound(
        f"the page has no file {name[:100]!r}; reload it: it may have been replaced by a newer one"
    )
