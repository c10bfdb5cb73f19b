"""Rules of quality, declared with each dataset. A condition over one row, or a statement about many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

Severity = Literal["flag", "quarantine", "fail"]
"""What a row that fails means: ``flag``: its name goes into `quality_flags` (bronze); ``quarantine``: the row
goes to `quarantine_silver` instead (silver); ``fail``: nothing is written."""


class Rule(Struct, frozen=True, kw_only=True):
    """A rule over single rows. A row fails it where ``fails_when`` is true (null counts as false)."""

    name: str
    severity: Severity
    fails_when: str
    """A condition over the dataset's columns, in the SQL subset of the models."""
    description: str = ""


class NullShare(Struct, frozen=True, kw_only=True, tag=True):
    """At most ``most`` of all rows have no value in ``column``."""

    column: str
    most: float


class Unique(Struct, frozen=True, kw_only=True, tag=True):
    """No two rows are equal in ``columns``."""

    columns: tuple[str, ...]


class References(Struct, frozen=True, kw_only=True, tag=True):
    """Every value of ``column`` occurs in ``other_column`` of the dataset ``other``; null is no value."""

    column: str
    other: str
    other_column: str


class Totals(Struct, frozen=True, kw_only=True, tag=True):
    """In each group the sum of ``column`` is ``measure`` over the rows of the dataset ``other``."""

    column: str
    other: str
    measure: str
    """An aggregate over the columns of ``other``, in the SQL subset of the models."""
    by: tuple[tuple[str, str], ...]
    """Columns that make the groups: ours, theirs."""


SetCheck = NullShare | Unique | References | Totals


class SetRule(Struct, frozen=True, kw_only=True):
    """A rule over many rows."""

    name: str
    severity: Literal["flag", "fail"]
    check: SetCheck
    description: str = ""


def not_null(column: str, severity: Severity = "quarantine") -> Rule:
    return Rule(
        name=f"{column}_missing",
        severity=severity,
        fails_when=f"{column} IS NULL",
        description=f"{column} has a value.",
    )


def in_range(
    column: str, low: float | None = None, high: float | None = None, severity: Severity = "quarantine"
) -> Rule:
    """Values are within [low, high]; NaN, which SQL sorts above all numbers, is not. Null is no value."""
    terms = [f"{column} < {low!r}"] if low is not None else []
    terms += [f"{column} > {high!r}"] if high is not None else [f"ISNAN({column})"]
    bounds = f"at least {low}" if high is None else f"at most {high}" if low is None else f"{low} to {high}"
    return Rule(
        name=f"{column}_out_of_range",
        severity=severity,
        fails_when=" OR ".join(terms),
        description=f"{column} is {bounds}.",
    )


def finite(column: str, severity: Severity = "quarantine") -> Rule:
    """Neither NaN nor an infinity, which lie beyond the greatest double. Null is no value."""
    return Rule(
        name=f"{column}_not_finite",
        severity=severity,
        fails_when=f"ABS({column}) > 1.7976931348623157E308",
        description=f"{column} is a finite number.",
    )


def accepted(column: str, values: Sequence[str], severity: Severity = "quarantine") -> Rule:
    listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return Rule(
        name=f"{column}_not_accepted",
        severity=severity,
        fails_when=f"{column} NOT IN ({listed})",
        description=f"{column} is one of {', '.join(values)}.",
    )


def matches(column: str, pattern: str, severity: Severity = "quarantine") -> Rule:
    """The whole value matches ``pattern``: a regular expression of plain characters, groups and classes
    (``[.]``, ``[0-9]``), which Java and RE2 read alike. Raises ValueError for quotes, backslashes, ``$``."""
    if set(pattern) & set("'\\$"):
        raise ValueError(f"write {pattern!r} with classes ([.], [0-9]): engines differ on escapes")
    return Rule(
        name=f"{column}_malformed",
        severity=severity,
        fails_when=f"NOT {column} RLIKE '^(?:{pattern})\\\\z'",
        description=f"{column} matches {pattern}",
    )


def custom(name: str, fails_when: str, description: str, severity: Severity = "quarantine") -> Rule:
    return Rule(name=name, severity=severity, fails_when=fails_when, description=description)


def null_share(column: str, most: float) -> SetRule:
    return SetRule(
        name=f"{column}_null_share",
        severity="flag",
        check=NullShare(column=column, most=most),
        description=f"At most {most:.0%} of the rows have no {column}.",
    )


def unique(*columns: str) -> SetRule:
    return SetRule(
        name=f"{'_'.join(columns)}_unique",
        severity="flag",
        check=Unique(columns=columns),
        description=f"No two rows are equal in {', '.join(columns)}.",
    )


def references(column: str, other: str, other_column: str) -> SetRule:
    return SetRule(
        name=f"{column}_in_{other}",
        severity="flag",
        check=References(column=column, other=other, other_column=other_column),
        description=f"Every {column} is in {other}.",
    )


def totals(column: str, other: str, measure: str, *by: tuple[str, str]) -> SetRule:
    groups = ", ".join(ours for ours, _ in by)
    return SetRule(
        name=f"{column}_of_{other}",
        severity="fail",
        check=Totals(column=column, other=other, measure=measure, by=by),
        description=f"By {groups}, {column} is {measure} of {other}.",
    )
