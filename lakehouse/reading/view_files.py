"""The files of the stream's views: which there are, how they are read, and how far each had come.

A view's file is named for its source partition and its revision, the source offset that it knows. A file that
compaction made holds several and says them in its metadata.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from contracts.errors import DependencyError, NotFound
from contracts.landing import CLICKSTREAM_SESSIONS, EVENTS_AGGREGATED_REALTIME
from contracts.layout import view_folder
from contracts.settings import Settings
from contracts.views import newest_sessions_query, newest_windows_query, sessions_query, windows_query

META_REVISIONS = b"dp.revisions"
"""Parquet metadata of a compacted file: JSON object, source partition → newest revision."""
COMPACTED = "compacted-"
"""How the name of a compacted file begins."""
_NAME = re.compile(r"(\d{5})-(\d{20})-([0-9a-f]{12})\.parquet")

Revisions = dict[str, int]
"""`<date>/<topic id>/<source partition>` → newest revision."""


class ViewContract(Struct, frozen=True, kw_only=True):
    """How a view is read. Both texts are SQL for a relation with the files' columns and `topic_id`."""

    schema: pa.Schema
    """Columns of the files."""
    query: Callable[[str], str]
    """The reading rule: one row a thing."""
    newest: Callable[[str], str]
    """The rows that the rule looks at."""


VIEWS: dict[str, ViewContract] = {
    "events_aggregated_realtime": ViewContract(
        schema=EVENTS_AGGREGATED_REALTIME, query=windows_query, newest=newest_windows_query
    ),
    "clickstream_sessions": ViewContract(
        schema=CLICKSTREAM_SESSIONS, query=sessions_query, newest=newest_sessions_query
    ),
}


class ViewFiles(Struct, frozen=True, kw_only=True):
    """Files of one view, for some days."""

    name: str
    root: Path
    files: tuple[Path, ...]
    schema: pa.Schema
    """Of the files, with the folders' columns `date` and `topic_id`."""
    revisions: Revisions

    def rows(self) -> int:
        """Rows in the files, also those that do not count. Raises DependencyError for a file that cannot be
        read."""
        total = 0
        for file in self.files:
            try:
                total += pq.read_metadata(file).num_rows
            except (OSError, pa.ArrowException) as error:
                raise DependencyError(f"{file} cannot be read: {error}") from error
        return total


def view_contract(name: str) -> ViewContract:
    """Raises NotFound that lists the names."""
    try:
        return VIEWS[name]
    except KeyError:
        raise NotFound(f"no view named {name!r}; views: {', '.join(VIEWS)}") from None


def view_files(settings: Settings, name: str, days: Iterable[date]) -> ViewFiles:
    """The files of these days of a view."""
    root = view_folder(settings, name)
    return view_files_of(settings, name, [file for day in days for file in files_of_day(root, day)])


def view_files_of(settings: Settings, name: str, files: Sequence[Path]) -> ViewFiles:
    """These files of a view."""
    root = view_folder(settings, name)
    folders = [pa.field("date", pa.date32()), pa.field("topic_id", pa.string())]
    return ViewFiles(
        name=name,
        root=root,
        files=tuple(files),
        schema=pa.schema([*view_contract(name).schema, *folders]),
        revisions=revisions(files),
    )


def days_of(settings: Settings, name: str) -> list[date]:
    """The days that a view has, sorted."""
    return sorted(_days(view_folder(settings, name)))


def files_of_day(root: Path, day: date) -> list[Path]:
    """The files of one day, sorted; a hidden one is somebody's work in hand."""
    found = (root / f"date={day.isoformat()}").glob("topic_id=*/*.parquet")
    return sorted(path for path in found if not path.name.startswith("."))


def revisions(files: Iterable[Path]) -> Revisions:
    """How far the source partitions had come when the last of these files was written."""
    newest: Revisions = {}
    for file in files:
        topic = file.parent
        place = f"{topic.parent.name.removeprefix('date=')}/{topic.name.removeprefix('topic_id=')}"
        for partition, revision in revisions_of(file).items():
            key = f"{place}/{partition}"
            newest[key] = max(revision, newest.get(key, revision))
    return newest


def revisions_of(file: Path) -> dict[str, int]:
    """The revisions that one file knows, by source partition; none for one that is not the stream's."""
    named = _NAME.fullmatch(file.name)
    if named is not None:
        return {str(int(named[1])): int(named[2])}
    try:
        metadata = pq.read_metadata(file).metadata or {}
        return msgspec.json.decode(metadata.get(META_REVISIONS, b"{}"), type=dict[str, int])
    except FileNotFoundError:
        return {}
    except (OSError, pa.ArrowException, msgspec.MsgspecError) as error:
        raise DependencyError(f"{file} cannot be read: {error}") from error


def touched(before: Mapping[str, int], now: Mapping[str, int]) -> bool:
    """Whether there is something that a reader which saw ``before`` has not seen."""
    return any(revision > before.get(place, -1) for place, revision in now.items())


def mark_of(file: Path) -> str:
    """What tells the file from all others of its folder."""
    return file.name.removesuffix(".parquet")[-12:]


def _days(root: Path) -> Iterator[date]:
    for folder in root.glob("date=*"):
        try:
            yield date.fromisoformat(folder.name.removeprefix("date="))
        except ValueError:
            continue
