"""What is not SQL that both engines run alike is refused, with the line; all that is shipped is such SQL."""

from __future__ import annotations

import duckdb
import pytest

from contracts.errors import ContractError
from lakehouse.datasets import DATASETS, Dataset, dataset
from lakehouse.datasets.rules import Rule, accepted, finite, in_range, matches, not_null
from lakehouse.medallion.refusal import judged_model
from lakehouse.models import FOLDER, transpile
from lakehouse.models.subset import ensure_allowed, problems

MODELS = sorted(FOLDER.rglob("*.sql"))

REFUSED = {
    # What FACTS of both engines say differs without a word.
    "PERCENTILE(x, 0.5)": "Quantile|PERCENTILE|QUANTILE",
    "PERCENTILE_APPROX(x, 0.5)": "(?i)approx",
    "EXPLODE_OUTER(l)": "(?i)explode",
    "EXPLODE(l)": "(?i)explode",
    "INLINE(l)": "(?i)inline",
    "TRANSFORM(l, (e, i) -> e + i)": "TRANSFORM with an index",
    "x / 0": "division by 0",
    "x / y": r"write NULLIF\(y, 0\)",
    "x DIV y": r"write NULLIF\(y, 0\)",
    "x % y": "(?i)mod",
    "PMOD(x, y)": "(?i)pmod|mod",
    "TRY_CAST(s AS INT)": "TRY_CAST",
    "CAST(x AS INT)": "FLOOR",
    "CAST(s AS BIGINT)": "FLOOR",
    "CAST(x AS DECIMAL(10, 2))": "CAST to DECIMAL",
    "CAST(s AS BINARY)": "CAST to BINARY",
    "WINDOW(t, '1 hour')": "(?i)window",
    "SESSION_WINDOW(t, '30 minutes')": "(?i)session_window",
    "FROM_JSON(s, 'a INT')": "(?i)json",
    "MAP_FILTER(m, (k, v) -> v > 1)": "(?i)map_filter",
    # More of the kind.
    "SUM(x) + PERCENTILE(x, 0.5)": "(?i)quantile|percentile",
    "COLLECT_LIST(x)": "SORT_ARRAY",
    "COLLECT_SET(x)": "(?i)array_?unique",
    "ARRAY_SORT(l)": "SORT_ARRAY",
    "SORT_ARRAY(l, false)": "SORT_ARRAY",
    "FLOOR(x, 1)": "FLOOR is to whole numbers",
    "DATEDIFF(HOUR, a, b)": "days only",
    "TO_DATE(s, 'yyyy')": "pattern",
    "DATE_FORMAT(t, 'yyyy')": "(?i)time_?to_?str",
    "1.5 * x": "decimal 1.5",
    "s RLIKE '^a$'": "RLIKE",
    "s RLIKE 'a.c'": "RLIKE",
    "s RLIKE '^\\\\d+'": "RLIKE",
    "s RLIKE r": "RLIKE",
    "s LIKE 'a%'": "(?i)like",
    "l[0]": "(?i)bracket",
    "SOMETHING(x)": "the function SOMETHING",
    "CURRENT_TIMESTAMP()": "(?i)current_?timestamp",
    "RAND()": "(?i)rand",
    "APPROX_COUNT_DISTINCT(x)": "(?i)approx",
    "(SELECT 1 FROM u ORDER BY 1 LIMIT 1)": "(?i)limit",
    "EXISTS (SELECT 1 FROM u)": "(?i)exists",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_engines_read_differently_is_refused_with_its_line(text: str) -> None:
    found = problems(f"SELECT\n  a,\n\n  {text} AS v\nFROM t")
    assert {problem.line for problem in found} == {4}, found
    with pytest.raises(ContractError, match=REFUSED[text]) as refused:
        ensure_allowed(f"SELECT\n  a,\n\n  {text} AS v\nFROM t", "silver/some.sql")
    assert "silver/some.sql" in str(refused.value) and "line 4" in str(refused.value)


@pytest.mark.parametrize(
    ("sql", "line"),
    [
        ("SELECT a FROM t\nJOIN u USING (a)", 2),
        ("SELECT a FROM t\nNATURAL JOIN u", 2),
        ("SELECT a FROM t\nLIMIT 5", 2),
        ("SELECT a FROM t\nLATERAL VIEW EXPLODE(l) AS e", 2),
        ("SELECT a, SUM(b) FROM t\nGROUP BY ROLLUP (a)", 2),
        ("SELECT a FROM t\nEXCEPT\nSELECT a FROM u", 1),
        ("SELECT *\nFROM t\nPIVOT (SUM(b) FOR c IN ('x'))", 2),
        ("SELECT *\nFROM t\nTABLESAMPLE (10 PERCENT)", 2),
        ("WITH p AS (\n  SELECT a FROM t\n)\nSELECT RAND() FROM p", 4),
        ("SELECT a FROM t; SELECT b FROM t", 1),
        ("DELETE FROM t", 1),
        ("", 1),
        ("SELECT (a\nFROM t", 2),
    ],
)
def test_forms_outside_the_subset(sql: str, line: int) -> None:
    found = problems(sql)
    assert line in {problem.line for problem in found}, found


def test_each_problem_of_a_model_is_named() -> None:
    found = problems("SELECT\n  RAND() AS a,\n  x / y AS b\nFROM t\nLIMIT 1")
    assert [problem.line for problem in found] == [2, 3, 5]


def test_a_name_or_a_text_is_no_problem() -> None:
    assert problems("SELECT 'TRY_CAST' AS `rand`, `explode`, \"percentile(x, 0.5)\" AS p FROM t") == []
    assert problems("SELECT x > 0.5 AS a, x * 5.0E-1 AS b, x IN (0.5, 1) AS c FROM t") == []


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_model_that_is_shipped_passes(path: object) -> None:
    assert problems(path.read_text("utf-8")) == []  # type: ignore[attr-defined]


def test_every_rule_that_is_declared_passes() -> None:
    rules = [(declared, rule) for declared in DATASETS.values() for rule in declared.rules if rule.fails_when]
    made = [
        not_null("a"),
        in_range("a", 0.5),
        in_range("a", -1, 2.5),
        finite("a"),
        accepted("a", ["x'y"]),
        matches("a", "[a-z]+"),
    ]
    for text in [rule.fails_when for _, rule in rules] + [rule.fails_when for rule in made]:
        assert problems(text, condition=True) == []
    assert len(rules) > 8


def ruled(rule: Rule) -> Dataset:
    declared = dataset("app_events_silver")
    return Dataset(
        **{**{name: getattr(declared, name) for name in declared.__struct_fields__}, "rules": (rule,)}
    )


def test_a_rule_outside_the_subset_stops_the_run_with_its_name() -> None:
    odd = Rule(name="odd", severity="quarantine", fails_when="event_value > 1\n OR RAND() > 0.5")
    with pytest.raises(ContractError, match=r"the rule odd of app_events_silver.*line 2"):
        judged_model(ruled(odd), "SELECT 1 AS a")
    good = Rule(name="good", severity="quarantine", fails_when="event_value > 1")
    assert "WHEN event_value > 1 THEN 'good'" in judged_model(ruled(good), "SELECT 1 AS a")


@pytest.mark.parametrize(
    ("value", "fails"),
    [("abc", False), ("abc\n", True), ("xabc", True), ("abcd", True), ("", True), (None, None)],
)
def test_a_pattern_is_of_the_whole_value(value: str | None, fails: bool | None) -> None:
    condition = transpile.condition(matches("a", "abc|[a-c]{3}").fails_when)
    assert duckdb.execute(f"SELECT {condition} FROM (SELECT ? AS a)", [value]).fetchone() == (fails,)


@pytest.mark.parametrize("pattern", ["a$", "a'b", "\\d"])
def test_a_pattern_that_engines_read_differently_is_no_rule(pattern: str) -> None:
    with pytest.raises(ValueError, match="classes"):
        matches("a", pattern)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("NOT ISNAN(CAST(NULL AS DOUBLE))", True),  # false for null in Spark, null in DuckDB
        ("CONCAT(TRIM(' \u00a0x\t '), '|')", "\u00a0x\t|"),  # spaces alone
        ("CAST(DATE_ADD(CAST('2026-03-05' AS DATE), 1) AS STRING)", "2026-03-06"),
        ("MAX_BY(CAST(NULL AS STRING), 1)", None),
        ("CONCAT('a', CAST(NULL AS STRING))", None),
    ],
)
def test_what_is_translated_means_what_spark_means(expression: str, value: object) -> None:
    assert duckdb.execute(transpile.query(f"SELECT {expression} AS v")).fetchone() == (value,)


@pytest.mark.parametrize("kind", ["DOUBLE", "TIMESTAMP"])
def test_what_engines_write_differently_is_no_text(kind: str) -> None:
    sql = transpile.query(f"SELECT CAST(CAST(a AS {kind}) AS STRING) AS v FROM t")
    with pytest.raises(duckdb.InvalidInputException, match="cast to STRING: engines differ"):
        duckdb.execute(
            f"WITH t AS (SELECT '2026-03-05' AS a WHERE true) {sql}"
            if kind == "TIMESTAMP"
            else f"WITH t AS (SELECT '1e10' AS a) {sql}"
        ).fetchall()


def test_a_null_in_a_struct_that_is_sorted_fails_and_no_rows_are_an_empty_list() -> None:
    sql = transpile.query(
        "SELECT SORT_ARRAY(COLLECT_LIST(STRUCT(a, b)) FILTER (WHERE b > 1)) AS v, "
        "SORT_ARRAY(COLLECT_LIST(a)) AS w FROM t WHERE a > 0"
    )

    def found(rows: str) -> object:
        return duckdb.execute(f"WITH t AS (SELECT * FROM (VALUES {rows}) AS t (a, b)) {sql}").fetchone()

    assert found("(2, 2), (1, 3), (1, NULL)") == ([{"a": 1, "b": 3}, {"a": 2, "b": 2}], [1, 1, 2])
    assert found("(0, 0)") == ([], [])
    with_null = transpile.query("SELECT SORT_ARRAY(COLLECT_LIST(STRUCT(a, b))) AS v FROM t")
    with pytest.raises(duckdb.InvalidInputException, match="STRUCT that is sorted"):
        duckdb.execute(f"WITH t AS (SELECT * FROM (VALUES (1, NULL)) AS t (a, b)) {with_null}")


@pytest.mark.parametrize("cast", ["CAST('x' AS DOUBLE)", "FLOOR(CAST('x' AS DOUBLE))", "TO_DATE('x')"])
def test_a_bad_cast_fails_however_deep_it_stands(cast: str) -> None:
    with pytest.raises(duckdb.ConversionException):
        duckdb.execute(transpile.query(f"SELECT {cast} AS v")).fetchall()
