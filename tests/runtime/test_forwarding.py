"""Passing connections on, and what a container runs beside its service."""

from __future__ import annotations

import asyncio

import pytest

from runtime.topology.forwarding import forward
from tests.runtime.free_ports import free_ports

HOST = "127.0.0.1"


def test_bytes_pass_both_ways_until_a_side_ends() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read()).upper())
        writer.close()

    async def scenario() -> bytes:
        target, listen = free_ports(2)
        async with (
            await asyncio.start_server(echo, HOST, target),
            await forward((HOST, listen), (HOST, target)),
        ):
            reader, writer = await asyncio.open_connection(HOST, listen)
            writer.write(b"page" * 100_000)
            writer.write_eof()
            got = await reader.read()
            writer.close()
            return got

    assert asyncio.run(scenario()) == b"PAGE" * 100_000


def test_nobody_behind_it_is_a_closed_connection_and_not_the_end() -> None:
    async def scenario() -> list[bytes]:
        target, listen = free_ports(2)
        answers = []
        async with await forward((HOST, listen), (HOST, target)):
            for _ in range(2):
                reader, writer = await asyncio.open_connection(HOST, listen)
                answers.append(await reader.read())
                writer.close()
        return answers

    assert asyncio.run(scenario()) == [b"", b""]


@pytest.mark.parametrize("forwarded", ["", "lakehouse-driver:4040"])
def test_only_a_master_in_a_container_passes_the_drivers_page_on(
    forwarded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contracts import configuration
    from runtime.topology import jvm

    monkeypatch.setattr(jvm, "spark_files", lambda settings, service: ())
    monkeypatch.setattr(jvm, "spark_environment", lambda settings, service: {})
    settings = configuration.load(environ={}, flags={"spark.ui_forward": forwarded}).settings
    beside = jvm.spark_master(settings).beside
    assert beside[3:] == (("runtime.topology.forwarding", "127.0.0.1:4040", forwarded) if forwarded else ())
