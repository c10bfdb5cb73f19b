"""A Kafka of somebody else's: TLS by an authority made here, SCRAM users, client certificates, and ACLs.

Its brokers speak three tongues: SASL_SSL and SSL (mTLS) to clients, and PLAINTEXT to their administrator, who
alone may do everything.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import trustme
from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # re-exported without saying so
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography.hazmat.primitives import serialization

from contracts.configuration import load
from runtime.jars import kafka_jars
from runtime.java import java_home
from tests.streams.local_kafka import free_ports

PROPERTIES = """\
broker.id=0
listeners=ADMIN://127.0.0.1:{admin},SASL://127.0.0.1:{sasl},MTLS://127.0.0.1:{mtls}
listener.security.protocol.map=ADMIN:PLAINTEXT,SASL:SASL_SSL,MTLS:SSL
inter.broker.listener.name=ADMIN
sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256,PLAIN
listener.name.sasl.scram-sha-512.sasl.jaas.config={scram} required;
listener.name.sasl.scram-sha-256.sasl.jaas.config={scram} required;
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\
  user_{plain_user}="{plain_password}";
listener.name.mtls.ssl.client.auth=required
ssl.principal.mapping.rules=RULE:^.*CN=([^,]+).*$/$1/
zookeeper.session.timeout.ms=6000
ssl.keystore.type=PEM
ssl.keystore.location={folder}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
authorizer.class.name=kafka.security.authorizer.AclAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=false
zookeeper.connect=127.0.0.1:{zookeeper}
log.dirs={folder}/kafka
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
"""
KEY_PASSWORD = "opens-the-client's-key"
PLAIN_USER, PLAIN_PASSWORD = "plainly", 'pl"ain\\pass'
START_SECONDS = 240.0


class SecuredKafka:
    """``sasl`` and ``mtls`` are the clients' addresses, host:port, ``open`` its administrator's.

    ``folder`` has the PEM files: `ca.pem`, `client.pem` and `client.key` (name `dp-client`), and
    `other-ca.pem`, an authority that has signed nothing here.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        admin, sasl, mtls, zookeeper = free_ports(4)
        self.sasl, self.mtls, self.open = (f"127.0.0.1:{port}" for port in (sasl, mtls, admin))
        self.ca = trustme.CA()
        self.ca.cert_pem.write_to_path(folder / "ca.pem")
        trustme.CA().cert_pem.write_to_path(folder / "other-ca.pem")
        own = self.ca.issue_cert("127.0.0.1")
        (folder / "broker.pem").write_bytes(_pkcs8(own) + _chain(own))
        shown = self.ca.issue_cert("dp-client.test", common_name="dp-client")
        (folder / "client.key").write_bytes(_pkcs8(shown, KEY_PASSWORD))
        (folder / "client.pem").write_bytes(_chain(shown))
        self._stack = ExitStack()
        settings = load(environ={}).settings
        self._java = [str(java_home(settings) / "bin" / "java"), "-XX:+UseSerialGC", "-cp"]
        self._java.append(":".join(str(jar) for jar in kafka_jars(settings)))
        jaas = PLAIN_PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
        text = PROPERTIES.format(
            admin=admin,
            sasl=sasl,
            mtls=mtls,
            zookeeper=zookeeper,
            folder=folder,
            scram="org.apache.kafka.common.security.scram.ScramLoginModule",
            plain_user=PLAIN_USER,
            plain_password=jaas.replace("\\", "\\\\"),
        )
        (folder / "server.properties").write_text(text)
        (folder / "zookeeper.properties").write_text(
            f"dataDir={folder}/zookeeper\nclientPort={zookeeper}\nclientPortAddress=127.0.0.1\n"
            "admin.enableServer=false\n"
        )
        self.admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{admin}", "log_level": 0})

    def start(self) -> None:
        self._spawn("zookeeper", "-Xmx64m", "org.apache.zookeeper.server.quorum.QuorumPeerMain")
        self._start_broker()

    def restart_broker(self) -> None:
        """kill -9, and a new one."""
        self._broker.kill()
        self._broker.wait()
        self._start_broker()

    def _start_broker(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        self._broker = self._spawn("server", "-Xmx384m", "kafka.Kafka")
        while True:
            try:
                if self.admin.list_topics(timeout=2).brokers:
                    return
            except KafkaException:
                assert time.monotonic() < deadline, (self.folder / "server.log").read_text()[-2000:]
                if self._broker.poll() is not None:
                    # One that was killed is refused by ZooKeeper until its session has expired.
                    self._broker = self._spawn("server", "-Xmx384m", "kafka.Kafka")

    def user(self, name: str, password: str) -> None:
        """A SCRAM user, both mechanisms."""
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            info = ScramCredentialInfo(mechanism, 4096)
            change = UserScramCredentialUpsertion(name, info, password.encode())
            for future in self.admin.alter_user_scram_credentials([change]).values():
                future.result()

    def run_acl_commands(self, commands: Iterable[str]) -> None:
        """Does what lines of `kafka-acls.sh --add` say."""
        bindings = [binding for command in commands for binding in _bindings(shlex.split(command))]
        for future in self.admin.create_acls(bindings).values():
            future.result()

    def close(self) -> None:
        self._stack.close()

    def _spawn(self, name: str, heap: str, main_class: str) -> subprocess.Popen[bytes]:
        log = self._stack.enter_context((self.folder / f"{name}.log").open("ab"))
        process = subprocess.Popen(
            [*self._java[:2], heap, *self._java[2:], main_class, str(self.folder / f"{name}.properties")],
            stdout=log,
            stderr=log,
            cwd=self.folder,
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process


def _pkcs8(certificate: trustme.LeafCert, password: str = "") -> bytes:
    """The private key in the one form that Kafka reads."""
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def _chain(certificate: trustme.LeafCert) -> bytes:
    return b"".join(part.bytes() for part in certificate.cert_chain_pems)


def _bindings(words: list[str]) -> Iterator[AclBinding]:
    assert words[0] == "kafka-acls.sh" and "--add" in words
    options = dict(pairwise(words))
    operations = [word for before, word in pairwise(words) if before == "--operation"]
    kinds = {"--topic": ResourceType.TOPIC, "--group": ResourceType.GROUP}
    ((kind, name),) = [(kinds[word], options[word]) for word in options if word in kinds] or [
        (ResourceType.BROKER, "kafka-cluster")
    ]
    prefixed = options.get("--resource-pattern-type") == "prefixed"
    pattern = ResourcePatternType.PREFIXED if prefixed else ResourcePatternType.LITERAL
    for operation in operations:
        constant = re.sub(r"(?<=[a-z])([A-Z])", r"_\1", operation).upper()
        yield AclBinding(
            kind,
            name,
            pattern,
            options["--allow-principal"],
            "*",
            AclOperation[constant],
            AclPermissionType.ALLOW,
        )
