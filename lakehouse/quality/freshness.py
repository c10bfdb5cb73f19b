"""How far a table is behind what it is built from, against the declared target.

The age of the newest event alone does not tell a table that is late from one for which nothing has come.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from lakehouse.datasets import FromChain, Refused
from lakehouse.quality import wording
from lakehouse.quality.findings import Finding
from lakehouse.quality.look import Table
from lakehouse.quality.positions import Waiting, waiting_in_landing, waiting_upstream


def findings(table: Table) -> Iterator[Finding]:
    """None for a table that nobody can be behind with: the outputs of the stream, what is refused."""
    if table.snapshot.version is None or isinstance(table.declared.build, Refused) or table.position is None:
        return
    target = table.declared.freshness
    waits = waiting(table)
    for name, what in waits.items():
        late = table.look.last_sign - what.since
        if late > target:
            yield table.finding(
                "freshness",
                "flag",
                f"{table.name} is {wording.span(late)} behind: {_said(name, what)} since "
                f"{wording.moment(what.since)} {'is' if what.count == 1 else 'are'} not in it; at most "
                f"{wording.span(target)} was promised",
                failed=what.count,
                samples=(),
            )
            return
    yield table.finding("freshness", "flag", _well(table, waits, target))


def waiting(table: Table) -> dict[str, Waiting]:
    """What waits to be taken in, by upstream (`landing` for what is fed from chains), the longest first."""
    position = table.position
    found: dict[str, Waiting] = {}
    if position is None:
        return found
    settings, declared = table.look.settings, table.declared
    if isinstance(declared.build, FromChain):
        landed = waiting_in_landing(settings, declared, position.chains)
        return {"landing": landed} if landed else {}
    for name, taken in position.taken.items():
        if name in table.look.datasets and (waits := waiting_upstream(settings, declared, name, taken)):
            found[name] = waits
    if position.deferred:
        found["what was put off"] = Waiting(len(position.deferred), table.snapshot.updated_at)
    return dict(sorted(found.items(), key=lambda item: item[1].since))


def _well(table: Table, waits: dict[str, Waiting], target: timedelta) -> str:
    landed = isinstance(table.declared.build, FromChain)
    upstream = "landing" if landed else " and ".join(table.declared.upstream)
    if waits:
        told = "; ".join(_said(name, what) for name, what in waits.items())
        return f"On the way into {table.name}, within its {wording.span(target)}: {told}"
    newest = table.snapshot.newest
    if not table.snapshot.rows:
        return f"Nothing has come yet: {table.name} is empty, and nothing waits in {upstream}"
    if newest is not None and table.look.now - newest > target:
        return (
            f"Nothing is late: no event has come since {wording.moment(newest)}, and {table.name} has all of "
            f"{upstream}"
        )
    return f"{table.name} has all of {upstream}"


def _said(name: str, what: Waiting) -> str:
    match name:
        case "landing":
            return wording.number(what.count, "landing file")
        case "what was put off":
            return wording.number(what.count, "slice that was put off", "slices that were put off")
    return f"{wording.number(what.count, 'version')} of {name}"
