"""The DuckDB that checks run in: bounded memory, and a folder of the data root for what does not fit."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from contracts.layout import run_folder
from contracts.settings import Settings

MEMORY_MB = 768
"""More goes to disk."""
THREADS = 2
_PREFIX = "quality-"


@contextmanager
def session(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of its own in UTC, gone with its files at the end."""
    root = run_folder(settings)
    root.mkdir(parents=True, exist_ok=True)
    _remove_left_over(root)
    spill = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=root))
    try:
        connection = duckdb.connect(
            config={
                "memory_limit": f"{MEMORY_MB}MiB",
                "threads": THREADS,
                "temp_directory": str(spill),
                "preserve_insertion_order": False,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        try:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection
        finally:
            connection.close()
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def _remove_left_over(root: Path) -> None:
    """Of checks that were killed. Another that runs keeps its own."""
    for folder in root.glob(f"{_PREFIX}*-*"):
        owner = folder.name.removeprefix(_PREFIX).split("-")[0]
        if owner.isdecimal() and not Path("/proc", owner).exists():
            shutil.rmtree(folder, ignore_errors=True)
