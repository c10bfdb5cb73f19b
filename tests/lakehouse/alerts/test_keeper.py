"""Notices over real channels: a webhook that works, fails, hangs, and is gone; restarts; silences."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from contracts.errors import ContractError, DependencyError, NotFound, SettingsError
from contracts.settings import Alerts, Paths, Settings
from lakehouse.alerts import channels
from lakehouse.alerts.announcements import Announcement, Announcements
from lakehouse.alerts.channels import FileChannel, LogChannel, WebhookChannel, channel_named
from lakehouse.alerts.keeper import Keeper
from lakehouse.alerts.listing import alert_list
from lakehouse.alerts.notices import Notice, trial
from lakehouse.alerts.rules import finding
from lakehouse.alerts.silences import add_silence, read_silences, remove_silence, silences_path
from lakehouse.alerts.state import read_state, state_path
from tests.examples import examples

START = datetime(2026, 3, 5, 12, tzinfo=UTC)
SECRET = "T0KEN-of-the-hook"
LOST = finding("service_down", "kafka", "kafka is lost & <!channel> cries")


class Hook:
    """A webhook on loopback that answers as the test says."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.answers: list[int] = []
        """Statuses of the next answers; then 200."""
        self.hang = threading.Event()
        self.hang.set()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                hook.hang.wait()
                status = hook.answers.pop(0) if hook.answers else 200
                if status == 200:
                    hook.bodies.append(body)
                self.send_response(status)
                if status == 302:
                    self.send_header("location", "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/{SECRET}"

    @property
    def texts(self) -> list[str]:
        return [body["text"] for body in self.bodies]


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.hang.set()
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def settings(tmp_path: Path, hook: Hook) -> Settings:
    (tmp_path / "hook").write_text(hook.url + "\n")
    return Settings(
        paths=Paths(data=str(tmp_path / "data")),
        alerts=Alerts(webhook_file=str(tmp_path / "hook"), webhook_seconds=20.0),
    )


class Minutes:
    """A keeper that hears a report a minute."""

    def __init__(self, settings: Settings, **how: Any) -> None:
        self.settings = settings
        self.now = START
        self.how = how
        self.restart()

    def restart(self) -> None:
        webhook = WebhookChannel(self.settings, attempts=2, longest_wait=0.01)
        over = [LogChannel(), FileChannel(self.settings), webhook]
        self.keeper = Keeper(self.settings, over=over, now=lambda: self.now, **self.how)

    def pass_by(self, count: int, *findings: Any, wait: bool = True) -> None:
        for _ in range(count):
            self.now += timedelta(minutes=1)
            self.keeper.hear(self.now, findings, [])
            if wait:
                assert self.keeper.wait(60)


def written(settings: Settings) -> list[dict[str, Any]]:
    path = FileChannel(settings).path
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_one_notice_when_it_fires_and_one_when_it_is_over(settings: Settings, hook: Hook) -> None:
    minutes = Minutes(settings)
    minutes.pass_by(6, LOST)
    minutes.pass_by(6)
    assert hook.texts == [
        "critical: kafka is lost &amp; &lt;!channel&gt; cries",
        "resolved: service_down kafka (since 2026-03-05 12:01 UTC)",
    ]
    (attachment,) = hook.bodies[0]["attachments"]
    assert {f["title"]: f["value"] for f in attachment["fields"]}[
        "Runbook"
    ] == "docs/runbooks/service_down.md"
    assert [line["kind"] for line in written(settings)] == ["fired", "resolved"]
    assert read_state(settings).outbox == []


@pytest.mark.parametrize("status", [500, 404, 302, 429])
def test_a_webhook_that_refuses_gets_it_later_and_once(settings: Settings, hook: Hook, status: int) -> None:
    minutes = Minutes(settings)
    hook.answers = [status] * 3
    minutes.pass_by(2, LOST)
    assert hook.bodies == []
    assert alert_list(settings, minutes.now).undelivered == 1
    minutes.restart()
    minutes.pass_by(3, LOST)
    assert len(hook.bodies) == 1
    assert len(written(settings)) == 1


def test_a_webhook_that_hangs_holds_up_nobody(settings: Settings, hook: Hook) -> None:
    minutes = Minutes(settings)
    hook.hang.clear()
    minutes.pass_by(3, LOST, wait=False)
    other = finding("lag_high", "dp-streams", "much")
    minutes.pass_by(3, LOST, other, wait=False)
    assert [line["rule"] for line in written(settings)] == ["service_down", "lag_high"]
    assert hook.bodies == []
    hook.hang.set()
    assert minutes.keeper.wait(60)
    minutes.pass_by(1, LOST, other)
    assert [text.split(":")[0] for text in hook.texts] == ["critical", "warning"]


def test_a_webhook_that_is_gone_is_given_up_after_a_day(
    settings: Settings, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    Path(settings.alerts.webhook_file).write_text("http://127.0.0.1:1/" + SECRET)
    minutes = Minutes(settings)
    with caplog.at_level(logging.DEBUG):
        minutes.pass_by(3, LOST)
        assert alert_list(settings, minutes.now).undelivered == 1
        minutes.now += timedelta(hours=25)
        minutes.pass_by(1, LOST)
    assert alert_list(settings, minutes.now).undelivered == 0
    assert "was not delivered to webhook" in caplog.text
    assert SECRET not in caplog.text


def test_the_url_is_in_no_message(settings: Settings, hook: Hook, caplog: pytest.LogCaptureFixture) -> None:
    hook.answers = [500] * 2
    channel = WebhookChannel(settings, attempts=2, longest_wait=0.01)
    with caplog.at_level(logging.DEBUG), pytest.raises(DependencyError) as raised:
        channel.deliver(trial(START))
    assert str(raised.value) == "the webhook answers 500"
    for text, reason in (
        ("ftp://x/" + SECRET, "holds no http"),
        ("http://[x" + SECRET, "holds no http"),
        ("http://\x7f" + SECRET, "webhook"),
    ):
        Path(settings.alerts.webhook_file).write_text(text)
        with caplog.at_level(logging.DEBUG), pytest.raises(DependencyError, match=reason) as raised:
            channel.deliver(trial(START))
        assert SECRET not in str(raised.value)
    Path(settings.alerts.webhook_file).unlink()
    with pytest.raises(DependencyError, match="cannot be read"):
        channel.deliver(trial(START))
    assert SECRET not in caplog.text
    assert SECRET not in "".join(path.read_text() for path in settings.data_root.rglob("*.json*"))


def test_a_restart_neither_repeats_nor_forgets(settings: Settings, hook: Hook) -> None:
    minutes = Minutes(settings)
    for _ in range(8):
        minutes.pass_by(1, LOST)
        minutes.restart()
    for _ in range(8):
        minutes.pass_by(1)
        minutes.restart()
    assert [line["kind"] for line in written(settings)] == ["fired", "resolved"]
    assert len(hook.bodies) == 2


@hypothesis_settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ticks=st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=25))
def test_whatever_is_killed_when(
    ticks: list[tuple[bool, bool, bool]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Kills between minutes and channels that fail: every notice arrives, in order, alternating."""
    settings = Settings(paths=Paths(data=str(tmp_path_factory.mktemp("kills"))))
    got: list[str] = []

    class Fails:
        name = "fails"
        is_remote = False
        down = False

        def deliver(self, notice: Notice) -> None:
            if self.down:
                raise DependencyError("down")
            got.append(notice.kind)

    channel = Fails()
    now = START

    def clock() -> datetime:
        return now

    keeper = Keeper(settings, over=[channel], now=clock)
    for wrong, killed, down in [*ticks, *[(False, False, False)] * 50]:
        now += timedelta(minutes=1)
        channel.down = down
        keeper.hear(now, [LOST] if wrong else [], [])
        if killed:
            keeper = Keeper(settings, over=[channel], now=clock)
    assert got == [("fired", "resolved")[number % 2] for number in range(len(got))]
    assert len(got) % 2 == 0
    assert read_state(settings).outbox == []


def test_a_full_disk_does_not_keep_alerts_from_being_told(
    settings: Settings, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    minutes = Minutes(settings)
    from lakehouse.alerts import keeper

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keeper, "replace", full)
    for _ in range(4):
        minutes.now += timedelta(minutes=1)
        with pytest.raises(OSError, match="No space"):
            minutes.keeper.hear(minutes.now, [LOST], [])
        assert minutes.keeper.wait(60)
    assert len(hook.bodies) == 1


def test_silences_keep_quiet_and_what_still_fires_is_told_after(settings: Settings, hook: Hook) -> None:
    heard: list[Announcement] = []
    announcements = Announcements()
    announcements.subscribe(heard.append)
    announcements.subscribe(lambda one: 1 / 0)  # a broken listener is its own trouble
    made = add_silence(
        settings,
        "service_*",
        "kafka",
        lasts=timedelta(minutes=5),
        by="ann",
        reason="a new disk",
        now=START,
        announcements=announcements,
    )
    minutes = Minutes(settings, announcements=announcements)
    minutes.pass_by(4, LOST)
    assert hook.bodies == []
    (listed,) = alert_list(settings, minutes.now).alerts
    assert (listed.state, listed.silenced_by) == ("firing", made.id)
    minutes.pass_by(3, LOST)
    assert len(hook.bodies) == 1
    # Silenced and over: nobody hears of it.
    second = finding("service_down", "ingestion", "ingestion is lost")
    add_silence(settings, "*", "ingestion", lasts=timedelta(hours=1), by="ann", reason="x", now=minutes.now)
    minutes.pass_by(3, LOST, second)
    minutes.pass_by(4, LOST)
    assert len(hook.bodies) == 1
    assert [(one.kind, one.by) for one in heard] == [("silenced", "ann"), ("fired", "")]
    ended = remove_silence(
        settings,
        read_silences(settings, minutes.now)[0].id,
        by="bob",
        now=minutes.now,
        announcements=announcements,
    )
    assert ended.subject == "ingestion"
    assert (heard[-1].kind, heard[-1].by) == ("unsilenced", "bob")


Bad = Callable[[Settings], object]


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"rule": "no_such_rule"}, NotFound),
        ({"lasts": timedelta(0)}, ContractError),
        ({"lasts": timedelta(days=91)}, ContractError),
        ({"reason": "  "}, ContractError),
        ({"reason": "two\nlines"}, ContractError),
        ({"subject": "x" * 201}, ContractError),
    ],
)
def test_silences_that_may_not_be(settings: Settings, values: dict[str, Any], error: type[Exception]) -> None:
    given: dict[str, Any] = {"rule": "lag_high", "subject": "*", "lasts": timedelta(hours=1), "reason": "r"}
    given |= values
    rule, subject = given.pop("rule"), given.pop("subject")
    with pytest.raises(error):
        add_silence(settings, rule, subject, by="ann", now=START, **given)
    assert read_silences(settings, START) == []
    with pytest.raises(NotFound):
        remove_silence(settings, "nothing", by="ann", now=START)


def test_damaged_files_do_not_stop_alerts(settings: Settings, hook: Hook) -> None:
    for path in (state_path(settings), silences_path(settings)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'[{"id"')
    minutes = Minutes(settings)
    minutes.pass_by(3, LOST)
    assert len(hook.bodies) == 1
    with pytest.raises(ContractError, match="damaged"):
        alert_list(settings, minutes.now)


def test_a_file_that_has_grown_is_set_aside(settings: Settings) -> None:
    channel = FileChannel(settings)
    channel._most = 10
    for _ in range(3):
        channel.deliver(trial(START))
    assert len(written(settings)) == 1
    assert channel.path.with_suffix(".1.jsonl").exists()


def test_channels_are_those_that_are_asked_for(tmp_path: Path) -> None:
    plain = Settings(paths=Paths(data=str(tmp_path)))
    assert [one.name for one in channels.channels(plain)] == ["log", "file"]
    with pytest.raises(SettingsError, match="set alerts"):
        channel_named(plain, "webhook")
    with pytest.raises(NotFound, match="channels: log, file, webhook"):
        channel_named(plain, "pigeon")
