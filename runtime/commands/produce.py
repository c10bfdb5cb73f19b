"""`dp produce`: anybody's real events, from a file into a topic."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import click
import msgspec

from contracts.configuration import Resolved
from contracts.errors import DependencyError
from contracts.sources import source_of_topic

if TYPE_CHECKING:
    from kafka_cluster.file_producer import Sent

INTERRUPTED = 130


@click.command(
    epilog="""\b
Examples:
  dp produce topic_app_events events.ndjson
  dp produce topic_clickstream clicks.ndjson.gz --source my-site
  dp produce topic_cdc_changes --keyed changes.ndjson       lines are {"key":…,"value":…}
  zcat old/*.gz | dp produce topic_app_events - --json
"""
)
@click.argument("topic")
@click.argument("file", type=click.File("rb"))
@click.option("as_keyed", "--keyed", is_flag=True, help='Lines are {"key":…,"value":…}; null: a tombstone.')
@click.option(
    "--key-columns",
    default="id",
    show_default=True,
    metavar="NAMES",
    help="Change events without --keyed: the primary key's columns, with commas.",
)
@click.option("--source", default="produce", show_default=True, help="Name in the column source_system.")
@click.option("as_json", "--json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def command(
    resolved: Resolved,
    topic: str,
    file: IO[bytes],
    as_keyed: bool,
    key_columns: str,
    source: str,
    as_json: bool,
) -> None:
    """Sends each line of FILE (newline-delimited JSON, plain or gzip; `-` is standard input) to TOPIC.

    A record's key is the field that the topic is keyed by. A malformed line is sent as it is: ingestion keeps
    it as a dead letter with the reason. Ends with exit code 3 where the broker has not acknowledged a line.
    """
    from kafka_cluster import file_producer, keys
    from kafka_cluster.topics import ensure_topics

    chosen = source_of_topic(topic)
    if as_keyed:
        split = keys.keyed(chosen)
    elif chosen.key_field:
        split = keys.by_field(chosen)
    else:
        split = keys.by_columns([name.strip() for name in key_columns.split(",")])
    ensure_topics(resolved.settings, timeout=10.0)
    # Changes of one row must stay in order, so those without a key share a partition.
    partition = file_producer.ANY if chosen.key_field else 0
    producer = file_producer.FileProducer(
        resolved.settings, topic, split, source, keyless_partition=partition
    )
    start = time.perf_counter()
    interrupted = False
    try:
        with producer:
            _send(file, producer)
    except KeyboardInterrupt:
        interrupted = True
    seconds = time.perf_counter() - start
    _report(topic, producer.sent, seconds, as_json=as_json)
    if interrupted:
        click.echo("dp: interrupted; the lines acknowledged are in the topic", err=True)
        sys.exit(INTERRUPTED)
    if producer.sent.failed:
        raise DependencyError(
            f"{producer.sent.failed} of {producer.sent.lines} lines were not acknowledged: "
            f"{producer.sent.first_error}"
        )


def _send(file: IO[bytes], producer: Any) -> None:
    from kafka_cluster.lines import blocks_of_lines, plain

    with _progress(file) as advance:
        for block in blocks_of_lines(plain(file)):
            producer.send(block)
            advance(producer.sent.lines)


@contextmanager
def _progress(file: IO[bytes]) -> Iterator[Any]:
    """A bar on a terminal's standard error, by the bytes of the file read; else nothing."""
    if not sys.stderr.isatty():
        yield lambda lines: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    total = None
    if file.seekable():
        total = file.seek(0, 2)
        file.seek(0)
    columns = (
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("{task.fields[lines]:,} lines"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total, lines=0)

        def advance(lines: int) -> None:
            progress.update(task, completed=file.tell() if total is not None else 0, lines=lines)

        yield advance


def _report(topic: str, sent: Sent, seconds: float, *, as_json: bool) -> None:
    speed = sent.bytes / 1e6 / max(seconds, 1e-9)
    if as_json:
        result = {"topic": topic, **msgspec.structs.asdict(sent), "seconds": round(seconds, 3)}
        click.echo(msgspec.json.encode({**result, "mb_per_second": round(speed, 2)}).decode())
        return
    click.echo(
        f"{sent.acknowledged:,} of {sent.lines:,} lines acknowledged by {topic} "
        f"in {seconds:.1f} s ({speed:.1f} MB/s)"
    )
    if sent.without_key:
        click.echo(f"{sent.without_key:,} lines have no key; those that are malformed become dead letters")
    if sent.blank:
        click.echo(f"{sent.blank:,} blank lines skipped")
