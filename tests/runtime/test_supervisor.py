"""The supervisor on small services: order, restarts, failures, stops."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from typing import Any

import pytest
from msgspec import structs

from contracts.configuration import Resolved
from contracts.errors import ConflictError, DependencyError, PortInUse, SettingsError
from contracts.settings import Settings
from runtime.topology import leftovers
from runtime.topology.declaration import Port
from runtime.topology.state import read_snapshot
from runtime.topology.supervisor import Supervisor

READY_THEN_DIES_ONCE = """
echo "start {name}" >> {diary}
touch {ready}
[ -e {folder}/{name}.second ] || {{ touch {folder}/{name}.second; echo '[ERROR] x.Y - out of luck'; exit 7; }}
trap 'exit 0' TERM
while :; do sleep 0.02; done
"""
DIES_AT_ONCE = 'echo "start {name}" >> {diary}; echo "[ERROR] kafka.Server - no luck today"; exit 1'
NEVER_READY = 'echo "start {name}" >> {diary}; sleep 1000'
DEAF = "trap '' TERM INT HUP; touch {ready}; while :; do sleep 0.02; done"
WITH_A_CHILD_OF_ITS_OWN_SESSION = """
setsid sh -c 'echo $$ > {folder}/{name}.child.fresh; mv {folder}/{name}.child.fresh {folder}/{name}.child
exec sleep 1000' &
while [ ! -e {folder}/{name}.child ]; do sleep 0.02; done
touch {ready}
wait
"""


def marked(resolved: Resolved) -> list[int]:
    return leftovers.find(str(resolved.settings.data_root))


def port(number: int, setting: str = "ports.api") -> Port:
    return Port(number=number, setting=setting)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_services_start_after_what_they_depend_on_and_stop_before_it(fakes: Any, resolved: Resolved) -> None:
    services = [
        fakes.service("c", depends_on=("a", "b")),
        fakes.service("a"),
        fakes.service("b", depends_on=("a",)),
    ]

    async def scenario() -> None:
        supervisor = Supervisor(resolved, services)
        async with fakes.running(supervisor):
            await fakes.eventually(lambda: supervisor.snapshot.ready)

    asyncio.run(scenario())
    assert fakes.diary == [
        *("start a", "start b", "start c"),
        *("stop c", "stop b", "stop a"),
    ]
    assert marked(resolved) == []


def test_what_is_independent_starts_at_the_same_time(fakes: Any, resolved: Resolved) -> None:
    waits_for_the_other = """
    touch {folder}/{name}.here
    while [ ! -e {folder}/a.here ] || [ ! -e {folder}/b.here ]; do sleep 0.02; done
    touch {ready}; exec sleep 1000
    """

    async def scenario() -> None:
        supervisor = Supervisor(resolved, [fakes.service(name, waits_for_the_other) for name in "ab"])
        async with fakes.running(supervisor):
            await fakes.eventually(lambda: supervisor.snapshot.ready)

    asyncio.run(scenario())


def test_preparation_comes_once_before_dependents(fakes: Any, resolved: Resolved) -> None:
    def prepare(settings: Settings) -> None:
        with open(fakes.diary_path, "a") as diary:
            diary.write("prepare a\n")

    services = [fakes.service("a", READY_THEN_DIES_ONCE, prepare=prepare), fakes.service("b", depends_on="a")]

    async def scenario() -> None:
        supervisor = Supervisor(resolved, services)
        async with fakes.running(supervisor):
            status = supervisor.snapshot.services[0]
            await fakes.eventually(lambda: status.restarts == 1 and supervisor.snapshot.ready)

    asyncio.run(scenario())
    # One that dies before it was ever ready is prepared again; after that, a restart is not.
    began = fakes.diary.index("start b")
    assert "prepare a" in fakes.diary[:began]
    assert "prepare a" not in fakes.diary[began:]


def test_a_dead_service_is_started_again_and_its_last_words_are_kept(fakes: Any, resolved: Resolved) -> None:
    async def scenario() -> None:
        supervisor = Supervisor(resolved, [fakes.service("a", READY_THEN_DIES_ONCE), fakes.service("b")])
        async with fakes.running(supervisor):
            status = supervisor.snapshot.services[0]
            await fakes.eventually(lambda: status.restarts == 1 and supervisor.snapshot.ready)
            assert status.last_error == "exit code 7: out of luck"

    asyncio.run(scenario())
    assert fakes.diary.count("start a") == 2
    assert fakes.diary.count("start b") == 1, "others are left alone"


def test_killed_services_come_back_with_growing_pauses(
    fakes: Any, resolved: Resolved, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    from runtime.topology import runner

    original = runner.any_of

    async def noted(*events: asyncio.Event, seconds: float | None = None) -> None:
        if seconds is not None and len(events) == 1:
            pauses.append(seconds)
            seconds = 0.0
        await original(*events, seconds=seconds)

    monkeypatch.setattr(runner, "any_of", noted)
    monkeypatch.setattr(runner, "FIRST_PAUSE", 1.0)

    async def scenario() -> None:
        supervisor = Supervisor(resolved, [fakes.service("a")])
        async with fakes.running(supervisor):
            for times in range(7):
                await fakes.eventually(lambda: supervisor.snapshot.ready)
                pid = supervisor.snapshot.services[0].pid
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
                await fakes.eventually(lambda: supervisor.snapshot.services[0].restarts == times + 1)  # noqa: B023

    asyncio.run(scenario())
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


def test_descendants_of_a_killed_service_go_with_it(fakes: Any, resolved: Resolved) -> None:
    async def scenario() -> None:
        supervisor = Supervisor(resolved, [fakes.service("a", WITH_A_CHILD_OF_ITS_OWN_SESSION)])
        async with fakes.running(supervisor):
            await fakes.eventually(lambda: supervisor.snapshot.ready)
            child = int((fakes.folder / "a.child").read_text())
            assert child in marked(resolved)
            (fakes.folder / "a.child").unlink()
            pid = supervisor.snapshot.services[0].pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await fakes.eventually(lambda: leftovers.birth(child) == 0)
            await fakes.eventually(lambda: supervisor.snapshot.ready)

    asyncio.run(scenario())
    assert marked(resolved) == []


def test_a_service_that_keeps_dying_ends_the_start(fakes: Any, resolved: Resolved) -> None:
    services = [fakes.service("a"), fakes.service("b", DIES_AT_ONCE), fakes.service("c", depends_on=("b",))]

    async def scenario() -> None:
        await Supervisor(resolved, services).run()

    with pytest.raises(
        DependencyError, match=r"b does not start: exit code 1: no luck today \(log: .*b\.log\)"
    ):
        asyncio.run(scenario())
    assert fakes.diary.count("start b") > 1
    assert fakes.diary.count("start c") == 0
    assert marked(resolved) == []
    snapshot = read_snapshot(resolved.settings)
    assert snapshot is not None
    assert snapshot.state == "failed"
    assert "no luck today" in snapshot.message
    assert {status.name: status.state for status in snapshot.services}["b"] == "failed"


@pytest.mark.parametrize("code", [2, 127])
def test_wrong_settings_are_not_tried_again(fakes: Any, resolved: Resolved, code: int) -> None:
    script = f'echo "start {{name}}" >> {{diary}}; echo "dp: unknown setting x.y"; exit {code}'

    async def scenario() -> None:
        await Supervisor(resolved, [fakes.service("a", script)]).run()

    with pytest.raises(DependencyError, match="unknown setting"):
        asyncio.run(scenario())
    assert fakes.diary == ["start a"]


def test_a_service_that_is_never_ready_ends_the_start(fakes: Any, resolved: Resolved) -> None:
    async def scenario() -> None:
        await Supervisor(resolved, [fakes.service("a", NEVER_READY, start_seconds=0.2)]).run()

    with pytest.raises(DependencyError, match=r"a does not start: not ready after 0\.2 s: no ready file"):
        asyncio.run(scenario())
    assert marked(resolved) == []


def test_a_failed_preparation_ends_the_start(fakes: Any, resolved: Resolved) -> None:
    def prepare(settings: Settings) -> None:
        raise DependencyError("topics cannot be made")

    service = structs.replace(
        fakes.service("a", prepare=prepare, start_seconds=0.2), probe=lambda settings, process: None
    )

    async def scenario() -> None:
        await Supervisor(resolved, [service]).run()

    with pytest.raises(DependencyError, match="topics cannot be made"):
        asyncio.run(scenario())


def test_a_port_in_use_is_named_and_nothing_is_started(fakes: Any, resolved: Resolved) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        services = [fakes.service("a"), fakes.service("b", ports=(port(taken, "ports.kafka"),))]

        async def scenario() -> None:
            await Supervisor(resolved, services).run()

        with pytest.raises(PortInUse) as caught:
            asyncio.run(scenario())
    assert (caught.value.port, caught.value.service, caught.value.setting) == (taken, "b", "ports.kafka")
    assert "DP_PORTS_KAFKA" in str(caught.value)
    assert fakes.diary == []
    assert marked(resolved) == []


def test_a_port_in_use_on_all_addresses_is_noticed(fakes: Any, resolved: Resolved) -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        services = [fakes.service("a", ports=(port(server.getsockname()[1]),))]

        async def scenario() -> None:
            await Supervisor(resolved, services).run()

        with pytest.raises(PortInUse):
            asyncio.run(scenario())


def test_one_port_for_two_services_is_a_wrong_setting(fakes: Any, resolved: Resolved) -> None:
    number = free_port()
    services = [fakes.service(name, ports=(port(number, f"ports.{name}"),)) for name in "ab"]

    async def scenario() -> None:
        await Supervisor(resolved, services).run()

    with pytest.raises(SettingsError, match=r"ports\.b"):
        asyncio.run(scenario())


def test_a_deaf_service_is_killed_and_the_others_still_stop_cleanly(fakes: Any, resolved: Resolved) -> None:
    services = [fakes.service("a"), fakes.service("b", DEAF, depends_on=("a",))]

    async def scenario() -> None:
        supervisor = Supervisor(resolved, services, stop_seconds=3.0)
        async with fakes.running(supervisor) as task:
            await fakes.eventually(lambda: supervisor.snapshot.ready)
            began = time.monotonic()
            supervisor.request_stop()
            await task
            assert time.monotonic() - began < 3.0, "the declared limit of a stop"

    asyncio.run(scenario())
    assert fakes.diary == ["start a", "stop a"]
    assert marked(resolved) == []


def test_the_second_request_kills_at_once(fakes: Any, resolved: Resolved) -> None:
    async def scenario() -> None:
        supervisor = Supervisor(resolved, [fakes.service("a", DEAF)], stop_seconds=3600.0)
        async with fakes.running(supervisor) as task:
            await fakes.eventually(lambda: supervisor.snapshot.ready)
            supervisor.request_stop()
            await fakes.eventually(lambda: supervisor.snapshot.services[0].state == "stopping")
            supervisor.request_stop()
            await task

    asyncio.run(scenario())
    assert marked(resolved) == []


def test_a_stop_during_the_start_leaves_nothing(fakes: Any, resolved: Resolved) -> None:
    services = [fakes.service("a", NEVER_READY), fakes.service("b", depends_on=("a",)), fakes.service("c")]

    async def scenario() -> None:
        supervisor = Supervisor(resolved, services)
        async with fakes.running(supervisor):
            await fakes.eventually(lambda: "start a" in fakes.diary)

    asyncio.run(scenario())
    assert "start b" not in fakes.diary
    assert marked(resolved) == []


def test_a_second_supervisor_is_refused_and_changes_nothing(fakes: Any, resolved: Resolved) -> None:
    async def scenario() -> None:
        first = Supervisor(resolved, [fakes.service("a")])
        async with fakes.running(first):
            await fakes.eventually(lambda: first.snapshot.ready)
            with pytest.raises(ConflictError, match=f"process {os.getpid()}"):
                await Supervisor(resolved, [fakes.service("b")]).run()
            assert first.snapshot.ready
            snapshot = read_snapshot(resolved.settings)
            assert snapshot is not None
            assert [status.name for status in snapshot.services] == ["a"]

    asyncio.run(scenario())
    assert "start b" not in fakes.diary


def test_a_service_that_stops_answering_is_degraded_until_it_answers(fakes: Any, resolved: Resolved) -> None:
    async def scenario() -> None:
        supervisor = Supervisor(resolved, [fakes.service("a")])
        async with fakes.running(supervisor):
            status = supervisor.snapshot.services[0]
            await fakes.eventually(lambda: supervisor.snapshot.ready)
            fakes.ready_path("a").unlink()
            await fakes.eventually(lambda: status.state == "degraded" and status.message == "no ready file")
            assert not supervisor.snapshot.ready
            fakes.ready_path("a").touch()
            await fakes.eventually(lambda: supervisor.snapshot.ready)
            assert status.restarts == 0

    asyncio.run(scenario())


def test_the_same_settings_and_no_secret_reach_a_service(
    fakes: Any, resolved: Resolved, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DP_KAFKA_PARTITIONS", "9")  # was not among the settings of this copy
    script = "env > {folder}/env.fresh; mv {folder}/env.fresh {folder}/env; touch {ready}; exec sleep 1000"

    async def scenario() -> None:
        supervisor = Supervisor(resolved, [fakes.service("a", script)])
        async with fakes.running(supervisor):
            await fakes.eventually(lambda: supervisor.snapshot.ready)

    asyncio.run(scenario())
    seen = dict(line.split("=", 1) for line in (fakes.folder / "env").read_text().splitlines() if "=" in line)
    assert seen["DP_PATHS_DATA"] == seen["DP_INSTANCE"] == str(resolved.settings.data_root)
    assert seen["DP_SERVICE"] == "a"
    assert "DP_KAFKA_PARTITIONS" not in seen
