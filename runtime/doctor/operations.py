"""Operations: whoever watches the platform watches, answers, tells and keeps copies."""

from __future__ import annotations

import json
import re
import socket
import ssl
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from contracts.errors import DependencyError, PlatformError
from lakehouse.alerts.channels import Channel, channels
from lakehouse.alerts.keeper import Keeper
from lakehouse.alerts.listing import alert_list
from lakehouse.alerts.notices import Notice, trial
from lakehouse.alerts.rules import RULES, finding
from lakehouse.archive import checking, manifest
from lakehouse.health import words
from lakehouse.health.memory import read_memory
from runtime.doctor.evidence import Evidence
from runtime.doctor.line import JUDGED_SECONDS, Answer, Line, green, red, skipped, warning
from runtime.topology.declaration import connect_host
from runtime.topology.logfiles import last_lines, log_path, services_with_logs
from runtime.topology.loglines import Head

ANSWER_SECONDS = 4.0
SLOW_SECONDS = 2.0
LINES_A_LOG = 200
MISSED_SAMPLES = 3
_CLAIMED = frozenset(
    {
        *("service_down", "service_degraded", "disk_low", "disk_full"),
        *("lag_high", "flush_stuck", "holes", "dead_letters"),
        *("table_stale", "table_unreadable", "quality_low", "job_failed", "job_missed"),
    }
)
"""Rules of health whose findings other lines tell of."""
_LEVELS = frozenset({"debug", "info", "warning", "error", "critical"})
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def monitor(evidence: Evidence) -> Answer:
    settings = evidence.settings
    memory = read_memory(settings)
    every = settings.health.sample_seconds
    if not memory.at:
        return red(
            "no sample of health has been taken yet", "dp logs scheduler; the first sample takes a minute"
        )
    age = max(time.time() - memory.at, 0.0)
    measured = f"last sample {words.age(age)} ago, one each {words.age(every)} is due; "
    measured += f"{memory.failures} parts of samples have failed so far"
    wrong = [one.says for one in evidence.report().findings if one.rule not in _CLAIMED]
    if age > MISSED_SAMPLES * every:
        wrong.insert(0, f"the monitor has not sampled for {words.age(age)}")
    return red(f"{'; '.join(wrong)}. {measured}") if wrong else green(measured)


def api(evidence: Evidence) -> Answer:
    """`GET /health`, without a key; 503 is an answer too: it says that the platform is not ready."""
    settings = evidence.settings
    url = evidence.api_url or f"{settings.api_scheme}://{connect_host(settings)}:{settings.ports.api}"
    status, body, seconds = _asked(f"{url.rstrip('/')}/health")
    try:
        word = json.loads(body)["status"]
    except (ValueError, KeyError, TypeError) as error:
        raise DependencyError(
            f"{url}/health answers {status} with something else than a health report"
        ) from error
    measured = f"{url}/health answered {status} in {seconds * 1000:.0f} ms: {word}"
    if status not in (200, 503):
        return red(measured)
    if seconds > SLOW_SECONDS:
        return warning(measured, "dp lakehouse health; is the machine short of processors or memory?")
    return green(measured)


def logs(evidence: Evidence) -> Answer:
    """The last lines of each file."""
    names = services_with_logs(evidence.settings)
    if not names:
        return skipped("no log files here: containers write their logs to the engine")
    wrong, count = [], 0
    for name in names:
        for line in last_lines(log_path(evidence.settings, name), LINES_A_LOG):
            count += 1
            if (fault := _fault(line)) is not None:
                wrong.append(f"{name}.log: {fault}: {line[:60]!r}")
    measured = f"{count:,} lines of {len(names)} files are JSON with ts, level, service and message"
    if wrong:
        return red(f"{len(wrong)} of {count:,} lines in {len(names)} files are not in the form; {wrong[-1]}")
    return green(measured)


def alerts(evidence: Evidence) -> Answer:
    """An alert of a scratch platform lives its life; each channel of this one delivers a test notice."""
    settings = evidence.settings
    if not settings.data_root.is_dir():
        return red(f"there is no data root {settings.data_root}", "dp up makes it; paths.data names it")
    told = _fired_and_resolved(evidence)
    if told != ["fired", "resolved"]:
        return red(f"an alert that was raised and mended told {told or 'nothing'} instead of fired, resolved")
    wrong, delivered, untried = [], [], []
    for channel in channels(settings):
        if channel.is_remote and not evidence.notify:
            untried.append(channel.name)
        elif channel.name != "log":  # a line of ours would tell nobody anything
            try:
                channel.deliver(trial(datetime.now(UTC)))
            except PlatformError as error:
                wrong.append(f"{channel.name}: {error}")
            else:
                delivered.append(channel.name)
    waiting = alert_list(settings, evidence.now)
    firing = sum(alert.state == "firing" for alert in waiting.alerts)
    measured = (
        f"a test alert fired and was resolved; delivered over {', '.join(delivered) or 'the log alone'}"
    )
    measured += f"; not tried without --notify: {', '.join(untried)}" if untried else ""
    measured += f"; {firing} firing now"
    if waiting.undelivered:
        wrong.append(f"{waiting.undelivered} notices could not be delivered")
    return red(f"{'; '.join(wrong)}; {measured}") if wrong else green(measured)


def archive(evidence: Evidence) -> Answer:
    """All checksums of the newest archive, computed anew."""
    settings = evidence.settings
    newest = _newest_archive(settings.archive_root)
    if newest is None:
        if settings.archive.schedule:
            return warning(f"archive.schedule is {settings.archive.schedule!r}, and there is no archive yet")
        return skipped(
            "there is no archive yet, and archive.schedule asks for none: dp lakehouse archive makes one"
        )
    kept = manifest.read(newest)
    tables = list(checking.verify(settings, kept))
    files = sum(len(table.files) for table in tables)
    age = words.age((evidence.now - kept.created_at).total_seconds())
    return green(
        f"{kept.name}, {age} old: {files:,} files, {len(tables)} tables, {words.size(kept.bytes)}, as it was"
    )


def batch_jobs(evidence: Evidence) -> Answer:
    jobs = evidence.report().jobs
    ran = [f"{job.name} {job.run_date}: {job.run_status}" for job in jobs if job.run_status]
    measured = "; ".join(ran) or "none has run yet"
    wrong = evidence.found_by("batch jobs", ("job_failed", "job_missed"))
    if wrong:
        return red(f"{'; '.join(one.says for one in wrong)}. {measured}")
    schedule = f"due at {evidence.settings.batch.schedule} {evidence.settings.batch.time_zone}"
    return green(f"{measured} ({schedule})") if ran else skipped(f"no batch job has run yet ({schedule})")


def _asked(url: str) -> tuple[int, bytes, float]:
    """Status, body and seconds. Raises DependencyError where nothing answers in time. A certificate is not
    checked: who listens there is not asked here."""
    parts = urlsplit(url)
    host, began = parts.hostname or "", time.monotonic()
    connection: HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = HTTPSConnection(host, parts.port or 443, timeout=ANSWER_SECONDS, context=context)
    else:
        connection = HTTPConnection(host, parts.port or 80, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", parts.path)
        response = connection.getresponse()
        return response.status, response.read(), time.monotonic() - began
    except (OSError, HTTPException, socket.gaierror) as error:
        raise DependencyError(f"no answer from {url} ({error or type(error).__name__})") from error
    finally:
        connection.close()


def _fault(line: str) -> str | None:
    """What is not as declared (``contracts.logs``)."""
    try:
        head = msgspec.json.decode(line, type=Head)
    except msgspec.ValidationError as error:
        return str(error)
    except msgspec.DecodeError:
        return "no JSON"
    if not _MOMENT.fullmatch(head.ts):
        return f"ts {head.ts!r} is no UTC time"
    return None if head.level in _LEVELS else f"level {head.level!r}"


class _Heard:
    """A channel that keeps what kinds of notices come."""

    name = "doctor"
    is_remote = False

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def deliver(self, notice: Notice) -> None:
        self.kinds.append(notice.kind)


def _fired_and_resolved(evidence: Evidence) -> list[str]:
    """Kinds of the notices of an alert that lasts, and is over. In a folder of its own: the states of the
    platform are the scheduler's."""
    rule = RULES["monitor_blind"]
    heard = _Heard()
    now = evidence.now
    with tempfile.TemporaryDirectory(prefix="dp-doctor-") as folder:
        scratch = replace(evidence.settings, paths=replace(evidence.settings.paths, data=folder))
        over: Sequence[Channel] = [heard]
        keeper = Keeper(scratch, over=over, now=lambda: now)
        found = finding(rule.name, "doctor", "a test of the alerts")
        for findings in ([found], [found], [], [], []):
            keeper.hear(now, findings, ())
            now += max(rule.lasts, timedelta(minutes=1)) + timedelta(seconds=10)
    return heard.kinds


def _newest_archive(root: Path) -> Path | None:
    """By name, which sorts by time: a damaged manifest must not hide behind an older one."""
    try:
        found = [one for one in root.iterdir() if one.name[0] != "." and (one / manifest.MANIFEST).exists()]
    except FileNotFoundError:
        return None
    return max(found, key=lambda folder: folder.name, default=None)


LINES = (
    Line(
        name="monitor",
        area="operations",
        holds="the health monitor samples, and sees every part",
        measures="age of its last sample, against `health.sample_seconds`; findings that no other line tells",
        repair="dp logs scheduler: the monitor is a part of it",
        page="docs/runbooks/monitor_blind.md",
        look=monitor,
        seconds=JUDGED_SECONDS,
    ),
    Line(
        name="api",
        area="operations",
        holds="the API answers",
        measures="`GET /health`: its status and its time",
        repair="dp logs lakehouse-api; ports.api (elsewhere: DP_API_URL) says where it is looked for",
        page="docs/runbooks/service_down.md",
        look=api,
    ),
    Line(
        name="logs",
        area="operations",
        holds="log lines have the declared form",
        measures=f"the last {LINES_A_LOG} lines of each log file: JSON with ts, level, service, message",
        repair="find who writes there: services write to their output alone, which dp up puts into the form",
        page="docs/architecture.md",
        look=logs,
        seconds=JUDGED_SECONDS,
    ),
    Line(
        name="alerts",
        area="operations",
        holds="an alert that is raised and resolved is told, and every channel delivers",
        measures="an alert's life in a scratch folder; a test notice a channel (webhooks with `--notify`)",
        repair="dp alerts test CHANNEL; the section alerts of the settings",
        page="docs/health.md",
        look=alerts,
        seconds=20,
    ),
    Line(
        name="archive",
        area="operations",
        holds="the last archive is what was archived",
        measures="SHA-256 of every file of the newest archive, against its manifest",
        repair="dp lakehouse archive makes a new one; the damaged one cannot be trusted",
        page="docs/retention.md",
        look=archive,
        seconds=60,
        overdue="warning",
    ),
    Line(
        name="batch-jobs",
        area="operations",
        holds="batch jobs have run, and none has failed",
        measures="each job's newest run, and days without a result",
        repair="dp batch history says why; dp batch run NAME --date DATE runs it again",
        page="docs/runbooks/job_failed.md",
        look=batch_jobs,
        seconds=JUDGED_SECONDS,
    ),
)
