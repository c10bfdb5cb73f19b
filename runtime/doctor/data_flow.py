"""Data flow: events are made, consumed, written to files, and come out in every layer."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contracts.heartbeat import FRESH_SECONDS, Heartbeat
from contracts.layout import chains_root
from contracts.settings import Settings
from contracts.sources import SOURCES, Source
from lakehouse.catalog import TABLES
from lakehouse.datasets import Dataset, FromChain, Layer, Refused, ReplaceDates
from lakehouse.health import words
from lakehouse.health.report import TableReport
from lakehouse.reading.stream_snapshots import AllSnapshots
from runtime.doctor.evidence import Evidence
from runtime.doctor.line import JUDGED_SECONDS, Answer, Line, green, red, skipped, warning

POLL_SECONDS = 0.25
LEAST_RECORDS = 3
"""Whoever should have delivered so many and has delivered none, delivers nothing."""
LONGEST_LOOK = 20.0
AGGREGATED = "events_aggregated_realtime"
"""The view whose windows close by themselves; sessions end when their user is silent."""


def simulators(evidence: Evidence) -> Answer:
    """Each by what it has delivered: two looks at its count, apart until it has moved."""
    settings = evidence.settings
    before = {name: beat for name, beat in evidence.beats.items() if name.endswith("-simulator")}
    if evidence.copy is not None:
        expected = sorted(name for name in evidence.services if name.endswith("-simulator"))
    else:
        expected = sorted(name for name, beat in before.items() if _age(beat) < 86_400)
    if not expected:
        off = "switched off (simulators.enabled)" if not settings.simulators.enabled else "not started"
        return skipped(f"simulators are {off}: events are only yours")
    wait = min(max(FRESH_SECONDS / 3, LEAST_RECORDS / settings.simulators.rate), LONGEST_LOOK)
    began = time.monotonic()
    now = evidence.beats
    while time.monotonic() - began < wait and any(_still(before, now, name) for name in expected):
        time.sleep(POLL_SECONDS)
        now = evidence.beats
    told, wrong = [], []
    for name in expected:
        beat = now.get(name)
        short = name.removesuffix("-simulator")
        if beat is None or _age(beat) > FRESH_SECONDS:
            wrong.append(f"{name} has not spoken" + (f" for {_age(beat):.0f} s" if beat else ""))
        elif beat.state != "running":
            wrong.append(f"{name} is {beat.state}: {beat.message}")
        elif (
            _still(before, now, name) and beat.rate * wait < LEAST_RECORDS <= settings.simulators.rate * wait
        ):
            wrong.append(f"{name} has delivered nothing for {wait:.0f} s ({beat.total:,} before)")
        else:
            told.append(f"{short} {beat.total:,} ({beat.rate:.0f}/s)")
    measured = f"{len(told)} of {len(expected)} deliver: {', '.join(told) or 'none'}"
    return red(f"{measured}; {'; '.join(wrong)}") if wrong else green(measured)


def consumers(evidence: Evidence) -> Answer:
    """By the broker's offsets, so that groups whose processes are down are seen too."""
    cluster = evidence.cluster()
    wrong = [one.says for one in evidence.found_by("streams", ("lag_high", "flush_stuck", "holes"))]
    if cluster.broker != "up":
        wrong.append(f"the broker does not tell offsets: {cluster.broker}")
    limit = evidence.settings.health.lag_records
    told = []
    for one in cluster.consumers:
        lag = "unknown" if one.lag is None else f"{one.lag:,}"
        told.append(f"{one.group} {lag}")
        if one.state in ("down", "failed"):
            wrong.append(
                f"nobody consumes as {one.group}" if one.state == "down" else f"{one.group}: {one.message}"
            )
        if one.lag is not None and one.lag > limit and not any(one.group in said for said in wrong):
            wrong.append(f"{one.group} has {one.lag:,} records to read")
    rate = sum(one.messages_per_second for one in cluster.consumers if one.group != "dp-streams")
    measured = f"{rate:,.0f} events/s; records to read (at most {limit:,}): {', '.join(told)}"
    return red(f"{'; '.join(wrong)}. {measured}") if wrong else green(measured)


def dead_letters(evidence: Evidence) -> Answer:
    sources, limit = evidence.report().sources, evidence.settings.health.dead_letters_per_minute
    told = ", ".join(
        f"{one.name} {one.dead_letters:,} ({words.count(one.dead_letters_per_minute)} a minute)"
        for one in sources
    )
    wrong = evidence.found_by("dead letters", ("dead_letters",))
    measured = f"refused in all, at most {limit:,} a minute: {told}"
    return red(f"{'; '.join(one.says for one in wrong)}. {measured}") if wrong else green(measured)


def landing(evidence: Evidence) -> Answer:
    return _written(evidence, [source for source in SOURCES if source.chain_folder.startswith("landing/")])


def outputs(evidence: Evidence) -> Answer:
    """The stream's chains and views. Sessions are told only: theirs end when a user has been silent."""
    settings, streams = evidence.settings, evidence.settings.streams
    answer = _written(evidence, [source for source in SOURCES if source.chain_folder.startswith("outputs/")])
    views = {table.name: table.updated_at for table in evidence.report().tables if table.layer == "stream"}
    written = {name: None if at is None else _since(at.timestamp()) for name, at in views.items()}
    chains = {source.chain_folder.removeprefix("outputs/") for source in SOURCES}
    told = [
        f"{name} {'nothing yet' if age is None else words.age(age)}"
        for name, age in written.items()
        if name not in chains
    ]
    measured = f"{answer.measured}, {', '.join(told)}"
    limit = streams.window_seconds + streams.grace_seconds + streams.idle_close_seconds + _patience(settings)
    ready = evidence.copy.ready_at if evidence.copy else None
    runs = 0.0 if ready is None else evidence.now.timestamp() - ready
    age = written.get(AGGREGATED)
    if _flows(evidence, SOURCES[0]) and runs > limit and (age is None or age > limit):
        return red(f"events come, and no window of {AGGREGATED} was written for {limit:.0f} s; {measured}")
    return Answer(status=answer.status, measured=measured, repair=answer.repair)


def bronze(evidence: Evidence) -> Answer:
    return _filled(evidence, "bronze")


def silver(evidence: Evidence) -> Answer:
    return _filled(evidence, "silver")


def gold(evidence: Evidence) -> Answer:
    return _filled(evidence, "gold")


def _age(beat: Heartbeat) -> float:
    return max(time.time() - beat.at, 0.0)


def _since(moment: float) -> float:
    return max(time.time() - moment, 0.0)


def _still(before: dict[str, Heartbeat], now: dict[str, Heartbeat], name: str) -> bool:
    """Whether a service has the same count at both times. Another process begins anew."""
    one, other = before.get(name), now.get(name)
    return one is not None and other is not None and (one.pid, one.total) == (other.pid, other.total)


def _written(evidence: Evidence, sources: list[Source]) -> Answer:
    """Newest files of chains: red where events come, or wait, and no file does."""
    settings = evidence.settings
    patience = _patience(settings)
    ages: dict[str, float | None] = {}
    late = []
    for source in sources:
        newest = _newest_chain_file(settings, source)
        if _flows(evidence, source) and (newest is None or _since(newest) > patience):
            # The first event after a silence is given the time in which it has to be written.
            newest = _awaited(settings, source, newest)
            if newest is None or _since(newest) > patience:
                late.append(source.name)
        ages[source.name] = None if newest is None else _since(newest)
    told = ", ".join(
        f"{name} {'nothing yet' if age is None else words.age(age)}" for name, age in ages.items()
    )
    measured = f"age of the newest file: {told}"
    if late:
        return red(
            f"events of {', '.join(late)} come, and no file was written for {patience:.0f} s; {measured}"
        )
    if all(age is None for age in ages.values()):
        return skipped("no event has come yet")
    return green(measured)


def _awaited(settings: Settings, source: Source, newest: float | None) -> float | None:
    """The newest file once there is another one, or the time of a flush has passed."""
    began = time.monotonic()
    while time.monotonic() - began < min(settings.streams.flush_seconds * 1.5, LONGEST_LOOK):
        if (found := _newest_chain_file(settings, source)) != newest:
            return found
        time.sleep(POLL_SECONDS)
    return newest


def _patience(settings: Settings) -> float:
    return max(settings.health.flush_seconds, 3 * settings.streams.flush_seconds)


def _flows(evidence: Evidence, source: Source) -> bool:
    """Whether events of the source come in now, or wait to be written."""
    said: list[dict[str, Any]] = [
        details
        for beat in evidence.beats.values()
        if _age(beat) <= FRESH_SECONDS
        and (details := beat.details.get("sources", {}).get(source.name)) is not None
    ]
    if any(details.get("messages_per_second", 0.0) > 0 for details in said):
        return True
    cluster = evidence.cluster()
    topics = (source.topic, source.internal_topic)
    return any(part.lag > 0 for one in cluster.consumers for part in one.partitions if part.topic in topics)


def _newest_chain_file(settings: Settings, source: Source) -> float | None:
    """Unix time of the newest file: of each chain the one with the greatest offset in its name."""
    found = []
    for partition in chains_root(settings, source).glob("topic_id=*/partition=*"):
        names = [name for name in _names(partition) if name.endswith(".parquet") and name[0] != "."]
        if names and (at := _modified(partition / max(names))) is not None:
            found.append(at)
    return max(found, default=None)


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  # names are all that is wanted, of many files
    except (FileNotFoundError, NotADirectoryError):
        return []


def _modified(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None  # compacted or cleaned up meanwhile


def _filled(evidence: Evidence, layer: Layer) -> Answer:
    """Rows and the newest event of a layer's tables, by health; and tables that should have rows by now."""
    report = evidence.report()
    tables = {table.name: table for table in report.tables}
    own = [table for table in report.tables if table.layer == layer]
    with_rows = [table for table in own if table.rows]
    measured = f"{len(with_rows)} of {len(own)} tables have rows, {sum(t.rows or 0 for t in own):,} together"
    events = [(table.newest_event, table.name) for table in own if table.newest_event]
    if events:
        newest, name = max(events)
        measured += f"; newest event {words.age(max((report.at - newest).total_seconds(), 0))} ago ({name})"
    if "table_stale" in report.undecided:
        measured += f"; freshness is judged {evidence.settings.health.start_seconds} s after the start"
    names = [table.name for table in own]
    wrong = [one.says for one in evidence.found_by("tables", ("table_stale", "table_unreadable"), names)]
    lacking = [says for table in own if not table.rows for says in _lacking(evidence, table, tables)]
    if wrong:
        return red(f"{'; '.join([*wrong, *lacking])}. {measured}")
    if lacking:
        starts = "table_stale" in report.undecided
        return (warning if starts else red)(f"{'; '.join(lacking)}. {measured}")
    return green(measured) if with_rows else skipped("no event has come this far yet")


def _lacking(evidence: Evidence, table: TableReport, tables: dict[str, TableReport]) -> Iterator[str]:
    """Why a table without rows should have some."""
    dataset = TABLES[table.name]
    if isinstance(dataset.build, FromChain):
        source = next((one for one in SOURCES if one.name == dataset.build.source), None)
        newest = _newest_chain_file(evidence.settings, source) if source else None
        if newest is not None and _since(newest) > _allowance(dataset):
            yield f"{table.name} has no rows, and there are files in landing"
    elif not isinstance(dataset.build, Refused) and not _waits_for_a_day(dataset):
        before = [tables[name] for name in dataset.upstream if name in tables]
        filled = [
            one for one in before if one.rows and _has_been_filled(evidence, one.name, _allowance(dataset))
        ]
        if before and len(filled) == len(before):
            rows = ", ".join(f"{one.name} {one.rows:,}" for one in filled)
            yield f"{table.name} has no rows, and what it is built from has ({rows})"


def _allowance(dataset: Dataset) -> float:
    """Seconds that a first row may take."""
    return 2 * dataset.freshness.total_seconds()


def _has_been_filled(evidence: Evidence, name: str, seconds: float) -> bool:
    """Whether a table has had rows for so long: its first ones are on their way on, else."""
    snapshot = AllSnapshots(evidence.settings, TABLES).get(name)
    times = [file.added_at for file in snapshot.files if file.rows != 0] if snapshot else []
    return bool(times) and (evidence.now - min(times)).total_seconds() > seconds


def _waits_for_a_day(dataset: Dataset) -> bool:
    """Whether its rows come when a UTC day is over."""
    return isinstance(dataset.build, ReplaceDates) and bool(dataset.build.closing)


_DRIVER = "dp logs lakehouse-driver; dp lakehouse refresh TABLE --full makes a table anew"

LINES = (
    Line(
        name="simulators",
        area="data-flow",
        holds="each simulator delivers events",
        measures="its count of delivered records, twice, until it has moved; its state",
        repair="dp logs NAME-simulator; dp status shows whether it runs",
        page="docs/runbooks/service_degraded.md",
        look=simulators,
        seconds=LONGEST_LOOK + 5,
    ),
    Line(
        name="consumers",
        area="data-flow",
        holds="each consumer group consumes, and its lag is bounded",
        measures="processes, rate and lag of each group by the broker, against `health.lag_records`",
        repair="dp status shows which; dp logs ingestion, dp logs stream-worker-1; dp worker takes a share",
        page="docs/runbooks/lag_high.md",
        look=consumers,
        seconds=JUDGED_SECONDS,
    ),
    Line(
        name="dead-letters",
        area="data-flow",
        holds="few records are refused",
        measures="refused records of each source, and a minute, against `health.dead_letters_per_minute`",
        repair="dp dead-letters list says why",
        page="docs/runbooks/dead_letters.md",
        look=dead_letters,
        seconds=JUDGED_SECONDS,
    ),
    Line(
        name="landing",
        area="data-flow",
        holds="while events come, landing is written",
        measures="age of each source's newest landing file, where ingestion takes events or some wait",
        repair="dp logs stream-worker-1: it writes landing each streams.flush_seconds",
        page="docs/runbooks/flush_stuck.md",
        look=landing,
        seconds=JUDGED_SECONDS,
    ),
    Line(
        name="outputs",
        area="data-flow",
        holds="while events come, the stream's outputs are written",
        measures="age of the newest file of changes, windows and sessions",
        repair="dp logs stream-worker-1; the pages of ports.worker_web show open windows",
        page="docs/runbooks/flush_stuck.md",
        look=outputs,
        seconds=JUDGED_SECONDS,
    ),
    Line(
        name="bronze",
        area="data-flow",
        holds="bronze is filled and up to date",
        measures="rows and newest event of each table, by health; behind what has landed, against its target",
        repair=_DRIVER,
        page="docs/runbooks/table_stale.md",
        look=bronze,
        seconds=JUDGED_SECONDS,
    ),
    Line(
        name="silver",
        area="data-flow",
        holds="silver is filled and up to date",
        measures="rows and newest event of each table, by health; behind bronze, against its target",
        repair=_DRIVER,
        page="docs/runbooks/table_stale.md",
        look=silver,
        seconds=JUDGED_SECONDS,
    ),
    Line(
        name="gold",
        area="data-flow",
        holds="gold is made and up to date",
        measures="rows and newest event of each table, by health; behind silver, against its target",
        repair=_DRIVER,
        page="docs/runbooks/table_stale.md",
        look=gold,
        seconds=JUDGED_SECONDS,
    ),
)
