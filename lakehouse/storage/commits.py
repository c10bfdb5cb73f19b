"""The `dp` metadata of Delta commits: where a table stands, said in the commit itself, readable by either
engine.

deltalake writes it as a field of commitInfo (``custom_metadata={"dp": text}``); Spark has one place only, the
text `spark.databricks.delta.commitInfo.userMetadata`, which then is ``{"dp": {…}}``. Every commit of ours
carries it; one that changes no row (compaction) repeats the last position, without `dates` and `hours`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
from deltalake import CommitProperties

from lakehouse.datasets import Dataset
from lakehouse.storage import delta_log

KEY = "dp"
RESTORED = "restored"
"""Part of the metadata of a commit that put an older version back: from which version, and to which."""
RETAINED = "retained"
"""Part of the metadata of a commit that removed rows past their retention: from which date on rows stay."""
ERASED = "erased"
"""Part of the metadata of a commit that removed a person: how many rows."""
NO_NEWS = (RESTORED, RETAINED, ERASED)
"""A commit that says one of these adds or removes files, yet nobody is to compute anything from it."""
ABOUT_ROWS = frozenset({"dates", "hours", "rows", *NO_NEWS})
"""Parts of the metadata that say what a commit changed; all others are where the table stands."""


def app_id(dataset: Dataset) -> str:
    """Id of the Delta transactions on a table; their version is `txn` of the metadata."""
    return f"dp-{dataset.name}"


def as_custom_metadata(metadata: dict[str, Any]) -> dict[str, str]:
    """For deltalake's ``CommitProperties(custom_metadata=…)``."""
    return {KEY: msgspec.json.encode(metadata).decode()}


def as_user_metadata(metadata: dict[str, Any]) -> str:
    """For Spark's `spark.databricks.delta.commitInfo.userMetadata`."""
    return msgspec.json.encode({KEY: metadata}).decode()


def changes(hours: Iterable[tuple[date, int]]) -> dict[str, list[str]]:
    """`dates` and `hours` of a commit's metadata from the (date, hour) pairs of the rows written."""
    pairs = sorted(set(hours))
    return {
        "dates": sorted({day.isoformat() for day, _ in pairs}),
        "hours": [hour_text(day, hour) for day, hour in pairs],
    }


def hour_text(day: date, hour: int) -> str:
    """`2026-11-24T07`."""
    return f"{day.isoformat()}T{hour:02d}"


def parse_hour(text: str) -> tuple[date, int]:
    """The inverse of ``hour_text``."""
    return date.fromisoformat(text[:10]), int(text[11:])


def metadata_of(commit_info: dict[str, Any]) -> dict[str, Any] | None:
    """The `dp` metadata in a commitInfo of either engine; None: there is none."""
    own = commit_info.get(KEY)
    if own is None:
        user = commit_info.get("userMetadata")
        if isinstance(user, str):
            try:
                user = msgspec.json.decode(user)
            except msgspec.DecodeError:
                return None
        own = user.get(KEY) if isinstance(user, dict) else None
    if isinstance(own, str):
        own = msgspec.json.decode(own)
    return own if isinstance(own, dict) else None


def is_no_news(commit_info: dict[str, Any]) -> bool:
    """Whether to whoever follows the table the commit is no change, although it adds and removes files."""
    return any(mark in (metadata_of(commit_info) or {}) for mark in NO_NEWS)


def last_metadata(table: Path, version: int | None = None) -> dict[str, Any] | None:
    """The newest `dp` metadata at or below ``version`` (default: the newest), read back commit by commit.

    None where no commit has one, or those that have are no longer in the log.
    """
    at = delta_log.latest_version(table) if version is None else version
    while at >= 0:
        commit = delta_log.read_commit(table, at)
        if commit is None:
            return None
        found = metadata_of(commit.info)
        if found is not None:
            return found
        at -= 1
    return None


def changing_nothing(table: Path, version: int, **more: Any) -> CommitProperties:
    """For a commit by deltalake that changes no row: the newest position again, without what it says of rows.

    ``more`` is added to it. Where the log has no position any more, the commit has none either.
    """
    metadata = standing(table, version, **more)
    return CommitProperties(custom_metadata=None if metadata is None else as_custom_metadata(metadata))


def standing(table: Path, version: int, **more: Any) -> dict[str, Any] | None:
    """The newest position at or below ``version``, with ``more``, without what its commit says of rows; None
    where the log has none any more."""
    last = last_metadata(table, version)
    if last is None:
        return None
    return {**{name: value for name, value in last.items() if name not in ABOUT_ROWS}, **more}
