"""A page a dataset, and an index of them by layer, from the declarations, the lineage and the SQL models."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import get_args

from lakehouse.catalog.tables import TABLES
from lakehouse.datasets import (
    Dataset,
    FromChain,
    InsertNew,
    Layer,
    Refused,
    ReplaceDates,
    ReplaceHours,
    ReplaceKeys,
    Sessions,
    Versions,
)
from lakehouse.datasets.examples import EXAMPLES
from lakehouse.datasets.personal import PERSONAL
from lakehouse.jobs.declaration import JOBS
from lakehouse.lineage import Lineage
from lakehouse.lineage.columns import ColumnRef
from lakehouse.lineage.drawing import mermaid
from runtime.documentation.markdown import code, fence, made_from, prose, table

LAYERS: dict[Layer, str] = {
    "stream": "What the stream workers know at their last flush, seconds old: Parquet, no Delta tables.",
    "bronze": "Everything that landed, in order of arrival, with its place in Kafka. Only appended.",
    "silver": "Each fact once, checked; corrections of what came late included.",
    "gold": "What is asked for, computed from silver alone.",
    "platform": "What the platform tells of itself.",
}
PERSONS = {
    "id": "id of a person",
    "record": "record about a person",
    "json": "may mention a person",
}


def render() -> dict[str, str]:
    """File name → page; `README.md` is the index."""
    lineage = Lineage(TABLES)
    pages = {f"{name}.md": "\n".join(_page(dataset, lineage)) + "\n" for name, dataset in TABLES.items()}
    return {"README.md": "\n".join(_index()) + "\n", **pages}


def link(name: str) -> str:
    """A link to a table's page from another; code for what has none."""
    return f"[`{name}`]({name}.md)" if name in TABLES else code(name)


def kept(span: timedelta | None) -> str:
    return "for good" if span is None else duration(span)


def duration(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for unit, name in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= unit and seconds % unit == 0:
            count = seconds // unit
            return f"{count} {name}{'' if count == 1 else 's'}"
    raise ValueError(f"{span} is no whole number of seconds above none")


def _index() -> Iterator[str]:
    yield "# Datasets"
    yield ""
    yield made_from("`lakehouse/datasets/`")
    yield ""
    yield (
        "Every table that SQL can read, by layer. How to find them on a running platform: "
        "[the catalog](../catalog.md). How to add one: [extending](../extending.md)."
    )
    for layer in get_args(Layer):
        yield from ("", f"## {layer}", "", LAYERS[layer], "")
        yield from table(
            ("table", "holds", "key", "fresh within"),
            [
                (link(d.name), prose(d.description), _identity(d), duration(d.freshness))
                for d in TABLES.values()
                if d.layer == layer
            ],
        )
    yield from ("", "## Batch jobs", "")
    yield (
        "Parquet under `outputs/`, a folder a date, made at 02:00 (`batch.*` in [settings](../settings.md)); "
        "SQL does not read them."
    )
    yield ""
    yield from table(
        ("result", "holds", "columns"),
        [(code(job.name), prose(job.description), ", ".join(map(code, job.schema.names))) for job in JOBS],
    )


def _identity(dataset: Dataset) -> str:
    return ", ".join(map(code, dataset.key)) or "a record as it landed"


def _page(dataset: Dataset, lineage: Lineage) -> Iterator[str]:
    yield f"# {dataset.name}"
    yield ""
    yield made_from("`lakehouse/datasets/` and `lakehouse/models/`")
    yield ""
    yield prose(dataset.description)
    yield ""
    yield from table(("", ""), [(name, value) for name, value in _facts(dataset).items() if value])
    yield from ("", "## Columns", "")
    yield from table(
        ("column", "type", "required", "persons", "meaning"),
        [
            (
                code(c.name),
                code(c.type),
                "" if c.nullable else "yes",
                PERSONS.get(c.personal or PERSONAL.get(c.name, ""), ""),
                prose(c.description),
            )
            for c in dataset.columns
        ],
    )
    yield from _rules(dataset)
    yield from _lineage(dataset, lineage)
    yield from _example(dataset)


def _facts(dataset: Dataset) -> dict[str, str]:
    live = dataset.layer == "stream"
    return {
        "layer": dataset.layer,
        "key": ", ".join(map(code, dataset.key)) or "none: rows are appended",
        "event time": code(dataset.time),
        "partitioned by": code(dataset.partition),
        "closed days are ordered by": ", ".join(map(code, dataset.z_order)),
        "how it is built": _built(dataset),
        "fresh within": f"{duration(dataset.freshness)} of the event",
        "rows are kept": "as `retention.views_days` says; for good by default"
        if live
        else kept(dataset.retention),
        "old versions can be read for": "" if live else duration(dataset.time_travel),
        "owner": prose(dataset.owner),
        "tags": ", ".join(map(code, dataset.tags)),
    }


def _built(dataset: Dataset) -> str:
    model = f"; model {code('lakehouse/models/' + dataset.model)}" if dataset.model else ""
    return _way(dataset) + model


def _way(dataset: Dataset) -> str:
    match dataset.build:
        case FromChain():
            if dataset.layer == "stream":
                return "written by the stream workers at each flush"
            return f"appended from the chains of landing files of {code(dataset.build.source)}, each row once"
        case InsertNew(key=key, within=within):
            named = ", ".join(map(code, key))
            return (
                f"rows whose {named} is new are inserted; the same within {duration(within)} is a duplicate"
            )
        case ReplaceHours():
            return "hours that upstream commits changed are computed anew and replaced"
        case ReplaceDates():
            return "dates that upstream commits changed are computed anew and replaced"
        case ReplaceKeys():
            return "rows of the keys that upstream commits changed are replaced"
        case Sessions():
            return "sessions that new clicks touch are computed anew and replaced"
        case Versions():
            return "versions of captured rows, in the order of their changes"
        case Refused():
            return "rows that rules of severity `quarantine` keep out of other tables"


def _rules(dataset: Dataset) -> Iterator[str]:
    rows = [
        (code(rule.name), rule.severity, prose(rule.description), code(rule.fails_when))
        for rule in dataset.rules
    ]
    rows += [(code(rule.name), rule.severity, prose(rule.description), "") for rule in dataset.set_rules]
    yield from ("", "## Rules", "")
    if not rows:
        yield "None beyond what holds for every table ([quality](../quality.md))."
        return
    yield from table(("rule", "severity", "says", "a row fails where"), rows)
    yield from (
        "",
        "Rules without a condition are over many rows: checks evaluate them ([quality](../quality.md)).",
    )


def _lineage(dataset: Dataset, lineage: Lineage) -> Iterator[str]:
    up, down = lineage.upstreams[dataset.name], lineage.downstreams[dataset.name]
    yield from ("", "## Lineage", "")
    yield f"Built from {_listed(up)}. Read by {_listed(down)}."
    yield ""
    yield from fence("mermaid", mermaid(lineage.around(dataset.name)))
    near = lineage.around(dataset.name, depth=1, columns=True).columns or []
    rows = []
    for column in dataset.schema.names:
        own = ColumnRef(dataset.name, column)
        made_of = [edge.origin for edge in near if edge.to == own]
        made_into = [edge.to for edge in near if edge.origin == own]
        if made_of or made_into:
            rows.append((code(column), _columns(made_of), _columns(made_into)))
    if rows:
        yield ""
        yield from table(("column", "made of", "goes into"), rows)


def _columns(refs: list[ColumnRef]) -> str:
    return ", ".join(code(f"{ref.dataset}.{ref.column}") for ref in refs)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(link(name) for name in names) or "nothing"


def _example(dataset: Dataset) -> Iterator[str]:
    example = EXAMPLES.get(dataset.name)
    if example:
        yield from ("", "## Example", "", prose(example.question), "")
        yield from fence("sql", example.sql)
