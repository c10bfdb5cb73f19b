"""How the checklist is gone through: limits, failures, the document."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from contracts.errors import DependencyError
from contracts.settings import Paths, Settings
from lakehouse.alerts.rules import RULES
from runtime.bootstrap.place import ROOT
from runtime.doctor import operations
from runtime.doctor.checklist import AREAS, lines_of
from runtime.doctor.checkup import Checkup, check_up, go_through
from runtime.doctor.evidence import Evidence, Once
from runtime.doctor.line import Answer, Line, Status, green, red, skipped, warning
from runtime.doctor.reference import render, schema


def line(name: str, answer: Answer | Exception | None, overdue: Status = "red") -> Line:
    """A line that gives or raises this; None: that never ends."""

    def look(evidence: Evidence) -> Answer:
        if answer is None:
            threading.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        assert answer is not None
        return answer

    return Line(
        name=name,
        area="operations",
        holds="it holds",
        measures="it",
        repair="mend it",
        page="docs/it.md",
        look=look,
        seconds=0.1 if answer is None else 60,
        overdue=overdue,
    )


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return Evidence(Settings(paths=Paths(data=str(tmp_path / "data"))))


def test_lines_that_hang_are_left_behind(evidence: Evidence) -> None:
    hanging = [line(f"hangs {number}", None) for number in range(20)]
    lines = [*hanging, line("late", None, "warning"), line("well", green("1 s"))]
    found = {one.line: one for one in go_through(evidence, lines)}
    assert {found[one.name].status for one in hanging} == {"red"}
    assert found["late"].status == "warning"
    assert (found["well"].status, found["well"].repair, found["well"].page) == ("green", "", "")
    assert (found["hangs 3"].repair, found["hangs 3"].page) == ("mend it", "docs/it.md")


def test_what_is_raised_is_red_and_says_why(evidence: Evidence) -> None:
    lines = [line("away", DependencyError("no\nanswer")), line("broken", KeyError("x"))]
    found = {one.line: one for one in go_through(evidence, lines)}
    assert (found["away"].status, found["away"].measured) == ("red", "no answer")
    assert found["broken"].status == "red"
    assert "KeyError" in found["broken"].measured


def test_only_red_fails(evidence: Evidence) -> None:
    well = [line("a", green("1")), line("b", warning("slow", "hurry")), line("c", skipped("not here"))]
    checkup = check_up(evidence, well, "1.0")
    assert checkup.green
    assert [(one.line, one.repair) for one in checkup.lines] == [("a", ""), ("b", "hurry"), ("c", "")]
    assert not check_up(evidence, [*well, line("d", red("gone"))], "1.0").green


def test_what_was_found_once_is_not_looked_for_again() -> None:
    looks: list[int] = []

    def find() -> int:
        looks.append(1)
        raise DependencyError("away")

    once = Once(find)
    for _ in range(2):
        with pytest.raises(DependencyError):
            once()
    assert len(looks) == 1


def test_the_checklist_is_whole() -> None:
    lines = lines_of()
    assert len({one.name for one in lines}) == len(lines)
    assert list(dict.fromkeys(one.area for one in lines)) == list(AREAS)
    for one in lines:
        assert one.holds and one.measures and one.repair
        assert (ROOT / one.page).is_file() or one.page == "docs/doctor.md", one.page
    assert {one.name for one in lines_of(["quality"])} == {"rules", "keys", "schemas", "nulls", "lineage"}


def test_rules_that_other_lines_tell_of_are_declared() -> None:
    assert set(RULES) >= operations._CLAIMED


def test_the_document_is_what_its_schema_says(evidence: Evidence) -> None:
    import jsonschema

    checkup = check_up(evidence, [line("a", red("gone"))], "1.0")
    told = json.loads(msgspec.json.encode(checkup))
    committed = json.loads((ROOT / "docs" / "doctor.schema.json").read_text("utf-8"))
    jsonschema.validate(told, committed, format_checker=jsonschema.FormatChecker())
    assert told["format"] == 1
    assert msgspec.convert(told, Checkup) == checkup


def test_pages_are_up_to_date() -> None:
    assert (ROOT / "docs" / "doctor.schema.json").read_text("utf-8") == schema()
    assert (ROOT / "docs" / "doctor.md").read_text("utf-8") == render()


def test_areas_are_offered() -> None:
    from runtime.cli import main
    from runtime.commands.doctor import AREAS as OFFERED

    assert OFFERED == AREAS
    assert CliRunner().invoke(main, ["doctor", "--area", "kitchen"]).exit_code == 2
