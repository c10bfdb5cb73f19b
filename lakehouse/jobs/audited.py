"""Runs of the batch jobs as the audit log has them."""

from __future__ import annotations

import logging
from typing import Any

from contracts.errors import DependencyError
from lakehouse.audit import UNRECORDED, Recorder
from lakehouse.jobs.history import Run

log = logging.getLogger(__name__)

ACTION = "batch.run"


class RunAudit:
    """Tells ``audit`` of runs; ``user`` is who asked for them, None: the schedule."""

    def __init__(self, audit: Recorder = UNRECORDED, user: str | None = None) -> None:
        self._audit = audit
        self._user = user

    def begun(self, run: Run) -> None:
        """On disk before the run changes anything. Raises DependencyError; then it must not."""
        self._audit.record_durably(
            ACTION, user=self._user, subject=run.job, details={**_about(run), "state": "begun"}
        )

    def ended(self, run: Run) -> None:
        """What has been done stays done, recorded or not."""
        seconds = (run.ended_at - run.started_at).total_seconds()
        details = {**_about(run), "state": run.status, "seconds": round(seconds, 3)}
        details |= {"rows_in": run.rows_in, "rows_out": run.rows_out} if run.rows_in is not None else {}
        texts = {"reason": run.error} if run.error else {}
        self._audit.record(ACTION, user=self._user, subject=run.job, details=details, texts=texts)
        try:
            self._audit.flush()
        except DependencyError:
            log.exception("the end of a run is not recorded", extra={"run": run.run_id})


def _about(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "date": run.run_date.isoformat(),
        "engine": run.engine,
        "trigger": run.trigger,
        "attempt": run.attempt,
    }
