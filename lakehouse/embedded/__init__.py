"""The engine without a JVM: sqlglot, DuckDB and deltalake."""

from __future__ import annotations

from lakehouse.embedded.engine import EmbeddedEngine

__all__ = ["EmbeddedEngine"]
