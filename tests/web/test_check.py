"""The allow-list over the text: what a query may name."""

from __future__ import annotations

import duckdb
import pytest

from contracts.errors import NotFound, QueryError
from web.sandbox import functions
from web.sandbox.check import check
from web.sandbox.names import is_reserved
from web.sandbox.syntax import check_syntax

TABLES = ("app_events_silver", "event_metrics_gold")

ALLOWED = {
    "SELECT count(*) FROM app_events_silver": {"app_events_silver"},
    'SELECT * FROM main."APP_EVENTS_SILVER" AS a JOIN event_metrics_gold USING (event_type)': set(TABLES),
    "FROM event_metrics_gold SELECT total_events": {"event_metrics_gold"},
    "WITH e AS (SELECT * FROM app_events_silver) SELECT * FROM e": {"app_events_silver"},
    "WITH app_events_silver AS (SELECT * FROM app_events_silver) FROM app_events_silver": {
        "app_events_silver"
    },
    "WITH event_metrics_gold AS (SELECT 1) FROM event_metrics_gold": set(),
    "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT * FROM n": set(),
    "SELECT * FROM range(10) r(i), unnest([1, 2]) u(j)": set(),
    "VALUES (1)": set(),
    "(SELECT 1) UNION ALL (SELECT 2)": set(),
    "SELECT table_name FROM information_schema.tables": set(TABLES),
    "SELECT quantile_cont(x, 0.5), strftime(now(), '%Y'), list_transform([1], lambda v: v + 1), 'a'.upper() "
    "FROM range(3) t(x)": set(),
    "SELECT date_trunc('hour', event_timestamp), event_timestamp::date, rank() OVER (ORDER BY user_id), "
    "properties ->> '$.a', CASE WHEN event_value IS NULL THEN 0 END, coalesce(event_value, 0) "
    "FROM app_events_silver QUALIFY row_number() OVER (PARTITION BY user_id) = 1": {"app_events_silver"},
}

REFUSED = [
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM \"read_text\"('/etc/passwd')",
    "SELECT * FROM READ_CSV('/etc/passwd')",
    "SELECT * FROM read_csv_auto('/etc/passwd')",
    "SELECT * FROM read_parquet('x.parquet')",
    "SELECT * FROM parquet_metadata('x.parquet')",
    "SELECT * FROM read_json('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('app_events_silver')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM pandas_scan(0)",
    "SELECT * FROM arrow_scan(0, 0, 0)",
    "SELECT * FROM json_execute_serialized_sql('{}')",
    "SELECT * FROM main.read_text('/etc/passwd')",
    "SELECT getenv('HOME')",
    "SELECT current_setting('memory_limit')",
    "SELECT getvariable('x')",
    "SELECT sleep_ms(10000)",
    "SELECT write_log('x')",
    "SELECT nextval('s')",
    "SELECT 1; SELECT 2",
    "COPY (SELECT 1) TO '/tmp/x.csv'",
    "COPY app_events_silver TO '/tmp/x.csv'",
    "EXPORT DATABASE '/tmp/x'",
    "ATTACH '/tmp/x.db'",
    "DETACH memory",
    "PRAGMA database_list",
    "SET memory_limit = '10GB'",
    "RESET memory_limit",
    "INSTALL httpfs",
    "LOAD httpfs",
    "CREATE TABLE t (a INT)",
    "CREATE OR REPLACE VIEW app_events_silver AS SELECT 1",
    "DROP VIEW app_events_silver",
    "INSERT INTO app_events_silver VALUES (1)",
    "UPDATE app_events_silver SET user_id = 'x'",
    "DELETE FROM app_events_silver",
    "CALL duckdb_functions()",
    "PREPARE p AS SELECT 1",
    "EXPLAIN ANALYZE SELECT 1",
    "SELECT * FROM pg_catalog.pg_tables",
    "SELECT * FROM memory.main.app_events_silver",
    "USE memory",
    "CHECKPOINT",
    "WITH x AS (COPY (SELECT 1) TO '/tmp/x.csv') FROM x",
    "WITH x AS (DELETE FROM app_events_silver RETURNING *) FROM x",
    "WITH x AS (INSERT INTO app_events_silver VALUES (1) RETURNING *) FROM x",
    "SELECT view_definition FROM information_schema.views",
    "WITH RECURSIVE sqlite_master AS (FROM sqlite_master) FROM sqlite_master",
    "WITH RECURSIVE duckdb_views AS (SELECT 1 UNION ALL FROM duckdb_views) FROM duckdb_views",
]

FILES = [
    "SELECT * FROM '/etc/passwd'",
    "FROM '/etc/passwd'",
    'SELECT * FROM "/etc/passwd"',
    "SELECT * FROM 'data.csv'",
    'SELECT * FROM (WITH "/etc/passwd" AS (SELECT 1) SELECT * FROM "/etc/passwd") AS a, \'/etc/passwd\'',
    "SELECT (SELECT count(*) FROM '/etc/passwd')",
    "SELECT 1 WHERE EXISTS (FROM '/etc/passwd')",
    'WITH a AS (SELECT * FROM "b.csv"), "b.csv" AS (SELECT 1) SELECT * FROM a',
]


@pytest.fixture
def duck() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@pytest.mark.parametrize("sql", ALLOWED)
def test_a_select_over_tables_is_allowed_and_says_what_it_reads(sql: str) -> None:
    assert check(sql, TABLES) == ALLOWED[sql]


@pytest.mark.parametrize("sql", ALLOWED)
def test_duckdbs_own_tree_is_allowed_too(sql: str, duck: duckdb.DuckDBPyConnection) -> None:
    check_syntax(duck, sql, TABLES)


@pytest.mark.parametrize("sql", [*REFUSED, *FILES])
def test_what_is_not_a_select_over_tables_is_refused(sql: str) -> None:
    with pytest.raises(QueryError) as refusal:
        check(sql, TABLES)
    assert refusal.value.code in ("refused", "invalid")


@pytest.mark.parametrize("sql", [*REFUSED, *FILES])
def test_duckdbs_own_tree_is_refused_by_itself(sql: str, duck: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises((QueryError, duckdb.Error)):
        check_syntax(duck, sql, TABLES)


def test_duckdbs_own_tables_have_reserved_names(duck: duckdb.DuckDBPyConnection) -> None:
    rows = duck.execute(
        "SELECT view_name FROM duckdb_views() WHERE schema_name <> 'information_schema' "
        "UNION SELECT table_name FROM duckdb_tables()"
    ).fetchall()
    assert rows and not [name for (name,) in rows if not is_reserved(name)]


@pytest.mark.parametrize("arm", ["{}", "SELECT 1 EXCEPT {}", "{} UNION ALL SELECT 1", "({}) UNION SELECT 1"])
def test_an_expression_does_not_hide_the_table_that_duckdb_reads_in_it(arm: str) -> None:
    body = arm.format("SELECT user_id FROM app_events_silver")
    sql = f"WITH RECURSIVE app_events_silver AS ({body}) FROM app_events_silver"
    assert check(sql, TABLES) == {"app_events_silver"}


def test_an_unknown_table_is_named_with_its_neighbours() -> None:
    with pytest.raises(NotFound, match=r"app_event_silver.*app_events_silver"):
        check("SELECT * FROM app_event_silver", TABLES)


def test_a_name_of_one_subquery_hides_nothing_in_another() -> None:
    sql = "SELECT * FROM (WITH secret AS (SELECT 1) SELECT * FROM secret) AS a, secret"
    with pytest.raises(NotFound, match="secret"):
        check(sql, TABLES)


@pytest.mark.parametrize("sql", ["", "   ", "-- nothing", "SELECT FROM WHERE", "SELECT 'open"])
def test_text_that_is_no_sql_is_invalid(sql: str) -> None:
    with pytest.raises(QueryError) as refusal:
        check(sql, TABLES)
    assert refusal.value.code == "invalid"


LIST = ",".join("1" for _ in range(2_000))
TOO_MUCH = {
    "deep": "SELECT " + "(" * 5000 + "1" + ")" * 5000,
    "long": "SELECT '" + "x" * 100_000 + "'",
    "many words": f"SELECT {','.join([LIST] * 4)}",
    "many signs": "SELECT " + "- " * 9_000 + "1",
    "open brackets": "SELECT " + "[" * 300,
    "cases": "SELECT " + "CASE WHEN true THEN " * 300 + "1" + " END" * 300,
    "many calls of methods": "SELECT a" + ".abs()" * 1_900,
    "calls of methods on much": f"SELECT [{LIST}]" + ".abs()" * 1_000,
}
"""sqlglot copies a chain of methods at each call: half a minute and more for such texts."""


@pytest.mark.parametrize("kind", TOO_MUCH)
def test_what_is_too_much_for_the_parser_is_refused(kind: str) -> None:
    with pytest.raises(QueryError) as refusal:
        check(TOO_MUCH[kind], TABLES)
    assert refusal.value.code == "refused"


def test_half_a_character_is_invalid() -> None:
    with pytest.raises(QueryError, match="surrogate"):
        check("SELECT '\ud83d'", TABLES)


def test_allowed_functions_are_duckdbs_and_none_of_them_reaches_out(duck: duckdb.DuckDBPyConnection) -> None:
    rows = duck.execute("SELECT DISTINCT function_name, function_type FROM duckdb_functions()").fetchall()
    known = {name.lower() for name, _ in rows}
    named = functions.ALLOWED - functions.OPERATORS - {"current_localtime", "current_localtimestamp"}
    assert named - known <= {"current_date"}
    only_tables = {name.lower() for name, kind in rows if kind in ("table", "pragma", "table_macro")}
    scalar_too = {name.lower() for name, kind in rows if kind not in ("table", "pragma", "table_macro")}
    assert not (functions.ALLOWED & (only_tables - scalar_too))
    dangerous = (
        "read_",
        "getenv",
        "current_setting",
        "getvariable",
        "pg_",
        "nextval",
        "query",
        "sleep",
        "_log",
    )
    assert not [name for name in functions.ALLOWED for part in dangerous if part in name]
