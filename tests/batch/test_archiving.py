"""The archive duty: at its times, and what was missed, but nothing where there has never been an archive."""

from __future__ import annotations

import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from batch.archiving import Archiving, archiving
from contracts.errors import DependencyError, SettingsError
from contracts.settings import Archive, Paths, Settings
from lakehouse.archive import manifest

AT = datetime(2026, 3, 6, 9, 30, tzinfo=UTC)


def settings_of(folder: Path, schedule: str = "0 3 * * *") -> Settings:
    return Settings(paths=Paths(data=str(folder)), archive=Archive(schedule=schedule))


def duty(folder: Path, code: str) -> Archiving:
    return Archiving(settings_of(folder), {}, (sys.executable, "-c", code))


def made(folder: Path, at: datetime, whole: bool = True) -> None:
    name = at.strftime("%H%M")
    (folder / "archive" / name).mkdir(parents=True)
    said = manifest.Manifest(name=name, created_at=at, whole=whole, tables=())
    manifest.write(folder / "archive" / name, said)


def test_it_archives_at_its_times_and_makes_up_for_missed_ones(tmp_path: Path) -> None:
    mark = tmp_path / "called"
    code = f"import sys, pathlib; pathlib.Path({str(mark)!r}).write_text(' '.join(sys.argv[1:]))"
    one = duty(tmp_path, code)
    one.do(AT, threading.Event())
    assert not mark.exists()  # a new platform has nothing to archive
    assert one.next_after(AT) == datetime(2026, 3, 7, 3, tzinfo=UTC)
    one.do(AT + timedelta(days=1), threading.Event())
    assert mark.read_text() == "lakehouse archive"
    mark.unlink()
    made(tmp_path, AT.replace(hour=4))
    made(tmp_path, AT.replace(hour=9), whole=False)
    duty(tmp_path, code).do(AT, threading.Event())
    assert not mark.exists()
    duty(tmp_path, code).do(AT + timedelta(days=1), threading.Event())
    assert mark.exists()
    with pytest.raises(DependencyError, match="exit code 4"):
        duty(tmp_path, "import sys; sys.exit(4)").do(AT + timedelta(days=1), threading.Event())


def test_no_schedule_is_no_duty_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    assert archiving(settings_of(tmp_path, ""), {}) == []
    with pytest.raises(SettingsError, match=r"archive\.schedule 'often'"):
        archiving(settings_of(tmp_path, "often"), {})
