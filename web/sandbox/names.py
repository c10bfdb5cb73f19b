"""Names that a query may not read or take as its own."""

from __future__ import annotations

INFORMATION_SCHEMA = "information_schema"
_INFORMATION = frozenset(
    {
        *("columns", "key_column_usage", "referential_constraints", "schemata", "table_constraints"),
        *("tables", "constraint_column_usage"),
    }
)
"""`views` is not among them: the text of a view names the table's files on our disk."""
_RESERVED = ("duckdb_", "pg_", "pragma_", "sqlite_")
_OF_FILES = frozenset("/\\.:*?")


def is_information(name: str) -> bool:
    """Whether a table of `information_schema` tells nothing but names and types."""
    return name.lower() in _INFORMATION


def is_reserved(name: str) -> bool:
    """Whether DuckDB's own catalog may have a table of that name.

    Where an expression is named so, `WITH RECURSIVE sqlite_master AS (FROM sqlite_master) …` reads DuckDB's:
    settings, secrets, and the texts of views with the places of our files.
    """
    return name.lower().startswith(_RESERVED)


def is_like_a_file(name: str) -> bool:
    """Whether it could be taken as the name of a file."""
    return not _OF_FILES.isdisjoint(name)
