"""How ZooKeeper, Kafka, the schema registry and Spark's daemons are run: arguments and generated files."""

from __future__ import annotations

import base64
import importlib.util
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from msgspec.structs import replace

from contracts.errors import SettingsError
from contracts.secrets import SPARK, secret
from contracts.settings import Settings
from runtime.topology.declaration import (
    LOOPBACK,
    WILDCARDS,
    ConfigFile,
    Launch,
    Once,
    advertised_host,
    config_folder,
    connect_host,
)

MIB = 1024**2

SMALL_JVM = (
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
)
SIMPLE_LOGGER = tuple(
    f"-Dorg.slf4j.simpleLogger.{key}={value}"
    for key, value in (
        ("defaultLogLevel", "warn"),
        ("levelInBrackets", "true"),
        ("showThreadName", "false"),
        ("showDateTime", "false"),
    )
)
SPARK_LOG4J = """\
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.filter.end.type = RegexFilter
appender.console.filter.end.regex = RECEIVED SIGNAL TERM
appender.console.filter.end.onMatch = DENY
appender.console.filter.end.onMismatch = ACCEPT
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%p] %c - %m%n%ex
logger.hadoop.name = org.apache.hadoop.util.NativeCodeLoader
logger.hadoop.level = error
"""


def zookeeper(settings: Settings) -> Launch:
    """ZooKeeper, which keeps Kafka's metadata under `<data>/zookeeper`."""
    data = settings.data_root / "zookeeper"
    config = config_folder(settings, "zookeeper") / "zoo.cfg"
    properties = {
        "dataDir": data,
        "clientPort": settings.ports.zookeeper,
        "clientPortAddress": settings.network.host,
        "tickTime": 2000,
        "maxClientCnxns": 0,
        "admin.enableServer": "false",
        "4lw.commands.whitelist": "srvr,ruok",
        "autopurge.snapRetainCount": 3,
        "autopurge.purgeInterval": 24,
    }
    # Its log is preallocated in steps of 64 MB by default; a single broker writes some kB.
    options = ("-Dzookeeper.preAllocSize=1024",)
    return Launch(
        argv=_java(
            settings,
            settings.kafka.zookeeper_heap_mb,
            *options,
            "org.apache.zookeeper.server.quorum.QuorumPeerMain",
            str(config),
        ),
        files=(ConfigFile(path=config, content=_properties(properties)),),
        folders=(data,),
    )


def kafka(settings: Settings) -> Launch:
    """The broker, with a listener for processes beside it and one for clients on this host."""
    config = config_folder(settings, "kafka") / "server.properties"
    data = settings.data_root / "kafka"
    meta = data / "meta.properties"
    _require_metadata_of(settings.kafka.coordination, meta)
    once = None
    if settings.kafka.coordination == "kraft":
        format_data = ("kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c", str(config))
        once = Once(argv=_java(settings, settings.kafka.heap_mb, *format_data), makes=meta)
    return Launch(
        argv=_java(settings, settings.kafka.heap_mb, "kafka.Kafka", str(config)),
        files=(ConfigFile(path=config, content=_properties(kafka_properties(settings))),),
        folders=(data,),
        once=once,
    )


def kafka_properties(settings: Settings) -> dict[str, object]:
    """The configuration of one broker, with ZooKeeper or without."""
    ports, host = settings.ports, settings.network.host
    internal = f"{host}:{ports.kafka}"
    if host in WILDCARDS:
        # In a container: what its peers are told to connect to.
        internal = settings.kafka.bootstrap.split(",")[0] or f"kafka:{ports.kafka}"
    listeners = f"INTERNAL://{host}:{ports.kafka},EXTERNAL://{host}:{ports.kafka_external}"
    protocols = "INTERNAL:PLAINTEXT,EXTERNAL:PLAINTEXT"
    if settings.kafka.coordination == "kraft":
        # The only controller talks to itself: loopback, in a container too.
        controller = f"{LOOPBACK}:{ports.kafka_controller}"
        coordination: dict[str, object] = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{controller}",
            "controller.listener.names": "CONTROLLER",
        }
        listeners += f",CONTROLLER://{controller}"
        protocols += ",CONTROLLER:PLAINTEXT"
    else:
        coordination = {
            "broker.id": 1,
            "zookeeper.connect": settings.zookeeper_connect,
            # After kill -9 the broker's node stays until its session ends; a start within that time fails.
            "zookeeper.session.timeout.ms": 6000,
        }
    return {
        **coordination,
        "listeners": listeners,
        "advertised.listeners": (
            f"INTERNAL://{internal},EXTERNAL://{connect_host(settings)}:{ports.kafka_external}"
        ),
        "listener.security.protocol.map": protocols,
        "inter.broker.listener.name": "INTERNAL",
        "log.dirs": settings.data_root / "kafka",
        "num.partitions": settings.kafka.partitions,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 2,
        "auto.create.topics.enable": "false",
        "default.replication.factor": settings.kafka.replication,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 8,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 8,
        "group.initial.rebalance.delay.ms": 0,
        "message.max.bytes": settings.kafka.max_message_bytes,
        "replica.fetch.max.bytes": settings.kafka.max_message_bytes,
        "log.retention.hours": settings.kafka.retention_hours,
        "log.retention.bytes": settings.kafka.retention_bytes,
        "log.segment.bytes": 128 * MIB,
        "log.cleaner.dedupe.buffer.size": 16 * MIB,
        "controlled.shutdown.max.retries": 1,
    }


def _require_metadata_of(coordination: str, meta: Path) -> None:
    """Raises SettingsError where the broker's data were written under the other coordination."""
    try:
        lines = meta.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return
    written = "zookeeper" if "version=0" in lines else "kraft"
    if written != coordination:
        raise SettingsError(
            f"setting kafka.coordination: {meta.parent} was written with {written} and {coordination} cannot "
            f"read it; set it to {written}, or start with another paths.data",
            key="kafka.coordination",
        )


def _cluster_id() -> str:
    """A random one, as Kafka writes them; never one that its command line would take for an option."""
    while (made := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[:22]).startswith("-"):
        pass
    return made


def schema_registry(settings: Settings) -> Launch:
    """Apicurio with its schemas in Kafka. How it proves who it is there stands in a file of mode 600."""
    from kafka_cluster.security import java_options
    from runtime.jars import registry_jar

    jar = registry_jar(settings)
    config = config_folder(settings, "schema-registry") / "application.properties"
    options = {f"apicurio.kafka.common.{key}": value for key, value in java_options(settings).items()}
    if any("${" in value for value in options.values()):
        raise SettingsError(
            "kafka.sasl_password: the local registry takes none with ${ in it; set registry.url to another",
            key="kafka.sasl_password_file",
        )
    return Launch(
        argv=(
            str(_java_binary(settings)),
            f"-Xmx{settings.registry.heap_mb}m",
            *SMALL_JVM,
            "-XX:TieredStopAtLevel=1",
            "-jar",
            str(jar),
        ),
        environment={
            "QUARKUS_CONFIG_LOCATIONS": config.as_uri(),
            "QUARKUS_HTTP_HOST": settings.network.host,
            "QUARKUS_HTTP_PORT": str(settings.ports.schema_registry),
            "QUARKUS_MANAGEMENT_ENABLED": "false",
            "QUARKUS_BANNER_ENABLED": "false",
            "QUARKUS_HTTP_ACCESS_LOG_ENABLED": "false",
            "QUARKUS_LOG_LEVEL": "WARN",
            "QUARKUS_LOG_CONSOLE_FORMAT": "[%p] %c - %s%e%n",
            "APICURIO_STORAGE_KIND": "kafkasql",
            "APICURIO_KAFKASQL_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
            "APICURIO_CCOMPAT_LEGACY_ID_MODE_ENABLED": "true",
        },
        files=(ConfigFile(path=config, content=_properties(options), secret=True),),
    )


def spark_master(settings: Settings) -> Launch:
    """The standalone cluster's master."""
    host = urlsplit(settings.spark_master).hostname or settings.network.host
    arguments = ("--host", host, "--port", str(settings.ports.spark_master))
    ui = ("--webui-port", str(settings.ports.spark_master_ui))
    launch = _spark_daemon(settings, "spark-master", "master.Master", (*arguments, *ui))
    if not settings.spark.ui_forward:
        return launch
    listen = f"{settings.network.host}:{settings.ports.spark_driver_ui}"
    forwarding = (sys.executable, "-P", "-m", "runtime.topology.forwarding", listen)
    return replace(launch, beside=(*forwarding, settings.spark.ui_forward))


def spark_worker(settings: Settings, number: int) -> Launch:
    """The cluster's worker ``number`` (from 1); executors are its children and work under `<data>/spark`."""
    name = f"spark-worker-{number}"
    work = settings.data_root / "spark" / name
    ui = settings.ports.spark_worker_1_ui if number == 1 else settings.ports.spark_worker_2_ui
    arguments = (
        *("--host", advertised_host(settings, name)),
        *("--webui-port", str(ui)),
        *("--cores", str(settings.spark.worker_cores)),
        *("--memory", f"{settings.spark.worker_memory_mb}m"),
        *("--work-dir", str(work)),
    )
    return _spark_daemon(
        settings, name, "worker.Worker", (*arguments, settings.spark_master), folders=(work,)
    )


def spark_environment(settings: Settings, service: str) -> dict[str, str]:
    """Variables of every process of Spark: where Java and Spark are, and the address to listen on."""
    from runtime.java import spark_java_home

    environment = {
        "JAVA_HOME": str(spark_java_home(settings)),
        "SPARK_HOME": str(_spark_home()),
        "SPARK_CONF_DIR": str(config_folder(settings, service)),
        "SPARK_LOCAL_DIRS": str(settings.data_root / "spark" / "local"),
    }
    if settings.network.host in WILDCARDS:
        # Links in the pages lead to ports that are published on the containers' host.
        return environment | {"SPARK_PUBLIC_DNS": "localhost"}
    # Pages would listen on every address otherwise.
    return environment | {"SPARK_LOCAL_IP": settings.network.host}


def spark_files(settings: Settings, service: str) -> tuple[ConfigFile, ...]:
    """Configuration that Spark reads from SPARK_CONF_DIR; the secret stands here and nowhere else."""
    folder = config_folder(settings, service)
    properties = {
        "spark.authenticate": "true",
        "spark.authenticate.secret": secret(settings, SPARK),
        "spark.network.crypto.enabled": "true",
        "spark.ui.showConsoleProgress": "false",
    }
    daemon = {
        # Open to anybody who reaches it otherwise: submits programs without the secret.
        "spark.master.rest.enabled": "false",
        "spark.port.maxRetries": 0,
        "spark.worker.cleanup.enabled": "true",
        "spark.worker.cleanup.appDataTtl": 86_400,
        "spark.executor.logs.rolling.strategy": "size",
        "spark.executor.logs.rolling.maxSize": settings.logs.max_bytes,
        "spark.executor.logs.rolling.maxRetainedFiles": settings.logs.keep,
    }
    content = properties if service == "lakehouse-driver" else properties | daemon
    return (
        ConfigFile(path=folder / "spark-defaults.conf", content=_properties(content, " "), secret=True),
        ConfigFile(path=folder / "log4j2.properties", content=SPARK_LOG4J),
    )


def _spark_daemon(
    settings: Settings,
    name: str,
    main_class: str,
    arguments: tuple[str, ...],
    folders: tuple[Path, ...] = (),
) -> Launch:
    return Launch(
        argv=(
            str(_spark_home() / "bin" / "spark-class"),
            f"org.apache.spark.deploy.{main_class}",
            *("--properties-file", str(config_folder(settings, name) / "spark-defaults.conf")),
            *arguments,
        ),
        environment={
            **spark_environment(settings, name),
            "SPARK_DAEMON_MEMORY": f"{settings.spark.daemon_memory_mb}m",
            "SPARK_DAEMON_JAVA_OPTS": " ".join((*SMALL_JVM, "-XX:TieredStopAtLevel=1")),
        },
        files=spark_files(settings, name),
        folders=(settings.data_root / "spark" / "local", *folders),
    )


def _spark_home() -> Path:
    """The folder of pyspark, found without importing it."""
    spec = importlib.util.find_spec("pyspark")
    assert spec is not None and spec.origin is not None, "pyspark is pinned in the lock file"
    return Path(spec.origin).parent


def _java_binary(settings: Settings) -> Path:
    from runtime.java import java_home

    return java_home(settings) / "bin" / "java"


def _java(settings: Settings, heap_mb: int, *arguments: str) -> tuple[str, ...]:
    from runtime.jars import kafka_jars

    class_path = ":".join(str(jar) for jar in kafka_jars(settings))
    options = (f"-Xmx{heap_mb}m", *SMALL_JVM, *SIMPLE_LOGGER)
    return (str(_java_binary(settings)), *options, "-cp", class_path, *arguments)


def _properties(values: Mapping[str, object], separator: str = "=") -> str:
    lines = (f"{key}{separator}{str(value).replace(chr(92), chr(92) * 2)}\n" for key, value in values.items())
    return "".join(lines)
