"""The platform's own tables: what other processes hand over as chains in landing."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa

from contracts.platform import (
    ANNOTATIONS,
    METRICS,
    PLATFORM_LANDING,
    RESULTS,
    RUNS,
    PlatformSource,
)
from lakehouse.datasets.bronze import load_timestamp_column
from lakehouse.datasets.declaration import Column, Dataset, FromChain, Layer
from lakehouse.datasets.descriptions import PLATFORM_DESCRIPTIONS

RETENTION = timedelta(days=365)


def _landed(
    source: PlatformSource,
    layer: Layer,
    description: str,
    key: tuple[str, ...],
    retention: timedelta | None = RETENTION,
) -> Dataset:
    return Dataset(
        name=source.table,
        layer=layer,
        description=description,
        columns=(
            *(
                Column(
                    name=field.name,
                    type=field.type,
                    nullable=field.nullable,
                    description=PLATFORM_DESCRIPTIONS[field.name],
                )
                for field in PLATFORM_LANDING[source.name]
            ),
            Column(
                name=source.date_column,
                type=pa.date32(),
                nullable=False,
                description=f"UTC date of {source.time_field}.",
            ),
            load_timestamp_column(),
        ),
        build=FromChain(source=source.name, quality_flags=False),
        key=key,
        time=source.time_field,
        partition=source.date_column,
        retention=retention,
        tags=("operations",),
        freshness=timedelta(minutes=5),
    )


PLATFORM_METRICS_SILVER = _landed(
    METRICS,
    "silver",
    "What the health monitor sampled: minute, component and metric.",
    ("sampled_at", "component", "metric"),
)

PLATFORM: tuple[Dataset, ...] = (
    _landed(
        ANNOTATIONS,
        "platform",
        "Owners and tags set at run time; the latest row of a dataset (and column) counts.",
        ("annotated_at", "dataset"),
        retention=None,
    ),
    _landed(RESULTS, "platform", "What each rule of each check said.", ("run_id", "dataset", "rule")),
    _landed(RUNS, "platform", "Every run of a batch job.", ("run_id",)),
)
