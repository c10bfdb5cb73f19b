"""What the SQL models read by which name, and of which dataset's columns that is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lakehouse.datasets import Dataset, Sessions, Versions
from lakehouse.lineage.columns import ColumnRef, Relation
from lakehouse.medallion import parameters

MADE: dict[type, dict[str, dict[str, str]]] = {
    Sessions: {
        "touched": {"user_id": "user_id", "from_at": "click_timestamp", "until_at": "click_timestamp"}
    },
    Versions: {
        "truncates": {
            "database": "database",
            "schema": "schema",
            "table": "table",
            "sequence": "sequence",
            "valid_from": "commit_timestamp",
            "source_topic": "source_topic",
            "source_partition": "source_partition",
            "source_offset": "source_offset",
        },
        "completed": {"change_id": "change_id", "after": "after"},
    },
}
"""Of builds that hand their model relations of their own making: column → upstream's column."""
STORED = "stored_versions"
"""What Versions calls the rows that the table has."""


def read_by(dataset: Dataset, datasets: Mapping[str, Dataset]) -> dict[str, Relation]:
    """The relations of the dataset's model.

    Rows of its own that a table reads again, and the settings, are no data of another: nothing is made of
    them.
    """
    relations = {parameters.NAME: made_of_nothing(parameters.SCHEMA.names)}
    for name in dataset.upstream:
        relations[name] = as_it_is(datasets[name])
    for feed in dataset.feeds:
        if feed.dataset == dataset.name:
            relations[feed.name] = made_of_nothing(dataset.schema.names)
        else:
            relations[feed.name] = as_it_is(datasets[feed.dataset])
    for relation, columns in MADE.get(type(dataset.build), {}).items():
        (upstream,) = dataset.upstream
        relations[relation] = {name: (ColumnRef(upstream, column),) for name, column in columns.items()}
    if isinstance(dataset.build, Versions):
        relations[STORED] = made_of_nothing(dataset.schema.names)
    return relations


def as_it_is(dataset: Dataset) -> Relation:
    """A dataset's own columns."""
    return {name: (ColumnRef(dataset.name, name),) for name in dataset.schema.names}


def made_of_nothing(names: Iterable[str]) -> Relation:
    return dict.fromkeys(names, ())
