"""How dead letters are printed: readable, counted, and harmless to a terminal."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from contracts.errors import InvalidRecord
from kafka_cluster import dead_letter_box
from kafka_cluster.dead_letter_box import Entry
from kafka_cluster.dead_letters import DeadLetter, Position, dead_letter
from runtime.cli import main


def refused(offset: int, value: bytes | None, reason: str, kind: str) -> DeadLetter:
    record = SimpleNamespace(
        topic="topic_users",
        partition=1,
        offset=offset,
        timestamp=1_772_000_000_123,
        key="schlüssel".encode(),
        value=value,
        headers=[("source", b"shop\x1b[2J")],
    )
    return dead_letter(record, InvalidRecord(reason, path="$.plan", kind=kind))


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> None:
    letters = [
        refused(7, b'{"plan":"[bold]gold"}', "expected one of [free]", "wrong_value"),
        refused(8, b"\xff\x00\x1b[31mred", "not JSON \x1b[2J", "malformed_json"),
        refused(9, None, "expected a record, got null", "malformed_json"),
    ]
    entries = {Position.parse(letter.origin): Entry(letter) for letter in letters}
    monkeypatch.setattr(dead_letter_box, "entries", lambda settings: entries)


def dp(folder: Path, *arguments: str) -> str:
    result = CliRunner().invoke(main, ["--set", f"paths.data={folder}", "dead-letters", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.usefixtures("box")
def test_the_list_is_words_and_counts(tmp_path: Path) -> None:
    text = dp(tmp_path, "list")
    assert "$.plan: expected one of [free]" in text
    lines = [line.split() for line in text.splitlines()]
    assert lines[-3:] == [
        ["3", "dead", "letters"],
        ["2", "topic_users", "malformed_json"],
        ["1", "topic_users", "wrong_value"],
    ]
    assert "\x1b" not in text and "b'" not in text
    assert "1 topic_users wrong_value" in " ".join(
        dp(tmp_path, "list", "--where", "kind=wrong_value").split()
    )


@pytest.mark.usefixtures("box")
@pytest.mark.parametrize(
    ("position", "value"),
    [
        ("topic_users/1/7", 'value {"plan":"[bold]gold"}'),
        ("topic_users/1/8", r"value \xff\x00\x1b[31mred"),
        ("topic_users/1/9", "value null"),
    ],
)
def test_one_is_shown_as_it_is(tmp_path: Path, position: str, value: str) -> None:
    lines = [" ".join(line.split()) for line in dp(tmp_path, "show", position).splitlines()]
    assert value in lines
    assert "key schlüssel" in lines
    assert r"header source = shop\x1b[2J" in lines
    assert "replayed no" in lines
    assert "source_timestamp 2026-02-25 06:13:20.123000 UTC" in lines
