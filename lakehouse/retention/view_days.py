"""Days of the stream's views that are past `retention.views_days`. What they were made of is in bronze."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from msgspec import Struct

from contracts.errors import SettingsError
from contracts.layout import view_folder
from contracts.settings import Settings
from contracts.view_lock import rewriting
from lakehouse.reading.view_files import VIEWS, days_of

LEAST_DAYS = 15
"""A day's jobs look a week ahead, and run again for a week where late data came."""

log = logging.getLogger(__name__)


class ViewDay(Struct, frozen=True, kw_only=True):
    """One day of a view that goes."""

    view: str
    day: date
    files: int
    bytes: int


def past(settings: Settings, now: datetime) -> Iterator[ViewDay]:
    """The days that go, of every view. Raises SettingsError for fewer days than late data are waited for."""
    days = settings.retention.views_days
    if not days:
        return
    if days < LEAST_DAYS:
        raise SettingsError(
            f"retention.views_days is {days}: at least {LEAST_DAYS}, or 0", key="retention.views_days"
        )
    first = now.astimezone(UTC).date() - timedelta(days=days)
    for view in VIEWS:
        for day in days_of(settings, view):
            if day < first:
                sizes = [path.stat().st_size for path in _folder(settings, view, day).rglob("*.parquet")]
                yield ViewDay(view=view, day=day, files=len(sizes), bytes=sum(sizes))


def remove(settings: Settings, gone: ViewDay) -> bool:
    """Removes its files, and its folders where nobody has put another file into them meanwhile.

    Raises ConflictError where the view is being rewritten.
    """
    folder = _folder(settings, gone.view, gone.day)
    with rewriting(settings, gone.view):
        for topic in folder.glob("topic_id=*"):
            for file in topic.glob("[!.]*.parquet"):  # a hidden one is somebody's work in hand
                file.unlink(missing_ok=True)
            _remove_empty(topic)
        _remove_empty(folder)
    log.info("removed a day of a view", extra={"view": gone.view, "date": str(gone.day), "files": gone.files})
    return True


def _folder(settings: Settings, view: str, day: date) -> Path:
    return view_folder(settings, view) / f"date={day.isoformat()}"


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        log.info("%s has got another file", folder)
