"""Lineage as a Mermaid flowchart."""

from __future__ import annotations

from collections.abc import Iterator

from lakehouse.lineage.columns import ColumnRef
from lakehouse.lineage.graph import Around


def mermaid(found: Around) -> str:
    """A flowchart from left to right; with columns a box a table. Ids are numbers of ours, names are labels
    alone: no name can be taken for syntax."""
    return "\n".join(["flowchart LR", *_lines(found)]) + "\n"


def _lines(found: Around) -> Iterator[str]:
    ids = {node.name: f"n{number}" for number, node in enumerate(found.nodes)}
    refs = sorted({ref for edge in found.columns or () for ref in (edge.origin, edge.to)})
    columns: dict[ColumnRef, str] = {}
    for node in found.nodes:
        own = [ref for ref in refs if ref.dataset == node.name]
        if not own:
            yield f"  {ids[node.name]}[{_label(node.name)}]"
            continue
        yield f"  subgraph {ids[node.name]} [{_label(node.name)}]"
        for number, ref in enumerate(own):
            columns[ref] = f"{ids[node.name]}c{number}"
            yield f"    {columns[ref]}[{_label(ref.column)}]"
        yield "  end"
    drawn = {(edge.origin.dataset, edge.to.dataset) for edge in found.columns or ()}
    for table_edge in found.edges:
        if (table_edge.origin, table_edge.to) not in drawn:
            yield f"  {ids[table_edge.origin]} --> {ids[table_edge.to]}"
    for edge in found.columns or ():
        yield f"  {columns[edge.origin]} --> {columns[edge.to]}"


def _label(text: str) -> str:
    """A quoted label; what ends one, or is read as an entity, is written as an entity."""
    safe = text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
    return f'"{" ".join(safe.split())}"'
