"""The clickstream: page views, clicks, scrolls and submits of visits to the shop's site."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from contracts.events import ClickEvent
from contracts.sources import CLICKSTREAM
from simulators.behaviour import Actor, Record, Simulator, Step, encode, lead, moment
from simulators.population import CATEGORIES, PRODUCTS, Order, User, uuid_text

SITE = "https://shop.example.org"
_REFERRERS = ("https://www.google.com/", "https://news.example.com/", "https://social.example.net/", None)
_AGENTS = {
    "chrome": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
    "safari": "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1 Version/17.5 Safari/605.1",
    "firefox": "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "edge": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Edg/126.0",
}

Action = Literal["page_view", "click", "scroll", "submit"]


class ClickstreamSimulator(Simulator):
    def begin(self, at: int) -> Actor:
        return self._visit(self.pick(at))

    def shop(self, order: Order, at: int) -> Actor | None:
        return self._checkout(order, lead(order, at, 5))

    def _visit(self, user: User) -> Actor:
        run, session = self.run, uuid_text(self.run)
        url, referrer = self._entry(), run.choice(_REFERRERS)
        pages = 1 + int(run.expovariate(1 / user.persona.pages))
        for number in range(min(pages, 60)):
            act = partial(self._click, user, session, url=url, referrer=referrer)
            yield Step(self.pause(12) if number else 0, partial(act, "page_view"))
            if number == 0 and run.random() < 0.3:
                return  # a bounce
            if run.random() < 0.45:
                yield Step(
                    self.pause(4), partial(act, "scroll", properties={"depth": run.randrange(10, 101)})
                )
            if run.random() < 0.5:
                yield Step(self.pause(4), partial(act, "click", element=run.choice(("nav", "tile", "cta"))))
            url, referrer = self._page(), url

    def _checkout(self, order: Order, pause: int) -> Actor:
        act = partial(self._click, order.user, uuid_text(self.run))
        product, cart = f"{SITE}/products/{order.product_id}", f"{SITE}/cart"
        checkout = f"{SITE}/checkout"
        yield Step(pause, partial(act, "page_view", url=product, referrer=self.run.choice(_REFERRERS)))
        yield Step(pause, partial(act, "click", url=product, element="add-to-cart"))
        yield Step(pause, partial(act, "page_view", url=cart, referrer=product))
        yield Step(pause, partial(act, "page_view", url=checkout, referrer=cart))
        bought = {"order_id": order.order_id, "app_type": order.app_type}
        pay = partial(act, "submit", url=checkout, element="pay", properties=bought)
        yield Step(0, pay, due=order.at)
        yield Step(
            500_000, partial(act, "page_view", url=f"{SITE}/orders/{order.order_id}", referrer=checkout)
        )

    def _click(
        self,
        user: User,
        session: str,
        action: Action,
        at: int,
        *,
        url: str,
        referrer: str | None = None,
        element: str | None = None,
        properties: dict[str, Any] | None = None,
    ) -> Record:
        event = ClickEvent(
            click_id=uuid_text(self.run),
            user_id=user.user_id,
            click_timestamp=moment(at),
            action=action,
            page_url=url,
            session_id=session,
            referrer_url=referrer,
            element=element,
            device_type=user.device_type,
            user_agent=_AGENTS[user.browser],
            properties=properties or {},
        )
        return Record(CLICKSTREAM.topic, user.user_id.encode(), encode(event))

    def _entry(self) -> str:
        return self.run.choice((f"{SITE}/", f"{SITE}/offers", self._page()))

    def _page(self) -> str:
        if self.run.random() < 0.4:
            return f"{SITE}/categories/{self.run.choice(CATEGORIES)}"
        return f"{SITE}/products/{self.run.choice(PRODUCTS)}"
