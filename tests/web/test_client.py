"""The Python client against the real server."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pandas as pd
import polars as pl
import pytest

import dataplatform_client.catalog as told_of_tables
import dataplatform_client.platform as told_of_platform
from contracts.secrets import secret
from dataplatform_client import (
    AsyncClient,
    Client,
    ConnectionFailed,
    Forbidden,
    InvalidQuery,
    NotFound,
    QueryTimeout,
    Truncated,
    TruncatedWarning,
    Unauthorized,
)
from dataplatform_client.results import Rows
from tests.web.conftest import append, settings_for, silver_rows
from web.access.keys import FIRST_SECRET, editing_keys
from web.openapi import examples

pytestmark = pytest.mark.heavy

NOON = datetime(2025, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def api(start_api: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One over 30 events in two versions."""
    root = tmp_path_factory.mktemp("client") / "data"
    for count, start in ((20, 0), (10, 20)):
        append(settings_for(root), "app_events_silver", silver_rows(count, start))
    api = start_api(**{"paths.data": root})
    api.wait()
    return api


@pytest.fixture
def platform(api: Any) -> Iterator[Client]:
    with Client(api.url) as client:
        yield client


TYPES = (
    "SELECT count(*) AS n, sum(event_hour) AS total, 9007199254740993 AS exact, "
    "123456789012345678901::HUGEINT AS huge, 1.50::DECIMAL(9, 2) AS money, 'nan'::DOUBLE AS f, "
    "NULL::INTEGER AS nothing, true AS yes, "
    "min(event_timestamp) AS at, TIMESTAMP '2025-11-24 12:00:00' AS plain, DATE '2025-11-24' AS day, "
    "INTERVAL '1 month 2 days 3 seconds' AS span, [1, 2] AS list, 1 AS n FROM app_events_silver"
)


def test_polars_has_the_types_that_are_meant(platform: Client) -> None:
    frame = platform.query(TYPES)
    moments = pl.Datetime("us", "UTC")
    assert dict(frame.schema) == {
        "n": pl.Int64(),
        "total": pl.Int64(),  # DuckDB's sum of integers is a HUGEINT, Arrow's decimal128(38, 0)
        "exact": pl.Int64(),
        "huge": pl.Decimal(38, 0),  # does not fit
        "money": pl.Decimal(9, 2),
        "f": pl.Float64(),
        "nothing": pl.Int32(),
        "yes": pl.Boolean(),
        "at": moments,
        "plain": moments,
        "day": pl.Date(),
        "span": pl.Duration("us"),
        "list": pl.List(pl.Int32()),
        "n_2": pl.Int32(),
    }
    row = frame.row(0, named=True)
    assert (row["n"], row["exact"], row["huge"]) == (30, 2**53 + 1, Decimal("123456789012345678901"))
    assert row["at"] == row["plain"] == NOON and row["day"] == date(2025, 11, 24)
    assert row["span"] == timedelta(days=32, seconds=3)


def test_pandas_has_the_types_that_are_meant(platform: Client) -> None:
    frame = platform.query_pandas(TYPES)
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "n": "Int64",
        "total": "Int64",
        "exact": "Int64",
        "huge": "object",
        "money": "object",
        "f": "float64",
        "nothing": "Int32",
        "yes": "boolean",
        "at": "datetime64[us, UTC]",
        "plain": "datetime64[us, UTC]",
        "day": "datetime64[ms]",
        "span": "timedelta64[us]",
        "list": "object",
        "n_2": "Int32",
    }
    row = frame.iloc[0]
    assert (row["n"], row["exact"], row["money"]) == (30, 2**53 + 1, Decimal("1.50"))
    assert row["nothing"] is pd.NA and row["at"] == pd.Timestamp(NOON)


def test_an_empty_answer_keeps_its_types(platform: Client) -> None:
    frame = platform.query("SELECT user_id, event_timestamp FROM app_events_silver WHERE false")
    assert (frame.height, frame.schema["event_timestamp"]) == (0, pl.Datetime("us", "UTC"))
    assert len(platform.query_pandas("SELECT sum(event_hour) AS s FROM app_events_silver WHERE false")) == 1


class Count(msgspec.Struct):
    user_id: str
    events: int


def test_rows_are_typed(platform: Client) -> None:
    sql = "SELECT user_id, count(*) AS events FROM app_events_silver WHERE user_id = $user GROUP BY user_id"
    answer = platform.query_rows(sql, {"user": "user_id-7"})
    assert answer.to(Count) == [Count("user_id-7", 1)]
    assert answer.versions == {"app_events_silver": 1}
    assert platform.query("SELECT ? + 1 AS x", [41])["x"].to_list() == [42]


def test_earlier_versions_can_be_read(platform: Client) -> None:
    count = "SELECT count(*) AS n FROM app_events_silver"
    assert platform.query(count, version=0)["n"].item() == 20
    first, _ = reversed(platform.history("app_events_silver"))
    assert platform.query(count, as_of=first.timestamp)["n"].item() == 20
    assert platform.query(count, as_of=first.timestamp.isoformat())["n"].item() == 20
    with pytest.raises(ValueError, match="zone"):
        platform.query(count, as_of=datetime(2025, 11, 24))
    with pytest.raises(NotFound):
        platform.query(count, as_of=NOON)


def test_an_answer_that_is_not_all_is_told(api: Any, platform: Client) -> None:
    many = "SELECT range AS n FROM range(5000)"
    asks: list[Callable[[str], Any]] = [platform.query, platform.query_pandas]
    asks += [platform.query_rows, platform.query_arrow]
    for ask in asks:
        with pytest.warns(TruncatedWarning, match="more rows than the 1,000") as told:
            ask(many)
        assert told[0].filename == __file__
    with pytest.warns(TruncatedWarning):
        platform.query(many, limit=4000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert platform.query(many, limit=10).height == 10  # that is what was asked for
        with Client(api.url, on_truncated="ignore") as careless:
            assert careless.query_arrow(many).truncated
    with Client(api.url, on_truncated="raise") as strict, pytest.raises(Truncated):
        strict.query(many)


def test_errors_say_what_to_mend(platform: Client) -> None:
    with pytest.raises(InvalidQuery) as raised:
        platform.query("SELECT event_typ FROM app_events_silver")
    assert raised.value.position is not None and "event_type" in raised.value.suggestions
    with pytest.raises(InvalidQuery, match="only SELECT"):
        platform.query("DROP TABLE app_events_silver")
    with pytest.raises(NotFound) as missing:
        platform.table("app_event_silver")
    assert "app_events_silver" in missing.value.suggestions and missing.value.request_id
    with pytest.raises(QueryTimeout):
        platform.query("SELECT sum(hash(range) % 3) FROM range(1000000000000)", timeout=0.2)
    with pytest.raises(ConnectionFailed), Client("http://127.0.0.1:9") as nobody:
        nobody.health()


def test_everything_else_is_typed(platform: Client) -> None:
    (table,) = platform.tables(layer="silver", q="app event once wins")
    assert (table.name, table.rows) == ("app_events_silver", 30)
    detail = platform.table("app_events_silver")
    assert detail.history[0].version == 1 and detail.key == ["event_id"]
    assert [commit.version for commit in platform.history("app_events_silver", limit=1)] == [1]
    preview = platform.preview("app_events_silver", limit=2, columns=["event_id"], where="event_hour > 3")
    assert (len(preview.rows), preview.columns[0].name) == (2, "event_id")
    assert [entry.name for entry in platform.catalog(layer="silver", tag="external").tables] == [
        "external_data_silver"
    ]
    lineage = platform.lineage("event_metrics_gold", direction="upstream", depth=1, columns=True)
    assert [(edge.origin, edge.to) for edge in lineage.edges] == [("app_events_silver", "event_metrics_gold")]
    assert lineage.columns
    assert platform.health().tables["app_events_silver"].version == 1
    assert platform.streams(limit=1).total_sessions == 0
    assert platform.jobs() == []
    assert platform.annotate("users_silver", owner="growth", tags=["kpi"]).tags == ["kpi"]
    assert platform.table("users_silver").owner == "growth"
    moments = platform.events()
    first, second = next(moments), next(moments)
    assert first.at < second.at and second.versions["app_events_silver"] == 1


def test_the_asynchronous_client_answers_alike(api: Any) -> None:
    async def ask() -> None:
        async with AsyncClient(api.url) as platform:
            counts = await asyncio.gather(
                *(platform.query(f"SELECT count(*) + {n} AS n FROM app_events_silver") for n in range(5))
            )
            assert [frame["n"].item() for frame in counts] == [30, 31, 32, 33, 34]
            assert (await platform.query_pandas("SELECT 1 AS x"))["x"].tolist() == [1]
            assert (await platform.query_rows("SELECT 1 AS x")).dicts() == [{"x": 1}]
            assert (await platform.query_arrow("FROM app_events_silver")).versions == {"app_events_silver": 1}
            with pytest.warns(TruncatedWarning) as told:
                await platform.query("FROM range(5000)")
            assert told[0].filename == __file__
            assert (await platform.table("app_events_silver")).rows == 30
            async for moment in platform.events():
                assert moment.versions["app_events_silver"] == 1
                break

    asyncio.run(ask())


def test_keys_open_what_they_are_for(start_api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    api = start_api(**{"api.keys": "true"})
    api.wait()
    with editing_keys(api.settings) as keys:
        _, reader = keys.create("reader", "read", now=datetime.now(UTC))
    with Client(api.url) as nobody:
        assert nobody.health().at is None  # one word
        with pytest.raises(Unauthorized):
            nobody.tables()
    with Client(api.url, reader) as reading:
        assert reading.tables() and reading.health().at
        with pytest.raises(Forbidden, match="query"):
            reading.query("SELECT 1")
    monkeypatch.setenv("DP_API_URL", api.url)
    monkeypatch.setenv("DP_API_KEY", str(secret(api.settings, FIRST_SECRET)))
    with Client() as first:
        assert first.query("SELECT 1 AS x")["x"].item() == 1


def test_structs_know_the_fields_of_the_api() -> None:
    pairs: list[tuple[Any, Any]] = [
        (told_of_tables.TableDetail, examples.DETAIL),
        (told_of_tables.Catalog, examples.EXPORT),
        (told_of_tables.Lineage, examples.LINEAGE),
        (told_of_platform.Health, examples.HEALTH),
        (told_of_platform.Streams, examples.STREAMS),
        (told_of_platform.Run, examples.RUNS[0]),
        (told_of_platform.Moment, examples.MOMENT),
        (told_of_platform.Journey, examples.JOURNEY),
        (told_of_platform.DeadLetters, examples.DEAD_LETTERS),
        (Rows, examples.ROWS),
    ]
    for kind, example in pairs:
        # All of it comes back: no field is missing here, or means another type.
        answered = msgspec.json.encode(example)
        decoded = msgspec.json.decode(answered, type=kind)
        assert msgspec.json.decode(msgspec.json.encode(decoded)) == msgspec.json.decode(answered), kind
