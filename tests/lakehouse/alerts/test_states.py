"""The state machine against a simple model, and how often flapping can be told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lakehouse.alerts.rules import RULES, Finding, finding
from lakehouse.alerts.states import Alert, advance

START = datetime(2026, 3, 5, 12, tzinfo=UTC)
RULE = "service_down"
MINUTE = timedelta(minutes=1)


def found(subject: str = "kafka") -> Finding:
    return finding(RULE, subject, f"{subject} is lost")


Tick = tuple[bool, bool, bool]
"""Whether it is wrong, whether that is decided, whether it is silenced."""


class Model:
    """One alert, by counting minutes: simple, and slow to say why."""

    def __init__(self) -> None:
        self.wrong_for = -1
        self.seen = -1
        self.firing = False
        self.told = False
        self.fires: list[int] = []

    def tick(self, minute: int, wrong: bool, decided: bool, silenced: bool) -> list[str]:
        said = []
        if wrong:
            if not self.firing and self.wrong_for >= 0 and minute - self.seen > 5:
                self.wrong_for = -1
            self.seen = minute
            self.wrong_for = minute if self.wrong_for < 0 else self.wrong_for
            if not self.firing and minute - self.wrong_for >= 1:
                self.firing, self.told = True, False
                self.fires = [one for one in self.fires if minute - one <= 360] + [minute]
            if self.firing and not self.told and not silenced:
                self.told = True
                said.append("fired")
        elif decided:
            lately = sum(minute - one <= 360 for one in self.fires)
            needed = 1 + 2 ** min(max(lately - 1, 0), 5)
            if self.firing and minute - self.seen >= needed:
                said += ["resolved"] if self.told else []
                self.firing = False
            if not self.firing:
                self.wrong_for = -1
        return said


@given(ticks=st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=150))
def test_it_does_what_the_model_does(ticks: list[Tick]) -> None:
    alerts: dict[str, Alert] = {}
    model = Model()
    told: list[str] = []
    for minute, (wrong, decided, silenced) in enumerate(ticks):
        # What is not decided has no findings: health leaves them out.
        wrong = wrong and decided
        occasions = advance(
            alerts,
            [found()] if wrong else [],
            [] if decided else [RULE],
            START + minute * MINUTE,
            lambda alert, quiet=silenced: quiet,  # type: ignore[misc]
        )
        said = [occasion.kind for occasion in occasions]
        assert said == model.tick(minute, wrong, decided, silenced)
        told += said
    assert told == [("fired", "resolved")[number % 2] for number in range(len(told))]


@given(period=st.integers(2, 12), share=st.floats(0.2, 0.8))
def test_flapping_makes_few_notices(period: int, share: float) -> None:
    alerts: dict[str, Alert] = {}
    told = 0
    for minute in range(24 * 60):
        wrong = minute % period < max(round(period * share), 1)
        told += len(advance(alerts, [found()] if wrong else [], [], START + minute * MINUTE))
    assert told <= 24 * 4


def test_subjects_are_told_apart_and_each_once() -> None:
    alerts: dict[str, Alert] = {}
    every = [found("kafka"), found("ingestion"), found("kafka")]
    told = [len(advance(alerts, every, [], START + minute * MINUTE)) for minute in range(5)]
    assert told == [0, 2, 0, 0, 0]
    assert {alert.subject for alert in alerts.values()} == {"kafka", "ingestion"}


def test_rules_that_need_no_time_fire_at_once() -> None:
    assert [name for name, rule in RULES.items() if not rule.lasts] == [
        "table_stale",
        "holes",
        "dead_letters",
    ]
    burst = finding("dead_letters", "users", "many")
    assert [one.kind for one in advance({}, [burst], [], START)] == ["fired"]
