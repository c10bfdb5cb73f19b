"""The one scan of a table: every rule over single rows, shares of nulls, and how many rows each hour has."""

from __future__ import annotations

from collections.abc import Iterator

from lakehouse.datasets import Rule
from lakehouse.datasets.declaration import DUPLICATE_IN_BATCH, QUALITY_FLAGS
from lakehouse.datasets.rules import NullShare, SetRule
from lakehouse.medallion.refusal import condition_of
from lakehouse.models import transpile
from lakehouse.quality import columns, wording
from lakehouse.quality.columns import Footers
from lakehouse.quality.extent import hour_of
from lakehouse.quality.findings import Finding
from lakehouse.quality.look import VIEW, Table
from lakehouse.reading.relations import identifier, literal


def scan(table: Table, found: Footers) -> Iterator[Finding]:
    """Reads the columns that are needed, once. Sets the table's rows and hours."""
    declared = table.declared
    conditions = {rule.name: _condition(table, rule) for rule in declared.rules}
    shares = [(rule, rule.check) for rule in declared.set_rules if isinstance(rule.check, NullShare)]
    wanted = dict.fromkeys([one.name for one in columns.required(table)] + [s.column for _, s in shares])
    nulls = {name: columns.told_nulls(table, found, name) for name in wanted}
    lacking = {name: f"{identifier(name)} IS NULL" for name, told in nulls.items() if told is None}
    counted = _count(table, [*conditions.values(), *lacking.values()])
    failed = dict(zip(conditions, counted, strict=False))
    by_scan = dict(zip(lacking, counted[len(conditions) :], strict=True))
    known = {name: by_scan.get(name, told or 0) for name, told in nulls.items()}
    yield columns.missing_values(table, {one.name: known[one.name] for one in columns.required(table)})
    for rule in declared.rules:
        yield _on_rows(table, rule, conditions[rule.name], failed[rule.name])
    for share_rule, share in shares:
        yield _on_share(table, share_rule, share, known[share.column])


def hour_counts(table: Table, view: str = VIEW) -> dict[int, int]:
    """Rows of a view of the table, by hour since 1970."""
    hour = hour_of(table.declared)
    rows = table.look.rows(f"SELECT {hour}, count(*) FROM {view} GROUP BY 1") if hour else []
    return {int(at): int(count) for at, count in rows if at is not None}


def _count(table: Table, conditions: list[str]) -> list[int]:
    """How many rows each condition holds for; null counts as false."""
    hour = hour_of(table.declared) or "0"
    counts = ", ".join(["count(*)", *(f"count_if({condition})" for condition in conditions)])
    # DuckDB groups by one number at about the cost of counting.
    rows = table.look.rows(f"SELECT {hour} AS hour, {counts} FROM {VIEW} GROUP BY hour")
    table.rows = sum(row[1] for row in rows)
    table.hours = {int(row[0]): int(row[1]) for row in rows if row[0] is not None}
    if not hour_of(table.declared):
        table.hours = {}
    return [int(sum(row[2 + at] or 0 for row in rows)) for at in range(len(conditions))]


def _condition(table: Table, rule: Rule) -> str:
    if rule.name == DUPLICATE_IN_BATCH:
        # It spans rows: bronze's writer has asked it.
        return f"list_contains({identifier(QUALITY_FLAGS)}, {literal(rule.name)})"
    return transpile.condition(condition_of(table.declared, rule))


def _on_rows(table: Table, rule: Rule, condition: str, failed: int) -> Finding:
    asked = rule.description.rstrip(".")
    if not failed:
        said = f"{asked}: so in {wording.every(table.rows, 'row')}"
        return table.finding(rule.name, rule.severity, said)
    share = f"{failed / table.rows:.2%}" if table.rows else ""
    return table.finding(
        rule.name,
        rule.severity,
        f"{failed:,} of {wording.number(table.rows, 'row')} ({share}) of {table.name} "
        f"{wording.verb(failed, 'fails', 'fail')} {rule.name} ({asked})",
        failed=failed,
        samples=table.samples(condition),
    )


def _on_share(table: Table, rule: SetRule, share: NullShare, nulls: int) -> Finding:
    most = share.most * table.rows
    have = wording.verb(nulls, "has", "have")
    said = f"{nulls:,} of {wording.number(table.rows, 'row')} {have} no {share.column}"
    if nulls <= most:
        return table.finding(rule.name, rule.severity, f"{said}; {share.most:.0%} may")
    return table.finding(
        rule.name,
        rule.severity,
        f"{said}, that is {nulls / table.rows:.2%}; at most {share.most:.0%} may",
        failed=nulls,
        samples=table.samples(f"{identifier(share.column)} IS NULL"),
    )
