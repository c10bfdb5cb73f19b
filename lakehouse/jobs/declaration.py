"""The three batch jobs, each declared once. Reading this module touches no file."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal

import pyarrow as pa
from msgspec import Struct

from contracts.errors import NotFound
from contracts.settings import Settings
from lakehouse.datasets import Dataset, dataset
from lakehouse.datasets.declaration import LOAD_TIMESTAMP

WINDOWS = "events_aggregated_realtime"
SESSIONS = "clickstream_sessions"

Span = Literal["day", "all"]
"""Days of a view that a job reads: its own alone, or all up to it (and those of ``Job.ahead``)."""

RETENTION_DAYS = (1, 7)
"""A day's retention is known once the day so many days later is closed."""


class Job(Struct, frozen=True, kw_only=True):
    """One batch job: a model over views, for one UTC day, to one folder of Parquet."""

    name: str
    description: str
    schema: pa.Schema
    views: dict[str, Span]
    ahead: tuple[int, ...] = ()
    """Days after its own that it reads as well, once they are closed."""
    gold: str = ""
    """The gold table whose model it runs, over what the views give in place of silver; empty: it has a model
    of its own. See ``lakehouse.jobs.sql``."""

    def wants(self, one: date, view: str, day: date, through: date) -> bool:
        """Whether the run for ``day`` reads the view's day ``one``; ``through`` is the last closed day."""
        if one == day or (one - day).days in self.ahead:
            return one <= max(day, through)
        return one < day and self.views[view] == "all"


def columns_of(declared: Dataset) -> pa.Schema:
    """What a table's model gives: its columns without those that engines add."""
    return pa.schema([field for field in declared.schema if field.name != LOAD_TIMESTAMP])


def output_folder(settings: Settings, job: str, day: date) -> Path:
    """Where the day's result lies."""
    return settings.outputs_root / job / f"date={day.isoformat()}"


def output_file(settings: Settings, job: str, day: date) -> Path:
    """The one file of the day's folder: replaced as a whole, so a reader sees the old result or the new."""
    return output_folder(settings, job, day) / f"{job}.parquet"


def job_named(name: str) -> Job:
    """Raises NotFound that lists the names."""
    for job in JOBS:
        if job.name == name:
            return job
    raise NotFound(f"no batch job named {name!r}; jobs: {', '.join(job.name for job in JOBS)}")


JOBS: tuple[Job, ...] = (
    Job(
        name="hourly_aggregates",
        description="App events of a day by hour, event type and app type.",
        schema=pa.schema(
            [
                pa.field("metric_date", pa.date32(), nullable=False),
                pa.field("metric_hour", pa.int32(), nullable=False),
                pa.field("event_type", pa.string(), nullable=False),
                pa.field("app_type", pa.string(), nullable=False),
                pa.field("event_count", pa.int64(), nullable=False),
                pa.field("unique_users", pa.int64(), nullable=False),
                pa.field("event_value_sum", pa.float64()),
                pa.field("event_value_min", pa.float64()),
                pa.field("event_value_max", pa.float64()),
                pa.field("event_value_avg", pa.float64()),
                pa.field("error_count", pa.int64(), nullable=False),
            ]
        ),
        views={WINDOWS: "day"},
    ),
    Job(
        name="daily_summaries",
        description="A day in one row: users, sessions, events, retention.",
        schema=columns_of(dataset("daily_summary_gold")),
        views={WINDOWS: "all", SESSIONS: "all"},
        ahead=RETENTION_DAYS,
        gold="daily_summary_gold",
    ),
    Job(
        name="user_segments",
        description="Every user's segment as of the end of a day.",
        schema=columns_of(dataset("user_segments_gold")),
        views={WINDOWS: "all", SESSIONS: "all"},
        gold="user_segments_gold",
    ),
)
