"""A PostgreSQL shop seen through Debezium: `shop.users`, `shop.orders`, and profile upserts to `topic_users`.

The envelopes are bare, as a connector sends them with `schemas.enable=false`, `decimal.handling.mode=string`
and REPLICA IDENTITY FULL: whole rows before and after, decimals as text, a tombstone after each delete.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from contracts.events import UserRecord
from contracts.sources import CDC_CHANGES, USERS
from simulators.behaviour import Actor, Record, Simulator, Step, encode, moment
from simulators.population import PRODUCTS, SECOND, Order, User, uuid_text

Row = dict[str, Any]

CONNECTOR_VERSION = "3.2.0.Final"
MOST_ACCOUNTS = 10_000
"""Rows of `shop.users` that are remembered, so that `before` is what was written last."""
_PLANS = ("free", "pro", "enterprise")


class CdcSimulator(Simulator):
    """Rows are created, updated and deleted in an order that one database could have written."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._lsn = 0
        self._transaction = 0
        self._accounts: set[int] = set()

    def begin(self, at: int) -> Actor:
        if self.run.random() < 0.45 and len(self._accounts) < MOST_ACCOUNTS:
            for _ in range(8):
                user = self.pick(at)
                if user.index not in self._accounts:
                    return self._account(user)
        return self._order(self._counter_sale(at), at)

    def shop(self, order: Order, at: int) -> Actor | None:
        return self._order(order, order.at)

    def _counter_sale(self, at: int) -> Order:
        """An order that no app shows: sold at a counter."""
        run, user = self.run, self.pick(at)
        value = round(user.persona.spend * run.lognormvariate(0, 0.6), 2)
        return Order(uuid_text(run), user, run.choice(PRODUCTS), 1, value, "mobile", at)

    def _account(self, user: User) -> Actor:
        """A user's row from sign-up over edits to the day the account is closed."""
        run = self.run
        self._accounts.add(user.index)
        row: Row = {
            "user_id": user.user_id,
            "name": user.name,
            "email_sha256": user.email_sha256,
            "country": user.country.code,
            "plan": user.plan,
            "is_active": True,
            "created_at": moment(user.signup_us),
            "updated_at": moment(user.signup_us),
        }
        yield Step(0, partial(self._put_user, "c", row, {}))
        yield Step(50_000, partial(self._profile, row))
        while run.random() < 0.97:
            # The more accounts there are, the more rarely each is edited: edits stay at a third of the rate.
            seconds = max(30.0, len(self._accounts) / (0.3 * self.rate))
            edit = (
                {"plan": run.choice(_PLANS)}
                if run.random() < 0.6
                else {"name": f"{user.name} {run.randrange(9)}"}
            )
            yield Step(self.pause(seconds), partial(self._put_user, "u", row, edit))
            yield Step(50_000, partial(self._profile, row))
        yield Step(self.pause(30), partial(self._delete, "users", "user_id", row))
        yield Step(0, partial(self._tombstone, "user_id", row))
        yield Step(50_000, partial(self._profile, {**row, "is_active": False}))
        self._accounts.discard(user.index)

    def _order(self, order: Order, due: int) -> Actor:
        """An order's row: placed, paid, then shipped and delivered, or cancelled and deleted."""
        run = self.run
        row: Row = {
            "order_id": order.order_id,
            "user_id": order.user.user_id,
            "product_id": order.product_id,
            "quantity": order.quantity,
            "total": f"{order.value:.2f}",
            "currency": "EUR",
            "status": "placed",
            "created_at": moment(order.at),
            "updated_at": moment(order.at),
        }
        yield Step(0, partial(self._put_order, "c", row, {}), due=due)
        if run.random() < 0.05:
            yield Step(self.pause(20), partial(self._put_order, "u", row, {"status": "cancelled"}))
            yield Step(self.pause(20), partial(self._delete, "orders", "order_id", row))
            yield Step(0, partial(self._tombstone, "order_id", row))
            return
        for status, seconds in (("paid", 2), ("shipped", 60), ("delivered", 120)):
            yield Step(self.pause(seconds), partial(self._put_order, "u", row, {"status": status}))

    def _put_user(self, op: str, row: Row, edit: Row, at: int) -> Record:
        return self._put("users", "user_id", op, row, edit, at)

    def _put_order(self, op: str, row: Row, edit: Row, at: int) -> Record:
        return self._put("orders", "order_id", op, row, edit, at)

    def _put(self, table: str, key: str, op: str, row: Row, edit: Row, at: int) -> Record:
        before = dict(row) if op == "u" else None
        row.update(edit, updated_at=moment(at))
        return self._change(table, key, op, before, row, at)

    def _delete(self, table: str, key: str, row: Row, at: int) -> Record:
        return self._change(table, key, "d", row, None, at)

    def _tombstone(self, key: str, row: Row, at: int) -> Record:
        return Record(CDC_CHANGES.topic, encode({key: row[key]}), None)

    def _profile(self, row: Row, at: int) -> Record:
        """The same user's profile, as the shop's backend sends it to `topic_users`."""
        record = UserRecord(
            user_id=row["user_id"],
            updated_at=moment(at),
            email_sha256=row["email_sha256"],
            name=row["name"],
            country=row["country"],
            plan=row["plan"],
            signup_timestamp=row["created_at"],
            is_active=row["is_active"],
        )
        return Record(USERS.topic, row["user_id"].encode(), encode(record))

    def _change(
        self, table: str, key: str, op: str, before: Row | None, after: Row | None, at: int
    ) -> Record:
        # Log positions grow with time, so that they go on growing after a restart.
        previous, self._lsn = self._lsn, max(self._lsn + self.run.randrange(8, 64), at)
        self._transaction += 1
        milliseconds = at // 1000
        envelope = {
            "before": before,
            "after": after,
            "source": {
                "version": CONNECTOR_VERSION,
                "connector": "postgresql",
                "name": "shop",
                "ts_ms": milliseconds,
                "snapshot": "false",
                "db": "shop",
                "sequence": f'["{previous}","{self._lsn}"]',
                "ts_us": at,
                "ts_ns": at * 1000,
                "schema": "public",
                "table": table,
                "txId": at // SECOND % 1_000_000_000 + self._transaction,
                "lsn": self._lsn,
                "xmin": None,
            },
            "transaction": None,
            "op": op,
            "ts_ms": milliseconds + 12,
            "ts_us": at + 12_000,
            "ts_ns": (at + 12_000) * 1000,
        }
        identity = before if after is None else after
        assert identity is not None
        return Record(CDC_CHANGES.topic, encode({key: identity[key]}), encode(envelope))
