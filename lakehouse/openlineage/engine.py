"""An engine whose tasks are told of."""

from __future__ import annotations

from lakehouse.datasets import DATASETS
from lakehouse.engine import Engine, Result, Task
from lakehouse.openlineage.reporter import Reporter
from lakehouse.openlineage.runs import Outcome


class ToldEngine:
    """Runs tasks by another engine. What it raises is raised on."""

    def __init__(self, engine: Engine, reporter: Reporter) -> None:
        self._engine = engine
        self._reporter = reporter

    @property
    def name(self) -> str:
        return self._engine.name

    def connect(self) -> None:
        self._engine.connect()

    def warm_up(self) -> None:
        self._engine.warm_up()

    def close(self) -> None:
        self._engine.close()

    def run(self, task: Task) -> Result:
        declared = DATASETS[task.target.name]
        with self._reporter.telling(task.target.name, declared.upstream, self.name) as say:
            result = self._engine.run(task)
            say(Outcome(rows=result.rows_out, path=task.path, version=result.version))
        return result
