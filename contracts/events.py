"""The events that producers send, as msgspec structs. Names and types are public contract.

Wire policy: unknown fields never reject a record; ingestion keeps them (in ``properties`` where there is
one, else in ``extra``). Timestamps are RFC 3339 with an offset; ingestion turns them into UTC microseconds.
Ids, texts and ranges are checked by the annotations below, so that an error names the field and the
expectation.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

EventId = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
UserId = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"\S")]
Timestamp = Annotated[datetime, Meta(tz=True)]
EventType = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}\Z")]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")]
NonNegative = Annotated[float, Meta(ge=0)]
StatusCode = Annotated[int, Meta(ge=100, le=599)]


class Event(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=False):
    """Base of all events. Unknown fields are forbidden *here* so that the fast path notices them; ingestion
    then keeps them instead of rejecting the record."""


class AppEvent(Event):
    """One thing that a user did in the mobile or web app, or a server did for them."""

    event_id: EventId
    user_id: UserId
    event_type: EventType
    app_type: Literal["mobile", "web", "server"]
    event_timestamp: Timestamp
    session_id: str | None = None
    platform: str | None = None
    app_version: str | None = None
    country: Country | None = None
    event_value: float | None = None
    """Money spent, for a purchase; finite."""
    response_time_ms: NonNegative | None = None
    status_code: StatusCode | None = None
    error_code: str | None = None
    properties: dict[str, Any] | None = None


class ClickEvent(Event):
    """One interaction with a page."""

    click_id: EventId
    user_id: UserId
    click_timestamp: Timestamp
    action: Literal["page_view", "click", "scroll", "submit"]
    page_url: str
    session_id: str | None = None
    referrer_url: str | None = None
    element: str | None = None
    device_type: str | None = None
    user_agent: str | None = None
    properties: dict[str, Any] | None = None


class UserRecord(Event):
    """What is known of a user at ``updated_at``; a later record wins field by field."""

    user_id: UserId
    updated_at: Timestamp
    email_sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")] | None = None
    name: str | None = None
    country: Country | None = None
    plan: Literal["free", "pro", "enterprise"] | None = None
    signup_timestamp: Timestamp | None = None
    is_active: bool | None = None


class ExternalRecord(Event):
    """One observation of an external feed (weather, fx, ads, …)."""

    record_id: EventId
    source: Annotated[str, Meta(min_length=1, max_length=256)]
    metric: Annotated[str, Meta(min_length=1, max_length=256)]
    value: float
    observed_at: Timestamp
    unit: str | None = None
    dimensions: dict[str, str] | None = None


class ChangeSource(Struct, kw_only=True):
    """Where a change comes from: Debezium's ``source`` block, the parts that are read."""

    connector: str
    db: str
    table: str
    schema: str | None = None
    ts_ms: int | None = None
    lsn: int | None = None
    file: str | None = None
    pos: int | None = None
    row: int | None = None
    snapshot: str | bool | None = None


class ChangeEvent(Struct, kw_only=True):
    """A Debezium envelope, bare; wrapped ones (``{"schema":…,"payload":…}``) carry it as their payload."""

    op: Literal["c", "r", "u", "d", "t", "m"]
    source: ChangeSource
    before: msgspec.Raw = field(default_factory=lambda: msgspec.Raw(b"null"))
    after: msgspec.Raw = field(default_factory=lambda: msgspec.Raw(b"null"))
    ts_ms: int | None = None
    transaction: msgspec.Raw = field(default_factory=lambda: msgspec.Raw(b"null"))
