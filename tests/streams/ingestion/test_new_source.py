"""A source that is added is held to all that its event declares, also by the fast path."""

from __future__ import annotations

from typing import Annotated, Any

import pyarrow as pa
import pytest
from msgspec import Meta

from contracts.events import Event, EventId, Timestamp, UserId
from contracts.landing import LANDING, TIMESTAMP
from contracts.sources import Source
from tests.streams.ingestion.event_records import decode, rows

Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]
Code = Annotated[str, Meta(min_length=2, pattern="^[a-z]+$")]


class Payment(Event):
    payment_id: Annotated[str, Meta(pattern=r"^p-[0-9]+\Z")]
    user_id: UserId
    currency: Currency
    paid_at: Timestamp
    refund_currency: Currency | None = None
    code: Code | None = None
    other_id: EventId | None = None


PAYMENTS = Source(
    name="payments",
    topic="topic_payments",
    key_field="user_id",
    consumer_group="payments_consumer",
    event=Payment,
    id_field="payment_id",
    time_field="paid_at",
    date_column="paid_date",
    chain_folder="landing/payments",
    overflow_field="extra",
)
PAYMENT = {"payment_id": "p-1", "user_id": "u", "currency": "EUR", "paid_at": "2026-11-18T10:00:00Z"}


@pytest.fixture(autouse=True)
def landing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [pa.field(n, pa.string()) for n in Payment.__struct_fields__ if n != "paid_at"]
    schema = pa.schema([*texts, pa.field("paid_at", TIMESTAMP), pa.field("extra", pa.string())])
    monkeypatch.setitem(LANDING, "payments", schema)


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"currency": "eur"}, "$.currency"),
        ({"currency": "EURO"}, "$.currency"),
        ({"refund_currency": "x"}, "$.refund_currency"),
        ({"payment_id": "1"}, "$.payment_id"),
        ({"code": "a"}, "$.code"),
        ({"code": "A1"}, "$.code"),
        ({"other_id": "a\nb"}, "$.other_id"),
        ({"user_id": " "}, "$.user_id"),
    ],
)
def test_what_breaks_a_constraint_is_refused_alone(values: dict[str, Any], path: str) -> None:
    decoded = decode(PAYMENT, {**PAYMENT, **values}, PAYMENT, source=PAYMENTS)
    assert [refused.error.path for refused in decoded.rejected] == [path]
    assert decoded.offsets == [0, 2]


def test_what_keeps_them_passes() -> None:
    full = {**PAYMENT, "refund_currency": "USD", "code": "ab", "other_id": "o"}
    decoded = decode(PAYMENT, full, source=PAYMENTS)
    assert [row["refund_currency"] for row in rows(decoded)] == [None, "USD"]
    assert decoded.rejected == []
