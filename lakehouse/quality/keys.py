"""Rules on keys: no two rows are equal in them, and what they refer to is there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from lakehouse.datasets import FromChain, InsertNew, Severity
from lakehouse.datasets.rules import References, Unique
from lakehouse.quality import wording
from lakehouse.quality.extent import ALL_DAYS, rows_of
from lakehouse.quality.findings import SAMPLES, Finding
from lakehouse.quality.freshness import waiting
from lakehouse.quality.look import VIEW, Table
from lakehouse.reading.relations import identifier

_SEEN = "seen_twice"
_OTHER = "referred"


def findings(table: Table) -> Iterator[Finding]:
    declared = table.declared
    for rule in declared.set_rules:
        if isinstance(rule.check, Unique):
            yield _unique(table, rule.name, rule.severity, rule.check.columns)
        elif isinstance(rule.check, References):
            yield from _references(table, rule.name, rule.severity, rule.check)
    said = [set(rule.check.columns) for rule in declared.set_rules if isinstance(rule.check, Unique)]
    if declared.key and set(declared.key) not in said:
        severity: Severity = "flag" if isinstance(declared.build, FromChain) else "fail"
        yield _unique(table, "key_unique", severity, declared.key)


def _unique(table: Table, rule: str, severity: Severity, names: tuple[str, ...]) -> Finding:
    """By hashes first, which take little memory whatever the keys are; the rows of hashes that come twice are
    then compared themselves."""
    look, listed = table.look, ", ".join(map(identifier, names))
    look.rows(
        f"CREATE OR REPLACE TEMP TABLE {_SEEN} AS "
        f"SELECT h FROM (SELECT hash({listed}) AS h FROM {VIEW}) GROUP BY h HAVING count(*) > 1"
    )
    what = ", ".join(names)
    within = _window(table, rule)
    near = f" within {wording.span(within)}" if within else ""
    failed = 0
    samples: tuple[str, ...] = ()
    if look.row(f"SELECT count(*) FROM {_SEEN}")[0]:
        again = _again(table, names, within)
        failed = int(look.row(f"SELECT coalesce(sum(again), 0) FROM ({again})")[0])
        rows = look.rows(f"SELECT {listed} FROM ({again}) WHERE again > 0 ORDER BY ALL LIMIT {SAMPLES}")
        samples = table.named(names, rows)
    if not failed:
        message = f"No two of {wording.number(table.rows, 'row')} are equal in {what}{near}"
        return table.finding(rule, severity, message)
    total, repeat = wording.number(table.rows, "row"), wording.verb(failed, "repeats", "repeat")
    message = f"{failed:,} of {total} of {table.name} {repeat} the {what} of another{near}"
    return table.finding(rule, severity, message, failed=failed, samples=samples, names=names)


def _window(table: Table, rule: str) -> timedelta | None:
    """Keys of these tables may come again, later."""
    build = table.declared.build
    return build.within if rule == "key_unique" and isinstance(build, InsertNew) else None


def _again(table: Table, names: tuple[str, ...], within: timedelta | None) -> str:
    """The keys that come more than once, and how many rows too many they have."""
    listed = ", ".join(map(identifier, names))
    twice = f"hash({listed}) IN (SELECT h FROM {_SEEN})"
    if within is None:
        return (
            f"SELECT {listed}, count(*) - 1 AS again FROM {VIEW} WHERE {twice} GROUP BY {listed} "
            "HAVING count(*) > 1"
        )
    build = table.declared.build
    assert isinstance(build, InsertNew)
    time = identifier(build.time)
    since = f"epoch_us({time}) - lag(epoch_us({time})) OVER (PARTITION BY {listed} ORDER BY {time})"
    return (
        f"SELECT {listed}, count_if(since <= {within // timedelta(microseconds=1)}) AS again "
        f"FROM (SELECT {listed}, {since} AS since FROM {VIEW} WHERE {twice}) GROUP BY {listed}"
    )


def _references(table: Table, rule: str, severity: Severity, check: References) -> Iterator[Finding]:
    look = table.look
    other = look.table(check.other)
    if other is None:
        look.view_nothing(_OTHER) if check.other in look.datasets else None
    else:
        look.view(_OTHER, rows_of(other.declared, other.snapshot, ALL_DAYS))
    column, theirs = identifier(check.column), identifier(check.other_column)
    lacking = (
        f"{column} IS NOT NULL AND {column} NOT IN (SELECT {theirs} FROM {_OTHER} WHERE {theirs} IS NOT NULL)"
    )
    if other is not None and (since := _behind(other)) is not None:
        # It has yet to take in what these rows were made of.
        lacking += f" AND load_timestamp <= TIMESTAMPTZ '{since.isoformat()}'"
    failed = int(look.row(f"SELECT count(*) FROM {VIEW} WHERE {lacking}")[0])
    if not failed:
        yield table.finding(rule, severity, f"Every {check.column} of {table.name} is in {check.other}")
        return
    rows = look.rows(f"SELECT DISTINCT {column} FROM {VIEW} WHERE {lacking} ORDER BY 1 LIMIT {SAMPLES}")
    yield table.finding(
        rule,
        severity,
        f"{failed:,} of {wording.number(table.rows, 'row')} of {table.name} "
        f"{wording.verb(failed, 'has', 'have')} a {check.column} that {check.other} does not have",
        failed=failed,
        samples=table.named((check.column,), rows),
        names=(check.column,),
    )


def _behind(other: Table) -> datetime | None:
    """When the other table was written, where something waits for it upstream."""
    return other.snapshot.updated_at if waiting(other) else None
