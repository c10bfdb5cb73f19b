"""What every declaration must keep, whatever tables are added."""

from __future__ import annotations

from graphlib import TopologicalSorter

import pyarrow as pa
import pytest
import sqlglot
from sqlglot import exp

from contracts.errors import NotFound
from contracts.landing import LANDING
from contracts.sources import SOURCES
from lakehouse.datasets import (
    DATASETS,
    Dataset,
    FromChain,
    InsertNew,
    ReplaceDates,
    ReplaceHours,
    ReplaceKeys,
    Sessions,
    Versions,
    dataset,
)
from lakehouse.jobs.declaration import JOBS
from lakehouse.models import FOLDER, model_sql, transpile
from lakehouse.reading.relations import sql_type

every = pytest.mark.parametrize("declared", DATASETS.values(), ids=list(DATASETS))
computed = [d for d in DATASETS.values() if d.model]
every_computed = pytest.mark.parametrize("declared", computed, ids=[d.name for d in computed])


def test_models_and_computed_datasets_are_the_same_set() -> None:
    files = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.sql")}
    own = {f"batch/{job.name}.sql" for job in JOBS if not job.gold}
    in_place = {f"batch/{feed.dataset}.sql" for job in JOBS if job.gold for feed in dataset(job.gold).feeds}
    assert files == {declared.model for declared in computed} | own | in_place


def test_upstreams_exist_and_have_no_cycle() -> None:
    graph = {declared.name: declared.upstream for declared in DATASETS.values()}
    assert set().union(*graph.values()) <= set(DATASETS)
    order = list(TopologicalSorter(graph).static_order())
    assert sorted(order) == sorted(DATASETS)
    seen: set[str] = set()
    for name, declared in DATASETS.items():
        assert set(declared.upstream) <= seen
        seen.add(name)


@every
def test_named_columns_exist(declared: Dataset) -> None:
    names = declared.schema.names
    assert len(set(names)) == len(names)
    named = [*declared.key, *declared.z_order, "load_timestamp"]
    named += [name for name in (declared.time, declared.partition) if name]
    match declared.build:
        case InsertNew(key=key, time=time, hour=hour):
            named += [*key, time, *hour]
            assert declared.key == key
        case ReplaceHours(hour=hour):
            named += hour
        case ReplaceDates(date=day):
            named.append(day)
        case ReplaceKeys(moved=moved):
            named += [moved] if moved else []
    if declared.feeds:
        assert {feed.dataset for feed in declared.feeds} - {declared.name} == set(declared.upstream)
        assert len({feed.name for feed in declared.feeds}) == len(declared.feeds)
    assert set(named) <= set(names)
    assert declared.partition not in declared.z_order
    if declared.partition and declared.layer != "bronze":
        assert not declared.schema.field(declared.partition).nullable


@every
def test_columns_are_described_and_of_types_that_both_engines_know(declared: Dataset) -> None:
    for column in declared.columns:
        assert column.description, column.name
        assert sql_type(column.type)


@every
def test_rules_read_columns_that_exist(declared: Dataset) -> None:
    assert len({rule.name for rule in declared.rules}) == len(declared.rules)
    for rule in declared.rules:
        if rule.fails_when:
            transpile.condition(rule.fails_when)
            read = {c.name for c in sqlglot.condition(rule.fails_when, dialect="spark").find_all(exp.Column)}
            assert read <= set(declared.schema.names)
        else:
            assert rule.name == "duplicate_in_batch"


@every_computed
def test_a_model_gives_the_declared_columns_and_reads_its_upstreams(declared: Dataset) -> None:
    tree = sqlglot.parse_one(model_sql(declared), read="spark")
    assert isinstance(tree, exp.Select)
    extra = set(declared.build.order) if isinstance(declared.build, InsertNew) else set()
    given = set(tree.named_selects)
    parts = {part.alias for part in tree.find_all(exp.CTE)}
    match declared.build:
        case Sessions():
            relations = {*declared.upstream, "touched", "parameters"}
        case Versions():
            relations = {*declared.upstream, "stored_versions", "truncates", "completed"}
        case InsertNew():
            relations = set(declared.upstream)
        case _:
            relations = {feed.name for feed in declared.feeds} | {"parameters"}
    read = {table.name for table in tree.find_all(exp.Table)} - parts
    assert set(declared.schema.names) - {"load_timestamp"} <= given
    assert given <= set(declared.schema.names) | extra
    assert extra <= given
    assert read - {"parameters"} == relations - {"parameters"}


def test_every_source_has_its_bronze_table() -> None:
    for source in SOURCES:
        declared = dataset(source.bronze_table)
        assert declared.build == FromChain(source=source.name)
        assert declared.partition == source.date_column
        landed = LANDING[source.name]
        assert declared.schema.names == [
            *landed.names,
            source.date_column,
            "quality_flags",
            "load_timestamp",
        ]
        assert all(declared.schema.field(field.name).equals(field) for field in landed)


def test_public_columns_of_gold() -> None:
    schema = dataset("event_metrics_gold").schema
    assert schema.names == [
        "metric_date",
        "metric_hour",
        "event_type",
        "app_type",
        "total_events",
        "unique_users",
        "min_event_value",
        "max_event_value",
        "avg_event_value",
        "total_event_value",
        "load_timestamp",
    ]
    assert schema.field("load_timestamp").type == pa.timestamp("us", tz="UTC")


def test_an_unknown_dataset_lists_the_known() -> None:
    with pytest.raises(NotFound, match="app_events_silver"):
        dataset("app_event_silver")
