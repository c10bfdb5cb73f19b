"""Picks the engine that the settings name; only that one is imported."""

from __future__ import annotations

from contracts.settings import Settings
from lakehouse.engine import Engine
from lakehouse.jobs.runner import JobEngine


def make_engine(settings: Settings) -> Engine:
    """A new engine, not warmed up. Raises DependencyError where something that it needs is not set up."""
    if settings.lakehouse.engine == "embedded":
        from lakehouse.embedded import EmbeddedEngine

        return EmbeddedEngine(settings)
    from batch.engine import SparkEngine
    from runtime.jars import delta_jars
    from runtime.java import spark_java_home

    return SparkEngine(settings, delta_jars(settings), spark_java_home(settings))


def make_job_engine(settings: Settings) -> JobEngine:
    """A new engine for one run of a batch job. Raises DependencyError where something is not set up."""
    if settings.lakehouse.engine == "embedded":
        from lakehouse.embedded.jobs import EmbeddedJobs

        return EmbeddedJobs(settings)
    from batch.jobs import SparkJobs
    from runtime.jars import delta_jars
    from runtime.java import spark_java_home

    return SparkJobs(settings, delta_jars(settings), spark_java_home(settings))
