"""Writes a view's rows: `<outputs>/<view>/date=…/topic_id=…/<partition>-<revision>-<unique>.parquet`.

The topic's id is a folder because a recreated topic counts its revisions from 0 again. Two workers may write
the same revision; what they write is equal where it matters, and the reading rule picks one row.
"""

from __future__ import annotations

import uuid
from pathlib import Path

import polars as pl

from contracts.durability import sync_folder
from streams.chain import Step, no_step, write_durably
from streams.frames import arrow_table
from streams.views import View


def write_view(
    root: Path,
    view: View,
    frame: pl.DataFrame,
    *,
    topic_id: str,
    partition: int,
    revision: int,
    step: Step = no_step,
) -> list[Path]:
    """Writes the rows, one file a date; durable when it returns. ``root`` is the view's folder.

    Raises OSError where the disk refuses; a file is there whole or not at all.
    """
    written = []
    dated = frame.with_columns(date=pl.col(view.date_field).dt.date())
    for (date,), part in dated.partition_by("date", as_dict=True, include_key=False).items():
        folder = root / f"date={date}" / f"topic_id={topic_id}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{partition:05d}-{revision:020d}-{uuid.uuid4().hex[:12]}.parquet"
        hidden = folder / f".{path.name}"
        try:
            write_durably(hidden, arrow_table(part, view.schema))
            step("view hidden")
            hidden.rename(path)
        finally:
            hidden.unlink(missing_ok=True)
        sync_folder(folder)
        written.append(path)
    return written
