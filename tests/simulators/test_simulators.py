"""What simulators make: valid, reproducible, in agreement with each other, and cheap."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from statistics import median
from typing import Any

import msgspec
import pytest

from contracts.errors import NotFound, SettingsError
from contracts.settings import Settings
from contracts.sources import SOURCES, source_of_topic
from simulators import runner
from simulators.behaviour import EPOCH, Agenda, Record, Step
from simulators.faults import Faults
from simulators.population import DAY, HOUR, SECOND, Population, daily_rhythm

START = datetime(2026, 3, 4, 9, tzinfo=UTC)
START_US = int((START - EPOCH).total_seconds()) * SECOND
NAMES = tuple(runner.SIMULATORS)


def records(
    name: str, count: int, *, rate: float = 100.0, faults: float = 0.0, seed: int = 7
) -> list[Record]:
    simulator = runner.SIMULATORS[name](Population(seed, 500), rate, Random(f"{seed}/{name}"))
    source = Faults(simulator, faults, Random(seed))
    return [source.next(START_US + int(slot * SECOND / rate)) for slot in range(count)]


def lines(name: str, path: Any, **given: Any) -> list[dict[str, Any]]:
    runner.run(
        Settings(), name, output=str(path), start=START, keyed=True, **{"count": 3000, "users": 400, **given}
    )
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_every_record_keeps_its_contract(name: str) -> None:
    for record in records(name, 1500):
        source = source_of_topic(record.topic)
        if record.value is None:
            assert source.name == "cdc_changes"
            continue
        event = msgspec.json.decode(record.value, type=source.event, strict=True)
        if source.key_field:
            assert getattr(event, source.key_field).encode() == record.key
        else:
            json.loads(record.key)


@pytest.mark.parametrize("name", NAMES)
def test_event_times_are_those_of_the_slots(name: str) -> None:
    for slot, record in enumerate(records(name, 500)):
        source = source_of_topic(record.topic)
        if record.value is None:
            continue
        value = json.loads(record.value)
        at = value["source"]["ts_us"] if source.name == "cdc_changes" else value[source.time_field]
        expected = START + timedelta(milliseconds=10 * slot)
        if isinstance(at, str):
            assert datetime.fromisoformat(at) == expected
        else:
            assert EPOCH + timedelta(microseconds=at) == expected


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_start_and_count_are_the_same_bytes(name: str, tmp_path: Any) -> None:
    def bytes_of(file: str, **given: Any) -> bytes:
        runner.run(Settings(), name, output=str(tmp_path / file), count=300, users=200, faults=0.2, **given)
        return (tmp_path / file).read_bytes()

    first = bytes_of("first", start=START)
    assert first == bytes_of("again", start=START)
    assert first.count(b"\n") == 300
    assert first != bytes_of("seed", start=START, seed=43)
    later = bytes_of("later", start=START + timedelta(seconds=1))
    assert first != later


def test_a_restart_repeats_no_id(tmp_path: Any) -> None:
    def ids(file: str, start: datetime) -> set[str]:
        runner.run(Settings(), "mobile", output=str(tmp_path / file), count=1000, users=200, start=start)
        return {json.loads(line)["event_id"] for line in (tmp_path / file).read_bytes().splitlines()}

    first, second = ids("1", START), ids("2", START + timedelta(microseconds=1))
    assert len(first) == len(second) == 1000
    assert not first & second


def test_a_purchase_shows_in_orders_and_in_the_clickstream(tmp_path: Any) -> None:
    bought = {
        event["value"]["properties"]["order_id"]: event["value"]
        for name in ("mobile", "web")
        for event in lines(name, tmp_path / name, count=3_000)
        if event["value"]["event_type"] == "purchase"
    }
    placed = {
        change["value"]["after"]["order_id"]: change["value"]["after"]
        for change in lines("cdc", tmp_path / "cdc", count=3_000)
        if change["value"]
        and change["value"].get("op") == "c"
        and change["value"]["source"]["table"] == "orders"
    }
    paid = {
        click["value"]["properties"]["order_id"]: click["value"]
        for click in lines("clickstream", tmp_path / "clicks", count=3_000)
        if click["value"]["element"] == "pay"
    }
    assert len(bought) > 25
    # The last ones may be on their way in one source and done in another.
    missing = [order for order in bought if order not in placed or order not in paid]
    assert len(missing) <= 0.06 * len(bought)
    for order in bought.keys() & placed.keys() & paid.keys():
        assert bought[order]["user_id"] == placed[order]["user_id"] == paid[order]["user_id"]
        assert f"{bought[order]['event_value']:.2f}" == placed[order]["total"]


def test_the_orders_of_a_lower_rate_are_among_those_of_a_higher_one() -> None:
    population = Population(3, 1000)
    for second in range(1_770_000_000, 1_770_000_050):
        few = {order.order_id for order in population.orders(second, 50)}
        assert few <= {order.order_id for order in population.orders(second, 500)}
    made = sum(1 for second in range(1_770_000_000, 1_770_000_500) for _ in population.orders(second, 100))
    assert 700 < made < 1300  # 2 a second


def test_changes_are_what_one_database_could_have_written(tmp_path: Any) -> None:
    rows: dict[str, Any] = {}
    position = 0
    operations: Counter[str] = Counter()
    for line in lines("cdc", tmp_path / "cdc", count=5_000, users=100):
        if line["topic"] != "topic_cdc_changes":
            continue
        change = line["value"]
        if change is None:
            assert line["key"] not in rows
            operations["tombstone"] += 1
            continue
        assert change["source"]["lsn"] > position
        position = change["source"]["lsn"]
        operations[change["op"]] += 1
        assert change["before"] == rows.get(line["key"])
        if change["op"] == "d":
            assert change["after"] is None
            del rows[line["key"]]
        else:
            assert json.loads(line["key"]).items() <= change["after"].items()
            rows[line["key"]] = change["after"]
    assert operations["d"] == operations["tombstone"] > 10
    assert min(operations["c"], operations["u"]) > 200


def test_profiles_follow_the_users_table(tmp_path: Any) -> None:
    stored: dict[str, Any] = {}
    seen = 0
    for line in lines("cdc", tmp_path / "cdc", count=3_000):
        value = line["value"]
        if line["topic"] == "topic_users":
            seen += 1
            if value["is_active"]:
                row = stored[value["user_id"]]
                assert (value["name"], value["plan"]) == (row["name"], row["plan"])
        elif value and value["source"]["table"] == "users" and value["after"]:
            stored[value["after"]["user_id"]] = value["after"]
    assert seen > 100


def test_visits_look_like_visits() -> None:
    events = [json.loads(record.value or b"") for record in records("mobile", 4_000)]
    sessions = defaultdict(list)
    for event in events:
        sessions[event["session_id"]].append(event)
    for visit in sessions.values():
        assert len({event["user_id"] for event in visit}) == 1
        for before, after in pairwise(visit):
            pause = datetime.fromisoformat(after["event_timestamp"]) - datetime.fromisoformat(
                before["event_timestamp"]
            )
            assert pause < timedelta(minutes=10)
    share = Counter(event["event_type"] for event in events)
    assert {"login", "screen_view", "button_click", "search", "add_to_cart", "purchase", "error"} <= set(
        share
    )
    assert 0.005 < share["error"] / len(events) < 0.02
    assert 100 < median(event["response_time_ms"] for event in events) < 180
    for event in events:
        assert (event["event_value"] is not None) == (event["event_type"] == "purchase")
        assert (event["error_code"] is not None) == (event["event_type"] == "error")


def test_people_sleep() -> None:
    population = Population(1, 2000)
    american = next(user.country for user in map(population.user, range(100)) if user.country.code == "US")
    local_evening, local_night = 20 - american.hours, 4 - american.hours
    assert daily_rhythm(int(local_evening * HOUR), american) > 3 * daily_rhythm(
        int(local_night * HOUR), american
    )

    def americans(hour: float) -> int:
        run = Random(5)
        at = 20_000 * DAY + int(hour * HOUR)
        return sum(population.pick(run, at).country.code == "US" for _ in range(1500))

    assert americans(local_evening) > 1.5 * americans(local_night)


@pytest.mark.parametrize("name", NAMES)
def test_a_share_of_faults(name: str) -> None:
    made = records(name, 2000, faults=0.3)
    seen: set[Record] = set()
    malformed = duplicate = late = 0
    for slot, record in enumerate(made):
        source = source_of_topic(record.topic)
        if record in seen:
            duplicate += 1
            continue
        seen.add(record)
        if record.value is None:
            continue
        try:
            event = msgspec.json.decode(record.value, type=source.event)
        except (msgspec.DecodeError, msgspec.ValidationError):
            malformed += 1
            continue
        at = (
            EPOCH + timedelta(microseconds=json.loads(record.value)["source"]["ts_us"])
            if source.name == "cdc_changes"
            else getattr(event, source.time_field)
        )
        if START + timedelta(milliseconds=10 * slot) - at >= timedelta(minutes=10):
            late += 1
    assert all(120 < count < 280 for count in (malformed, duplicate)), (malformed, duplicate)
    assert 120 < late < 280 or (name == "cdc" and late > 100)


def test_slots_keep_the_rate_and_actors_their_pauses() -> None:
    agenda = Agenda()
    made = Record("topic", b"", b"")

    def actor() -> Any:
        yield Step(0, lambda at: made)
        yield Step(500, lambda at: made)
        yield Step(0, lambda at: made, due=9_000)

    agenda.add(actor(), 100)
    assert agenda.take(99) is None
    assert agenda.take(100)
    assert agenda.take(599) is None
    assert agenda.take(700)
    assert agenda.take(8_999) is None
    assert agenda.take(9_000)
    assert agenda.take(10**9) is None
    assert not len(agenda)


def test_a_tiny_population_and_a_high_rate_still_give_every_slot() -> None:
    simulator = runner.SIMULATORS["web"](Population(1, 1), 1000.0, Random(1))
    made = [simulator.next(START_US + slot * 1000) for slot in range(5000)]
    assert {record.key for record in made} == {b"user_000000"}


def test_output_without_keys_is_the_values(tmp_path: Any) -> None:
    path = tmp_path / "events.ndjson"
    runner.run(Settings(), "external-data", output=str(path), count=50, start=START)
    values = [json.loads(line) for line in io.BytesIO(path.read_bytes())]
    assert len(values) == 50
    assert {value["source"] for value in values} == {"weather", "fx", "ads"}


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(NotFound, match="external-data"):
        runner.run(Settings(), "fridge")
    with pytest.raises(SettingsError, match="rate"):
        runner.run(Settings(), "web", rate=0)
    with pytest.raises(SettingsError, match="faults"):
        runner.run(Settings(), "web", faults=1.5)
    with pytest.raises(SettingsError, match="users"):
        runner.run(Settings(), "web", users=0)


def test_every_source_topic_has_a_simulator() -> None:
    seen = {record.topic for name in NAMES for record in records(name, 500)}
    assert seen == {source.topic for source in SOURCES}


def test_a_simulator_loads_no_heavy_library() -> None:
    program = (
        "import sys, simulators.runner; "
        "loaded = {name.partition('.')[0] for name in sys.modules}; "
        "print(sorted(loaded & {'numpy', 'polars', 'pyarrow', 'pandas'}))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
