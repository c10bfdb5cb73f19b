"""Hostile SQL against the real server process: it is refused or stopped, tells and writes nothing, and nobody
else feels it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import Struct

from contracts.layout import audit_folder, run_folder, secrets_folder
from contracts.settings import Settings
from runtime.bootstrap.place import ROOT
from tests.web.hostile_statements import BOMBS, HARMLESS, REFUSED, WITH_PARAMETERS

pytestmark = pytest.mark.heavy

SECRET = "a-secret-that-no-answer-may-tell"
ROWS = 3


class Target(Struct):
    """A server with something to steal."""

    settings: Settings
    places: dict[str, str]
    client: httpx.Client
    asked: int = 0

    def ask(self, sql: str, parameters: Any = None, **how: Any) -> httpx.Response:
        return self.client.post("/query", json={"sql": sql, "parameters": parameters, **how})

    def filled(self, text: Any) -> Any:
        """The places of this server in the braces of a statement or a value."""
        match text:
            case str():
                return text.format(**self.places)
            case list():
                return [self.filled(item) for item in text]
            case dict():
                return {key: self.filled(value) for key, value in text.items()}
        return text

    def is_well(self) -> None:
        """Healthy, and a query that no store of answers has is answered."""
        self.asked += 1
        assert self.client.get("/health").status_code == 200
        assert self.ask(f"SELECT {self.asked}").json()["rows"] == [[self.asked]]

    def gives_nothing_away(self, answer: httpx.Response, asked: str) -> None:
        told = answer.text + str(answer.headers)
        for secret in (SECRET, "root:x:0", str(self.settings.data_root), str(ROOT), self.places["outside"]):
            assert secret in asked or secret not in told, (asked, told)

    def files(self) -> dict[str, tuple[int, int]]:
        """All that lies at and beside the data root, but for what the server keeps of itself."""
        own = [run_folder(self.settings), audit_folder(self.settings), secrets_folder(self.settings)]
        folder = Path(self.places["outside"]).parent
        return {
            str(path): (path.stat().st_size, path.stat().st_mtime_ns)
            for path in folder.rglob("*")
            if path.is_file() and path.name != "log" and not any(path.is_relative_to(f) for f in own)
        }


@pytest.fixture(scope="module")
def target(start_api: Callable[..., Any], add: Any, make_rows: Any) -> Iterator[Target]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME_OF_SECRETS", SECRET)
        api = start_api(
            **{"api.query_timeout_seconds": 2, "api.query_memory_mb": 128, "api.query_workers": 2}
        )
    api.wait()
    add(api.settings, "event_metrics_gold", make_rows("event_metrics_gold", ROWS))
    outside = api.settings.data_root.parent / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_text(f"a\n{SECRET}\n")
    (file,) = (api.settings.data_root / "gold").rglob("*.parquet")
    places = {"outside": str(outside), "root": str(api.settings.data_root), "file": str(file)}
    with httpx.Client(base_url=api.url, trust_env=False, timeout=60) as client:
        yield Target(api.settings, places, client)


def is_a_problem(answer: httpx.Response, codes: set[str], asked: Any) -> None:
    assert 400 <= answer.status_code < 500, (asked, answer.text[:500])
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] in codes and problem["detail"], (asked, problem)


@pytest.mark.parametrize("category", REFUSED)
def test_what_may_not_be_asked_is_refused(target: Target, category: str) -> None:
    before = target.files()
    for template in REFUSED[category]:
        sql = target.filled(template)
        answer = target.ask(sql)
        is_a_problem(answer, {"refused", "invalid", "not_found", "bad_request"}, sql[:500])
        target.gives_nothing_away(answer, sql)
        target.is_well()
    assert target.files() == before


def test_parameters_are_values_only(target: Target) -> None:
    before = target.files()
    for sql, template in WITH_PARAMETERS:
        parameters = target.filled(template)
        answer = target.ask(sql, parameters)
        is_a_problem(answer, {"refused", "invalid", "not_found", "bad_request"}, (sql, parameters))
        target.gives_nothing_away(answer, str(parameters))
        target.is_well()
    assert target.files() == before


def test_what_only_looks_hostile_is_answered(target: Target) -> None:
    before = target.files()
    for template, rows in HARMLESS.items():
        sql = target.filled(template)
        answer = target.ask(sql)
        assert answer.status_code == 200, (sql, answer.text)
        assert answer.json()["rows"] == target.filled(rows), sql
        target.gives_nothing_away(answer, sql)
    assert target.files() == before


def test_no_table_of_the_information_schema_tells_a_place(target: Target) -> None:
    target.ask("SELECT * FROM event_metrics_gold")
    tables = ("columns", "schemata", "tables", "table_constraints", "key_column_usage")
    for name in (*tables, "referential_constraints", "constraint_column_usage"):
        answer = target.ask(f"SELECT * FROM information_schema.{name}", limit=1000)
        assert answer.status_code == 200
        target.gives_nothing_away(answer, name)


class Neighbour(threading.Thread):
    """Somebody else, who asks small questions all the while."""

    def __init__(self, url: httpx.URL) -> None:
        super().__init__()
        self._url = url
        self._enough = threading.Event()
        self.answers: list[tuple[int, Any]] = []

    def run(self) -> None:
        with httpx.Client(base_url=self._url, trust_env=False, timeout=60) as client:
            while not self._enough.is_set():
                sql = f"SELECT count(*), {len(self.answers)} FROM event_metrics_gold"
                answer = client.post("/query", json={"sql": sql})
                rows = answer.json().get("rows", answer.text)
                self.answers.append((answer.status_code, rows))

    def __enter__(self) -> Neighbour:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self.join()


def hold_against(target: Target, bombs: list[str], seconds: float) -> None:
    before = target.files()
    with Neighbour(target.client.base_url) as neighbour:
        for template in bombs:
            sql = target.filled(template)
            answer = target.ask(sql, timeout=seconds)
            is_a_problem(answer, {"timeout", "memory", "refused", "invalid"}, sql[:500])
            target.gives_nothing_away(answer, sql)
            target.is_well()
    assert len(neighbour.answers) > len(bombs)
    assert neighbour.answers == [(200, [[ROWS, number]]) for number in range(len(neighbour.answers))]
    assert target.files() == before


@pytest.mark.heavy
@pytest.mark.parametrize("category", BOMBS)
def test_a_bomb_is_stopped_and_others_are_answered_meanwhile(target: Target, category: str) -> None:
    """Every third; the others are stopped by the same means."""
    hold_against(target, BOMBS[category][::3], 0.3)


@pytest.mark.long
@pytest.mark.parametrize("category", BOMBS)
def test_all_bombs_at_their_leisure(target: Target, category: str) -> None:
    hold_against(target, BOMBS[category], target.settings.api.query_timeout_seconds)
