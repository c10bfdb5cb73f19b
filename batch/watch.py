"""Notices that a job waits for executors that will not come.

Spark waits for ever: after a master that forgot the application has come back, or where all workers are gone.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from pyspark.sql import SparkSession

from batch.faults import SPARK_ERRORS, sentence

log = logging.getLogger(__name__)

POLL_SECONDS = 2.0


class ExecutorWatch:
    """While entered, cancels all jobs once there has been no executor for ``patience`` seconds.

    ``starved`` then says so. Does nothing with a local master, whose executor is the driver.
    """

    def __init__(self, session: SparkSession, patience: float) -> None:
        self.starved = False
        self._context: Any = session.sparkContext
        self._patience = patience
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> ExecutorWatch:
        if not self._context.master.startswith("local"):
            self._thread = threading.Thread(target=self._run, name="executor-watch", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        seen = time.monotonic()
        while not self._ended.wait(POLL_SECONDS):
            try:
                if self._context._jsc.sc().getExecutorIds().size():
                    seen = time.monotonic()
                elif time.monotonic() - seen > self._patience:
                    self.starved = True
                    self._context.cancelAllJobs()
            except SPARK_ERRORS as error:
                # The job itself gets the same error and reports it.
                log.debug("executors cannot be counted: %s", sentence(error))
                return
