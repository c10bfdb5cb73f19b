"""Figures that are kept with the code: a JSON file a table under `docs/benchmarks/`, from which the page is
made."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from contracts.errors import ContractError, DependencyError, NotFound


class Row(Struct, kw_only=True):
    """Figures of one run, as text, a cell a column."""

    cells: list[str]
    commit: str
    """Of the code that was measured; of figures before this file began: that wrote them down."""
    date: str
    """UTC, YYYY-MM-DD."""


class Figures(Struct, kw_only=True):
    """One table of the page."""

    columns: list[str]
    rows: list[Row]
    """The newest run first."""


def read(folder: Path, name: str) -> Figures:
    """Raises NotFound, and ContractError for a file that is no table of figures."""
    path = folder / f"{name}.json"
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Figures)
    except FileNotFoundError:
        raise NotFound(f"no figures {name!r} in {folder}") from None
    except msgspec.DecodeError as error:
        raise ContractError(f"{path}: {error}") from error
    for row in found.rows:
        if len(row.cells) != len(found.columns):
            raise ContractError(
                f"{path}: a row has {len(row.cells)} cells, {len(found.columns)} columns are named"
            )
    return found


def keep(root: Path, name: str, cells: list[str], *, now: datetime | None = None) -> Path:
    """Puts a run's figures on top of the table ``name`` of the checkout ``root``; returns the file.

    Raises NotFound outside a checkout, ContractError where the cells are not the table's, DependencyError
    where the code that was measured is in no commit: nobody could measure it again.
    """
    folder = root / "docs" / "benchmarks"
    figures = read(folder, name)
    if len(cells) != len(figures.columns):
        raise ContractError(f"{name} has the columns {', '.join(figures.columns)}, not {len(cells)} of them")
    row = Row(cells=cells, commit=_commit(root), date=f"{now or datetime.now(UTC):%Y-%m-%d}")
    figures.rows.insert(0, row)
    path = folder / f"{name}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1) + b"\n")
    return path


def _commit(root: Path) -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise DependencyError(f"git cannot tell what was measured: {done.stderr.strip()}")
        return done.stdout.rstrip()

    changed = [line[3:] for line in git("status", "--porcelain").splitlines()]
    if any(not path.startswith("docs/") for path in changed):
        raise DependencyError(
            f"commit what was measured first: {', '.join(changed[:3])} differ from the last commit"
        )
    return git("rev-parse", "--short=10", "HEAD")
