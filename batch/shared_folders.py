"""Whether executors that are somebody else's see the folders that driver and executors share.

An executor with a disk of its own writes files that nobody finds, and Spark says that all went well.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

from pyspark.sql import SparkSession

from batch.faults import SPARK_ERRORS, sentence
from contracts.errors import DependencyError


def check_shared(session: SparkSession, folders: Iterable[Path]) -> None:
    """An executor copies a file in each of ``folders``; its copy has to be here afterwards.

    Raises DependencyError that names the folder.
    """
    for folder in folders:
        token = secrets.token_hex(8)
        place = folder / f".shared-{token}"
        try:
            (place / "from-driver").mkdir(parents=True)
            (place / "from-driver" / "token.txt").write_text(token, "ascii")
            try:
                copied = session.read.text(str(place / "from-driver")).coalesce(1)
                copied.write.text(str(place / "from-executor"))
            except SPARK_ERRORS as error:
                raise _unshared(session, folder, sentence(error)) from error
            found = [part.read_text("ascii").strip() for part in place.glob("from-executor/part-*")]
            if found != [token]:
                raise _unshared(session, folder, "what an executor has written there is not here")
        except OSError as error:
            raise DependencyError(f"{folder}: {error}") from error
        finally:
            shutil.rmtree(place, ignore_errors=True)


def _unshared(session: SparkSession, folder: Path, reason: str) -> DependencyError:
    return DependencyError(
        f"executors of {session.sparkContext.master} cannot use {folder} as the driver does ({reason}): "
        "paths.data and paths.outputs have to be the same folders on every worker, and its user's to write"
    )
