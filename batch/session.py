"""The Spark session: its configuration, and the start and end of its JVM.

Spark's launcher puts configuration given in Python into the argument list of the JVM, where every user of the
machine can read it. So all of it, the cluster's secret included, goes through a properties file of mode 600.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import shlex
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyspark import SparkContext
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from batch.faults import SPARK_ERRORS, sentence
from contracts import secrets
from contracts.errors import DependencyError, SettingsError
from contracts.layout import run_folder
from contracts.settings import Settings

log = logging.getLogger(__name__)

STOP_SECONDS = 8.0
"""A JVM that has not ended this long after it was asked to is killed."""

LAKEHOUSE = "lakehouse"
"""Name of the long-lived application that the driver holds."""

_FEW_CORES = 4
_WILDCARDS = frozenset({"0.0.0.0", "::"})
_LOG4J = Path(__file__).with_name("log4j2.properties")


def configuration(
    settings: Settings, jars: Sequence[Path], folder: Path, name: str = LAKEHOUSE
) -> dict[str, str]:
    """Every Spark conf of the application ``name``, but for the secret. Only the lakehouse's has a page.

    ``folder`` takes scratch space, warehouse and temporary files. The application holds
    `spark.cores_max` cores in one executor: a second executor costs as much memory again.
    """
    spark = settings.spark
    host = settings.network.host
    reached_by = spark.driver_host or ("" if host in _WILDCARDS else host)
    # What only this machine can reach is of no use to executors elsewhere, and the rest need not be opened.
    bound_to = spark.driver_host if spark.driver_host and settings.on_loopback else host
    java = "-XX:+UseSerialGC -Duser.timezone=UTC"
    # The driver plans and commits: code that seldom runs twice, so the optimising compiler never pays off.
    driver_java = f"{java} -XX:TieredStopAtLevel=1 -Djava.io.tmpdir={folder / 'tmp'}"
    confs = {
        "spark.app.name": name,
        "spark.master": settings.spark_master,
        "spark.jars": ",".join(str(jar) for jar in jars),
        "spark.cores.max": str(spark.cores_max),
        "spark.executor.cores": str(spark.cores_max),
        "spark.executor.memory": f"{spark.executor_memory_mb}m",
        "spark.executor.extraJavaOptions": java,
        "spark.driver.memory": f"{spark.driver_memory_mb}m",
        "spark.driver.extraJavaOptions": f"{driver_java} -Dlog4j2.configurationFile={_LOG4J}",
        "spark.driver.bindAddress": bound_to,
        "spark.ui.enabled": str(name == LAKEHOUSE).lower(),
        "spark.ui.port": str(settings.ports.spark_driver_ui),
        "spark.ui.showConsoleProgress": "false",
        "spark.ui.retainedJobs": "200",
        "spark.ui.retainedStages": "200",
        "spark.sql.ui.retainedExecutions": "50",
        "spark.ui.retainedTasks": "2000",
        "spark.eventLog.enabled": "false",
        "spark.scheduler.mode": "FAIR",
        "spark.authenticate": str(authenticates(settings)).lower(),
        "spark.network.crypto.enabled": str(authenticates(settings)).lower(),
        # A lost executor takes its shuffle files along; the stage is run again, so give up late.
        "spark.stage.maxConsecutiveAttempts": "8",
        "spark.task.maxFailures": "8",
        "spark.network.timeout": "60s",
        "spark.executor.heartbeatInterval": "5s",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.timestampType": "TIMESTAMP_LTZ",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.parquet.compression.codec": "snappy",
        "spark.sql.shuffle.partitions": str(spark.cores_max),
        "spark.sql.leafNodeDefaultParallelism": str(spark.cores_max),
        # Re-planning between stages makes a job of each stage: 13 jobs a silver round instead of 5.
        "spark.sql.adaptive.enabled": str(spark.cores_max > _FEW_CORES).lower(),
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
        # Inputs are lists of files: looking at a few hundred of them needs no job on the cluster.
        "spark.sql.sources.parallelPartitionDiscovery.threshold": "1000",
        "spark.databricks.delta.snapshotPartitions": "1",
    }
    if reached_by:
        confs["spark.driver.host"] = reached_by
    return confs


def start_session(
    settings: Settings, jars: Sequence[Path], java_home: Path, name: str = LAKEHOUSE
) -> SparkSession:
    """A new session of the application ``name``, in the JVM of this process or, where there is none yet, in
    a fresh one.

    Blocks until the master has accepted the application. Raises DependencyError where a jar or Java is
    missing, the master does not answer, or the JVM has died.
    """
    for needed in (*jars, java_home / "bin" / "java"):
        if not needed.exists():
            raise DependencyError(f"Spark needs {needed}, which is not there: `./dp up` sets it up")
    check_cluster(settings)
    folder = run_folder(settings) / "spark"
    with _untouched_interrupt():
        try:
            gateway = _answering_gateway() or _launch(settings, jars, java_home, folder, name)
            return SparkSession(SparkContext(gateway=gateway))
        except (*SPARK_ERRORS, OSError, ValueError) as error:
            raise DependencyError(
                f"no Spark application on {settings.spark_master}: {sentence(error)}"
            ) from error


def stop_session(session: SparkSession | None) -> None:
    """Ends the application and keeps the JVM, warm, for the next one. Never raises."""
    if session is not None and jvm_pid() is not None:
        try:
            session.stop()
        except SPARK_ERRORS as error:
            log.warning("the Spark application did not stop cleanly: %s", sentence(error))
    SparkSession._instantiatedSession = None
    SparkContext._active_spark_context = None


def authenticates(settings: Settings) -> bool:
    """Whether the cluster asks for the secret."""
    return settings.spark.authenticate or not settings.spark.master


def end_jvm() -> None:
    """Ends the JVM of this process, in `STOP_SECONDS` at most. Never raises."""
    gateway: Any = SparkContext._gateway
    SparkContext._gateway = None
    SparkContext._jvm = None
    if gateway is None:
        return
    try:
        gateway.shutdown()
    except (*SPARK_ERRORS, OSError) as error:
        log.debug("the gateway was closed already: %s", sentence(error))
    process: subprocess.Popen[bytes] = gateway.proc
    if process.stdin is not None:
        # The JVM reads this pipe and ends at its end.
        process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        log.warning("the JVM of Spark did not end in %g s and is killed", STOP_SECONDS)
        process.kill()
        process.wait()


def jvm_pid() -> int | None:
    """Process id of the living JVM; None where there is none."""
    gateway: Any = SparkContext._gateway
    if gateway is None or gateway.proc.poll() is not None:
        return None
    return int(gateway.proc.pid)


def check_cluster(settings: Settings) -> None:
    """Raises what keeps an application from the cluster that the settings name, before Spark tries for a
    minute: DependencyError where its master does not take connections; SettingsError where its secret is not
    given, or its executors could not reach the driver."""
    spark = settings.spark
    ends = check_master(settings.spark_master)
    if not spark.master or ends is None:
        return
    if spark.authenticate and not secrets.secret_path(settings, secrets.SPARK).exists():
        raise SettingsError(
            f"setting spark.secret_file is missing: the secret of the cluster at {spark.master} is needed "
            "(a cluster without one: spark.authenticate=false)",
            key="spark.secret_file",
        )
    own, other = ends
    if settings.on_loopback and not spark.driver_host and not ipaddress.ip_address(other).is_loopback:
        raise SettingsError(
            f"executors of {spark.master} cannot reach the driver at {settings.network.host}: set "
            f"spark.driver_host to an address of this machine that they reach ({own}?)",
            key="spark.driver_host",
        )


def check_master(url: str) -> tuple[str, str] | None:
    """Raises DependencyError where no standalone master of ``url`` takes connections; the addresses of both
    ends of one, ours first.

    Spark itself would try for a minute. Other masters (`local[2]`, `yarn`, …) are not checked: None.
    """
    if not url.startswith("spark://"):
        return None
    problems = []
    for address in url.removeprefix("spark://").split(","):
        host, _, port = address.rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=5) as connection:
                return connection.getsockname()[0], connection.getpeername()[0]
        except OSError as error:
            problems.append(f"{address}: {error.strerror or error}")
        except ValueError:
            raise SettingsError(
                f"spark.master {url}: expected spark://host:port", key="spark.master"
            ) from None
    raise DependencyError(f"the Spark master does not answer ({'; '.join(problems)})")


def _answering_gateway() -> Any:
    """The way to this process's JVM; None where there is none. One that does not answer is ended."""
    gateway: Any = SparkContext._gateway
    if gateway is None:
        return None
    try:
        gateway.jvm.System.currentTimeMillis()
    except SPARK_ERRORS as error:
        log.warning("the JVM of Spark does not answer and is replaced: %s", sentence(error))
        end_jvm()
        return None
    return gateway


def _launch(settings: Settings, jars: Sequence[Path], java_home: Path, folder: Path, name: str) -> Any:
    for below in ("tmp", "local", "warehouse"):
        (folder / below).mkdir(parents=True, exist_ok=True)
    confs = configuration(settings, jars, folder, name)
    if authenticates(settings):
        confs["spark.authenticate.secret"] = secrets.secret(settings, secrets.SPARK)
    properties = folder / f"driver-{os.getpid()}.conf"
    _write_properties(properties, confs)
    environment = {
        "JAVA_HOME": str(java_home),
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        "PYSPARK_SUBMIT_ARGS": f"--properties-file {shlex.quote(str(properties))} pyspark-shell",
    }
    if settings.network.host not in _WILDCARDS:
        # The page would listen on every address otherwise.
        environment["SPARK_LOCAL_IP"] = settings.network.host
    try:
        with _environment(environment):
            # A session of its own: a signal meant for our process group must not end the JVM in the middle
            # of a commit. It ends with its stdin, so even after a kill -9 of ours.
            # What is inheritable it inherits: the lakehouse lock, so that nobody else writes tables while the
            # JVM of a killed driver may still be at it.
            return launch_gateway(  # type: ignore[no-untyped-call]
                popen_kwargs={"start_new_session": True, "close_fds": False}
            )
    finally:
        properties.unlink(missing_ok=True)


def _write_properties(path: Path, confs: Mapping[str, str]) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        for key, value in confs.items():
            escaped = value.replace("\\", "\\\\").replace("\n", "\\n")
            file.write(f"{key}={escaped}\n")


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Sets variables for a child that pyspark starts: it takes no environment as an argument."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _untouched_interrupt() -> Iterator[None]:
    """Keeps the process's own SIGINT handler, which SparkContext replaces."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
