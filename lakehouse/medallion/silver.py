"""Bronze → silver by InsertNew: the rows of bronze's new versions, given to the engine in tasks of bounded
size."""

from __future__ import annotations

from datetime import date, timedelta

from contracts.settings import Settings
from lakehouse.datasets import Dataset, InsertNew
from lakehouse.engine import Engine, Insert, Overwrite, Replace, Result
from lakehouse.medallion.following import TASK_ROWS, Follower, News, SilverRound
from lakehouse.medallion.tasks import files_of
from lakehouse.storage import commits

__all__ = ["TASK_ROWS", "SilverRound", "SilverTable"]


class SilverTable(Follower):
    """A table that is built by InsertNew from one bronze table."""

    reaches_back = 1

    def __init__(self, settings: Settings, declared: Dataset, engine: Engine) -> None:
        assert isinstance(declared.build, InsertNew)
        self.build: InsertNew = declared.build
        super().__init__(settings, declared, engine)

    def _take(self, news: News) -> Result:
        inputs = [files_of(self.upstream, news.files)]
        return self._run(inputs, Insert(), {"source_version": news.through}, expected=news.rows)

    def rebuild(self, day: date) -> Result:
        """The days beside it are read too: what was kept there just across midnight decides what is a
        duplicate."""
        near = {(day + timedelta(days=shift)).isoformat() for shift in (-1, 0, 1)}
        source = self.position.source_version
        files = [file.path for file in self._upstream_files(source) if file.partition in near]
        all_day = [commits.hour_text(day, hour) for hour in range(24)]
        return self._run(
            [files_of(self.upstream, files)],
            Replace((self.build.hour[0],), ((day,),)),
            {"source_version": source, "dates": [day.isoformat()], "hours": all_day},
        )

    def rebuild_all(self) -> Result:
        source = self.position.source_version
        files = self._upstream_files(source)
        days = self.dates()
        metadata = {
            "source_version": source,
            "dates": [day.isoformat() for day in days],
            "hours": [commits.hour_text(day, hour) for day in days for hour in range(24)],
        }
        inputs = [files_of(self.upstream, (file.path for file in files))]
        return self._run(inputs, Overwrite(), metadata, expected=sum(file.rows for file in files))
