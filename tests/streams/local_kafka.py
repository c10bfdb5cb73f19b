"""A ZooKeeper and a broker of the tests' own, on free ports, in a temporary folder."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from contracts.configuration import load
from runtime.jars import kafka_jars
from runtime.java import java_home


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextlib.contextmanager
def running_kafka(folder: Path) -> Iterator[dict[str, object]]:
    """Yields the flags that point settings at it."""
    zookeeper_port, kafka_port = free_ports(2)
    settings = load(environ={}).settings
    java = [str(java_home(settings) / "bin" / "java"), "-XX:+UseSerialGC"]
    classpath = ":".join(str(jar) for jar in kafka_jars(settings))
    zookeeper = folder / "zookeeper.properties"
    zookeeper.write_text(
        f"dataDir={folder}/zookeeper\nclientPort={zookeeper_port}\n"
        "clientPortAddress=127.0.0.1\nadmin.enableServer=false\n"
    )
    kafka = folder / "kafka.properties"
    kafka.write_text(
        f"broker.id=0\nlisteners=PLAINTEXT://127.0.0.1:{kafka_port}\n"
        f"zookeeper.connect=127.0.0.1:{zookeeper_port}\nlog.dirs={folder}/kafka\n"
        "auto.create.topics.enable=false\noffsets.topic.replication.factor=1\n"
        "offsets.topic.num.partitions=4\ngroup.initial.rebalance.delay.ms=0\n"
        "transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n"
    )
    commands = (
        ["-Xmx64m", "-cp", classpath, "org.apache.zookeeper.server.quorum.QuorumPeerMain", str(zookeeper)],
        ["-Xmx512m", "-cp", classpath, "kafka.Kafka", str(kafka)],
    )
    with contextlib.ExitStack() as stack:
        for name, command in zip(("zookeeper", "kafka"), commands, strict=True):
            log = stack.enter_context(open(folder / f"{name}.log", "wb"))
            process = stack.enter_context(
                subprocess.Popen([*java, *command], stdout=log, stderr=log, cwd=folder)
            )
            stack.callback(process.kill)
        _wait(f"127.0.0.1:{kafka_port}")
        yield {"ports.kafka_external": kafka_port, "ports.zookeeper": zookeeper_port}


def _wait(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    deadline = time.monotonic() + 240
    while True:
        try:
            if admin.list_topics(timeout=2).brokers:
                return
        except KafkaException:
            if time.monotonic() > deadline:
                raise
