"""Each function and operator that models may use, over awkward values of a relation `t`."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

TIMES = [
    None,
    datetime(2026, 3, 5, 23, 59, 59, 999999, UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999999, UTC),
    datetime(1582, 10, 10, 1, 2, 3, 4, UTC),
    datetime(9999, 12, 30, 23, 0, 0, 1, UTC),
    datetime(2026, 3, 6, tzinfo=UTC),
]
DOUBLES = [
    *(None, 0.0, -0.0, 1.5, -2.5, -7.0, 0.1, 1e300, 5e-324, 9007199254740993.0),
    *(float("nan"), float("inf"), float("-inf")),
]
WHOLE = [None, 0, 1, -7, 7, 3, -1, 2**31 - 1, -(2**31)]
TEXTS = [
    *(None, "", " ", "a", "A", "ä", "a\u0308", "😀", "🤦🏼‍♂️", "O'N", "\t x\n", "\u00a0x\u2003", " x "),
    *("b\\s", "abc\n", "abc", "xay", "100%"),
]

SCHEMA = pa.schema(
    [
        ("id", pa.int32()),
        ("g", pa.int32()),
        ("n", pa.int32()),
        ("k", pa.int64()),
        ("x", pa.float64()),
        ("y", pa.float64()),
        ("s", pa.string()),
        ("r", pa.string()),
        ("ts", pa.timestamp("us", tz="UTC")),
        ("d", pa.date32()),
        ("b", pa.bool_()),
    ]
)


def rows() -> pa.Table:
    found: list[dict[str, Any]] = []
    for i in range(72):
        at = TIMES[(i + 1) % len(TIMES)]
        found.append(
            {
                "id": i,
                "g": i % 3,
                "n": WHOLE[i % len(WHOLE)],
                "k": [None, 1, 2, -2, 3, 0][i % 6],
                "x": DOUBLES[i % len(DOUBLES)],
                "y": DOUBLES[(i * 5 + 1) % len(DOUBLES)],
                "s": TEXTS[i % len(TEXTS)],
                "r": TEXTS[(i * 7 + 2) % len(TEXTS)],
                "ts": TIMES[i % len(TIMES)],
                "d": (at.date() if at else date(2000, 2, 29)) if i % 4 else None,
                "b": [None, True, False][i % 3],
            }
        )
    return pa.Table.from_pylist(found, SCHEMA)


OF_A_ROW = """
ABS(x) | -x | x + y | x - y | x * 5.0E-1 | x / NULLIF(y, 0) | n / NULLIF(k, 0) | n DIV NULLIF(k, 0)
x < y | x <= y | x > y | x >= y | x = y | x <> y | x <=> y | x BETWEEN -1.0E0 AND y | x IN (0, 1.5E0)
x > 0.1 | s < r | s >= r | s <=> r | ISNAN(x) | NOT ISNAN(x)
b AND x > 0 | NOT b OR x > 0 | b IS TRUE | s IS NULL
FLOOR(n) | FLOOR(n / 2.0E0) | CAST(FLOOR(n / 2.0E0) AS INT) | CAST(FLOOR(n) AS STRING) | CAST(n AS STRING)
CAST(k AS STRING) | CAST(b AS STRING) | CAST(d AS STRING) | CAST(n AS DOUBLE) | CAST(ts AS DATE)
CAST(d AS TIMESTAMP) | CAST('2026-03-05' AS DATE) | HOUR(ts) | YEAR(ts) | YEAR(d) | UNIX_MICROS(ts)
DATEDIFF(ts, d) | DATEDIFF(d, ts) | DATE_ADD(d, 1) | DATE_SUB(d, 1)
CAST(DATE_ADD(d, 1) AS STRING) | TO_DATE(ts) | DATE(ts)
LENGTH(s) | TRIM(s) | MD5(s) | CONCAT(s, r) | CONCAT(s, 'x', CAST(n AS STRING)) | COALESCE(s, r)
NULLIF(s, r)
s RLIKE '^a' | s RLIKE '^(?:abc)\\\\z' | s RLIKE '^[a-z]+' | s RLIKE '[^a]' | IF(b, s, r)
CASE WHEN x > 1 THEN 'hi' WHEN b THEN s END | CASE s WHEN 'a' THEN 1 ELSE 0 END
ARRAY(s, r) | SORT_ARRAY(ARRAY(s, r)) | SORT_ARRAY(ARRAY(x, y)) | TRANSFORM(ARRAY(s, r), q -> CONCAT(q, 'z'))
STRUCT(s AS a, n AS b).a
ROW_NUMBER() OVER (PARTITION BY g ORDER BY x, id) | ROW_NUMBER() OVER (ORDER BY s DESC, id)
ROW_NUMBER() OVER (ORDER BY s NULLS LAST, id) | LAG(s) OVER (PARTITION BY g ORDER BY id)
LAG(n, 2, 5) OVER (PARTITION BY g ORDER BY id) | LEAD(ts) OVER (PARTITION BY g ORDER BY id)
CUME_DIST() OVER (ORDER BY x) | CUME_DIST() OVER (PARTITION BY g ORDER BY s)
FIRST_VALUE(s) OVER (PARTITION BY g ORDER BY id) | SUM(k) OVER (PARTITION BY g ORDER BY n)
SUM(k) OVER (PARTITION BY g ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
COUNT(*) OVER (PARTITION BY s) | COUNT(*) OVER (PARTITION BY x) | MAX(x) OVER (PARTITION BY g)
"""

OF_A_GROUP = """
COUNT(*) | COUNT(s) | COUNT(DISTINCT s) | COUNT(DISTINCT s, r) | COUNT(DISTINCT x) | SUM(n) | SUM(x) | AVG(x)
AVG(n) | SUM(DISTINCT n) | MIN(x) | MAX(x) | MIN(s) | MAX(s) | MIN(ts) | MAX(d) | MIN(b) | MAX_BY(s, id)
MAX_BY(s, CASE WHEN s IS NOT NULL THEN id END) | SUM(CASE WHEN b THEN 1 ELSE 0 END)
PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY x) | PERCENTILE_CONT(0.95) WITHIN GROUP (ORDER BY n)
SORT_ARRAY(COLLECT_LIST(s)) | SORT_ARRAY(COLLECT_LIST(x)) | SUM(y) FILTER (WHERE b)
COUNT(*) FILTER (WHERE s > 'a')
SORT_ARRAY(COLLECT_LIST(STRUCT(COALESCE(x, 0) AS a, COALESCE(s, '') AS b)))
SORT_ARRAY(COLLECT_LIST(STRUCT(COALESCE(n, 0) AS a, COALESCE(s, '') AS b)) FILTER (WHERE b))
"""


def queries() -> list[tuple[str, list[str]]]:
    """SQL, and its expressions: the columns `v0`, `v1`, … have their values."""
    row, group = (
        [e.strip() for line in text.strip().splitlines() for e in line.split(" | ")]
        for text in (OF_A_ROW, OF_A_GROUP)
    )
    return [
        (f"SELECT {_columns(row)} FROM t ORDER BY id", row),
        (f"SELECT {_columns(group)} FROM t GROUP BY g ORDER BY g", group),
    ]


def _columns(expressions: list[str]) -> str:
    return ", ".join(f"{one} AS v{number}" for number, one in enumerate(expressions))
