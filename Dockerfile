# One image for every container of docker-compose.yml; which service it is, is its command: `service NAME`.
FROM python:3.11-slim-bookworm

# A distribution's Java here, and not the wheel's: the image is rebuilt for security updates.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends openjdk-17-jre-headless \
    && rm -rf /var/lib/apt/lists/* \
    && ln -s /usr/lib/jvm/java-17-openjdk-* /usr/lib/jvm/java-17 \
    && useradd --uid 10001 --create-home dataplatform

WORKDIR /opt/data-platform
COPY requirements.lock ./
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes --requirement requirements.lock

COPY LICENSE pyproject.toml ./
COPY contracts contracts
COPY kafka_cluster kafka_cluster
COPY simulators simulators
COPY streams streams
COPY lakehouse lakehouse
COPY batch batch
COPY web web
COPY runtime runtime

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/data-platform \
    PYTHONDONTWRITEBYTECODE=1 \
    DP_JAVA_HOME=/usr/lib/jvm/java-17

# The jars, each checked against runtime/artifacts/checksums.sha256. Volumes take their owner from these folders.
RUN python -c "from contracts.configuration import load; from runtime.jars import ensure; ensure(load().settings)" \
    && mkdir -p /var/lib/lakehouse/kafka /var/lib/lakehouse/zookeeper /var/lib/spark/outputs \
    && chown -R dataplatform: /var/lib/lakehouse /var/lib/spark

USER 10001
ENTRYPOINT ["python", "-m", "runtime"]
CMD ["--help"]
