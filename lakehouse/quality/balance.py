"""Silver against bronze: every row of bronze is in silver, quarantined, or a duplicate, and silver has no
others.

Hours whose counts agree are settled by them; only the rows of the others are compared one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from msgspec import Struct

from lakehouse.datasets import InsertNew, Sessions
from lakehouse.medallion.quarantine import TABLE as QUARANTINE
from lakehouse.quality import positions, wording
from lakehouse.quality.extent import HOUR_MICROS, Days, date_of, partition_of, rows_of
from lakehouse.quality.findings import SAMPLES, Finding
from lakehouse.quality.look import VIEW, Table
from lakehouse.reading.relations import identifier, literal, select_of, select_of_nothing
from lakehouse.reading.snapshot import Snapshot

BRONZE = "bronze_taken"
REFUSED = "bronze_refused"
_PLACE = ("source_topic", "source_partition", "source_offset")
_ID = f"hash({', '.join(_PLACE)}, source_timestamp)"
"""What tells a landed row from all others, the offsets of a topic that was made anew included. In 64 bits: of
five million rows two are taken for one at a chance of one in a million."""


class Balance(Struct):
    """What became of bronze's rows."""

    taken: int = 0
    """Rows of bronze, as far as the table has come."""
    kept: int = 0
    quarantined: int = 0
    duplicates: int = 0
    lost: dict[int, int] = {}
    """By hour: rows of bronze that are nowhere."""
    extra: dict[int, int] = {}
    """By hour: rows that bronze does not have."""
    repeated: int = 0
    """Rows that are a row of bronze which another is already."""
    samples: tuple[str, ...] = ()


def findings(table: Table) -> Iterator[Finding]:
    declared = table.declared
    if not (declared.row_wise and isinstance(declared.build, InsertNew)) and not isinstance(
        declared.build, Sessions
    ):
        return
    first = _view_bronze(table)
    if first is None:
        return
    if isinstance(declared.build, Sessions):
        yield _sessions(table, first)
        return
    found = _balance(table, declared.build, first)
    yield _complete(table, found)
    missing = {hour: rows for hour, rows in found.lost.items() if not table.hours.get(hour)}
    said = f"No hour that {declared.upstream[0]} has is missing in {table.name}"
    if missing:
        said = (
            f"{wording.number(len(missing), 'hour')} of {declared.upstream[0]} "
            f"{wording.verb(len(missing), 'has', 'have')} no row in {table.name}: {wording.hours(missing)}"
        )
    yield table.finding(
        "hours_present", "fail", said, checked=len(table.hours) + len(missing), failed=len(missing)
    )


def _view_bronze(table: Table) -> date | None:
    """Makes ``BRONZE`` the rows that the table has taken in. The first date that bronze still has; None: what
    the table should have is not known."""
    (upstream,) = table.declared.upstream
    bronze, position = table.look.snapshots.get(upstream), table.position
    taken = position.taken.get(upstream, -1) if position else -1
    if bronze is None or bronze.version is None or taken < 0:
        return None
    declared = table.look.datasets[upstream]
    rows = rows_of(declared, bronze, table.look.days)
    if taken < bronze.version:
        # The newest version, without what came since: erasures and retention hold for both tables.
        loaded = positions.loaded_at(bronze.path, taken)
        if loaded is None:
            return None
        rows = f"SELECT * FROM ({rows}) WHERE load_timestamp <= TIMESTAMPTZ '{loaded.isoformat()}'"
    table.look.view(BRONZE, rows)
    return min((day for file in bronze.files if (day := date_of(declared, file))), default=None)


def _balance(table: Table, build: InsertNew, first: date) -> Balance:
    look, hour = table.look, _hour(build)
    _view_refused(table)
    taken = dict(look.rows(f"SELECT {hour}, count(*) FROM {BRONZE} GROUP BY 1"))
    refused = dict(look.rows(f"SELECT {hour}, count(*) FROM {REFUSED} GROUP BY 1"))
    earliest = (first - date(1970, 1, 1)).days * 24
    own = {at: rows for at, rows in table.hours.items() if at >= earliest}
    unsettled = [
        at for at in taken.keys() | own.keys() if taken.get(at, 0) - refused.get(at, 0) != own.get(at, 0)
    ]
    found = Balance(taken=sum(taken.values()), kept=sum(own.values()), quarantined=sum(refused.values()))
    if unsettled:
        _compare(table, build, found, sorted(unsettled))
    here = found.kept - sum(found.extra.values()) - found.repeated
    found.duplicates = found.taken - here - found.quarantined - sum(found.lost.values())
    return found


def _view_refused(table: Table) -> None:
    """Makes ``REFUSED`` the rows of ``BRONZE`` that are quarantined."""
    look, declared = table.look, table.look.datasets[QUARANTINE]
    quarantine = look.snapshots.get(QUARANTINE)
    paths = _files_about(table, quarantine) if quarantine else []
    if quarantine is None or not paths:
        look.view(REFUSED, f"SELECT * FROM {BRONZE} WHERE false")
        return
    places = " AND ".join(f"b.{name} = q.{name}" for name in _PLACE)
    rows = f"({select_of(quarantine, paths)})" if paths else f"({select_of_nothing(declared.schema)})"
    about = f"SELECT * FROM {rows} WHERE dataset = {literal(table.name)}"
    look.view(REFUSED, f"SELECT b.* FROM {BRONZE} AS b SEMI JOIN ({about}) AS q ON {places}")


def _files_about(table: Table, quarantine: Snapshot) -> list[str]:
    declared = table.look.datasets[QUARANTINE]
    return [file.path for file in quarantine.files if partition_of(declared, file) in (None, table.name)]


def _compare(table: Table, build: InsertNew, found: Balance, hours: list[int]) -> None:
    """The rows of these hours one by one. A row of bronze that is in neither table is a duplicate where a
    kept one of its key lies within the window."""
    look, time = table.look, identifier(build.time)
    within = build.within // timedelta(microseconds=1)
    listed = ", ".join(map(str, hours))
    of_hours = f"{_hour(build)} IN ({listed})"
    keys = ", ".join(map(identifier, build.key))
    same_key = " AND ".join(f"a.{identifier(name)} = b.{identifier(name)}" for name in build.key)

    def ids(view: str) -> str:
        return f"(SELECT {_ID} AS id FROM {view} WHERE {of_hours})"

    look.rows(
        f"CREATE OR REPLACE TEMP TABLE left_ids AS SELECT id FROM {ids(BRONZE)} "
        f"ANTI JOIN {ids(VIEW)} USING (id) ANTI JOIN {ids(REFUSED)} USING (id)"
    )
    look.rows(
        f"CREATE OR REPLACE TEMP TABLE lost AS SELECT a.* FROM (SELECT {keys}, {time} FROM {BRONZE} "
        f"WHERE {of_hours} AND {_ID} IN (FROM left_ids)) AS a ANTI JOIN {VIEW} AS b "
        f"ON {same_key} AND abs(epoch_us(a.{time}) - epoch_us(b.{time})) <= {within}"
    )
    found.lost = dict(look.rows(f"SELECT {_hour(build)}, count(*) FROM lost GROUP BY 1"))
    found.samples = _named(table, build, "lost")
    taken, refused, own = (
        look.row(f"SELECT count(*) FROM {view} WHERE {of_hours}")[0] for view in (BRONZE, REFUSED, VIEW)
    )
    matched = taken - refused - look.row("SELECT count(*) FROM left_ids")[0]
    if matched == own:
        return  # as many of bronze's rows are here as rows are here
    look.rows(
        f"CREATE OR REPLACE TEMP TABLE extra AS SELECT {keys}, {time} FROM {VIEW} "
        f"WHERE {of_hours} AND {_ID} NOT IN (SELECT id FROM {ids(BRONZE)})"
    )
    found.extra = dict(look.rows(f"SELECT {_hour(build)}, count(*) FROM extra GROUP BY 1"))
    found.samples = (found.samples + _named(table, build, "extra"))[:SAMPLES]
    found.repeated = max(own - sum(found.extra.values()) - matched, 0)


def _hour(build: InsertNew) -> str:
    return f"epoch_us({identifier(build.time)}) // {HOUR_MICROS}"


def _named(table: Table, build: InsertNew, view: str) -> tuple[str, ...]:
    keys = ", ".join(map(identifier, build.key))
    rows = table.look.rows(f"SELECT {keys} FROM {view} ORDER BY ALL LIMIT {SAMPLES}")
    return table.named(build.key, rows)


def _complete(table: Table, found: Balance) -> Finding:
    (upstream,) = table.declared.upstream
    lost, extra = sum(found.lost.values()), sum(found.extra.values())
    if not lost and not extra and not found.repeated:
        said = (
            f"{wording.number(found.taken, 'row')} of {upstream} are {found.kept:,} in {table.name}, "
            f"{found.quarantined:,} quarantined and {wording.number(found.duplicates, 'duplicate')}"
        )
        return table.finding("complete", "fail", said, checked=found.taken)
    faults = []
    if lost:
        faults.append(
            f"{lost:,} of {wording.number(found.taken, 'row')} of {upstream} "
            f"{wording.verb(lost, 'is', 'are')} neither in {table.name} nor quarantined nor "
            f"{wording.verb(lost, 'a duplicate', 'duplicates')}: {wording.hours(found.lost)}"
        )
    if extra:
        faults.append(
            f"{wording.number(extra, 'row')} of {table.name} {wording.verb(extra, 'is', 'are')} not in "
            f"{upstream}: {wording.hours(found.extra)}"
        )
    if found.repeated:
        rows = wording.number(found.repeated, "row")
        comes = wording.verb(found.repeated, "comes", "come")
        faults.append(f"{rows} of {table.name} {comes} from a row of {upstream} that another comes from")
    return table.finding(
        "complete",
        "fail",
        "; ".join(faults),
        checked=found.taken,
        failed=lost + extra + found.repeated,
        samples=found.samples,
        names=table.declared.key,
    )


def _sessions(table: Table, first: date) -> Finding:
    """Every click is in a session once. A click_id that comes again is a click again only when it comes much
    later, so the clicks of the sessions lie between two counts of bronze's."""
    look, days = table.look, table.look.days
    start = max(day for day in (first, days.first) if day)
    least, most = look.row(f"SELECT count(DISTINCT hash(user_id, click_id)), count(*) FROM {BRONZE}")
    look.view("all_sessions", rows_of(table.declared, table.snapshot, _around(days)))
    ends = f"session_end >= TIMESTAMPTZ '{start} 00:00:00+00'"
    inside = f"session_start >= TIMESTAMPTZ '{start} 00:00:00+00'"
    if days.last:
        after = f"TIMESTAMPTZ '{days.last + timedelta(days=1)} 00:00:00+00'"
        ends += f" AND session_start < {after}"
        inside += f" AND session_end < {after}"
    (touching, within) = look.row(
        f"SELECT coalesce(sum(click_count) FILTER (WHERE {ends}), 0), "
        f"coalesce(sum(click_count) FILTER (WHERE {inside}), 0) FROM all_sessions"
    )
    (upstream,) = table.declared.upstream
    clicks = wording.number(int(touching), "click")
    told = f"{clicks} in sessions, {most:,} in {upstream}, {least:,} different ones"
    failed = max(least - int(touching), int(within) - most, 0)
    if not failed:
        return table.finding(
            "complete", "fail", f"No click is missing or counted twice: {told}", checked=most
        )
    fault = "missing in the sessions" if int(touching) < least else "in sessions but not in bronze"
    return table.finding(
        "complete", "fail", f"{wording.number(failed, 'click')} {fault}: {told}", checked=most, failed=failed
    )


def _around(days: Days) -> Days:
    """Sessions are of the date of their start, and may reach into the next."""
    return Days(days.first - timedelta(days=1) if days.first else None, days.last)
