"""What is said of a dataset, once. Jobs, catalog, quality, retention, API and docs derive from it."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import pyarrow as pa
from msgspec import Struct

from lakehouse.datasets.personal import Personal
from lakehouse.datasets.rules import Rule, SetRule, Severity

__all__ = ["Rule", "SetRule", "Severity"]

Layer = Literal["stream", "bronze", "silver", "gold", "platform"]

LOAD_TIMESTAMP = "load_timestamp"
"""Column of every table: when the row was written, one value a commit. Engines and bronze add it; models do
not."""
QUALITY_FLAGS = "quality_flags"
"""Column of every bronze table: names of the rules that the row fails."""
DUPLICATE_IN_BATCH = "duplicate_in_batch"
"""Flag of a bronze row whose id came before in the same commit."""


class Column(Struct, frozen=True, kw_only=True):
    """One column. ``type`` is an Arrow type; timestamps are UTC microseconds."""

    name: str
    type: pa.DataType
    nullable: bool = True
    description: str = ""
    personal: Personal = ""
    """What it holds of persons; by default what its name says (``lakehouse.datasets.personal``)."""
    reads: tuple[str, ...] = ()
    """Columns of its upstreams (of a topic: fields) that it is made of, where no SQL model says so."""


class FromChain(Struct, frozen=True, kw_only=True, tag=True):
    """Bronze: appended from the chains of landing files of one source, without transformation."""

    source: str
    """Name of the source in ``contracts.sources`` or ``contracts.platform``."""
    quality_flags: bool = True
    """Whether the table has the column `quality_flags`."""


class InsertNew(Struct, frozen=True, kw_only=True, tag=True):
    """Rows of the upstream table's new versions are inserted where their key is new; the first one wins.

    Rows are taken in the order of ``order``. A row is a duplicate, and left out, when a row with an equal
    ``key`` has been *kept* (now or in any run before) whose ``time`` differs by at most ``within``. So for an
    id at minutes 0, 50 and 100 and an hour's window, 0 and 100 are kept. The result does not depend on how
    arrivals are split into runs.
    """

    key: tuple[str, ...]
    order: tuple[str, ...]
    """Columns of the model's result; those that the table does not have are left out when rows are
    written."""
    time: str
    within: timedelta
    hour: tuple[str, str]
    """Date and hour columns of this table; commits list the hours that they changed."""


Take = Literal["slice", "all", "added", "removed", "changed", "stored"]
"""What a model reads of a table:

- ``slice``: the files that can hold the hours or dates that are replaced, and the days beside them (``days``)
- ``all``: every file
- ``added``, ``removed``: the files that commits which changed rows added, or removed, since the last run
- ``changed``: the files of the dates that such commits changed
- ``stored``: what the model's own table has (of the dates that are replaced; else all)

A table that is built anew reads all files for ``added`` and ``changed``, none for ``removed`` and ``stored``.
"""


class Feed(Struct, frozen=True, kw_only=True):
    """One relation that a model reads, and what its changes make stale."""

    dataset: str
    take: Take = "slice"
    relation: str = ""
    """Its name in the SQL; empty: the dataset's."""
    days: tuple[int, ...] = (0,)
    """Of a slice: which days' files, relative to the date that is replaced."""
    stale: tuple[int, ...] = (0,)
    """Where it changed on a date (or in an hour), that date and so many days later are stale here."""

    extremes: tuple[str, str] | None = None
    """Of ``removed``: columns of which the model takes the least and the greatest. Sums can be taken back,
    these cannot: where what was removed had one that nothing added has, the dates are built anew."""

    @property
    def name(self) -> str:
        return self.relation or self.dataset


class ReplaceHours(Struct, frozen=True, kw_only=True, tag=True):
    """The hours that upstream commits have changed are computed anew and replaced, each from all its rows."""

    hour: tuple[str, str]
    """Date and hour columns of this table; they equal the upstream's of the rows that were read."""
    feeds: tuple[Feed, ...]


class ReplaceDates(Struct, frozen=True, kw_only=True, tag=True):
    """The dates that upstream commits have changed are computed and replaced."""

    date: str
    """Date column of this table."""
    feeds: tuple[Feed, ...]
    closing: tuple[int, ...] = ()
    """When a UTC day is over, the dates so many days after it are stale."""


class ReplaceKeys(Struct, frozen=True, kw_only=True, tag=True):
    """The rows that the model gives replace those of their keys; other rows stay."""

    feeds: tuple[Feed, ...]
    moved: str = ""
    """Date column of this table whose moves (a row's value before and after) are changes for others."""
    daily: bool = False
    """Whether all rows are computed anew when a UTC day is over."""


class Sessions(Struct, frozen=True, kw_only=True, tag=True):
    """Sessions of a user's clicks. New clicks replace the sessions that they touch; see
    ``lakehouse.medallion.sessions``."""


class Versions(Struct, frozen=True, kw_only=True, tag=True):
    """Versions of captured rows in the order of their changes; see ``lakehouse.medallion.entities``."""


class Refused(Struct, frozen=True, kw_only=True, tag=True):
    """Rows that rules of severity `quarantine` keep out: see ``lakehouse.medallion.quarantine``."""


Build = FromChain | InsertNew | ReplaceHours | ReplaceDates | ReplaceKeys | Sessions | Versions | Refused


class Dataset(Struct, frozen=True, kw_only=True):
    """One table of the lakehouse."""

    name: str
    layer: Layer
    description: str
    columns: tuple[Column, ...]
    build: Build
    key: tuple[str, ...] = ()
    """Columns that identify a row; empty where rows are only appended."""
    time: str = ""
    """Column of event time: newest event, freshness, and pruning by file statistics; empty: has none."""
    until: str = ""
    """Where a row spans time, from ``time`` on: the column of its end."""
    partition: str = ""
    z_order: tuple[str, ...] = ()
    owner: str = "data-platform"
    tags: tuple[str, ...] = ()
    upstream: tuple[str, ...] = ()
    """Names of the datasets that it is built from."""
    retention: timedelta | None = None
    """Rows with an older event time are removed, by whole UTC days; None: kept for good. Only for tables that
    others can do without once they have taken the rows in: not for what keys or versions are computed from.
    Settings may say another time, but not for tables that are kept for good."""
    archive_first: bool = False
    """Whether rows go only once an archive holds them; settings may name further tables."""
    time_travel: timedelta = timedelta(days=30)
    """How far back old versions can be read."""
    freshness: timedelta = timedelta(minutes=1)
    """An event should be visible here this long after it was sent."""
    rules: tuple[Rule, ...] = ()
    set_rules: tuple[SetRule, ...] = ()
    """Rules over many rows; evaluated by checks, not when rows are written."""
    row_wise: bool = False
    """Whether its model gives one row for each row that it reads: then rows in = rows out + quarantined +
    duplicates, which every run checks."""

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of the table, partition column included, in declared order."""
        return pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in self.columns])

    @property
    def feeds(self) -> tuple[Feed, ...]:
        """What its model reads; none for builds that choose themselves."""
        build = self.build
        return build.feeds if isinstance(build, ReplaceHours | ReplaceDates | ReplaceKeys) else ()

    @property
    def model(self) -> str:
        """File of the SQL model below `lakehouse/models`; empty for tables that are not computed."""
        if isinstance(self.build, FromChain | Refused):
            return ""
        return f"{self.layer}/{self.name}.sql"
