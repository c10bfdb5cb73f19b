"""The catalog's export as a Markdown page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lakehouse.catalog.entries import CatalogExport, TableEntry

_SYNTAX = re.compile(r"([\\`*_{}\[\]()#+!|~<>&])")


def markdown(exported: CatalogExport) -> str:
    """A section a table. What people and declarations say is text, never syntax."""
    lines = ["# Catalog", "", f"{len(exported.tables)} tables, {exported.generated_at:%Y-%m-%d %H:%M} UTC."]
    for table in exported.tables:
        lines += ["", *_section(table)]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """One line of plain text: what Markdown or HTML would read as syntax is escaped."""
    one_line = " ".join(text.split())
    return _SYNTAX.sub(lambda found: _ENTITIES.get(found[0], "\\" + found[0]), one_line)


_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "|": "&#124;"}
"""Escapes that hold in HTML as well, and in tables of every dialect."""


def _section(table: TableEntry) -> Iterator[str]:
    yield f"## {escaped(table.name)}"
    yield ""
    yield escaped(table.description)
    yield ""
    facts = {
        "layer": table.layer,
        "owner": table.owner,
        "tags": ", ".join(table.tags),
        "key": ", ".join(table.key),
        "partition": table.partition,
        "z-order": ", ".join(table.z_order),
        "upstream": ", ".join(table.upstream),
        "downstream": ", ".join(table.downstream),
        "rows": "" if table.rows is None else f"{table.rows:,}",
        "version": "" if table.version is None else str(table.version),
        "freshness": f"{table.freshness}, target {table.freshness_target_seconds:,.0f} s",
        "quality": "" if table.quality_score is None else f"{table.quality_score:.0%}",
        "kept": "for good" if table.retention_days is None else f"{table.retention_days:,.0f} days",
    }
    yield from _table(("", ""), [(name, value) for name, value in facts.items() if value])
    yield ""
    columns = [(c.name, c.type, "" if c.nullable else "yes", c.description) for c in table.columns]
    yield from _table(("column", "type", "required", "description"), columns)
    if table.rules:
        yield ""
        rules = [(rule.name, rule.severity, rule.description) for rule in table.rules]
        yield from _table(("rule", "severity", "description"), rules)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + " --- |" * len(head)
    for row in rows:
        yield "| " + " | ".join(escaped(cell) for cell in row) + " |"
