"""Rules on the rows that a model gives: which rule a row fails first, in one column beside the row's own."""

from __future__ import annotations

from collections.abc import Mapping

from contracts.errors import ContractError
from lakehouse.datasets import Dataset, Rule, Versions
from lakehouse.models.subset import ensure_allowed

REFUSED = "__refused"
"""Column with the name of the first rule that the row fails, null where it fails none."""


def rules_of(target: Dataset) -> list[Rule]:
    """The rules that are applied to the model's rows, in the order in which they are asked. What Versions
    refuses are changes, before the model sees them."""
    if isinstance(target.build, Versions):
        return []
    return [rule for severity in ("fail", "quarantine") for rule in target.rules if rule.severity == severity]


def condition_of(target: Dataset, rule: Rule) -> str:
    """The rule's condition, in the models' dialect. Raises ContractError, with the line, where it is not SQL
    that both engines run alike."""
    ensure_allowed(rule.fails_when, f"the rule {rule.name} of {target.name}", condition=True)
    return rule.fails_when


def judged_model(target: Dataset, sql: str) -> str:
    """The model, in its own dialect, with the column ``REFUSED`` where the target has rules."""
    rules = rules_of(target)
    if not rules:
        return sql
    cases = " ".join(f"WHEN {condition_of(target, rule)} THEN '{rule.name}'" for rule in rules)
    return f"SELECT *, CASE {cases} END AS {REFUSED} FROM ({sql}\n) AS judged"


def fail_if_asked(target: Dataset, refused: Mapping[str, int]) -> None:
    """Raises ContractError where rows fail a rule of severity `fail`; ``refused``: rule's name → rows."""
    for rule in rules_of(target):
        if rule.severity == "fail" and refused.get(rule.name):
            raise ContractError(
                f"{refused[rule.name]} rows of {target.name} fail the rule {rule.name}: {rule.fails_when}"
            )
