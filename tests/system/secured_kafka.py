"""A Kafka of somebody else's: TLS by an authority made here, SCRAM users, client certificates, and ACLs.

Its brokers speak three tongues: SASL_SSL and SSL (mTLS) to clients, and PLAINTEXT to their administrator, who
alone may do everything.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import trustme
from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # re-exported without saying so
    AclBinding,
    AdminClient,
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
listener.name.sasl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\
  user_{plain_user}="{plain_password}";
listener.name.mtls.ssl.client.auth=required
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
    """``sasl`` and ``mtls`` are the clients' addresses, host:port; ``folder`` has the PEM files: `ca.pem`,
    `client.pem` and `client.key` (name `dp-client`), and `other-ca.pem`, which has signed nothing here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        admin, sasl, mtls, zookeeper = free_ports(4)
        self.sasl, self.mtls, self.mtls_port = f"127.0.0.1:{sasl}", f"127.0.0.1:{mtls}", mtls
        self.sasl_port = sasl
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
        self._spawn("server", "-Xmx384m", "kafka.Kafka")
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                if self.admin.list_topics(timeout=2).brokers:
                    return
            except KafkaException:
                assert time.monotonic() < deadline, (self.folder / "server.log").read_text()[-2000:]

    def user(self, name: str, password: str) -> None:
        """A SCRAM user, both mechanisms."""
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            info = ScramCredentialInfo(mechanism, 4096)
            change = UserScramCredentialUpsertion(name, info, password.encode())
            for future in self.admin.alter_user_scram_credentials([change]).values():
                future.result()

    def allow(self, bindings: Iterable[AclBinding]) -> None:
        for future in self.admin.create_acls(list(bindings)).values():
            future.result()

    def close(self) -> None:
        self._stack.close()

    def _spawn(self, name: str, heap: str, main_class: str) -> None:
        log = self._stack.enter_context((self.folder / f"{name}.log").open("wb"))
        process = subprocess.Popen(
            [*self._java[:2], heap, *self._java[2:], main_class, str(self.folder / f"{name}.properties")],
            stdout=log,
            stderr=log,
            cwd=self.folder,
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)


def _pkcs8(certificate: trustme.LeafCert, password: str = "") -> bytes:
    """The private key in the one form that Kafka reads."""
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def _chain(certificate: trustme.LeafCert) -> bytes:
    return b"".join(part.bytes() for part in certificate.cert_chain_pems)
