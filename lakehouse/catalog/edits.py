"""Owners and tags that people set while the platform runs. They win over the declared ones.

An edit is a row of the chain `landing/platform_catalog_annotations`, of which the driver makes the table
`catalog_annotations`; so it is durable when it returns, needs no running driver, and two who write at once
lose nothing. An edit of the owner leaves the tags alone, and the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import pyarrow as pa
from msgspec import Meta, Struct

from contracts.errors import ContractError
from contracts.platform import ANNOTATIONS, PLATFORM_LANDING
from contracts.settings import Settings
from lakehouse.medallion import platform_landing

OWNER_LENGTH = 200
MOST_TAGS = 20
TAG = r"^[a-z0-9][a-z0-9_.-]{0,63}$"

Owner = Annotated[
    str, Meta(min_length=1, max_length=OWNER_LENGTH, description="Whom to ask; printable characters.")
]
Tag = Annotated[str, Meta(pattern=TAG, description="A short word in lower case.")]


class Annotation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An owner, tags, or both. What is null stays as it is."""

    owner: Owner | None = None
    tags: (
        Annotated[tuple[Tag, ...], Meta(max_length=MOST_TAGS, description="All tags from now on.")] | None
    ) = None


class Edits(Struct, frozen=True, kw_only=True):
    """What all edits together say."""

    of: dict[str, Annotation]
    """By dataset."""
    newest: datetime | None = None
    """Time of the latest edit."""


NONE = Edits(of={})


def told(rows: Iterable[dict[str, Any]]) -> Edits:
    """The latest owner and the latest tags of each dataset, by the rows of `catalog_annotations` in any
    order."""
    of: dict[str, Annotation] = {}
    newest: datetime | None = None
    for row in sorted(rows, key=lambda row: row["annotated_at"]):
        newest = row["annotated_at"]
        if row["column"] is not None:
            continue
        before = of.get(row["dataset"], Annotation())
        of[row["dataset"]] = Annotation(
            owner=before.owner if row["owner"] is None else row["owner"],
            tags=before.tags if row["tags"] is None else tuple(row["tags"]),
        )
    return Edits(of=of, newest=newest)


def write(settings: Settings, dataset: str, edit: Annotation, *, by: str, after: datetime | None) -> None:
    """Makes an edit known. Durable when it returns.

    It is put later than ``after``, the time of the latest edit that its writer knew: a clock that goes wrong
    does not undo it. Raises ContractError for an owner or tags that may not be, OSError where the disk
    refuses.
    """
    check(edit)
    now = datetime.now(UTC)
    row = {
        "annotated_at": now if after is None else max(now, after + timedelta(microseconds=1)),
        "dataset": dataset,
        "owner": edit.owner,
        "tags": None if edit.tags is None else list(dict.fromkeys(edit.tags)),
        "annotated_by": by,
    }
    schema = PLATFORM_LANDING[ANNOTATIONS.name]
    platform_landing.append(settings, ANNOTATIONS.name, pa.Table.from_pylist([row], schema))


def check(edit: Annotation) -> None:
    """Raises ContractError for an owner or tags that may not be."""
    if edit.owner is None and edit.tags is None:
        raise ContractError("neither an owner nor tags are given: nothing is to be changed")
    owner = edit.owner
    if owner is not None and not (0 < len(owner) <= OWNER_LENGTH and owner.isprintable() and owner.strip()):
        raise ContractError(f"an owner is 1 to {OWNER_LENGTH} printable characters, not {owner!r}")
    for tag in edit.tags or ():
        if not re.fullmatch(TAG, tag):
            raise ContractError(
                f"a tag is a short word in lower case (letters, digits, _, . and -, 64 at most), not {tag!r}"
            )
    if len(edit.tags or ()) > MOST_TAGS:
        raise ContractError(f"a dataset has at most {MOST_TAGS} tags")
