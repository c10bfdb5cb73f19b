"""`dp up` on clusters of somebody else's, by settings alone: Kafka with SASL, TLS and ACLs, a registry behind
TLS and basic authentication, a Spark master with a secret."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from contracts.errors import DependencyError, SettingsError
from contracts.secrets import SPARK, secret
from contracts.settings import Kafka, Settings
from contracts.sources import APP_EVENTS, SOURCES
from kafka_cluster import access, connections, file_producer, keys
from kafka_cluster.reachability import require_broker
from kafka_cluster.topics import ensure_topics, topic_ids
from runtime.bench.api_client import ApiClient
from runtime.topology import jvm
from runtime.topology.state import read_snapshot
from tests.kafka_cluster.tls_server import TlsServer
from tests.streams.local_kafka import free_ports
from tests.system.platform_copy import PlatformCopy
from tests.system.secured_kafka import KEY_PASSWORD, PLAIN_PASSWORD, PLAIN_USER, SecuredKafka
from tests.system.spark_cluster import SparkCluster, eventually

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

USER, PASSWORD = "dp", "k4fka-s3cret-0f-the-users"
REGISTRY_USER, REGISTRY_PASSWORD = "schemas", "r3gistry-s3cret-0f-the-users"
LOCAL = {"zookeeper", "kafka", "schema-registry", "spark-master", "spark-worker-1", "spark-worker-2"}


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """Without topics of ours. Its users have no rights yet."""
    running = SecuredKafka(tmp_path_factory.mktemp("secured"))
    try:
        running.start()
        running.user(USER, PASSWORD)
        running.user("stranger", PASSWORD)
        (running.folder / "password").write_text(f"{PASSWORD}\n")
        (running.folder / "wrong").write_text("another\n")
        yield running
    finally:
        running.close()


@pytest.fixture
def right(kafka: SecuredKafka) -> Kafka:
    return Kafka(
        bootstrap=kafka.sasl,
        security_protocol="SASL_SSL",
        sasl_username=USER,
        sasl_password_file=str(kafka.folder / "password"),
        ssl_ca_file=str(kafka.folder / "ca.pem"),
        partitions=2,
    )


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"sasl_password_file": "{folder}/wrong"}, "kafka.sasl_password_file"),
        ({"sasl_username": "nobody"}, "kafka.sasl_password_file"),
        ({"ssl_ca_file": "{folder}/other-ca.pem"}, "kafka.ssl_ca_file"),
        ({"ssl_ca_file": ""}, "kafka.ssl_ca_file"),
        ({"bootstrap": "localhost:{port}"}, "kafka.bootstrap"),
        ({"security_protocol": "PLAINTEXT"}, "kafka.security_protocol"),
        ({"security_protocol": "SASL_PLAINTEXT"}, "kafka.security_protocol"),
        ({"security_protocol": "SASL_PLAINTEXT", "bootstrap": "{open}"}, "kafka.security_protocol"),
        ({"security_protocol": "SSL", "bootstrap": "{mtls}"}, "kafka.ssl_certificate_file"),
    ],
)
def test_a_wrong_setting_is_named_at_once(
    kafka: SecuredKafka, right: Kafka, change: dict[str, str], key: str
) -> None:
    words = {"folder": kafka.folder, "mtls": kafka.mtls, "open": kafka.open}
    port = kafka.sasl.rpartition(":")[2]
    changed = {name: value.format(port=port, **words) for name, value in change.items()}
    wrong = Settings(kafka=replace(right, **changed))
    for attempt in (ensure_topics, _connect):
        with pytest.raises(SettingsError, match=key) as raised:
            attempt(wrong)
        assert raised.value.key == key
        assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"bootstrap": "127.0.0.1:1"}, "kafka.bootstrap"),
        ({"security_protocol": "SSL"}, "kafka.security_protocol SSL fit this port"),
        ({"bootstrap": "{open}"}, "kafka.security_protocol SASL_SSL fit this port"),
    ],
)
def test_what_may_pass_is_waited_for_and_then_named(
    kafka: SecuredKafka, right: Kafka, change: dict[str, str], named: str
) -> None:
    changed = {name: value.format(open=kafka.open) for name, value in change.items()}
    with pytest.raises(DependencyError, match=named):
        require_broker(Settings(kafka=replace(right, **changed)), seconds=1.5)


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN", "certificate"])
def test_every_client_speaks_every_way_of_being_known(
    kafka: SecuredKafka, right: Kafka, mechanism: str, tmp_path: Path
) -> None:
    """librdkafka makes and describes topics and produces; aiokafka produces and consumes."""
    name = {"PLAIN": PLAIN_USER, "certificate": "dp-client"}.get(mechanism, USER)
    known = replace(right, topics="create")
    if mechanism == "certificate":
        known = replace(
            known,
            bootstrap=kafka.mtls,
            security_protocol="SSL",
            ssl_certificate_file=str(kafka.folder / "client.pem"),
            ssl_key_file=str(kafka.folder / "client.key"),
            ssl_key_password=KEY_PASSWORD,
        )
    elif mechanism == "PLAIN":
        known = replace(
            known,
            sasl_mechanism="PLAIN",
            sasl_username=name,
            sasl_password_file="",
            sasl_password=PLAIN_PASSWORD,
        )
    else:
        known = replace(known, sasl_mechanism=mechanism)
    settings = Settings(kafka=known)
    kafka.run_acl_commands(access.acl_commands(settings, f"User:{name}"))
    eventually(lambda: _made(settings))
    eventually(lambda: access.missing(settings, access.grants(settings)) == [])
    assert len(topic_ids(settings)) == 11
    value = json.dumps({"user_id": mechanism}).encode()
    split = keys.by_field(source=next(source for source in SOURCES if source.name == "users"))
    with file_producer.FileProducer(settings, "topic_users", split, "test") as producer:
        producer.send([value])
    assert (producer.sent.acknowledged, producer.sent.first_error) == (1, "")

    async def there_and_back() -> list[bytes]:
        async with connections.producer(settings, "test") as sender:
            await sender.send_and_wait("topic_users", b"async-" + value, partition=0)
        async with connections.consumer(settings, "test", group="users_consumer") as reader:
            reader.subscribe(["topic_users"])
            found: list[bytes] = []
            while not {value, b"async-" + value} <= set(found):
                for records in (await reader.getmany(timeout_ms=200)).values():
                    found += [record.value for record in records]
            return found

    assert value in asyncio.run(there_and_back())


def test_missing_rights_are_named(kafka: SecuredKafka, right: Kafka) -> None:
    settings = Settings(kafka=replace(right, sasl_username="stranger"))
    with pytest.raises(DependencyError, match=r"topic topic_\w+ .*'stranger' needs ACL Describe and Create"):
        ensure_topics(settings)
    with pytest.raises(DependencyError, match=r"kafka\.topics to create"):
        ensure_topics(Settings(kafka=replace(settings.kafka, topics="check")))
    granted = [
        command
        for command in access.acl_commands(settings, "User:stranger")
        if "internal_users" not in command and "users_consumer" not in command
    ]
    kafka.run_acl_commands(granted)

    def complaint() -> str:
        with pytest.raises(DependencyError) as raised:
            access.require_access(settings, (access.INGESTION,))
        return str(raised.value)

    lacking = "what is needed: topic internal_users: Describe, Write; group users_consumer: Describe, Read ("
    eventually(lambda: lacking in complaint())


def test_topics_of_others_are_judged_and_left_as_they_are(kafka: SecuredKafka, right: Kafka) -> None:
    administrator = Kafka(bootstrap=kafka.open, partitions=2)
    ensure_topics(Settings(kafka=administrator))
    other = Settings(kafka=replace(administrator, retention_hours=1, replication=3))
    assert ensure_topics(other).reconfigured == []
    with pytest.raises(SettingsError, match="topic_app_events has 2 partitions"):
        ensure_topics(Settings(kafka=replace(administrator, partitions=1)))
    with pytest.raises(DependencyError, match="internal_app_events has 2 partitions and needs 4"):
        ensure_topics(Settings(kafka=replace(administrator, partitions=4)))
    with pytest.raises(DependencyError, match="takes records of 16777216 bytes"):
        ensure_topics(Settings(kafka=replace(administrator, max_message_bytes=32 * 1024**2)))


class Foreign:
    """All clusters at once, and the settings that lead to them."""

    def __init__(self, root: Path, kafka: SecuredKafka, stack: ExitStack) -> None:
        self.kafka = kafka
        (root / "registry-password").write_text(REGISTRY_PASSWORD)
        registry = stack.enter_context(
            TlsServer(kafka.ca, REGISTRY_USER, REGISTRY_PASSWORD, self._registry(root, stack))
        )
        self.registry = registry
        self.spark = SparkCluster(root)
        stack.callback(self.spark.close)
        self.spark.start()
        self.spark_secret = secret(self.spark.settings, SPARK)
        (root / "spark-secret").write_text(self.spark_secret)
        self.flags: dict[str, object] = {
            "kafka__bootstrap": kafka.sasl,
            "kafka__security_protocol": "SASL_SSL",
            "kafka__sasl_username": USER,
            "kafka__sasl_password_file": kafka.folder / "password",
            "kafka__ssl_ca_file": kafka.folder / "ca.pem",
            "kafka__partitions": 2,
            "registry__url": f"{registry.url}/apis/ccompat/v7",
            "registry__username": REGISTRY_USER,
            "registry__password_file": root / "registry-password",
            "registry__ssl_ca_file": kafka.folder / "ca.pem",
            "spark__master": f"spark://127.0.0.1:{self.spark.settings.ports.spark_master}",
            "spark__secret_file": root / "spark-secret",
            "spark__executor_memory_mb": 700,
            "streams__flush_seconds": 3.0,
            "lakehouse__silver_seconds": 5,
            "lakehouse__gold_seconds": 5,
        }

    def _registry(self, root: Path, stack: ExitStack) -> str:
        """Apicurio of its own, without Kafka."""
        (port,) = free_ports(1)
        launch = jvm.schema_registry(
            Settings(paths=replace(Settings().paths, data=str(root / "registry")), ports=_ports(port))
        )
        launch.prepare()
        environment = {**os.environ, **launch.environment, "APICURIO_STORAGE_KIND": "sql"}
        log = stack.enter_context((root / "registry.log").open("wb"))
        process = subprocess.Popen(launch.argv, env=environment, stdout=log, stderr=log)
        stack.callback(process.wait)
        stack.callback(process.kill)
        self.registry_process = process
        return f"http://127.0.0.1:{port}"

    def registry_answers(self) -> bool:
        try:
            url = f"{self.flags['registry__url']}/subjects"
            auth = (REGISTRY_USER, REGISTRY_PASSWORD)
            return httpx.get(url, auth=auth, verify=False).status_code == 200
        except httpx.HTTPError:
            return False

    def secrets(self) -> list[bytes]:
        return [text.encode() for text in (PASSWORD, REGISTRY_PASSWORD, self.spark_secret)]


def test_events_reach_gold_on_foreign_clusters_and_no_secret_is_seen(
    kafka: SecuredKafka, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        foreign = Foreign(tmp_path, kafka, stack)
        copy = PlatformCopy(tmp_path / "copy", **{k: str(v) for k, v in foreign.flags.items()})
        stack.callback(copy.end)
        kafka.run_acl_commands(copy.dp("acls").splitlines())
        eventually(foreign.registry_answers)
        copy.up("--no-simulators")

        snapshot = read_snapshot(copy.settings)
        assert snapshot is not None
        assert LOCAL.isdisjoint(service.name for service in snapshot.services)
        assert {"ingestion", "stream-worker-1", "lakehouse-driver"} <= {s.name for s in snapshot.services}
        assert all(copy.processes(name) == [] for name in LOCAL)
        assert foreign.spark.executor_host()
        assert ("PUT", "/apis/ccompat/v7/config/topic_users-value") in foreign.registry.requests

        _produce(copy, tmp_path, 1, 300)
        _await_gold(copy, 300)
        kafka.restart_broker()
        _produce(copy, tmp_path, 301, 600)
        _await_gold(copy, 600)
        after = read_snapshot(copy.settings)
        assert after is not None and after.state == "ready"

        shown = [
            copy.dp("settings"),
            copy.dp("settings", "--json"),
            copy.dp("status", "--json"),
            copy.dp("logs"),
        ]
        argv = [_argv(pid) for pid in copy.processes()]
        assert len(argv) > 5
        seen = [*(text.encode() for text in shown), *argv]
        for hidden in foreign.secrets():
            assert not any(hidden in text for text in seen)
            told = [path for path in _files(copy.settings.data_root) if hidden in path.read_bytes()]
            assert told == []
        copy.down()


def test_a_start_with_a_wrong_password_ends_before_anything_runs(kafka: SecuredKafka, tmp_path: Path) -> None:
    copy = PlatformCopy(
        tmp_path,
        kafka__bootstrap=kafka.sasl,
        kafka__security_protocol="SASL_SSL",
        kafka__sasl_username=USER,
        kafka__sasl_password_file=str(kafka.folder / "wrong"),
        kafka__ssl_ca_file=str(kafka.folder / "ca.pem"),
        lakehouse__engine="embedded",
    )
    said = copy.dp("up", "--detach", expect=SettingsError.exit_code)
    assert copy.processes() == []
    assert said == ""


def _made(settings: Settings) -> bool:
    """Whether all topics are there now. Rights reach the broker a moment after they were given."""
    try:
        ensure_topics(settings)
    except DependencyError:
        return False
    return True


def _connect(settings: Settings) -> None:
    async def connect() -> None:
        async with connections.producer(settings, "test"):
            raise AssertionError("it is let in")

    asyncio.run(connect())


def _ports(registry: int) -> object:
    return replace(Settings().ports, schema_registry=registry)


def _produce(copy: PlatformCopy, root: Path, first: int, last: int) -> None:
    now = datetime.now(UTC).isoformat()
    events = [
        {
            "event_id": f"own-{number}",
            "user_id": f"u{number % 7}",
            "event_type": "purchase",
            "app_type": "web",
            "event_timestamp": now,
            "event_value": 1.0,
        }
        for number in range(first, last + 1)
    ]
    file = root / f"{first}.ndjson"
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    copy.dp("produce", APP_EVENTS.topic, str(file))


def _await_gold(copy: PlatformCopy, events: int) -> None:
    query = "SELECT sum(total_events), sum(total_event_value) FROM event_metrics_gold"
    with ApiClient(copy.settings) as api:
        copy.eventually(lambda: [int(value or 0) for value in api.rows(query)[0]] == [events, events])


def _argv(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _files(root: Path) -> Iterator[Path]:
    for path in root.rglob("*"):
        if path.is_file():
            yield path
