"""The part of Spark's SQL that models may use: what Spark and, translated, DuckDB run alike.

Much that parses differs without a word: `percentile` becomes a discrete quantile, `explode_outer` drops
rows, an indexed `transform` is off by one, a pivot gives 0 for null, a division by zero null. So it is a list
of what is allowed; a new form gets on it together with a parity test that has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import sqlglot
from msgspec import Struct
from sqlglot import exp
from sqlglot.errors import SqlglotError

from contracts.errors import ContractError

_FORMS = (
    exp.Select, exp.With, exp.CTE, exp.Subquery, exp.Union, exp.From, exp.Join, exp.Where, exp.Group,
    exp.Having, exp.Order, exp.Ordered, exp.Distinct, exp.Table, exp.TableAlias, exp.Alias, exp.Column,
    exp.Identifier, exp.Star, exp.Literal, exp.Null, exp.Boolean, exp.Paren, exp.Dot, exp.Var,
    exp.DataType, exp.Case, exp.If, exp.Window, exp.WindowSpec, exp.WithinGroup, exp.Filter, exp.Lambda,
    exp.PropertyEQ,
)  # fmt: skip
_OPERATORS = (
    exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Neg, exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ,
    exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.Is, exp.In, exp.Between, exp.RegexpLike,
)  # fmt: skip
FUNCTIONS = (
    exp.Abs, exp.ArgMax, exp.Array, exp.ArrayAgg, exp.ArraySort, exp.Avg, exp.Cast, exp.Coalesce, exp.Concat,
    exp.Count, exp.CumeDist, exp.DateDiff, exp.FirstValue, exp.Floor, exp.Hour, exp.IsNan, exp.Lag, exp.Lead,
    exp.Length, exp.MD5, exp.Max, exp.Min, exp.Nullif, exp.PercentileCont, exp.RowNumber, exp.Struct, exp.Sum,
    exp.Transform, exp.Trim, exp.TryCast, exp.TsOrDsAdd, exp.TsOrDsToDate, exp.UnixMicros, exp.Year,
)  # fmt: skip
ALLOWED: frozenset[type[exp.Expr]] = frozenset((*_FORMS, *_OPERATORS, *FUNCTIONS))

_WHOLE = (
    exp.DataType.Type.INT,
    exp.DataType.Type.BIGINT,
    exp.DataType.Type.SMALLINT,
    exp.DataType.Type.TINYINT,
)
_TYPES = (
    *_WHOLE,
    exp.DataType.Type.TEXT,
    exp.DataType.Type.VARCHAR,
    exp.DataType.Type.DATE,
    exp.DataType.Type.TIMESTAMP,
    exp.DataType.Type.TIMESTAMPTZ,
    exp.DataType.Type.DOUBLE,
    exp.DataType.Type.BOOLEAN,
)

_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.In, exp.Between)
_PATTERN = re.compile(r"\^?(?:[^\\.$]|\[[^\]\\]+\])*(?:\\z)?")
"""Regular expressions that Java and RE2 read alike: `.` and `$` differ at the ends of lines, classes like
`\\s` in what is in them."""


class Problem(Struct, frozen=True):
    """What is outside the subset, and where: the line counts from 1."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


def problems(sql: str, *, condition: bool = False) -> list[Problem]:
    """What of a model, or of a rule's condition, is outside the subset, by line."""
    try:
        tokens = sqlglot.tokenize(sql, read="spark")
        if condition:
            trees: list[exp.Expr | None] = [sqlglot.condition(sql, dialect="spark")]
        else:
            trees = list(sqlglot.parse(sql, read="spark"))
    except SqlglotError as error:
        found = getattr(error, "errors", None) or [{}]
        return [Problem(int(found[0].get("line") or 1), f"not SQL: {str(error).splitlines()[0]}")]
    if len(trees) != 1 or trees[0] is None or not (condition or isinstance(trees[0], exp.Query)):
        return [Problem(1, "a model is one SELECT")]
    tree = trees[0]
    result = [
        Problem(token.line, "TRY_CAST is not allowed: Spark and DuckDB disagree on what can be cast")
        for token in tokens
        if token.text.upper() == "TRY_CAST" and sql[token.start : token.start + 1] not in ("'", '"', "`")
    ]
    result += [Problem(_line(node), message) for node in tree.walk() for message in _judged(node)]
    return sorted(set(result), key=lambda problem: (problem.line, problem.message))


@cache
def ensure_allowed(sql: str, name: str, *, condition: bool = False) -> None:
    """Raises ContractError that names the model, or the rule, and each line that is outside the subset."""
    found = problems(sql, condition=condition)
    if found:
        raise ContractError(f"{name} is not SQL that both engines run alike: {'; '.join(map(str, found))}")


def _judged(node: exp.Expr) -> Iterator[str]:
    if type(node) not in ALLOWED:
        yield f"{_named(node)} is not allowed"
    elif isinstance(node, exp.Literal):
        if not node.is_string and "." in node.this and "E" not in node.this.upper() and not _compared(node):
            yield f"the decimal {node.this}: write {node.this}E0, engines differ on decimals' digits"
    elif isinstance(node, exp.DateDiff) and node.args.get("unit") is not None:
        yield "DATEDIFF counts days only: engines differ on what a whole unit is"
    elif isinstance(node, exp.Floor) and node.args.get("decimals") is not None:
        yield "FLOOR is to whole numbers only"
    elif isinstance(node, exp.TsOrDsToDate) and node.args.get("format") is not None:
        yield "TO_DATE with a pattern is not allowed: engines differ on patterns"
    elif isinstance(node, exp.ArrayAgg) and not _sorted(node):
        yield "COLLECT_LIST is in SORT_ARRAY only: engines collect in any order"
    elif isinstance(node, exp.ArraySort) and not _ascending_nulls_first(node):
        yield "write SORT_ARRAY(…): engines differ on where other sorts put nulls"
    elif isinstance(node, exp.RegexpLike):
        pattern = node.expression
        if not (isinstance(pattern, exp.Literal) and pattern.is_string and _PATTERN.fullmatch(pattern.this)):
            yield "RLIKE takes a text of plain characters, classes and \\\\z at its end, not $ or a dot"
    elif isinstance(node, exp.Transform) and len(node.expression.expressions) != 1:
        yield "TRANSFORM with an index is not allowed: engines count from 0 and from 1"
    elif isinstance(node, exp.Div | exp.IntDiv) and not _not_zero(node.expression):
        yield f"division by {node.expression.sql('spark')}: write NULLIF({node.expression.sql('spark')}, 0)"
    elif isinstance(node, exp.Cast | exp.TryCast):
        yield from _cast(node)
    elif isinstance(node, exp.Join) and (node.args.get("using") or node.method == "NATURAL"):
        yield "join by ON: USING and NATURAL give other columns"
    elif isinstance(node, exp.Table) and (node.args.get("pivots") or node.args.get("sample")):
        yield "PIVOT and samples are not allowed"


def _cast(node: exp.Cast) -> Iterator[str]:
    kind = node.to.this
    if kind not in _TYPES:
        yield f"CAST to {node.to.sql('spark')} is not allowed"
    elif kind in _WHOLE and not isinstance(node.this, exp.Floor | exp.Literal | exp.Null):
        yield "CAST to a whole number is of FLOOR(…) only: Spark cuts, DuckDB rounds"


def _compared(node: exp.Expr) -> bool:
    parent = node.parent
    while isinstance(parent, exp.Paren | exp.Neg):
        parent = parent.parent
    return isinstance(parent, (*_COMPARISONS, exp.PercentileCont))


def _sorted(node: exp.ArrayAgg) -> bool:
    parent = node.parent
    while isinstance(parent, exp.Filter):
        parent = parent.parent
    return isinstance(parent, exp.ArraySort)


def _ascending_nulls_first(node: exp.ArraySort) -> bool:
    first, ascending = node.args.get("nulls_first"), node.args.get("asc")
    return isinstance(first, exp.Boolean) and first.this and ascending is None


def _not_zero(divisor: exp.Expr) -> bool:
    divisor = divisor.unnest()
    if isinstance(divisor, exp.Literal):
        return not divisor.is_string and float(divisor.this) != 0
    return isinstance(divisor, exp.Nullif)


def _named(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return f"the function {node.name}"
    return (
        f"the function {node.sql_name()}" if isinstance(node, exp.Func) else type(node).__name__.lstrip("_")
    )


def _line(node: exp.Expr) -> int:
    """Line of the node, or of what is first in it, or of what it is in."""
    lines = [int(part.meta["line"]) for part in node.walk() if "line" in part.meta]
    if lines:
        return min(lines)
    return _line(node.parent) if node.parent is not None else 1
