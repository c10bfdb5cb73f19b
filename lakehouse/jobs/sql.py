"""The SQL of the batch jobs: a model of their own over the stream's views, or gold's over what the views give
in place of silver's tables (`models/batch/<silver table>.sql`), so that both say the same of a day."""

from __future__ import annotations

from datetime import date, timedelta

from lakehouse.datasets import Dataset, ReplaceDates, dataset
from lakehouse.jobs.declaration import Job
from lakehouse.models import model_sql, text_of


def job_sql(job: Job, day: date) -> str:
    """The model of a run for the UTC day, in the models' dialect. Reads the job's views and `parameters`."""
    if not job.gold:
        return text_of(f"batch/{job.name}.sql")
    table = dataset(job.gold)
    given = ",\n".join(f"{name} AS (\n{text}\n)" for name, text in _in_place_of_silver(table).items())
    rows = f"WITH {given}\nSELECT * FROM (\n{model_sql(table)}\n) AS outcome"
    if isinstance(table.build, ReplaceDates):
        rows += f"\nWHERE {table.build.date} = CAST('{day.isoformat()}' AS DATE)"
    return rows


def as_of(job: Job, day: date, through: date) -> date:
    """What the model takes for the date of the run. A table by dates knows by it which later days are closed:
    it is the day after ``through``, the last closed one. Any other says how things stood on the day."""
    by_dates = bool(job.gold) and isinstance(dataset(job.gold).build, ReplaceDates)
    return through + timedelta(days=1) if by_dates else day


def _in_place_of_silver(table: Dataset) -> dict[str, str]:
    """Relation that the table's model reads → SQL, each after those that it reads itself."""
    given: dict[str, str] = {}
    for feed in table.feeds:
        known = feed.dataset in given
        given[feed.name] = f"SELECT * FROM {feed.dataset}" if known else text_of(f"batch/{feed.dataset}.sql")
    return given
