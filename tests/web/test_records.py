"""`GET /trace` and `GET /dead-letters`: what they say, to many at once, and while the broker is away."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest

from contracts.errors import DependencyError, NotFound, QueryError
from contracts.settings import Settings
from contracts.sources import APP_EVENTS
from kafka_cluster.dead_letter_log import Letter, Reason, Seen
from tests.streams.feeding import canonical_event
from tests.streams.scenario import MICRO, flush, loaded, packed
from web import dead_letters, journeys
from web.dead_letters import DeadLetterView
from web.journeys import Journey, Journeys
from web.recent import Recent

AT = datetime(2026, 1, 1, tzinfo=UTC)


def letter(number: int, raw: bytes | None, **values: Any) -> Letter:
    fields = {
        "source": "users",
        "kind": "wrong_type",
        "reason": "age: expected a number",
        "attempts": 1,
        "dead_lettered_at": AT.replace(minute=number),
        "position": f"dead_letter/0/{number}",
        "origin": f"topic_users/0/{number}",
        "raw_bytes": len(raw or b""),
        "raw": raw,
        "offset": number,
        "partition": 0,
    }
    return Letter(**(fields | values))


def test_many_who_ask_share_one_look_and_its_failure() -> None:
    looks = []

    def look() -> int:
        looks.append(threading.get_ident())
        if len(looks) > 1:
            raise DependencyError("away")
        return 7

    async def body() -> None:
        recent = Recent(look, 0.05)
        assert await asyncio.gather(*(recent.get() for _ in range(50))) == [7] * 50
        assert await recent.get() == 7 and len(looks) == 1
        assert looks[0] != threading.get_ident()  # the loop goes on meanwhile
        while len(looks) == 1:
            try:
                await recent.get()
            except DependencyError:
                break
            await asyncio.sleep(0.01)
        failed = await asyncio.gather(*(recent.get() for _ in range(50)), return_exceptions=True)
        assert {str(one) for one in failed} == {"away"} and len(looks) == 2

    asyncio.run(body())


def test_dead_letters_by_source_and_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    cut = "ä".encode() * 2048 + b"a"
    seen = Seen(
        total=9,
        replayed=1,
        reasons=[
            Reason("users", "wrong_type", "age: expected a number", 6, 1, AT),
            Reason("app_events", "too_large", "too large", 3, 0, AT),
        ],
        letters={
            ("users", "wrong_type"): [
                letter(4, cut[1:4096], raw_bytes=9999),
                letter(3, "früh".encode(), replayed=True),
                letter(1, None),
            ],
            ("app_events", "too_large"): [
                letter(2, b"\xff\xfe", source="app_events", kind="too_large"),
                letter(0, "ä".encode()[:1] + b"x" * 10, source="app_events", kind="too_large"),
            ],
        },
        complete=True,
        unreadable=0,
    )
    seen.letters["users", "wrong_type"][0].raw = cut[:4095]  # within a character
    monkeypatch.setattr(dead_letters.DeadLetterLog, "look", lambda self: seen)

    async def body() -> None:
        view = DeadLetterView(Settings())
        everything = await view.get(None, None, 50)
        assert (everything.total, everything.complete) == (9, True)
        assert [one.origin.rpartition("/")[2] for one in everything.letters] == ["4", "3", "2", "1", "0"]
        told = {one.origin[-1]: (one.encoding, one.raw, one.raw_bytes) for one in everything.letters}
        assert told["4"] == ("text", "ä" * 2047, 9999)
        assert told["3"] == ("text", "früh", 5)
        assert told["2"] == ("base64", "//4=", 2)
        assert told["1"] == ("text", None, 0)
        assert told["0"][0] == "base64"
        some = await view.get("users", None, 1)
        assert (some.total, [one.origin for one in some.letters]) == (6, ["topic_users/0/4"])
        assert [(one.kind, one.count, one.replayed) for one in some.by_reason] == [("wrong_type", 6, 1)]
        none = await view.get("users", "too_large", 50)
        assert (none.total, none.by_reason, none.letters) == (0, [], [])

    asyncio.run(body())


@pytest.mark.heavy
def test_without_a_broker_dead_letters_say_so_at_once_and_a_trace_tells_what_is_in_files(
    settings: Settings, with_client: Any
) -> None:
    events = loaded(settings, APP_EVENTS)
    event = canonical_event("e-1", "u1", "purchase", int(AT.timestamp()) * MICRO, 2.0)
    with_slashes = event | {"event_id": "topic/1/2"}
    events.append(0, packed(0, 1, -1, [(0, event), (1, with_slashes)]))
    flush(events)

    async def body(client: httpx.AsyncClient) -> None:
        away = await client.get("/dead-letters")
        assert (away.status_code, away.json()["code"]) == (503, "unavailable")
        assert "127.0.0.1:1" in away.json()["detail"]
        found = await client.get("/trace/e-1")
        told = found.json()
        assert (told["event_id"], told["source"], told["reached"]) == ("e-1", "app_events", "landing")
        (copy,) = told["copies"]
        assert (copy["topic"], copy["offset"]) == ("topic_app_events", 0)
        assert told["dead_letters"] == []
        for path in ("/trace/topic%2F1%2F2", "/trace/topic/1/2"):  # as ids of changes are
            assert [one["offset"] for one in (await client.get(path)).json()["copies"]] == [1]
        nowhere = await client.get("/trace/e-2%20%2F?x=1")
        assert (nowhere.status_code, nowhere.json()["code"]) == (404, "not_found")
        nowhere = await client.get("/trace/e-2")
        assert nowhere.status_code == 404
        assert "dp status" in nowhere.json()["detail"]
        assert "dead letters were not searched" in nowhere.json()["detail"]
        assert (await client.get("/trace/" + "x" * 600)).status_code == 404

    with_client(settings, body)


def test_one_search_for_all_who_ask_for_the_same_and_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    under_way = 0
    go_on = threading.Event()

    def search(settings: Settings, event_id: str, **_: Any) -> Journey:
        nonlocal under_way
        under_way += 1
        assert under_way == 1
        asked.append(event_id)
        assert go_on.wait(30)
        under_way -= 1
        if event_id == "nowhere":
            raise NotFound("it is nowhere")
        return Journey(event_id=event_id)

    monkeypatch.setattr(journeys, "journey", search)

    async def body() -> None:
        searches = Journeys(Settings())
        same = [asyncio.create_task(searches.get("a")) for _ in range(20)]
        others = [
            asyncio.create_task(searches.get(name)) for name in ("b", "nowhere", "d", "e", "f", "g", "h")
        ]
        await asyncio.sleep(0)
        with pytest.raises(QueryError) as busy:
            await searches.get("one too many")
        assert busy.value.code == "busy"
        same[0].cancel()  # who goes away takes the answer from nobody
        go_on.set()
        answers = await asyncio.gather(*same[1:])
        assert {msgspec.json.decode(one)["event_id"] for one in answers} == {"a"}
        await asyncio.wait(others)
        assert isinstance(others[1].exception(), NotFound)
        assert sorted(asked) == sorted(["a", "b", "nowhere", "d", "e", "f", "g", "h"])
        assert msgspec.json.decode(await searches.get("again"))["event_id"] == "again"

    asyncio.run(body())
