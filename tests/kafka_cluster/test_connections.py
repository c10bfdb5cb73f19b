"""Codecs fall back, security settings reach both clients, and waiting has bounds."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from aiokafka.errors import NotLeaderForPartitionError, UnknownError

from contracts.errors import DependencyError, SettingsError
from contracts.settings import Kafka, Settings
from kafka_cluster import connections
from kafka_cluster.security import aiokafka_options, librdkafka_options
from kafka_cluster.topics import _path_safe


@pytest.mark.parametrize(
    ("wanted", "missing", "used"),
    [
        ("snappy", (), "snappy"),
        ("snappy", ("snappy",), "gzip"),
        ("zstd", ("zstd", "gzip"), None),
        ("none", ("snappy",), None),
        ("gzip", (), "gzip"),
    ],
)
def test_a_codec_that_is_missing_falls_back_and_says_so(
    wanted: str,
    missing: tuple[str, ...],
    used: str | None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name in missing:
        monkeypatch.setitem(connections._CODECS, name, lambda: False)
    settings = Settings(kafka=Kafka(compression=wanted))  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING):
        assert connections.codec(settings) == used
    fell_back = used != (None if wanted == "none" else wanted)
    assert any(wanted in record.message for record in caplog.records) is fell_back


def test_a_codec_that_the_broker_refuses_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_refused", set())
    settings = Settings()
    assert not connections.refuse_codec(settings, NotLeaderForPartitionError())
    assert connections.codec(settings) == "snappy"
    assert connections.refuse_codec(settings, UnknownError())
    assert connections.codec(settings) == "gzip"
    assert connections.refuse_codec(settings, UnknownError())
    assert connections.codec(settings) is None
    assert not connections.refuse_codec(settings, UnknownError())


def test_sasl_reaches_both_clients(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret\n")
    settings = Settings(
        kafka=Kafka(
            bootstrap="a:1,b:2",
            security_protocol="SASL_SSL",
            sasl_mechanism="PLAIN",
            sasl_username="dp",
            sasl_password_file=str(password),
        )
    )
    confluent, aio = librdkafka_options(settings), aiokafka_options(settings)
    assert confluent["bootstrap.servers"] == "a:1,b:2"
    assert aio["bootstrap_servers"] == ["a:1", "b:2"]
    assert confluent["sasl.password"] == aio["sasl_plain_password"] == "secret"
    assert confluent["sasl.mechanism"] == aio["sasl_mechanism"] == "PLAIN"
    assert aio["ssl_context"].check_hostname


@pytest.mark.parametrize(
    ("kafka", "key"),
    [
        (Kafka(security_protocol="SASL_PLAINTEXT"), "kafka.sasl_password_file"),
        (Kafka(security_protocol="SSL", ssl_ca_file="/nowhere.pem"), "kafka.ssl_ca_file"),
    ],
)
def test_a_missing_file_names_its_setting(kafka: Kafka, key: str) -> None:
    for options in (librdkafka_options, aiokafka_options):
        with pytest.raises(SettingsError, match=key):
            options(Settings(kafka=kafka))


def test_no_broker_is_a_dependency_error_in_bounded_time() -> None:
    settings = Settings(kafka=Kafka(bootstrap="127.0.0.1:1"))

    async def connect() -> None:
        async with connections.producer(settings, "test", connect_seconds=0.5):
            pass

    with pytest.raises(DependencyError, match=r"127\.0\.0\.1:1"):
        asyncio.run(connect())


def test_topic_ids_are_path_safe() -> None:
    assert _path_safe("0hwrqXp/RhaXpNzKY8y8A+==") == "0hwrqXp_RhaXpNzKY8y8A-"
