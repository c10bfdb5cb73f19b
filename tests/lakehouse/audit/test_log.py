"""The log of a process: groups, who waits, a disk that refuses, texts, redaction, retention, and reading."""

from __future__ import annotations

import errno
import hmac
import os
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import DependencyError
from contracts.layout import audit_folder
from contracts.settings import Settings
from lakehouse.audit import AuditLog, log
from lakehouse.audit.line import Codes
from lakehouse.audit.reading import Follower, Wanted, newest
from lakehouse.audit.redaction import redact
from lakehouse.audit.retention import remove_before
from lakehouse.audit.verify import verify
from tests.lakehouse.audit.conftest import START, Process, lines_of


def test_codes_are_hmac_sha256() -> None:
    for key in (b"k", b"k" * 64, b"k" * 100):
        assert Codes(key).of(b"content") == hmac.digest(key, b"content", "sha256").hex()


def test_what_is_recorded_is_read_newest_first(settings: Settings) -> None:
    with AuditLog(settings, "dp") as audit:
        audit.record(
            "api.query", user="alice", details={"tables": ["t1", "t2"]}, texts={"statement": "SELECT 1"}
        )
        audit.record_durably("keys.create", user="root", subject="bob", details={"scope": "read"})
        assert [entry.action for entry in newest(settings)] == ["keys.create", "api.query", "audit.opened"]
    found = newest(settings)
    assert [entry.action for entry in found] == ["audit.closed", "keys.create", "api.query", "audit.opened"]
    assert found[2].texts == {"statement": "SELECT 1"}
    for wanted, count in (
        (Wanted(user="alice"), 1),
        (Wanted(table="t2"), 1),
        (Wanted(table="bob"), 1),
        (Wanted(action="keys.*"), 1),
        (Wanted(details={"scope": "read"}), 1),
        (Wanted(details={"service": "dp"}), 4),
        (Wanted(since=found[1].at), 2),
        (Wanted(until=found[1].at, user="root"), 0),
    ):
        assert len(newest(settings, wanted)) == count, wanted
    assert len(newest(settings, limit=2)) == 2


def test_a_long_log_is_read_from_its_end(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakehouse.audit.reading.BLOCK", 333)
    Process(settings, "api").write(50).die(b"{")
    Process(settings, "api").write(1).write(5, day=1).end()
    Process(settings, "driver").write(20).end()
    every = newest(settings, limit=1000)
    assert len(every) == 1 + 50 + 1 + 1 + 1 + 5 + 1 + 1 + 20 + 1
    for chain in ("api", "driver"):
        numbers = [entry.seq for entry in every if entry.chain == chain]
        assert numbers == list(range(len(numbers), 0, -1))
    assert [entry.at.date() for entry in every] == sorted((e.at.date() for e in every), reverse=True)


def test_a_follower_tells_what_comes(settings: Settings) -> None:
    with AuditLog(settings, "dp") as audit:
        audit.record_durably("a.one")
        follower = Follower(settings, Wanted(action="a.*"))
        assert follower.entries() == []
        audit.record_durably("a.two", texts={"reason": "because"})
        with AuditLog(settings, "other") as other:
            other.record_durably("a.three")
        assert [entry.action for entry in follower.entries()] == ["a.two", "a.three"]
        assert follower.entries() == []
        follower.close()


def full(*arguments: Any) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_refuses_what_must_be_kept_and_keeps_the_rest_waiting(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(log, "MOST_WAITING", 10)
    with AuditLog(settings, "api") as audit:
        audit.record_durably("a.before")
        with monkeypatch.context() as patch:
            patch.setattr("lakehouse.audit.writing.write_all", full)
            with pytest.raises(DependencyError, match="No space left"):
                audit.record_durably("a.refused")
            assert "No space left" in audit.trouble
            assert [audit.record("a.waits") for _ in range(12)] == [True] * 10 + [False] * 2
            assert audit.lost == 2
        audit.flush()
        assert audit.trouble == ""
    found = {entry.action: entry for entry in newest(settings)}
    assert "a.refused" not in found
    assert found["audit.lost"].details == {"entries": 2}
    assert sum(entry.action == "a.waits" for entry in newest(settings)) == 10
    assert verify(settings).right


def test_a_write_that_breaks_off_leaves_no_piece(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(descriptor: int, content: bytes) -> None:
        os.write(descriptor, content[: len(content) // 2])
        full()

    with AuditLog(settings, "api") as audit:
        audit.record_durably("a.before")
        with monkeypatch.context() as patch:
            patch.setattr("lakehouse.audit.writing.write_all", half)
            with pytest.raises(DependencyError):
                audit.record_durably("a.refused")
            assert verify(settings).right
        audit.record_durably("a.after")
    assert verify(settings).right


def test_a_folder_that_cannot_be_written_stops_nobody(settings: Settings) -> None:
    settings.data_root.mkdir()
    audit_folder(settings).write_text("in the way")
    with AuditLog(settings, "api") as audit:
        assert audit.record("a.b")
        with pytest.raises(DependencyError, match="cannot be written"):
            audit.record_durably("a.c")
    with pytest.raises(DependencyError, match="takes nothing"):
        audit.flush()


def test_what_has_no_json_is_kept_as_far_as_it_can_be(settings: Settings) -> None:
    with AuditLog(settings, "dp") as audit:
        audit.record("a.b", user="\ud800", texts={"statement": "\ud800x"})
        audit.record("a.c", details={"path": Path("/x"), "at": START})
    found = {entry.action: entry for entry in newest(settings)}
    assert found["a.b"].texts == {"statement": "?x"}
    assert found["a.c"].details["path"] == "/x"
    assert verify(settings).right


def test_many_threads(settings: Settings) -> None:
    with AuditLog(settings, "api") as audit:

        def write() -> None:
            for number in range(200):
                audit.record("a.b", details={"number": number})
            audit.record_durably("a.c")

        threads = [threading.Thread(target=write) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    report = verify(settings)
    assert report.right
    assert report.lines == 2 + 8 * 201


def test_a_redacted_text_is_gone_and_the_chain_whole(settings: Settings) -> None:
    with AuditLog(settings, "api") as audit:
        for user in ("u-1", "u-2", "u-1"):
            audit.record("api.query", texts={"statement": f"SELECT * FROM t WHERE user_id = '{user}'"})
        audit.flush()
        assert redact(settings, audit, lambda text: "u-1" in text, user="root", reason="erasure 7") == 1
        # The same service goes on writing the same file.
        audit.record_durably("api.query", texts={"statement": "SELECT 3"})
        assert redact(settings, audit, lambda text: "u-1" in text, user="root", reason="erasure 7") == 0
    assert not any(b"u-1" in path.read_bytes() for path in audit_folder(settings).rglob("*.*"))
    statements = [entry.texts.get("statement") for entry in newest(settings, Wanted(action="api.query"))]
    assert statements == ["SELECT 3", None, "SELECT * FROM t WHERE user_id = 'u-2'", None]
    report = verify(settings)
    assert report.right, report.faults
    assert report.redacted == 1
    (said,) = newest(settings, Wanted(action="audit.redacted"))
    assert (said.user, said.details["reason"]) == ("root", "erasure 7")


@pytest.mark.parametrize(
    ("tamper", "kind"),
    [
        (lambda text: text.replace(b"SELECT 1", b"SELECT 9"), "changed"),
        (lambda text: b"".join(line for line in text.splitlines(True) if b"SELECT 1" not in line), "removed"),
        (lambda text: b"", "removed"),
    ],
)
def test_a_text_that_was_changed_or_taken_away_is_found(
    settings: Settings, tamper: Callable[[bytes], bytes], kind: str
) -> None:
    Process(settings, "api").write(6).end()
    (path,) = audit_folder(settings).rglob("*.texts")
    path.write_bytes(tamper(path.read_bytes()))
    report = verify(settings)
    assert not report.right
    assert report.faults[0].kind == kind


def test_old_days_go_and_what_is_left_can_be_proven(settings: Settings) -> None:
    for day in range(4):
        Process(settings, "api").write(3, day=day).die(b"{" if day == 1 else b"")
    Process(settings, "dp").write(1).end()
    with AuditLog(settings, "scheduler") as audit:
        assert remove_before(settings, audit, date(2026, 3, 7)) == 2
        assert remove_before(settings, audit, date(2026, 3, 7)) == 0
    # The only file of a chain stays, as old as it is.
    kept = [str(path.relative_to(audit_folder(settings))) for path in lines_of(settings)]
    assert kept[:3] == ["2026-03-05/dp.jsonl", "2026-03-07/api.jsonl", "2026-03-08/api.jsonl"]
    report = verify(settings)
    assert report.right, report.faults
    assert report.chains[0].first > 1
    # What nobody said is removed is missed all the same.
    lines_of(settings, "api")[0].unlink()
    (fault,) = verify(settings).faults
    assert (fault.file, fault.line, fault.kind) == ("2026-03-07/api.jsonl", 1, "truncated")


def test_each_day_begins_with_what_is_carried(settings: Settings) -> None:
    with AuditLog(settings, "driver") as audit:
        audit.carry = lambda: {"versions": {"t": 7}}
        audit.record_durably("a.b")
    (opened,) = newest(settings, Wanted(action="audit.opened"))
    assert opened.details["carried"] == {"versions": {"t": 7}}


def test_times_are_of_the_entry_and_not_of_the_file(settings: Settings) -> None:
    with AuditLog(settings, "dp") as audit:
        audit.record_durably("a.b")
    (entry,) = newest(settings, Wanted(action="a.b"))
    assert abs(datetime.now(UTC) - entry.at) < timedelta(hours=1)
