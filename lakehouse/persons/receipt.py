"""What an erasure has removed, and what still goes by itself: never the id, only its keyed hash."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct

from contracts.durability import sync_folder
from contracts.settings import Settings
from lakehouse.datasets import DATASETS
from lakehouse.storage.durable import write_text

RECEIPT = "receipt.json"


class Place(Struct, frozen=True, kw_only=True):
    """What was done in one place."""

    place: str
    files: int
    rows: int
    values: int


class Remains(Struct, frozen=True, kw_only=True):
    """What still holds the person for a while."""

    what: str
    until: datetime | None
    """At the latest; None: as the text says."""
    how: str


class Receipt(Struct, frozen=True, kw_only=True):
    """Of one run."""

    person: str
    """Keyed hash of the id (HMAC-SHA-256 with the platform's own secret `erasure`)."""
    erased_at: datetime
    dry_run: bool
    purged: bool
    """Whether the versions before are gone as well."""
    places: tuple[Place, ...]
    remains: tuple[Remains, ...]
    finished: bool = True
    """Whether it got to its end: it is kept from its beginning, as from then on tables take no such row."""
    unreadable: tuple[str, ...] = ()
    """Files that nobody can read: whether they hold the id is not known."""

    @property
    def rows(self) -> int:
        return sum(place.rows for place in self.places)

    @property
    def text(self) -> str:
        """As people read it."""
        head = "would be removed (dry run)" if self.dry_run else "removed"
        lines = [f"Erasure of {self.person}, {self.erased_at.isoformat(timespec='seconds')}", "", f"{head}:"]
        lines += [
            f"  {place.place}: {place.rows} rows, {place.values} mentions in others, {place.files} files"
            for place in self.places
        ] or ["  nothing"]
        if not self.finished:
            lines.append("  … it did not get to its end: run it again")
        lines += ["", "what remains for a while:"]
        for one in self.remains:
            until = f" until {one.until.isoformat(timespec='seconds')}" if one.until else ""
            lines.append(f"  {one.what}{until}: {one.how}")
        lines += ["", *[f"cannot be read, look yourself: {path}" for path in self.unreadable]]
        return "\n".join(lines).rstrip() + "\n"


def folder_of(settings: Settings) -> Path:
    return settings.data_root / "erasures"


def write(settings: Settings, receipt: Receipt) -> Path:
    """Keeps the receipt, as JSON and as text, in a folder of its own; returns it. The folder's time changes
    with every erasure, which tells caches that their answers no longer hold."""
    root = folder_of(settings)
    folder = root / receipt.person / receipt.erased_at.strftime("%Y%m%dT%H%M%S%fZ")
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / RECEIPT, msgspec.json.format(msgspec.json.encode(receipt), indent=1))
    write_text(folder / "receipt.txt", receipt.text.encode())
    os.utime(root)
    sync_folder(root)
    return folder


def receipts(settings: Settings) -> list[Receipt]:
    """All of them, the oldest first."""
    found = [
        msgspec.json.decode(path.read_bytes(), type=Receipt)
        for path in folder_of(settings).glob(f"*/*/{RECEIPT}")
    ]
    return sorted(found, key=lambda receipt: receipt.erased_at)


def epoch(settings: Settings) -> int:
    """Another number after every erasure: answers that were computed before are not to be given any more."""
    try:
        return folder_of(settings).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def remains(settings: Settings, at: datetime, *, purged: bool) -> tuple[Remains, ...]:
    """What an erasure cannot reach, or leaves for time travel."""
    kafka, streams = settings.kafka, settings.streams
    open_for = timedelta(
        seconds=max(streams.session_gap_seconds, streams.window_seconds)
        + streams.grace_seconds
        + streams.idle_close_seconds
        + streams.flush_seconds
    )
    found = [
        Remains(
            what="Kafka's source topics and dead letters",
            until=at + timedelta(hours=kafka.retention_hours),
            how="they expire by the topics' own retention",
        ),
        Remains(
            what="Kafka's internal topics",
            until=at + timedelta(hours=kafka.internal_retention_hours),
            how="they expire by the topics' own retention",
        ),
        Remains(
            what="state of the stream workers and its changelogs",
            until=at + open_for,
            how="windows and sessions that are open now are shown once more, in views, when they close: "
            "run the erasure again then",
        ),
        Remains(
            what="events that were sent before the erasure and have not landed yet",
            until=at + timedelta(hours=settings.lakehouse.landing_retention_hours),
            how="tables do not take them (the receipt's hash tells them), landing loses them by itself; "
            "events sent later are those of a user who has come back",
        ),
        Remains(
            what="logs of the services", until=None, how="they go by rotation (logs.max_bytes, logs.keep)"
        ),
        Remains(
            what="numbers that gold counts and sums",
            until=None,
            how="they stay as they are: they name nobody",
        ),
    ]
    if not purged:
        longest = max(declared.time_travel for declared in DATASETS.values())
        found.append(
            Remains(
                what="older versions of tables, and their logs",
                until=at + longest + timedelta(days=1),
                how="the driver's vacuum ends their time travel; `dp lakehouse erase --purge` does it now",
            )
        )
    return tuple(found)
