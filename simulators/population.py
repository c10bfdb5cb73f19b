"""The people whom all five simulators share, and what they buy.

Nothing is stored and nothing is sent between the simulators: a user follows from (seed, index), and the
orders of a second from (seed, second). So five processes that never speak agree on who bought what and when,
and the same order shows as a purchase in the app, as a row in `shop.orders` and as a visit in the
clickstream.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from functools import lru_cache
from random import Random
from typing import Literal, TypeVar

from msgspec import Struct

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR

ORDERS_SHARE = 0.02
"""Shared orders per event: a simulator of 100 events/s sees 2 of them a second."""
MOST_ORDERS = 40
"""Shared orders a second at most, so that looking a minute ahead stays cheap."""


class Persona(Struct, frozen=True):
    """How a kind of user behaves."""

    name: str
    share: float
    """Part of the population."""
    activity: float
    """How often one is met, relative to the most active persona."""
    pages: float
    """Mean pages of a visit."""
    spend: float
    """Median value of an order."""


PERSONAS = (
    Persona("enthusiast", 0.10, 1.0, 9.0, 62.0),
    Persona("shopper", 0.30, 0.45, 6.0, 38.0),
    Persona("browser", 0.35, 0.25, 4.0, 22.0),
    Persona("visitor", 0.25, 0.08, 1.8, 15.0),
)


class Country(Struct, frozen=True):
    code: str
    share: float
    hours: float
    """Offset of local time from UTC without summer time; for the daily rhythm only."""


COUNTRIES = (
    Country("US", 0.30, -6),
    Country("DE", 0.14, 1),
    Country("GB", 0.11, 0),
    Country("FR", 0.09, 1),
    Country("IN", 0.09, 5.5),
    Country("BR", 0.08, -3),
    Country("JP", 0.07, 9),
    Country("ES", 0.05, 1),
    Country("CZ", 0.04, 1),
    Country("AU", 0.03, 10),
)

_FIRST_NAMES = (
    "Ada", "Amélie", "Bruno", "Chiara", "Dana", "Elif", "Félix", "Grace", "Haruki", "Inês", "Jiří", "Kofi",
    "Lena", "Mateus", "Noor", "Olga", "Priya", "Quentin", "Rosa", "Søren", "Tomáš", "Uma", "Víctor", "Wei",
    "Ximena", "Yuki", "Zoë", "陽菜",
)  # fmt: skip
_LAST_NAMES = (
    "Adams", "Bianchi", "Costa", "Dvořák", "Evans", "Fischer", "García", "Hansen", "Ito", "Jansen", "Kumar",
    "Lefèvre", "Müller", "Novák", "O'Neill", "Patel", "Quiroga", "Rossi", "Silva", "Taylor", "Ünal", "Vega",
    "Weber", "Xu", "Young", "Zimmermann",
)  # fmt: skip

PRODUCTS = tuple(f"p{number:04d}" for number in range(1, 401))
CATEGORIES = ("shoes", "jackets", "phones", "audio", "kitchen", "garden", "books", "toys")


class User(Struct, frozen=True):
    """One member of the population. Times: UTC microseconds since 1970."""

    index: int
    user_id: str
    name: str
    email_sha256: str
    country: Country
    plan: Literal["free", "pro", "enterprise"]
    persona: Persona
    mobile_platform: Literal["ios", "android"]
    app_version: str
    browser: str
    device_type: Literal["desktop", "mobile", "tablet"]
    signup_us: int


class Order(Struct, frozen=True):
    """One purchase that every simulator knows of. ``at`` is when it is paid, UTC microseconds."""

    order_id: str
    user: User
    product_id: str
    quantity: int
    value: float
    """Euro."""
    app_type: Literal["mobile", "web"]
    at: int


class Population:
    """``size`` users, and their orders, all a function of ``seed``."""

    def __init__(self, seed: int, size: int) -> None:
        self.seed = seed
        self.size = size
        # Bounded: a population may be far larger than what one process has to remember of it.
        self.user = lru_cache(maxsize=20_000)(self._make_user)

    def pick(self, rng: Random, at: int) -> User:
        """A user who is likely to be active at ``at``: by persona, and by the hour where they live."""
        for _ in range(16):
            user = self.user(rng.randrange(self.size))
            if rng.random() < user.persona.activity * daily_rhythm(at, user.country):
                return user
        return user

    def orders(self, second: int, rate: float) -> Iterator[Order]:
        """Orders paid in a second since 1970 that a simulator of ``rate`` events/s shows.

        Those of a lower rate are among those of a higher one. In the order of their time.
        """
        wanted = min(rate * ORDERS_SHARE, MOST_ORDERS)
        if wanted <= 0:
            return
        rng = Random(f"{self.seed}/orders/{second}")
        candidates = sorted((rng.random(), rng.random(), number) for number in range(MOST_ORDERS))
        # Thinning: of MOST_ORDERS candidates those whose rank falls under this rate's share.
        for offset, rank, number in candidates:
            if rank < wanted / MOST_ORDERS:
                yield self._make_order(second, number, second * SECOND + int(offset * SECOND))

    def _make_user(self, index: int) -> User:
        rng = Random(f"{self.seed}/user/{index}")
        name = f"{rng.choice(_FIRST_NAMES)} {rng.choice(_LAST_NAMES)}"
        user_id = f"user_{index:06d}"
        email = f"{user_id}.{self.seed}@example.org"
        return User(
            index=index,
            user_id=user_id,
            name=name,
            email_sha256=hashlib.sha256(email.encode()).hexdigest(),
            country=_weighted(rng, COUNTRIES),
            plan=rng.choices(("free", "pro", "enterprise"), (0.78, 0.18, 0.04))[0],
            persona=_weighted(rng, PERSONAS),
            mobile_platform="ios" if rng.random() < 0.46 else "android",
            app_version=f"{rng.choice((3, 4, 4, 5, 5, 5, 5))}.{rng.randrange(10)}.{rng.randrange(4)}",
            browser=rng.choices(("chrome", "safari", "firefox", "edge"), (0.6, 0.2, 0.1, 0.1))[0],
            device_type=rng.choices(("desktop", "mobile", "tablet"), (0.55, 0.38, 0.07))[0],
            signup_us=1_577_836_800 * SECOND + rng.randrange(5 * 365 * DAY),
        )

    def _make_order(self, second: int, number: int, at: int) -> Order:
        rng = Random(f"{self.seed}/order/{second}/{number}")
        user = self.pick(rng, at)
        return Order(
            order_id=uuid_text(rng),
            user=user,
            product_id=rng.choice(PRODUCTS),
            quantity=rng.choices((1, 2, 3), (0.8, 0.15, 0.05))[0],
            value=round(user.persona.spend * math.exp(rng.gauss(0.0, 0.6)), 2),
            app_type="mobile" if rng.random() < 0.6 else "web",
            at=at,
        )


def daily_rhythm(at: int, country: Country) -> float:
    """How active a country is at a time, 0.05–1: a trough at 4 in the morning, the peak at 20 local time."""
    hour = (at / HOUR + country.hours) % 24
    evening = math.cos((hour - 20) / 24 * 2 * math.pi)
    noon = math.cos((hour - 12.5) / 12 * 2 * math.pi)
    return min(1.0, max(0.05, 0.52 + 0.42 * evening + 0.12 * noon))


def uuid_text(rng: Random) -> str:
    """A version 4 UUID from ``rng``, so that it is reproducible."""
    digits = f"{rng.getrandbits(128):032x}"
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


_Weighted = TypeVar("_Weighted", Persona, Country)


def _weighted(rng: Random, choices: tuple[_Weighted, ...]) -> _Weighted:
    return rng.choices(choices, [choice.share for choice in choices])[0]
