"""Five weeks of a platform's life: users who come, buy, and leave, and the lakehouse that came of it.

The tables' commits have the times that they would have had, so that they can be read as they were.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from msgspec import Struct

from contracts.layout import LAYERS
from contracts.settings import Lakehouse, Paths, Settings
from contracts.sources import APP_EVENTS, CLICKSTREAM, USERS
from lakehouse.embedded import EmbeddedEngine
from lakehouse.medallion.rounds import Rounds
from tests.lakehouse.conftest import Landing

DAYS = 35
PEOPLE = 1100
"""More than the rows of one answer."""
PAGES = ("/", "/search", "/product", "/cart", "/checkout")

Row = dict[str, Any]


class Person(Struct, frozen=True):
    """A user: how often they come, and from which day on no more."""

    name: str
    chance: float
    until: int
    country: str
    device: str


def people(chance: Random) -> list[Person]:
    return [
        Person(
            name=f"u-{number:04d}",
            chance=chance.choice((0.1, 0.2, 0.4, 0.7)),
            until=chance.randrange(1, 2 * DAYS),
            country=chance.choice(("DE", "US", "FR", "JP")),
            device=chance.choice(("phone", "desktop", "tablet")),
        )
        for number in range(PEOPLE)
    ]


def landed_on(day: datetime, number: int, everybody: list[Person], chance: Random) -> dict[str, list[Row]]:
    """What lands on one day, by source."""
    rows: dict[str, list[Row]] = {"app_events": [], "clickstream": [], "users": []}
    for person in everybody:
        if number == 0 or number == person.until:
            # Who leaves cancels: a profile of today tells what nobody knew before.
            plan = "cancelled" if number == person.until else chance.choice(("free", "pro"))
            rows["users"].append(
                {"user_id": person.name, "plan": plan, "country": person.country, **_times("updated_at", day)}
            )
        if number < person.until and chance.random() < person.chance:
            at = day + timedelta(seconds=chance.randrange(80_000))
            visit = f"{person.name}-{number}"
            rows["app_events"] += _events(person, visit, at, chance)
            rows["clickstream"] += _clicks(person, visit, at, chance)
    return rows


def _times(name: str, at: datetime) -> Row:
    arrived = at + timedelta(seconds=3)
    return {name: at, "source_timestamp": arrived, "ingest_timestamp": arrived}


def _events(person: Person, visit: str, at: datetime, chance: Random) -> Iterator[Row]:
    for place in range(chance.randrange(1, 5)):
        kind = "login" if place == 0 else chance.choice(("screen_view", "screen_view", "purchase", "error"))
        at += timedelta(seconds=chance.randrange(5, 120))
        # Some phones were offline for long.
        happened = at - timedelta(days=8) if chance.random() < 0.01 else at
        yield {
            "event_id": f"{visit}-{place}",
            "user_id": person.name,
            "event_type": kind,
            "app_type": "mobile" if person.device == "phone" else "web",
            "event_value": round(math.exp(chance.gauss(3, 0.6)), 2) if kind == "purchase" else None,
            "response_time_ms": chance.expovariate(1 / 80),
            "status_code": 500 if kind == "error" else 200,
            **_times("event_timestamp", at),
            "event_timestamp": happened,
        }


def _clicks(person: Person, visit: str, at: datetime, chance: Random) -> Iterator[Row]:
    for place in range(chance.randrange(1, 5)):
        at += timedelta(seconds=chance.randrange(5, 240))
        yield {
            "click_id": f"{visit}-c{place}",
            "user_id": person.name,
            "session_id": visit,
            "action": "page_view",
            "page_url": f"https://shop.example{PAGES[place]}",
            "device_type": person.device,
            **_times("click_timestamp", at),
        }


def build(root: Path) -> Settings:
    """The lakehouse of five weeks that end with yesterday."""
    settings = Settings(paths=Paths(data=str(root)), lakehouse=Lakehouse(engine="embedded", gold_seconds=1))
    landing, chance = Landing(settings), Random(7)
    everybody = people(chance)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    engine = EmbeddedEngine(settings)
    try:
        # A round of the driver before each moment that the notebooks go back to, and one at the end.
        for first, last in ((0, DAYS - 14), (DAYS - 14, DAYS - 7), (DAYS - 7, DAYS)):
            for number in range(first, last):
                day = today - timedelta(days=DAYS - number)
                landed = landed_on(day, number, everybody, chance)
                for source in (APP_EVENTS, CLICKSTREAM, USERS):
                    if landed[source.name]:
                        landing.add(source, landed[source.name])
            run_driver(settings, engine)
            if last < DAYS:
                date_commits(settings, today - timedelta(days=DAYS - last))
    finally:
        engine.close()
    return settings


def run_driver(settings: Settings, engine: EmbeddedEngine) -> None:
    """Takes all that has landed into every table."""
    rounds = Rounds(settings, engine)
    for gold in rounds.gold_tables:
        gold._every = 0
    while rounds.bronze():
        pass
    while rounds.silver():
        pass
    rounds.gold()
    assert not any(rounds.status.failures.values()), rounds.status.errors
    rounds.close()


def date_commits(settings: Settings, latest: datetime) -> None:
    """Gives the commits that were made just now the time ``latest``, at most."""
    stamp = int(latest.timestamp() * 1000)
    for layer in LAYERS:
        for commit in (settings.data_root / layer).glob("*/_delta_log/*.json"):
            actions = [json.loads(line) for line in commit.read_text("utf-8").splitlines()]
            for action in actions:
                if "commitInfo" in action:
                    action["commitInfo"]["timestamp"] = min(action["commitInfo"]["timestamp"], stamp)
            commit.write_text("\n".join(map(json.dumps, actions)) + "\n", "utf-8")
