"""What is said of a dataset, once. Jobs, catalog, quality, retention, API and docs derive from it."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import pyarrow as pa
from msgspec import Struct

Layer = Literal["stream", "bronze", "silver", "gold", "platform"]
Severity = Literal["flag", "quarantine", "fail"]

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


class Rule(Struct, frozen=True, kw_only=True):
    """A rule of quality. A row fails it where ``fails_when`` is true (null counts as false)."""

    name: str
    severity: Severity
    fails_when: str
    """A condition over the dataset's columns, in the SQL subset of the models."""
    description: str = ""


class FromChain(Struct, frozen=True, kw_only=True, tag=True):
    """Bronze: appended from the chains of landing files of one source, without transformation."""

    source: str
    """Name of the source in ``contracts.sources``."""


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


class ReplaceHours(Struct, frozen=True, kw_only=True, tag=True):
    """The hours that upstream commits have changed are computed anew and replaced, each from all its rows."""

    hour: tuple[str, str]
    """Date and hour columns of this table; they equal the upstream's of the rows that were read."""


Build = FromChain | InsertNew | ReplaceHours


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
    partition: str = ""
    z_order: tuple[str, ...] = ()
    owner: str = "data-platform"
    tags: tuple[str, ...] = ()
    upstream: tuple[str, ...] = ()
    """Names of the datasets that it is built from."""
    retention: timedelta | None = None
    """Rows with an older event time may be removed; None: kept for good."""
    time_travel: timedelta = timedelta(days=30)
    """How far back old versions can be read."""
    freshness: timedelta = timedelta(minutes=1)
    """An event should be visible here this long after it was sent."""
    rules: tuple[Rule, ...] = ()

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of the table, partition column included, in declared order."""
        return pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in self.columns])

    @property
    def model(self) -> str:
        """File of the SQL model below `lakehouse/models`; empty for layers that have none."""
        return f"{self.layer}/{self.name}.sql" if self.layer in ("silver", "gold") else ""
