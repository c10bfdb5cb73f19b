"""How benchmarks show their results: a table in the terminal and a JSON file."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from contracts.settings import Settings


def write_json(settings: Settings, name: str, result: dict[str, Any], output: str = "") -> Path:
    """Writes a result to ``output``, or under `<data>/bench/`, with when and where it was measured."""
    at = datetime.now(UTC)
    path = Path(output) if output else settings.data_root / "bench" / f"{name}-{at:%Y%m%dT%H%M%SZ}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    content = {"benchmark": name, "at": at.isoformat(timespec="seconds"), "machine": machine, **result}
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return path


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number and _numeric(rows, number) else "left")
    for row in rows:
        table.add_row(*(_text(cell) for cell in row))
    console = Console()
    if not console.is_terminal:
        console.width = 160
    console.print(table)


def _numeric(rows: Sequence[Sequence[object]], column: int) -> bool:
    return all(isinstance(row[column], int | float | None) for row in rows)


def _text(cell: object) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, bool):
        return "pass" if cell else "FAIL"
    if isinstance(cell, float):
        return f"{cell:,.1f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
