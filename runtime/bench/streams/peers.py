"""The peers: each in a virtual environment of its own, made when it is first wanted and then kept.

A peer is a program that takes the topic from its beginning and prints `mark N` twice, when it has settled N
events: between the two marks is measured, in the same way as for our own processes.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from msgspec import Struct

from contracts.errors import DependencyError
from runtime.bench.streams.local import LocalStreams
from runtime.bench.streams.metering import PATIENCE_SECONDS, Mark, Measured, cpu_seconds, measured
from runtime.bootstrap.place import ROOT
from runtime.jars import ivy_jar
from runtime.java import java_executable, java_home
from runtime.java_downloads import download_options
from runtime.separate_environment import interpreter

PROGRAMS = Path(__file__).with_name("peer-programs")
FLINK_JAR = ("org.apache.flink", "flink-sql-connector-kafka", "5.0.0-2.2")
PARALLELISM = 2
SLOW_EVENTS = 600_000


class Peer(Struct, frozen=True, kw_only=True):
    """A system that is measured beside ours."""

    name: str
    title: str
    program: str
    requirements: tuple[str, ...] = ()
    """Empty: it runs in our own environment."""
    note: str = ""
    most: int = 2**62
    """How many events of the topic it takes: a slow one measures the same with fewer."""


PEERS = (
    Peer(name="bare", title="aiokafka + msgspec, decoding only", program="bare.py", note="no result"),
    Peer(
        name="quix",
        title="Quix Streams 3.28.1",
        program="quix.py",
        requirements=("quixstreams==3.28.1", "pyarrow==24.0.0", "tzdata==2026.1"),
        note=f"windows to Parquet, of {SLOW_EVENTS:,} events at most",
        most=SLOW_EVENTS,
    ),
    Peer(
        name="bytewax",
        title="Bytewax 0.21.1",
        program="bytewax_flow.py",
        requirements=("bytewax[kafka]==0.21.1", "msgspec==0.22.0", "pyarrow==24.0.0"),
        note=f"windows to Parquet, of {SLOW_EVENTS:,} events at most",
        most=SLOW_EVENTS,
    ),
    Peer(
        name="flink",
        title="Flink SQL 2.3.0",
        program="flink.py",
        requirements=("apache-flink==2.3.0",),
        note=f"parallelism {PARALLELISM}, no sink",
    ),
)


def run(
    local: LocalStreams, peer: Peer, topic: str, ends: list[int], told: Callable[[str], None]
) -> Measured:
    """Lets the peer take a topic whose partitions end at ``ends``.

    Raises DependencyError where it cannot be installed here, or fails.
    """
    home = local.root.parent / "peers"
    python = interpreter(home / peer.name, peer.title, peer.requirements, told)
    folder = local.root / peer.name
    folder.mkdir()
    arguments = [local.settings.bootstrap_servers, topic, str(min(sum(ends), peer.most))]
    environment = {**local.environment, "PYTHONUNBUFFERED": "1"}
    if peer.name == "flink":
        jar = _flink_jar(local, home, told)
        arguments += [str(jar), str(PARALLELISM), ",".join(map(str, ends))]
        environment["JAVA_HOME"] = str(java_home(local.settings))
    else:
        arguments.append(str(folder))
    told(f"{peer.title}: starting")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(python), str(PROGRAMS / peer.program), *arguments],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=folder,
            start_new_session=True,
        )
        try:
            marks = _marks(process, told, peer)
        finally:
            _end(process)
    if len(marks) < 2:
        raise DependencyError(f"{peer.title} failed: {_last_words(folder / 'log')}")
    return measured(peer.title, peer.note, {"all": (marks[0], marks[1])}, "all")


def _marks(process: subprocess.Popen[bytes], told: Callable[[str], None], peer: Peer) -> list[Mark]:
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    marks: list[Mark] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    rest = b""
    while len(marks) < 2 and time.monotonic() < deadline:
        chunk = _read(process.stdout)
        at, cpu = time.monotonic(), cpu_seconds(process.pid)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"mark "):
                marks.append(Mark(int(line.split()[1]), at, cpu))
                told(f"{peer.title}: {marks[-1].progress:,} events")
        if process.poll() is not None and not chunk:
            break
        time.sleep(0.02)
    return marks


def _read(stream: IO[bytes]) -> bytes:
    try:
        return os.read(stream.fileno(), 65_536)
    except BlockingIOError:
        return b""


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a peer with whatever it started: it has a session of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, 9)
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


def _flink_jar(local: LocalStreams, home: Path, told: Callable[[str], None]) -> Path:
    """Flink's connector to Kafka, one jar with all that it needs."""
    organisation, module, revision = FLINK_JAR
    jar = home / f"{module}-{revision}.jar"
    if jar.is_file():
        return jar
    told(f"Flink SQL: fetching {jar.name}")
    incoming = home / "incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    settings = ROOT / "runtime" / "artifacts" / "registry-settings.xml"
    done = subprocess.run(
        [
            str(java_executable(local.settings)),
            *download_options(local.settings, incoming),
            *("-jar", str(ivy_jar()), "-settings", str(settings)),
            *("-cache", str(incoming / "cache"), "-dependency", organisation, module, revision),
            *("-retrieve", str(incoming / "[artifact]-[revision].[ext]"), "-types", "jar"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    fetched = incoming / jar.name
    if done.returncode or not fetched.is_file():
        raise DependencyError(f"Flink's connector cannot be had: {(done.stderr or done.stdout)[-400:]}")
    fetched.replace(jar)
    return jar


def _last_words(log: Path) -> str:
    return log.read_text("utf-8", "replace").strip()[-600:]
