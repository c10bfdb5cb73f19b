"""Every line of the checklist is broken by some test: a line that is added without one fails here."""

from __future__ import annotations

from runtime.doctor.checklist import lines_of
from tests.runtime.doctor.test_files import MISSING
from tests.system.test_doctor import RUNNING, STOPPED
from tests.system.test_doctor_on_spark import BROKEN

ELSEWHERE = {
    "disk": "test_infrastructure.test_less_free_than_declared_is_red",
    "dead-letters": "test_files.test_many_refused_records",
    "endpoints": "test_files.test_endpoints_that_are_not_told",
}
"""Lines whose break is no row of a table."""


def test_every_line_is_broken_by_a_test() -> None:
    broken = {name for _, names in (*RUNNING.values(), *STOPPED.values()) for name in names}
    broken |= {line for line, _ in MISSING.values()} | set(BROKEN)
    assert not broken & set(ELSEWHERE)
    assert broken | set(ELSEWHERE) == {line.name for line in lines_of()}


def test_those_elsewhere_are_there() -> None:
    from tests.runtime.doctor import test_files, test_infrastructure

    modules = {"test_files": test_files, "test_infrastructure": test_infrastructure}
    for place in ELSEWHERE.values():
        module, _, test = place.partition(".")
        assert callable(getattr(modules[module], test))
