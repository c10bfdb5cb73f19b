"""The graph of topics, tables and results of batch jobs, and what lies around one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct, field

from contracts.platform import landed_named
from contracts.sources import SOURCES, Source
from lakehouse.datasets import Dataset, FromChain, Layer
from lakehouse.datasets.nearest import unknown
from lakehouse.jobs.declaration import JOBS, Job
from lakehouse.jobs.sql import job_sql
from lakehouse.lineage.columns import ColumnRef, Relation, sources
from lakehouse.lineage.relations import as_it_is, made_of_nothing, read_by
from lakehouse.medallion import parameters
from lakehouse.models import model_sql

T = TypeVar("T")

Direction = Literal["upstream", "downstream", "both"]
Kind = Literal["topic", "batch"] | Layer

_ANY_DAY = date(2000, 1, 1)
"""A job's SQL names its day; what its columns are made of does not depend on it."""


class Node(Struct, frozen=True, kw_only=True):
    """A topic, a table, or the results of a batch job."""

    name: str
    layer: Kind
    """A table's layer; `topic`: a Kafka topic; `batch`: a batch job's Parquet under `outputs/`."""
    description: str


class Edge(Struct, frozen=True, kw_only=True):
    """``to`` is built from ``origin`` (`from` in JSON)."""

    origin: str = field(name="from")
    to: str


class ColumnEdge(Struct, frozen=True, kw_only=True):
    """``to`` is made of ``origin`` (`from` in JSON)."""

    origin: ColumnRef = field(name="from")
    to: ColumnRef


class Around(Struct, frozen=True, kw_only=True):
    """What lies around one node."""

    name: str
    direction: Direction
    depth: int | None
    """Most hops from it; null: however many there are."""
    nodes: list[Node]
    """Itself among them; upstream before downstream."""
    edges: list[Edge]
    columns: list[ColumnEdge] | None
    """Null: not asked for."""


class Lineage:
    """The graph over declared datasets. Computed once; safe for several threads."""

    def __init__(self, datasets: Mapping[str, Dataset]) -> None:
        self._datasets = datasets
        self._jobs = {job.name: job for job in JOBS if set(job.views) <= set(datasets)}
        self.upstreams: dict[str, tuple[str, ...]] = {}
        """What each node is built from."""
        topics: dict[str, Node] = {}
        for dataset in datasets.values():
            source = _source(dataset)
            self.upstreams[dataset.name] = self._upstreams(dataset)
            if source and source.topic in self.upstreams[dataset.name]:
                topics[source.topic] = Node(name=source.topic, layer="topic", description=_about(source))
        self.upstreams |= dict.fromkeys(topics, ())
        self.upstreams |= {name: tuple(job.views) for name, job in self._jobs.items()}
        tables = [Node(name=d.name, layer=d.layer, description=d.description) for d in datasets.values()]
        jobs = [Node(name=j.name, layer="batch", description=j.description) for j in self._jobs.values()]
        self.nodes = {node.name: node for node in (*topics.values(), *tables, *jobs)}
        """By name, topics first, then tables in the order of their declarations."""
        self.downstreams: dict[str, tuple[str, ...]] = {
            name: tuple(other for other in self.nodes if name in self.upstreams[other]) for name in self.nodes
        }

    def around(
        self,
        name: str,
        *,
        direction: Direction = "both",
        depth: int | None = None,
        columns: bool = False,
    ) -> Around:
        """What ``name`` is built from, or what is built from it, ``depth`` hops far.

        With ``columns`` also which columns its own are made of, or are made of them. Raises NotFound with the
        names that are near.
        """
        if name not in self.nodes:
            raise unknown("topic, table or batch job", name, self.nodes)
        up, down = direction != "downstream", direction != "upstream"
        edges: set[tuple[str, str]] = set()
        refs: set[tuple[ColumnRef, ColumnRef]] = set()
        if up:
            edges |= {(other, one) for one, other in _walk([name], self.upstreams.__getitem__, depth)}
        if down:
            edges |= set(_walk([name], self.downstreams.__getitem__, depth))
        if columns:
            own = [ref for ref in self.columns if ref.dataset == name]
            if up:
                refs |= {(other, one) for one, other in _walk(own, self.columns.__getitem__, depth)}
            if down:
                refs |= set(_walk(own, self._readers.__getitem__, depth))
        met = {name} | {end for edge in edges for end in edge}
        place = {known: at for at, known in enumerate(self.nodes)}
        return Around(
            name=name,
            direction=direction,
            depth=depth,
            nodes=[node for node in self.nodes.values() if node.name in met],
            edges=[
                Edge(origin=origin, to=to)
                for origin, to in sorted(edges, key=lambda edge: (place[edge[0]], place[edge[1]]))
            ],
            columns=[ColumnEdge(origin=origin, to=to) for origin, to in sorted(refs)] if columns else None,
        )

    @cached_property
    def columns(self) -> dict[ColumnRef, tuple[ColumnRef, ...]]:
        """Every column of every node, and what it is made of: columns of the nodes just before.

        Raises ContractError for a model whose SQL does not tell.
        """
        found: dict[ColumnRef, tuple[ColumnRef, ...]] = {}
        for source in SOURCES:
            if source.topic in self.nodes:
                found |= {ColumnRef(source.topic, name): () for name in _fields(source)}
        for dataset in self._datasets.values():
            made_of = self._made_of(dataset)
            found |= {ColumnRef(dataset.name, c): made_of.get(c.lower(), ()) for c in dataset.schema.names}
        for job in self._jobs.values():
            made_of = self._computed_by(job)
            found |= {ColumnRef(job.name, c): made_of.get(c.lower(), ()) for c in job.schema.names}
        return found

    @cached_property
    def _readers(self) -> dict[ColumnRef, tuple[ColumnRef, ...]]:
        readers: dict[ColumnRef, list[ColumnRef]] = {ref: [] for ref in self.columns}
        for ref, made_of in self.columns.items():
            for origin in made_of:
                readers[origin].append(ref)
        return {ref: tuple(found) for ref, found in readers.items()}

    def _upstreams(self, dataset: Dataset) -> tuple[str, ...]:
        """The declared ones; of a source's table the stream's output that has its chains, or the topic."""
        source = _source(dataset)
        if source is None:
            return tuple(name for name in dataset.upstream if name in self._datasets)
        output = source.chain_folder.removeprefix("outputs/")
        return (output if output in self._datasets and output != dataset.name else source.topic,)

    def _made_of(self, dataset: Dataset) -> dict[str, tuple[ColumnRef, ...]]:
        """By column in lower case: what SQL calls it may differ in that."""
        if dataset.model:
            return sources(model_sql(dataset), read_by(dataset, self._datasets))
        return {
            column.name.lower(): tuple(
                ColumnRef(name, read)
                for name in self.upstreams[dataset.name]
                for read in column.reads
                if read in self._names(name)
            )
            for column in dataset.columns
        }

    def _computed_by(self, job: Job) -> dict[str, tuple[ColumnRef, ...]]:
        relations: dict[str, Relation] = {name: as_it_is(self._datasets[name]) for name in job.views}
        relations[parameters.NAME] = made_of_nothing(parameters.SCHEMA.names)
        return sources(job_sql(job, _ANY_DAY), relations)

    def _names(self, name: str) -> list[str]:
        if name in self._datasets:
            return list(self._datasets[name].schema.names)
        return next(_fields(source) for source in SOURCES if source.topic == name)


def _walk(
    start: Sequence[T], onward: Callable[[T], tuple[T, ...]], depth: int | None
) -> Iterator[tuple[T, T]]:
    """Every step (from, to) that begins less than ``depth`` steps away; each place is left once."""
    seen, rim = set(start), list(start)
    while rim and (depth is None or depth > 0):
        depth = None if depth is None else depth - 1
        reached = [(one, other) for one in rim for other in onward(one)]
        yield from reached
        rim = [other for other in dict.fromkeys(other for _, other in reached) if other not in seen]
        seen.update(rim)


def _source(dataset: Dataset) -> Source | None:
    """The event source whose rows the dataset has."""
    if not isinstance(dataset.build, FromChain):
        return None
    source = landed_named(dataset.build.source)
    return source if isinstance(source, Source) else None


def _fields(source: Source) -> list[str]:
    return [found.name for found in msgspec.structs.fields(source.event)]


def _about(source: Source) -> str:
    return f"Kafka topic of the source {source.name}."
