"""Quality: the tables' own rules, keys, schemas and values, and where their data come from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from contracts.sources import SOURCES
from lakehouse.catalog import TABLES
from lakehouse.datasets import DATASETS, Dataset
from lakehouse.datasets.rules import NullShare, Unique
from lakehouse.lineage import Lineage
from lakehouse.quality.findings import Finding, worst
from lakehouse.storage import delta_log
from lakehouse.storage.tables import path_of
from runtime.doctor.evidence import Evidence
from runtime.doctor.line import JUDGED_SECONDS, Answer, Line, green, red, skipped

SECONDS = 60.0
_SCHEMA_RULES = ("schema", "schema_unknown")


def rules(evidence: Evidence) -> Answer:
    """What `dp lakehouse check` would fail for, and scores that are too low. Flags are counted."""
    findings = evidence.findings()
    low = [one.says for one in evidence.found_by("tables", ("quality_low",))]
    graver = worst(findings, "quarantine")
    held = sum(one.passed for one in findings)
    flags = len(findings) - held - len(graver)
    measured = f"{held:,} of {len(findings):,} rules hold in {len({f.table for f in findings})} tables"
    measured += f", {flags} flags" if flags else ""
    return _told(evidence, findings, [*low, *(one.message for one in graver)], measured)


def keys(evidence: Evidence) -> Answer:
    """Of silver, and of gold that is computed from it."""
    own = [
        one
        for one in evidence.findings()
        if DATASETS.get(one.table) is not None
        and DATASETS[one.table].layer in ("silver", "gold")
        and one.rule in _key_rules(DATASETS[one.table])
    ]
    rows = sum(one.rows_checked for one in own)
    measured = f"{len({one.table for one in own})} tables of silver and gold, {rows:,} rows"
    return _told(evidence, own, [one.message for one in own if not one.passed], measured)


def schemas(evidence: Evidence) -> Answer:
    own = [one for one in evidence.findings() if one.rule in _SCHEMA_RULES]
    measured = f"{len({one.table for one in own})} tables have the columns and types of their declarations"
    wrong = [one.message for one in own if not one.passed]
    measured = measured if not wrong else f"{len({one.table for one in own})} tables looked at"
    return _told(evidence, own, wrong, measured)


def nulls(evidence: Evidence) -> Answer:
    """Values that have to be there, and the declared shares of those that may be missing."""
    shares = {
        (dataset.name, rule.name)
        for dataset in DATASETS.values()
        for rule in dataset.set_rules
        if isinstance(rule.check, NullShare)
    }
    own = [
        one for one in evidence.findings() if one.rule == "schema_required" or (one.table, one.rule) in shares
    ]
    told = sum((one.table, one.rule) in shares for one in own)
    measured = f"required columns of {len({one.table for one in own})} tables, {told} declared shares"
    return _told(evidence, own, [one.message for one in own if not one.passed], measured)


def lineage(evidence: Evidence) -> Answer:
    """By the declarations every column comes from somewhere; on disk everything that a table comes from is
    there."""
    graph = Lineage(TABLES)
    topics = {source.topic for source in SOURCES}
    of_events = [one for one in DATASETS.values() if one.layer in ("silver", "gold") and _is_of_events(one)]
    wrong = []
    for dataset in of_events:
        above = {node.name for node in graph.around(dataset.name, direction="upstream").nodes}
        if not above & topics:
            wrong.append(f"{dataset.name} leads to no topic")
    there = {
        dataset.name
        for dataset in DATASETS.values()
        if delta_log.latest_version(path_of(evidence.settings, dataset)) >= 0
    }
    for name in sorted(there):
        gone = [other for other in DATASETS[name].upstream if other in DATASETS and other not in there]
        wrong += [f"{name} is there, and {other}, which it is built from, is not" for other in gone]
    columns = len(graph.columns)
    made = sum(bool(origins) for origins in graph.columns.values())
    measured = f"{len(of_events)} tables of silver and gold lead back to {len(topics)} topics; "
    measured += f"{made} of {columns} columns are made of others; {len(there)} tables are on disk"
    if not there:
        return skipped("no table has been written yet")
    return red(f"{_some(wrong)}. {measured}") if wrong else green(measured)


def _is_of_events(dataset: Dataset) -> bool:
    """Whether its rows come from topics: the platform's own samples do not."""
    return "platform" not in dataset.name and not any("platform" in name for name in dataset.upstream)


def _key_rules(dataset: Dataset) -> set[str]:
    unique = {rule.name for rule in dataset.set_rules if isinstance(rule.check, Unique)}
    return {*unique, "key_unique"}


def _told(evidence: Evidence, own: Sequence[Finding], wrong: Sequence[str], measured: str) -> Answer:
    if not own:
        return skipped("no table has been written yet")
    since = evidence.since
    measured += f" (rows from {since} on)" if since else " (all rows)"
    return red(f"{_some(wrong)}; {measured}") if wrong else green(measured)


def _some(wrong: Iterable[str], most: int = 3) -> str:
    told = [text.rstrip(".") for text in dict.fromkeys(wrong)]
    return "; ".join(told[:most]) + (f"; and {len(told) - most} more" if len(told) > most else "")


LINES = (
    Line(
        name="rules",
        area="quality",
        holds="the tables' rules hold",
        measures="every rule of `dp lakehouse check`, over the newest UTC dates (`--days`); earlier scores",
        repair="dp lakehouse check names rows that fail; quarantine_silver has what was kept out",
        page="docs/runbooks/quality_low.md",
        look=rules,
        seconds=SECONDS,
        overdue="warning",
    ),
    Line(
        name="keys",
        area="quality",
        holds="no key comes twice in silver and gold",
        measures="rows with equal keys, over the newest UTC dates",
        repair="dp lakehouse refresh TABLE --full makes the table anew from what it is built from",
        page="docs/runbooks/quality_low.md",
        look=keys,
        seconds=SECONDS,
        overdue="warning",
    ),
    Line(
        name="schemas",
        area="quality",
        holds="tables have the columns and types that are declared, and no others",
        measures="the schema in each Delta log and in the footers of its files, against the declaration",
        repair="dp audit tail: who wrote there? dp lakehouse restore TABLE puts a version back",
        page="docs/runbooks/quality_low.md",
        look=schemas,
        seconds=SECONDS,
        overdue="warning",
    ),
    Line(
        name="nulls",
        area="quality",
        holds="no required value is missing, and others no more often than declared",
        measures="rows without a value, by the files' footers, over the newest UTC dates",
        repair="dp lakehouse check TABLE names rows; dp lakehouse lineage TABLE says who sends them",
        page="docs/runbooks/quality_low.md",
        look=nulls,
        seconds=SECONDS,
        overdue="warning",
    ),
    Line(
        name="lineage",
        area="quality",
        holds="every table of silver and gold leads back to its topics",
        measures="the graph of declarations and SQL, column by column; which of its tables are on disk",
        repair="dp lakehouse refresh TABLE --full, or dp lakehouse restore --archive NAME",
        page="docs/catalog.md",
        look=lineage,
        seconds=JUDGED_SECONDS,
    ),
)
