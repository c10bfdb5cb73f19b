"""Infrastructure: what the platform stands on answers, and lies where it was declared to."""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Iterator

import psutil
from confluent_kafka import KafkaException

from contracts.errors import DependencyError
from contracts.layout import FOLDERS
from contracts.sources import SOURCES, topic_specs
from kafka_cluster.registry import missing_subjects
from kafka_cluster.topics import admin
from lakehouse.health import words
from runtime.doctor.evidence import Evidence
from runtime.doctor.line import JUDGED_SECONDS, Answer, Line, green, red, skipped, warning
from runtime.services import SPARK_WORKERS
from runtime.topology import leftovers, probes
from runtime.topology.declaration import WILDCARDS

ANSWER_SECONDS = 4.0
LEAST_WORKERS = len(SPARK_WORKERS)
_OTHER_ENGINE = "the engine is embedded: there is no Spark"


def services(evidence: Evidence) -> Answer:
    report = evidence.report()
    well = {"ready", "running"}
    if evidence.copy is None and not any(service.state in well for service in report.services):
        spoken = [
            one.heartbeat_age_seconds for one in report.services if one.heartbeat_age_seconds is not None
        ]
        last = f"; the last word is {words.age(min(spoken))} old" if spoken else ""
        return red(f"nothing runs on {evidence.settings.data_root}{last}", "dp up --detach")
    wrong = evidence.found_by("services", ("service_down", "service_degraded"))
    told = f"{len(report.services)} services"
    if evidence.copy is not None:
        ready = sum(service.state == "ready" for service in evidence.copy.services)
        told = f"{ready} of {len(evidence.copy.services)} services ready, {words.size(evidence.copy.memory)}"
        told += f", started {words.age(evidence.now.timestamp() - evidence.copy.started)} ago"
    if wrong:
        return red(f"{told}; {'; '.join(one.says for one in wrong)}")
    passing = [f"{one.name} is {one.state}" for one in report.services if one.state not in well]
    return warning(f"{told}; {', '.join(passing)}") if passing else green(told)


def broker(evidence: Evidence) -> Answer:
    """On the listener for clients of this host; asked with metadata, as an open port says little."""
    settings = evidence.settings
    began = time.monotonic()
    try:
        metadata = admin(settings).list_topics(timeout=ANSWER_SECONDS)
    except KafkaException as error:
        raise DependencyError(f"{settings.bootstrap_servers}: {error.args[0].str()}") from error
    took = (time.monotonic() - began) * 1000
    brokers = ", ".join(f"{one.host}:{one.port}" for one in metadata.brokers.values())
    declared = [spec.name for spec in topic_specs(settings)]
    missing = [name for name in declared if name not in metadata.topics]
    told = f"{settings.bootstrap_servers} answered in {took:.0f} ms; brokers: {brokers or 'none'}; "
    told += f"{len(declared) - len(missing)} of {len(declared)} topics"
    if not metadata.brokers:
        return red(told)
    if missing:
        return red(f"{told}; missing: {', '.join(missing)}", "restart ingestion: it makes missing topics")
    return green(told)


def zookeeper(evidence: Evidence) -> Answer:
    settings = evidence.settings
    if "zookeeper" not in evidence.services and not settings.kafka.zookeeper:
        return skipped("no ZooKeeper here: Kafka is somebody else's, or does without")
    told = []
    for address in settings.zookeeper_connect.partition("/")[0].split(","):
        host, port = _address(address, settings.ports.zookeeper)
        try:
            told.append(f"{host}:{port} is {probes.zookeeper_mode(host, port)}")
        except DependencyError as error:
            raise DependencyError(f"{host}:{port}: {error}") from error
    return green(", ".join(told))


def registry(evidence: Evidence) -> Answer:
    url = evidence.settings.registry_url
    began = time.monotonic()
    missing = missing_subjects(evidence.settings)
    took = (time.monotonic() - began) * 1000
    told = f"{url} answered in {took:.0f} ms; {len(SOURCES) - len(missing)} of {len(SOURCES)} schemas"
    if missing:
        return red(f"{told}; missing: {', '.join(missing)}", "restart ingestion: it registers schemas")
    return green(told)


def spark_master(evidence: Evidence) -> Answer:
    """The port by a connection, its master by what it says on its page: port 7077 speaks to Spark alone."""
    settings = evidence.settings
    if (why := _no_standalone(evidence)) is not None:
        return skipped(why)
    host, port = _address(settings.spark_master.removeprefix("spark://").split(",")[0], 7077)
    try:
        socket.create_connection((host, port), ANSWER_SECONDS).close()
    except OSError as error:
        raise DependencyError(f"{host}:{port} takes no connection ({error})") from error
    state = probes.spark_master_state(settings)
    told = f"{host}:{port} takes connections; {state.get('url', '')} is {state.get('status')}"
    applications = len(state.get("activeapps", ()))
    told += f", {applications} application{'' if applications == 1 else 's'}"
    return green(told) if state.get("status") == "ALIVE" else red(told)


def spark_workers(evidence: Evidence) -> Answer:
    if (why := _no_standalone(evidence)) is not None:
        return skipped(why)
    workers = probes.spark_master_state(evidence.settings).get("workers", [])
    alive = [worker for worker in workers if worker.get("state") == "ALIVE"]
    cores = sum(worker.get("cores", 0) for worker in alive)
    used = sum(worker.get("coresused", 0) for worker in alive)
    memory = sum(worker.get("memory", 0) for worker in alive)
    told = (
        f"{len(alive)} alive, at least {LEAST_WORKERS} wanted; {used} of {cores} cores in use, {memory} MiB"
    )
    if dead := len(workers) - len(alive):
        told += f"; {dead} dead or away"
    return green(told) if len(alive) >= LEAST_WORKERS else red(told)


def network(evidence: Evidence) -> Answer:
    """Every socket that a process of this copy listens on, those of Java's own choice too."""
    host = evidence.settings.network.host
    if evidence.copy is None:
        return skipped("no supervisor here: in containers each service has a network of its own")
    if host in WILDCARDS:
        return skipped(f"network.host is {host}: every address is as declared")
    try:
        declared = {str(found[4][0]) for found in socket.getaddrinfo(host, None)}
    except OSError as error:
        return red(
            f"network.host {host} has no address ({error})", "set network.host to an address of this machine"
        )
    found = list(_listening(evidence))
    elsewhere = [f"{name} on {ip}:{port}" for name, ip, port in found if ip not in declared]
    told = f"{len(found)} sockets of {len({name for name, _, _ in found})} services listen on {host}"
    if not found:
        return red("no process of this platform listens on anything")
    if elsewhere:
        return red(f"{len(elsewhere)} of {len(found)} sockets are not on {host}: {', '.join(elsewhere)}")
    return green(told)


def folders(evidence: Evidence) -> Answer:
    """Tries to write in each, with a file that has no name and leaves nothing."""
    settings = evidence.settings
    if not settings.data_root.is_dir():
        return red(f"there is no data root {settings.data_root}", "dp up makes it; paths.data names it")
    roots = {"": settings.data_root, "outputs": settings.outputs_root, "archive": settings.archive_root}
    roots |= {name: settings.data_root / name for name in (*FOLDERS, "run", "logs", "alerts", "secrets")}
    there, wrong = 0, []
    for folder in roots.values():
        if not folder.exists():
            continue  # made by whoever writes the first file into it
        there += 1
        try:
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(b"doctor")
                file.flush()
        except OSError as error:
            wrong.append(f"{folder}: {error.strerror}")
    secrets = roots["secrets"]
    if secrets.is_dir() and secrets.stat().st_mode & 0o077:
        wrong.append(f"{secrets} is open to others (mode {secrets.stat().st_mode & 0o777:o}, not 700)")
    if wrong:
        return red("; ".join(wrong))
    return green(f"{there} folders under {settings.data_root} can be written")


def disk(evidence: Evidence) -> Answer:
    report, limits = evidence.report(), evidence.settings.health
    told = " ".join(words.share_left(report)) or "the disk cannot be read"
    told += f" At least {limits.disk_free_share:.0%} and {limits.disk_free_mb} MiB are to be free."
    wrong = evidence.found_by("disk", ("disk_full", "disk_low"))
    return red(f"{'; '.join(one.says for one in wrong)}. {told}") if wrong else green(told)


def _no_standalone(evidence: Evidence) -> str | None:
    """Why there is no standalone cluster to look at."""
    if evidence.engine != "spark":
        return _OTHER_ENGINE
    master = evidence.settings.spark_master
    return None if master.startswith("spark://") else f"spark.master is {master}: no standalone cluster"


def _address(text: str, port: int) -> tuple[str, int]:
    host, colon, number = text.strip().rpartition(":")
    return (host.strip("[]"), int(number)) if colon and number.isdecimal() else (text.strip(), port)


def _listening(evidence: Evidence) -> Iterator[tuple[str, str, int]]:
    """Service, address and port."""
    instance = str(evidence.settings.data_root)
    for pid in leftovers.find(instance):
        try:
            sockets = psutil.Process(pid).net_connections("inet")
        except psutil.Error:
            continue  # gone meanwhile, or somebody else's
        for one in sockets:
            if one.status == psutil.CONN_LISTEN:
                yield (
                    leftovers.service_of(pid, instance),
                    one.laddr.ip.removeprefix("::ffff:"),
                    one.laddr.port,
                )


LINES = (
    Line(
        name="services",
        area="infrastructure",
        holds="every service runs, and none says that something is wrong",
        measures="the supervisor's states and each heartbeat, by the judgement of `dp lakehouse health`",
        repair="dp logs NAME says why; dp status shows all",
        page="docs/runbooks/service_down.md",
        look=services,
        seconds=JUDGED_SECONDS,
    ),
    Line(
        name="broker",
        area="infrastructure",
        holds="the broker answers on its listener for this host (29092), with every topic",
        measures="a metadata request, its time, the brokers it names, topics there of those declared",
        repair="dp logs kafka; ports.kafka_external or kafka.bootstrap says where it is looked for",
        page="docs/runbooks/service_down.md",
        look=broker,
    ),
    Line(
        name="zookeeper",
        area="infrastructure",
        holds="ZooKeeper answers (2181)",
        measures="the mode that it gives to `srvr`",
        repair="dp logs zookeeper; ports.zookeeper or kafka.zookeeper says where it is looked for",
        page="docs/runbooks/service_down.md",
        look=zookeeper,
    ),
    Line(
        name="registry",
        area="infrastructure",
        holds="the schema registry answers, with every source's schema",
        measures="its list of subjects, and the time of the answer",
        repair="dp logs schema-registry; registry.url says where it is looked for",
        page="docs/runbooks/service_degraded.md",
        look=registry,
        seconds=12,  # its client waits for ten
    ),
    Line(
        name="spark-master",
        area="infrastructure",
        holds="the Spark master answers (7077)",
        measures="a connection to its port, and the state that it gives on its page",
        repair="dp logs spark-master; spark.master and ports.spark_master_ui say where it is looked for",
        page="docs/runbooks/service_down.md",
        look=spark_master,
    ),
    Line(
        name="spark-workers",
        area="infrastructure",
        holds="two or more Spark workers are alive",
        measures="workers alive by the master's own list, their cores and memory",
        repair="dp logs spark-worker-1, dp logs spark-worker-2; they come back by themselves under dp up",
        page="docs/runbooks/service_down.md",
        look=spark_workers,
    ),
    Line(
        name="network",
        area="infrastructure",
        holds="nothing listens elsewhere than on the declared address",
        measures="every listening socket of every process of this platform, against `network.host`",
        repair="end that process, or set network.host to the address that is meant",
        page="docs/access.md",
        look=network,
        seconds=JUDGED_SECONDS,
    ),
    Line(
        name="folders",
        area="infrastructure",
        holds="the data root and its folders are there and can be written; secrets are closed to others",
        measures="an unnamed file written into each folder; the mode of `secrets/`",
        repair="give the folder to the user that runs the platform (chown, chmod); paths.data names the root",
        page="docs/runbooks/disk_full.md",
        look=folders,
    ),
    Line(
        name="disk",
        area="infrastructure",
        holds="as much disk is free as declared",
        measures="free bytes and growth, against `health.disk_free_share`, `disk_free_mb` and `disk_days`",
        repair="free some: retention (dp lakehouse retention), vacuum, or a larger disk",
        page="docs/runbooks/disk_low.md",
        look=disk,
        seconds=JUDGED_SECONDS,
    ),
)
