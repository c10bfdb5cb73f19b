"""The five bronze tables: every landed row, append-only, in the order of the chains."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa

from contracts.landing import LANDING, TIMESTAMP
from contracts.sources import APP_EVENTS, CDC_CHANGES, CLICKSTREAM, EXTERNAL_DATA, USERS, Source
from lakehouse.datasets.declaration import (
    DUPLICATE_IN_BATCH,
    LOAD_TIMESTAMP,
    QUALITY_FLAGS,
    Column,
    Dataset,
    FromChain,
    Rule,
)
from lakehouse.datasets.descriptions import DESCRIPTIONS

RETENTION = timedelta(days=90)
KEPT = (USERS, CDC_CHANGES)
"""Profiles and versions of captured rows stand in what came at any time: without it they could not be built
anew."""


def landed_columns(source: Source) -> tuple[Column, ...]:
    """Columns of a source's landing files."""
    return tuple(
        Column(
            name=field.name,
            type=field.type,
            nullable=field.nullable,
            description=DESCRIPTIONS[field.name],
            reads=(field.name,),
        )
        for field in LANDING[source.name]
    )


def load_timestamp_column() -> Column:
    return Column(
        name=LOAD_TIMESTAMP, type=TIMESTAMP, nullable=False, description=DESCRIPTIONS[LOAD_TIMESTAMP]
    )


def _bronze(source: Source, description: str, *rules: Rule, tags: tuple[str, ...] = ()) -> Dataset:
    own = (
        Column(
            name=source.date_column,
            type=pa.date32(),
            nullable=False,
            description=f"UTC date of {source.time_field}.",
            reads=(source.time_field,),
        ),
        Column(
            name=QUALITY_FLAGS,
            type=pa.list_(pa.string()),
            nullable=False,
            description=DESCRIPTIONS[QUALITY_FLAGS],
        ),
        load_timestamp_column(),
    )
    return Dataset(
        name=source.bronze_table,
        layer="bronze",
        description=description,
        columns=landed_columns(source) + own,
        build=FromChain(source=source.name),
        time=source.time_field,
        partition=source.date_column,
        tags=("raw", *tags),
        retention=None if source in KEPT else RETENTION,
        time_travel=timedelta(days=7),
        rules=rules,
    )


def _flag(name: str, fails_when: str, description: str) -> Rule:
    return Rule(name=name, severity="flag", fails_when=fails_when, description=description)


def _duplicate(id_field: str) -> Rule:
    """Evaluated by the bronze writer itself: the condition spans rows."""
    return _flag(DUPLICATE_IN_BATCH, "", f"An earlier row of the same commit has the same {id_field}.")


BRONZE: tuple[Dataset, ...] = (
    _bronze(
        APP_EVENTS,
        "Every valid app event as it landed, deliveries of the same event included.",
        _duplicate("event_id"),
        _flag("negative_event_value", "event_value < 0", "Money spent is not negative."),
        _flag(
            "purchase_without_value",
            "event_type = 'purchase' AND event_value IS NULL",
            "A purchase says how much was spent.",
        ),
        tags=("events", "personal"),
    ),
    _bronze(
        CLICKSTREAM,
        "Every valid click as it landed.",
        _duplicate("click_id"),
        _flag("blank_page_url", "TRIM(page_url) = ''", "A click names its page."),
        tags=("events", "personal"),
    ),
    _bronze(
        USERS,
        "Every user record as it landed; later records win field by field.",
        _flag("signup_after_update", "signup_timestamp > updated_at", "Nobody signs up after the update."),
        tags=("profile", "personal"),
    ),
    _bronze(
        EXTERNAL_DATA,
        "Every observation of the external feeds as it landed.",
        _duplicate("record_id"),
        tags=("external",),
    ),
    _bronze(
        CDC_CHANGES,
        "Every database change as it was transformed, with its envelope.",
        _flag(
            "key_missing",
            "key IS NULL AND operation <> 'TRUNCATE'",
            "A change other than a truncate has a primary key.",
        ),
        tags=("cdc", "personal"),
    ),
)
