"""Whatever services print ends up as JSON lines of the declared form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contracts import configuration
from contracts.settings import Settings
from runtime.topology.logfiles import (
    Follower,
    RotatingFile,
    ServiceLog,
    last_lines,
    log_path,
    merged,
    numbered,
)
from runtime.topology.loglines import LineForm


def parsed(text: str) -> list[dict[str, Any]]:
    form = LineForm("kafka")
    lines = [line for part in text.split("\n") for line in form.feed(part)] + form.flush()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize(
    ("text", "level", "message"),
    [
        ("[WARN] kafka.server.X - slow disk", "warning", "slow disk"),
        ("24/11/25 01:12:47 ERROR Master: all workers lost", "error", "all workers lost"),
        ("2026-11-25 01:12:47,123 INFO  [io.quarkus] (main) started", "info", "[io.quarkus] (main) started"),
        ("SEVERE: something broke", "error", "SEVERE: something broke"),
        ("Exception in thread main", "error", "Exception in thread main"),
        ("dp: port 1 is in use", "error", "dp: port 1 is in use"),
        ("just words about ERRORS", "info", "just words about ERRORS"),
        ("{not json", "info", "{not json"),
        ('{"json": "but not of our form"}', "info", '{"json": "but not of our form"}'),
        ("\x00\ufffd", "info", "\x00\ufffd"),
    ],
)
def test_a_foreign_line_is_wrapped_with_its_level(text: str, level: str, message: str) -> None:
    (entry,) = parsed(text)
    assert (entry["level"], entry["message"], entry["service"]) == (level, message, "kafka")
    assert entry["ts"].endswith("Z")


def test_a_line_of_our_form_is_kept_as_it_is() -> None:
    line = '{"ts":"2026-11-25T01:12:47.000Z","level":"error","service":"x","message":"no","more":[1]}'
    form = LineForm("ingestion")
    assert form.feed(line) == [line]
    assert form.last_error == "no"


def test_a_java_stack_trace_is_one_entry() -> None:
    first, second = parsed(
        "[ERROR] kafka.Server - Fatal\n"
        "org.apache.zookeeper.KeeperException$NodeExistsException: NodeExists\n"
        "\tat a.b.C(D.java:1)\n"
        "Caused by: java.io.IOException: broken\n"
        "\t... 3 more\n"
        "[INFO] kafka.Server - shut down"
    )
    assert first["message"] == "Fatal"
    assert first["exception"].count("\n") == 4
    assert second["message"] == "shut down"


def test_a_python_traceback_is_one_entry_that_says_what_happened() -> None:
    (entry, after) = parsed(
        "Traceback (most recent call last):\n"
        '  File "a.py", line 1, in <module>\n'
        "    int('x')\n"
        "ValueError: invalid literal\n"
        "\n"
        "During handling of the above exception, another exception occurred:\n"
        "\n"
        "Traceback (most recent call last):\n"
        '  File "a.py", line 2, in <module>\n'
        "contracts.errors.DependencyError: no broker\n"
        "and something else"
    )
    assert entry["level"] == "error"
    assert entry["message"] == "contracts.errors.DependencyError: no broker"
    assert "ValueError: invalid literal" in entry["exception"]
    assert after["message"] == "and something else"


def service_log(tmp_path: Path, **flags: int) -> tuple[Settings, ServiceLog]:
    values = {"paths.data": str(tmp_path)} | {f"logs.{key}": value for key, value in flags.items()}
    settings = configuration.load(flags=values, environ={}).settings
    return settings, ServiceLog(settings, "a")


def entries(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_output_in_any_pieces_becomes_whole_lines(tmp_path: Path) -> None:
    settings, log = service_log(tmp_path)
    raw = "first ü\nsecond\r\nthird".encode()
    for position in range(len(raw)):
        log.feed(raw[position : position + 1])
    log.close()
    assert [entry["message"] for entry in entries(log_path(settings, "a"))] == ["first ü", "second", "third"]


def test_endless_lines_are_cut_and_bytes_that_are_no_text_survive(tmp_path: Path) -> None:
    settings, log = service_log(tmp_path)
    for _ in range(5):
        log.feed(b"x" * 700_000)
    log.feed(b"\n\xff\xfe\n")
    log.close()
    found = entries(log_path(settings, "a"))
    assert sum(len(entry["message"]) for entry in found[:-1]) == 3_500_000
    assert found[-1]["message"] == "\ufffd\ufffd"


def test_files_are_rotated_by_size_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    file = RotatingFile(path, max_bytes=20, keep=2)
    for number in range(9):
        file.write(f"line {number} ")  # 8 bytes: two a file
    file.close()
    assert path.read_text() == "line 8 \n"
    assert numbered(path, 1).read_text() == "line 6 \nline 7 \n"
    assert numbered(path, 2).read_text() == "line 4 \nline 5 \n"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.log", "a.log.1", "a.log.2"]


def test_an_existing_file_is_continued_and_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("0123456789012345678\n")
    file = RotatingFile(path, max_bytes=20, keep=1)
    file.write("new")
    file.close()
    assert path.read_text() == "new\n"
    assert numbered(path, 1).read_text().startswith("0123")


def test_the_last_lines_reach_into_rotated_files(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    numbered(path, 2).write_text("1\n2\n")
    numbered(path, 1).write_text("3\n4\u2028still 4\n")
    path.write_text("5\n")
    assert last_lines(path, 4) == ["2", "3", "4\u2028still 4", "5"]
    assert last_lines(path, 99) == ["1", "2", "3", "4\u2028still 4", "5"]
    assert last_lines(path, 0) == []
    assert last_lines(tmp_path / "none.log", 5) == []
    path.write_text("")
    assert last_lines(path, 1) == ["4\u2028still 4"]


def test_lines_of_several_services_are_merged_by_time() -> None:
    def line(ts: int, service: str) -> str:
        return json.dumps({"ts": f"2026-01-01T00:00:0{ts}.000Z", "service": service}, separators=(",", ":"))

    a, b = [line(1, "a"), line(4, "a")], [line(2, "b"), line(3, "b")]
    assert merged([a, b], 3) == [line(2, "b"), line(3, "b"), line(4, "a")]


def test_a_follower_sees_what_is_appended_also_across_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("old\n")
    follower = Follower(path)
    file = RotatingFile(path, max_bytes=27, keep=1)
    file.write("one")
    assert list(follower.lines()) == ["one"]
    file.write("two two two two two")
    file.write("three")
    assert list(follower.lines()) == ["two two two two two", "three"]
    assert list(follower.lines()) == []
    file.close()
    follower.close()
