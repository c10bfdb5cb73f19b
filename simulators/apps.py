"""The mobile app and the web app: visits of users, with pages, purchases, response times and errors."""

from __future__ import annotations

import math
from functools import partial
from random import Random
from typing import Any, Literal

from contracts.events import AppEvent
from contracts.sources import APP_EVENTS
from simulators.behaviour import Actor, Record, Simulator, Step, encode, lead, moment
from simulators.population import CATEGORIES, PRODUCTS, Order, Population, User, uuid_text

ERROR_SHARE = 0.012
_FAILURES = (
    (500, "E_INTERNAL"),
    (502, "E_UPSTREAM"),
    (503, "E_BUSY"),
    (504, "E_TIMEOUT"),
    (404, "E_NOT_FOUND"),
)
_SCREENS = ("home", "category", "product", "offers", "profile", "orders")
_AFTER_VIEW = ("screen_view", "button_click", "search", "add_to_cart")
_QUERIES = ("running shoes", "zelt für zwei", "headphones", "café maker", "子供の本", "lamp", "jacket 42")


class AppSimulator(Simulator):
    """One app; ``app_type`` is ``mobile`` or ``web``."""

    app_type: Literal["mobile", "web"]
    view: str
    response_ms: float
    """Median response time."""

    def __init__(self, population: Population, rate: float, run: Random) -> None:
        super().__init__(population, rate, run)
        self._log_response = math.log(self.response_ms)

    def begin(self, at: int) -> Actor:
        return self._visit(self.pick(at))

    def shop(self, order: Order, at: int) -> Actor | None:
        return self._purchase(order, lead(order, at, 4)) if order.app_type == self.app_type else None

    def _visit(self, user: User) -> Actor:
        """Browsing that buys nothing; what is bought are the orders that all simulators share."""
        run, session = self.run, uuid_text(self.run)
        if run.random() < 0.35:
            yield Step(0, partial(self._event, user, session, "login"))
        pages = 1 + int(run.expovariate(1 / user.persona.pages))
        for _ in range(min(pages, 60)):
            kind = run.choices(_AFTER_VIEW, (0.62, 0.2, 0.1, 0.08))[0]
            event_type = self.view if kind == "screen_view" else kind
            yield Step(self.pause(8), partial(self._event, user, session, event_type))
        if run.random() < 0.2:
            yield Step(self.pause(5), partial(self._event, user, session, "logout"))

    def _purchase(self, order: Order, pause: int) -> Actor:
        session = uuid_text(self.run)
        act = partial(self._event, order.user, session)
        product = {"product_id": order.product_id}
        yield Step(pause, partial(act, "login"))
        yield Step(pause, partial(act, self.view, properties={"screen": "product", **product}))
        yield Step(pause, partial(act, "add_to_cart", properties={**product, "quantity": order.quantity}))
        yield Step(pause, partial(act, self.view, properties={"screen": "checkout"}))
        bought = {"order_id": order.order_id, **product, "quantity": order.quantity, "currency": "EUR"}
        yield Step(0, partial(act, "purchase", properties=bought, value=order.value), due=order.at)

    def _event(
        self,
        user: User,
        session: str,
        event_type: str,
        at: int,
        *,
        properties: dict[str, Any] | None = None,
        value: float | None = None,
    ) -> Record:
        run = self.run
        response = math.exp(run.gauss(self._log_response, 0.55))
        status, error_code = 201 if event_type in ("purchase", "add_to_cart") else 200, None
        if properties is None:
            properties = self._properties(event_type)
        if value is None and run.random() < ERROR_SHARE:
            status, error_code = run.choice(_FAILURES)
            properties = {"during": event_type}
            event_type, response = "error", response * 6
        event = AppEvent(
            event_id=uuid_text(run),
            user_id=user.user_id,
            event_type=event_type,
            app_type=self.app_type,
            event_timestamp=moment(at),
            session_id=session,
            platform=user.mobile_platform if self.app_type == "mobile" else user.browser,
            app_version=user.app_version,
            country=user.country.code,
            event_value=value,
            response_time_ms=round(response, 1),
            status_code=status,
            error_code=error_code,
            properties=properties,
        )
        return Record(APP_EVENTS.topic, user.user_id.encode(), encode(event))

    def _properties(self, event_type: str) -> dict[str, Any]:
        run = self.run
        if event_type == "search":
            return {"query": run.choice(_QUERIES), "results": run.randrange(120)}
        if event_type == "add_to_cart":
            return {"product_id": run.choice(PRODUCTS), "quantity": 1}
        if event_type == self.view:
            return {"screen": run.choice(_SCREENS), "category": run.choice(CATEGORIES)}
        return {}


class MobileSimulator(AppSimulator):
    app_type = "mobile"
    view = "screen_view"
    response_ms = 140.0


class WebSimulator(AppSimulator):
    app_type = "web"
    view = "page_view"
    response_ms = 90.0
