"""How long each table is kept: as it is declared, or as the settings say."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from contracts.errors import SettingsError
from contracts.settings import Settings
from lakehouse.datasets import DATASETS, Dataset


def retention_of(settings: Settings, declared: Dataset) -> timedelta | None:
    """None: for good. Settings do not shorten what is kept for good, as others are computed from it."""
    if declared.retention is None:
        return None
    chosen = settings.retention
    days = {
        "bronze": chosen.bronze_days,
        "silver": chosen.silver_days,
        "gold": chosen.gold_days,
        "platform": chosen.platform_days,
    }.get(declared.layer, 0)
    return timedelta(days=days) if days else declared.retention


def kept_from(settings: Settings, declared: Dataset, now: datetime) -> date | None:
    """The first UTC date that is kept whole; None: all are."""
    retention = retention_of(settings, declared)
    return None if retention is None else (now.astimezone(UTC) - retention).date()


def archive_first(settings: Settings, declared: Dataset) -> bool:
    """Whether an archive must hold what goes. Raises SettingsError for names of no table."""
    names = [name.strip() for name in settings.retention.archive_first.split(",") if name.strip()]
    unknown = [name for name in names if name not in DATASETS and name != "*"]
    if unknown:
        raise SettingsError(
            f"retention.archive_first names no table: {', '.join(unknown)}", key="retention.archive_first"
        )
    return declared.archive_first or "*" in names or declared.name in names
