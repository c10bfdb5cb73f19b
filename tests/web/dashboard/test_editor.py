"""The SQL editor in a browser, over tables of known content: runs, errors, cancels, keeps, shares."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import httpx
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, expect

from tests.web.dashboard.browsing import Visit, visit
from tests.web.running import SILVER, Running, until

pytestmark = pytest.mark.heavy

COUNTS = f"SELECT event_date, count(*) AS events FROM {SILVER} GROUP BY ALL ORDER BY ALL"
ENDLESS = "SELECT count(*) FROM range(100000000000) AS r(n) WHERE sin(n) > 2"


@pytest.fixture(scope="module")
def served(start_api: Callable[..., Any], add: Any, make_rows: Any) -> Iterator[Running]:
    """30 events on two days."""
    api = start_api()
    api.wait()
    add(api.settings, SILVER, make_rows(SILVER, 20))
    add(api.settings, SILVER, make_rows(SILVER, 10, 20, event_date=date(2025, 11, 25)))
    with httpx.Client(base_url=api.url, trust_env=False, timeout=60) as client:
        yield Running(api, client)


@pytest.fixture
def editor(browser: Browser, served: Running) -> Iterator[Visit]:
    """The empty editor. Nothing may have been complained of at the end."""
    with visit(browser, served.api.url) as made:
        made.go("/sql?q=")
        expect(made.page.get_by_label("SQL statement")).to_be_visible()
        yield made
        assert made.complaints == []


def write(made: Visit, sql: str) -> None:
    # As somebody does: `fill` changes the editor's markup past the editor.
    made.page.get_by_label("SQL statement").click()
    made.page.keyboard.press("Control+A")
    made.page.keyboard.insert_text(sql)


def run(made: Visit) -> None:
    made.page.get_by_role("button", name="Run", exact=True).click()


def idle(served: Running) -> bool:
    """Whether no process of the server's computes; one that has just been ended is looked at again."""
    try:
        return all(worker.cpu_percent(0.2) < 20 for worker in served.workers())
    except psutil.NoSuchProcess:
        return False


def rows(made: Visit) -> list[list[str]]:
    table = made.page.get_by_role("region", name="Result").get_by_role("table")
    expect(table).to_be_visible()
    return [line.get_by_role("cell").all_inner_texts() for line in table.get_by_role("row").all()[1:]]


def test_rows_are_those_of_the_tables(editor: Visit) -> None:
    write(editor, COUNTS)
    editor.page.get_by_label("SQL statement").press("Control+Enter")
    assert rows(editor) == [["2025-11-24", "20"], ["2025-11-25", "10"]]
    expect(editor.page.get_by_text("2 rows in")).to_be_visible()


def test_a_number_keeps_every_digit(editor: Visit) -> None:
    write(editor, "SELECT 9007199254740993::BIGINT AS big, 0.1 + 0.2 AS decimal, NULL AS nothing")
    run(editor)
    assert rows(editor) == [["9007199254740993", "0.3", "null"]]


def test_an_error_stands_where_it_is_and_a_suggestion_mends_it(editor: Visit) -> None:
    write(editor, f"SELECT '🦆' AS duck, evnt_type FROM {SILVER}")
    run(editor)
    expect(editor.page.get_by_role("alert")).to_contain_text("evnt_type")
    mark = editor.page.locator(".cm-lintRange-error")
    expect(mark).to_have_text("evnt_type")
    expect(editor.page.get_by_role("button", name="event_type", exact=True)).to_be_visible()


def test_a_run_that_takes_long_is_cancelled_on_the_server_too(editor: Visit, served: Running) -> None:
    write(editor, ENDLESS)
    run(editor)
    editor.page.get_by_role("button", name="Cancel").click()
    expect(editor.page.get_by_text("Cancelled.")).to_be_visible()
    until(lambda: idle(served))
    write(editor, "SELECT 1 AS one")
    run(editor)
    assert rows(editor) == [["1"]]


def test_parameters_and_their_types(editor: Visit) -> None:
    write(editor, "SELECT typeof($n) AS n, typeof($t) AS t, $t || '!' AS said, '$no' AS text")
    editor.page.get_by_label("$n").fill("5")
    editor.page.get_by_label("$t").fill("x' OR '1")
    run(editor)
    ((number, text, said, literal),) = rows(editor)
    assert (number in ("INTEGER", "BIGINT"), text, said, literal) == (True, "VARCHAR", "x' OR '1!", "$no")


def test_completion_knows_tables_columns_and_functions(editor: Visit) -> None:
    statement = editor.page.get_by_label("SQL statement")
    for typed, offered in (
        ("SELECT * FROM app_events_s", SILVER),
        (f"SELECT * FROM {SILVER} WHERE {SILVER}.event_t", "event_type"),
        ("SELECT date_tr", "date_trunc"),
    ):
        statement.fill("")
        statement.press_sequentially(typed)
        expect(editor.page.locator(".cm-completionLabel", has_text=offered).first).to_be_visible()
        statement.press("Escape")


def test_history_survives_a_reload_and_brings_statements_back(editor: Visit) -> None:
    write(editor, "SELECT 41 + 1 AS answer")
    run(editor)
    assert rows(editor) == [["42"]]
    editor.go("/sql?q=")
    editor.page.reload()
    past = editor.page.get_by_role("region", name="History")
    expect(past).to_contain_text("1 rows")
    past.get_by_role("button", name="SELECT 41 + 1 AS answer").click()
    run(editor)
    assert rows(editor) == [["42"]]


def test_a_link_opens_the_same_statement_elsewhere(editor: Visit, browser: Browser, served: Running) -> None:
    write(editor, f"SELECT count(*) AS n FROM {SILVER} WHERE event_date = $day::DATE")
    editor.page.get_by_label("$day").fill("2025-11-25")
    run(editor)
    assert rows(editor) == [["10"]]
    editor.page.get_by_role("button", name="Copy link").click()
    expect(editor.page.get_by_text("Copied.")).to_be_visible()
    link = editor.page.evaluate("navigator.clipboard.readText()")
    # The server sees nothing of it: not in its log, not in a proxy's.
    assert link.partition("#")[0] == f"{served.api.url}/"
    with visit(browser, served.api.url) as other:
        other.page.goto(link)
        run(other)
        assert rows(other) == [["10"]]
        assert other.complaints == []


@pytest.mark.parametrize("form", ["CSV", "Parquet", "Arrow"])
def test_files_hold_the_rows(editor: Visit, form: str) -> None:
    write(editor, COUNTS)
    run(editor)
    rows(editor)
    with editor.page.expect_download() as waiting:
        editor.page.get_by_role("button", name=form, exact=True).click()
    content = waiting.value.path().read_bytes()
    if form == "CSV":
        found = [int(row["events"]) for row in csv.DictReader(io.StringIO(content.decode()))]
    elif form == "Parquet":
        found = pq.read_table(io.BytesIO(content)).column("events").to_pylist()
    else:
        found = pa.ipc.open_stream(content).read_all().column("events").to_pylist()
    assert found == [20, 10]


def test_a_quick_chart_and_its_numbers(editor: Visit) -> None:
    write(editor, COUNTS)
    run(editor)
    rows(editor)
    editor.page.get_by_role("button", name="Chart", exact=True).click()
    expect(editor.page.get_by_role("img", name="events: 10 at the end")).to_be_visible()
    editor.page.get_by_role("button", name="As a table").click()
    expect(editor.page.get_by_role("row", name="2025-11-24 00:00 20")).to_be_visible()


def test_as_of_reads_what_was_then(editor: Visit, served: Running) -> None:
    first = served.client.get(f"/tables/{SILVER}/history").json()[-1]["timestamp"]
    write(editor, f"SELECT count(*) AS n FROM {SILVER}")
    # To the minute before there was a table.
    editor.page.get_by_label("As of (UTC)").fill("2020-01-01T00:00")
    run(editor)
    expect(editor.page.get_by_role("alert")).to_be_visible()
    assert first
    editor.page.get_by_role("button", name="Now").click()
    run(editor)
    assert rows(editor) == [["30"]]


def test_a_statement_of_a_hostile_row_is_text(editor: Visit) -> None:
    text = "<img src=x onerror=alert(1)><style>*{display:none}</style>"
    write(editor, f"SELECT {json.dumps(text).replace(chr(34), chr(39))} AS evil")
    run(editor)
    assert rows(editor) == [[text]]
