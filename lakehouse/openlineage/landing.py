"""What is told of bronze rounds: only those that took something in, or failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from contracts.platform import landed_named
from contracts.sources import Source
from lakehouse.datasets import FromChain
from lakehouse.medallion.bronze import BronzeRound, BronzeTable
from lakehouse.openlineage.reporter import Reporter
from lakehouse.openlineage.runs import Outcome, Run, failure

ENGINE = "deltalake"


@contextmanager
def told_landing(reporter: Reporter, table: BronzeTable) -> Iterator[Callable[[BronzeRound], None]]:
    """A round of a bronze table, with the time of its beginning. Most find nothing: so the beginning is told
    together with the end."""
    run = Run(output=table.declared.name, inputs=_inputs(table), engine=ENGINE)
    said: list[BronzeRound] = []
    try:
        yield said.append
    except BaseException as error:
        if reporter.begun(run):
            reporter.ended(run, failure(error))
        raise
    for done in said:
        if done.files and reporter.begun(run):
            reporter.ended(run, Outcome(rows=done.rows, path=table.path, version=done.version))


def _inputs(table: BronzeTable) -> tuple[str, ...]:
    """The topic, or the stream's output, that its chains are of."""
    build = table.declared.build
    source = landed_named(build.source) if isinstance(build, FromChain) else None
    if not isinstance(source, Source):
        return ()
    first, _, output = source.chain_folder.partition("/")
    return (output,) if first == "outputs" else (source.topic,)
