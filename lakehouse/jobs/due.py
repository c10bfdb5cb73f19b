"""Which runs are due: closed days that have no result, or whose result has not seen what came late.

Nothing is remembered for it: a result's own file says what its run had read, so missed runs are caught up
with, whatever the reason that they were missed.
"""

from __future__ import annotations

from datetime import date, timedelta

from msgspec import Struct

from contracts.settings import Settings
from lakehouse.jobs.declaration import JOBS, Job, output_file
from lakehouse.jobs.history import Trigger
from lakehouse.jobs.runner import inputs, seen
from lakehouse.reading.view_files import days_of, touched


class Due(Struct, frozen=True, kw_only=True):
    """A run that should be made."""

    job: str
    run_date: date
    trigger: Trigger


def due_runs(settings: Settings, today: date) -> list[Due]:
    """The runs that are due on the UTC date ``today``, older days first.

    Looks at yesterday and at the `batch.late_days` before it, from the first day that there are views of.
    """
    through = today - timedelta(days=1)
    first = min((days[0] for name in _views() if (days := days_of(settings, name))), default=today)
    days = [through - timedelta(days=back) for back in range(settings.batch.late_days, -1, -1)]
    found = []
    for day in days:
        for job in JOBS:
            trigger = _trigger(settings, job, day, through) if day >= first else None
            if trigger is not None:
                found.append(Due(job=job.name, run_date=day, trigger=trigger))
    return found


def _trigger(settings: Settings, job: Job, day: date, through: date) -> Trigger | None:
    known = seen(output_file(settings, job.name, day))
    if known is None:
        return "schedule" if day == through else "missed"
    for view in inputs(settings, job, day, through):
        if touched(known.get(view.name, {}), view.revisions):
            return "late"
    return None


def _views() -> set[str]:
    return {name for job in JOBS for name in job.views}
