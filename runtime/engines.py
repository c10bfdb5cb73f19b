"""Picks the engine that the settings name; only that one is imported."""

from __future__ import annotations

from contracts.settings import Settings
from lakehouse.engine import Engine


def make_engine(settings: Settings) -> Engine:
    """A new engine, not warmed up. Raises DependencyError where something that it needs is not set up."""
    if settings.lakehouse.engine == "embedded":
        from lakehouse.embedded import EmbeddedEngine

        return EmbeddedEngine(settings)
    from batch.engine import SparkEngine
    from runtime.jars import delta_jars
    from runtime.java import spark_java_home

    return SparkEngine(settings, delta_jars(settings), spark_java_home(settings))
