"""`dp audit`, and what other commands leave in the log."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from contracts.layout import audit_folder
from contracts.settings import Paths, Settings
from runtime.cli import main
from web.access.keys import read_keys


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(paths=Paths(data=str(tmp_path)))


@pytest.fixture
def dp(settings: Settings) -> Any:
    def run(*arguments: str) -> Result:
        told = ["--set", f"paths.data={settings.data_root}", *arguments]
        return CliRunner().invoke(main, told, prog_name="dp", catch_exceptions=False)

    return run


def entries(dp: Any, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in dp("audit", "tail", "--json", *arguments).stdout.splitlines()]


def test_commands_are_recorded_with_their_user(dp: Any) -> None:
    dp("keys", "create", "bob", "--scope", "query")
    dp("keys", "rotate", "bob")
    dp("keys", "revoke", "bob")
    dp("sql", "SELECT 1 AS x")
    dp("sql", "SELEKT 1")
    dp("lakehouse", "annotate", "app_events_silver", "--owner", "me", "--tag", "a")
    found = entries(dp, "--filter", f"user={getpass.getuser()}")
    assert [(entry["action"], entry.get("subject")) for entry in found] == [
        ("keys.create", "bob"),
        ("keys.rotate", "bob"),
        ("keys.revoke", "bob"),
        ("sql.query", None),
        ("sql.query", None),
        ("catalog.annotate", "app_events_silver"),
    ]
    assert found[3]["texts"] == {"statement": "SELECT 1 AS x"}
    assert found[3]["details"]["rows"] == 1
    assert "SELEKT" in found[4]["texts"]["reason"]
    assert [entry["action"] for entry in entries(dp, "--filter", "scope=query")] == ["keys.create"]
    assert len(entries(dp, "--filter", "action=keys.*", "--since", "1h")) == 3
    assert len(entries(dp, "--filter", "action=keys.*", "-n", "1")) == 1
    assert entries(dp, "--since", "2100-01-01") == []
    assert "keys.create" in dp("audit", "tail").stdout


def test_silences_are_recorded(dp: Any) -> None:
    made = dp("alerts", "silence", "dead_letters", "--for", "1h", "--reason", "load test")
    dp("alerts", "unsilence", made.stdout.strip())
    found = entries(dp, "--filter", "action=alert.*")
    assert [(entry["action"], entry["details"]["rule"], entry["texts"]["says"]) for entry in found] == [
        ("alert.silenced", "dead_letters", "load test"),
        ("alert.unsilenced", "dead_letters", "load test"),
    ]
    assert {entry["user"] for entry in found} == {getpass.getuser()}


def test_a_key_that_cannot_be_recorded_is_not_made(dp: Any, settings: Settings) -> None:
    audit_folder(settings).write_text("in the way")
    result = dp("keys", "create", "bob", "--scope", "read")
    assert result.exit_code == 3
    assert "the audit log cannot be written" in result.stderr
    assert read_keys(settings).keys == []
    answered = dp("sql", "SELECT 1 AS x")
    assert answered.exit_code == 0
    assert "not recorded" in answered.stderr


def test_verify_names_the_first_line_that_was_changed(dp: Any, settings: Settings, tmp_path: Path) -> None:
    assert dp("audit", "verify").exit_code == 0
    for name in ("alice", "bob", "carol"):
        dp("keys", "create", name, "--scope", "read")
    right = dp("audit", "verify")
    assert right.exit_code == 0
    assert "every line is as it was written" in right.stdout
    report = tmp_path / "report.json"
    report.write_text(dp("audit", "verify", "--json").stdout)
    assert json.loads(report.read_text())["right"] is True
    assert dp("audit", "verify", "--against", str(report)).exit_code == 0
    (path,) = audit_folder(settings).glob("*/dp.jsonl")
    content = path.read_bytes()
    for tampered, line, message in (
        (content.replace(b"bob", b"eve"), 5, "not as it was written"),
        (content[: content.rindex(b"\n", 0, -1) + 1], 9, "ends without line number 9"),
        (b"", 1, "the file ends without line numbers 1 to 9"),
    ):
        path.write_bytes(tampered)
        found = dp("audit", "verify")
        assert found.exit_code == 1
        assert f"TAMPERED: {path.parent.name}/dp.jsonl:{line}: " in found.stderr
        assert message in found.stderr
        told = json.loads(dp("audit", "verify", "--json").stdout)
        assert (told["right"], told["faults"][0]["line"]) == (False, line)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tail", "--filter", "alice"), "expected KEY=VALUE"),
        (("tail", "--since", "soon"), "is no time"),
        (("verify", "--against", "none.json"), "does not exist"),
        (("verify", "--against", __file__), "is no report"),
    ],
)
def test_mistakes_are_told(dp: Any, arguments: tuple[str, ...], message: str) -> None:
    result = dp("audit", *arguments)
    assert result.exit_code in (1, 2)
    assert message in result.stderr
