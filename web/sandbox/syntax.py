"""The second layer: DuckDB's own syntax tree of the query, against the same allow-lists.

What DuckDB itself will run is checked, so that nothing hides in a difference between two parsers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import duckdb
import msgspec

from contracts.errors import QueryError
from web.sandbox.functions import ALLOWED, NOT_REPEATABLE, TABLE_FUNCTIONS
from web.sandbox.names import INFORMATION_SCHEMA, is_information, is_like_a_file, is_reserved

_QUERIES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
"""Statements that may stand in a statement. To DuckDB `WITH x AS (COPY … TO …) FROM x` is a SELECT, too."""
_SERIALIZE = "SELECT json_serialize_sql(?::VARCHAR, skip_null := true, skip_empty := true)"


def check_syntax(connection: duckdb.DuckDBPyConnection, sql: str, tables: Collection[str]) -> bool:
    """Raises QueryError unless the text is exactly one SELECT that reads ``tables`` (lower case), its own
    common table expressions and `information_schema`, and calls allowed functions only.

    Returns whether the query is repeatable: the same rows from the same tables, whatever the time and chance.
    """
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise QueryError("only one SELECT statement is allowed", code="refused")
    row = connection.execute(_SERIALIZE, [sql]).fetchone()
    tree = msgspec.json.decode(row[0]) if row else {"error": True}
    if tree.get("error"):
        raise QueryError(f"only SELECT is allowed: {tree.get('error_message', 'unknown')}", code="refused")
    own = set(_common_tables(tree))
    repeatable = True
    for node in _nodes(tree):
        function = str(node.get("function_name", "")).lower()
        if function and function not in ALLOWED and function not in TABLE_FUNCTIONS:
            raise _refused(f"function {function} is not allowed", node, sql)
        match node.get("type"):
            case str(kind) if kind.endswith("_NODE") and kind not in _QUERIES:
                name = kind.removesuffix("_NODE").removesuffix("_QUERY")
                raise QueryError(f"only SELECT is allowed, not {name}", code="refused")
            case "TABLE_FUNCTION":
                name = (node.get("function") or {}).get("function_name", "").lower()
                if name not in TABLE_FUNCTIONS:
                    raise _refused(f"table function {name} is not allowed", node, sql)
            case "BASE_TABLE":
                _check_table(node, own, tables, sql)
            case "SHOW_REF":
                raise QueryError("DESCRIBE, SHOW and SUMMARIZE are not allowed", code="refused")
        repeatable = repeatable and not ({function, *_plain_names(node)} & NOT_REPEATABLE or "sample" in node)
    return repeatable


def _plain_names(node: dict[str, Any]) -> list[str]:
    """`current_date` and the like are columns to the parser, and functions where no column has the name."""
    names = node.get("column_names")
    return [str(names[0]).lower()] if isinstance(names, list) and len(names) == 1 else []


def _check_table(node: dict[str, Any], own: Collection[str], tables: Collection[str], sql: str) -> None:
    name = str(node.get("table_name", "")).lower()
    schema = str(node.get("schema_name", "")).lower()
    known = name in tables or (not schema and name in own)
    plain = not node.get("catalog_name")
    if plain and schema == INFORMATION_SCHEMA and is_information(name):
        return
    if plain and known and schema in ("", "main"):
        return
    raise _refused(f"table {name!r} is not allowed", node, sql)


def _refused(message: str, node: dict[str, Any], sql: str) -> QueryError:
    at = node.get("query_location")
    size = node.get("query_location_length")
    return QueryError(message, code="refused", offset=characters(sql, at) if at and size else None)


def characters(sql: str, position: int) -> int:
    """DuckDB's positions count bytes of UTF-8."""
    return len(sql.encode()[:position].decode(errors="ignore"))


def _common_tables(tree: Any) -> Iterator[str]:
    """Names of common table expressions. A name that could be a file's, or DuckDB's own, is refused."""
    for node in _nodes(tree):
        cte_map = node.get("cte_map")
        for entry in cte_map.get("map", ()) if isinstance(cte_map, dict) else ():
            name = str(entry.get("key", "")).lower()
            if is_like_a_file(name) or is_reserved(name):
                raise QueryError(f"{name!r} is not allowed as the name of an expression", code="refused")
            yield name


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """All objects of the tree. Not recursive: its depth is the query's."""
    waiting = [tree]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
