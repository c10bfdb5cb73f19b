"""Tables that are computed, against what they are computed from: declared totals, and gold recomputed by a
query of its own.

The upstreams are read as the table has taken them in; slices that it has put off, and dates that an upstream
no longer has, are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa

from lakehouse.datasets import Dataset, ReplaceHours
from lakehouse.datasets.rules import SetRule, Totals
from lakehouse.models import transpile
from lakehouse.quality import wording
from lakehouse.quality.extent import Days, date_of, day_column
from lakehouse.quality.findings import SAMPLES, Finding
from lakehouse.quality.look import VIEW, Table
from lakehouse.reading.relations import identifier

QUERIES = Path(__file__).with_name("recomputed")
"""`<table>.sql`: what the table should have, by key, in DuckDB's dialect; it reads the upstreams by name."""
_OTHER = "totalled"


def findings(table: Table) -> Iterator[Finding]:
    for rule in table.declared.set_rules:
        if isinstance(rule.check, Totals):
            yield from _totals(table, rule, rule.check)
    yield from _hours(table)
    query = QUERIES / f"{table.name}.sql"
    if query.exists():
        yield from _recomputed(table, query.read_text("utf-8"))


def _totals(table: Table, rule: SetRule, check: Totals) -> Iterator[Finding]:
    look, declared = table.look, table.declared
    day = day_column(declared)
    by_day = bool(day) and day in dict(check.by)
    other = look.datasets[check.other]
    if not by_day and (look.days.is_bounded or other.retention or table_put_off(table)):
        return  # sums over other rows than the table's
    if not look.view_upstream(table, check.other, look.days if by_day else Days(), view=_OTHER):
        return
    ours = ", ".join(identifier(name) for name, _ in check.by)
    theirs = ", ".join(f"{identifier(other)} AS {identifier(name)}" for name, other in check.by)
    measure = transpile.condition(check.measure)
    names = [name for name, _ in check.by]
    settled = _settled(table, check.other, day) if by_day else "true"
    wrong = (
        f"SELECT * FROM (SELECT {ours}, sum({identifier(check.column)}) AS own FROM {VIEW} GROUP BY ALL) "
        f"FULL JOIN (SELECT {theirs}, {measure} AS told FROM {_OTHER} GROUP BY ALL) USING ({ours}) "
        f"WHERE {settled}"
    )
    differs = _differs("coalesce(own, 0)", "coalesce(told, 0)", pa.float64())
    checked, failed = look.row(f"SELECT count(*), count_if({differs}) FROM ({wrong})")
    groups = wording.number(checked, "group")
    what = f"{check.column} by {', '.join(names)}"
    if not failed:
        said = f"{what} is {check.measure} of {check.other} in {wording.every(checked, 'group')}"
        yield table.finding(rule.name, rule.severity, said, checked=checked)
        return
    rows = look.rows(
        f"SELECT {ours}, coalesce(own, 0), coalesce(told, 0) FROM ({wrong}) WHERE {differs} "
        f"ORDER BY ALL LIMIT {SAMPLES}"
    )
    samples = [f"{wording.keyed(names, row[:-2])} has {row[-2]:,}, not {row[-1]:,}" for row in rows]
    yield table.finding(
        rule.name,
        rule.severity,
        f"{what} is not {check.measure} of {check.other} in {failed:,} of {groups}",
        checked=checked,
        failed=failed,
        samples=samples,
        names=names,
    )


def _hours(table: Table) -> Iterator[Finding]:
    """Hours that the first upstream has and the table has not, whatever the table counts."""
    build = table.declared.build
    if not isinstance(build, ReplaceHours):
        return
    name = build.feeds[0].dataset
    other = table.look.datasets[name].build
    theirs = getattr(other, "hour", None)
    if theirs is None or not table.look.view_upstream(table, name, table.look.days, view=_OTHER):
        return
    day, hour = map(identifier, build.hour)
    their_day, their_hour = map(identifier, theirs)
    number = f"({day} - DATE '1970-01-01') * 24 + {hour}"
    rows = table.look.rows(
        f"SELECT {number} AS at, n FROM (SELECT {their_day} AS {day}, {their_hour} AS {hour}, count(*) AS n "
        f"FROM {_OTHER} GROUP BY ALL) WHERE {_settled(table, name, build.hour[0])}"
    )
    missing = {int(at): int(count) for at, count in rows if int(at) not in table.hours}
    said = f"No hour that {name} has is missing in {table.name}"
    if missing:
        said = (
            f"{wording.number(len(missing), 'hour')} of {name} "
            f"{wording.verb(len(missing), 'has', 'have')} no row in {table.name}: "
            f"{wording.hours(missing, 'event')}"
        )
    yield table.finding("hours_present", "fail", said, checked=len(rows), failed=len(missing))


def _recomputed(table: Table, query: str) -> Iterator[Finding]:
    look, declared = table.look, table.declared
    day = day_column(declared)
    for name in declared.upstream:
        days = look.days if day_column(look.datasets[name]) else Days()
        if not look.view_upstream(table, name, days):
            # A table that nothing was taken from yet is an empty one.
            if table.position is None or table.position.taken.get(name, -1) >= 0:
                return
            look.view_nothing(name)
    look.view("recomputed", query)
    fields = [field for field in declared.schema if field.name in _columns(table, "recomputed")]
    measured = [field for field in fields if field.name not in declared.key]
    keys = ", ".join(map(identifier, declared.key))
    settled = " AND ".join([_settled(table, declared.upstream[0], day)])
    joined = (
        f"SELECT {keys}, ours, theirs FROM (SELECT {keys}, own AS ours FROM {VIEW} AS own) "
        f"FULL JOIN (SELECT {keys}, told AS theirs FROM recomputed AS told) USING ({keys}) WHERE {settled}"
    )
    unlike = " OR ".join(
        ["ours IS NULL", "theirs IS NULL"]
        + [_differs(f"ours.{identifier(f.name)}", f"theirs.{identifier(f.name)}", f.type) for f in measured]
    )
    checked, failed = look.row(f"SELECT count(*), count_if({unlike}) FROM ({joined})")
    upstreams = " and ".join(declared.upstream)
    if not failed:
        said = (
            f"Computed anew from {upstreams}, {wording.every(checked, 'row')} of {table.name} "
            f"{wording.verb(checked, 'comes', 'come')} out the same in "
            f"{wording.number(len(measured), 'column')}"
        )
        yield table.finding("equals_silver", "fail", said, checked=checked)
        return
    values = ", ".join(f"ours.{identifier(f.name)}, theirs.{identifier(f.name)}" for f in measured)
    rows = look.rows(
        f"SELECT {keys}, ours IS NULL, theirs IS NULL, {values} FROM ({joined}) WHERE {unlike} "
        f"ORDER BY {keys} LIMIT {SAMPLES}"
    )
    samples = [_difference(declared, measured, row) for row in rows]
    yield table.finding(
        "equals_silver",
        "fail",
        f"Computed anew from {upstreams}, {failed:,} of {wording.number(checked, 'row')} of "
        f"{table.name} "
        f"{wording.verb(failed, 'comes', 'come')} out otherwise",
        checked=checked,
        failed=failed,
        samples=samples,
        names=declared.key,
    )


def table_put_off(table: Table) -> bool:
    """Whether all of the table waits to be computed anew."""
    return table.position is not None and "" in table.position.deferred


def _settled(table: Table, upstream: str, day: str) -> str:
    """A condition on the rows that can be compared."""
    snapshot = table.look.upstream(table, upstream)
    declared = table.look.datasets[upstream]
    dates = [found for file in snapshot.files if (found := date_of(declared, file))] if snapshot else []
    terms = [f"{identifier(day)} >= DATE '{min(dates)}'"] if dates else []
    position = table.position
    if position and position.deferred:
        terms += [_but(table.declared, day, position.deferred_dates, position.deferred)]
    return " AND ".join(terms) or "true"


def _but(declared: Dataset, day: str, dates: set[date], deferred: frozenset[str]) -> str:
    build = declared.build
    if isinstance(build, ReplaceHours):
        hours = ", ".join(f"(DATE '{text[:10]}', {int(text[11:])})" for text in sorted(deferred) if text)
        return f"({identifier(day)}, {identifier(build.hour[1])}) NOT IN ({hours})"
    return f"{identifier(day)} NOT IN ({', '.join(f'''DATE '{one}' ''' for one in sorted(dates))})"


def _differs(ours: str, theirs: str, kind: pa.DataType) -> str:
    """Sums of floats depend on the order of their terms."""
    if not pa.types.is_floating(kind):
        return f"{ours} IS DISTINCT FROM {theirs}"
    near = f"abs({ours} - {theirs}) <= 1e-6 + 1e-9 * greatest(abs({ours}), abs({theirs}))"
    return f"({ours} IS DISTINCT FROM {theirs} AND NOT coalesce({near}, false))"


def _columns(table: Table, view: str) -> list[str]:
    return [str(row[0]) for row in table.look.rows(f"DESCRIBE {view}")]


def _difference(declared: Dataset, measured: Sequence[pa.Field], row: Sequence[object]) -> str:
    width = len(declared.key)
    place = wording.keyed(declared.key, row[:width])
    if row[width]:
        return f"{place} is missing"
    if row[width + 1]:
        return f"{place} should not be there"
    values = row[width + 2 :]
    told = [
        f"{field.name} is {wording.value(values[2 * at])}, not {wording.value(values[2 * at + 1])}"
        for at, field in enumerate(measured)
        if not _equal(values[2 * at], values[2 * at + 1])
    ]
    return f"{place}: {', '.join(told)}"


def _equal(ours: object, theirs: object) -> bool:
    if isinstance(ours, float) and isinstance(theirs, float):
        return abs(ours - theirs) <= 1e-6 + 1e-9 * max(abs(ours), abs(theirs))
    return ours == theirs
