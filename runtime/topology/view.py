"""How a running copy looks: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Protocol, Self

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from kafka_cluster.state import ClusterState, ConsumerState, DiskBudget
from runtime.topology.state import ServiceStatus, Snapshot

STYLES = {
    "ready": "green",
    "starting": "yellow",
    "restarting": "bold yellow",
    "degraded": "bold yellow",
    "failed": "bold red",
    "stopping": "yellow",
}
MAX_LAGS = 3
CALM_LAG = 5_000
"""A partition that is less behind is only caught between two fetches."""


class View(Protocol):
    """Shows snapshots; entered before the first, left after the last."""

    def update(self, snapshot: Snapshot) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


def view_for(console: Console, *, from_now: bool = False, hint: str = "") -> View:
    """The live view in a terminal, with ``hint`` at its foot; plain lines where output goes to a file or a
    pipe: with ``from_now`` these tell only what changes after the first snapshot."""
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveView(console, hint)
    return PlainView(from_now=from_now)


class PlainView:
    """One line for each change of state."""

    def __init__(self, *, from_now: bool = False) -> None:
        self._seen: dict[str, tuple[str, int]] = {}
        self._state = ""
        self._from_now = from_now

    def update(self, snapshot: Snapshot) -> None:
        if self._from_now:
            self._from_now = False
            self._seen = {status.name: (status.state, status.restarts) for status in snapshot.services}
            self._state = snapshot.state
            return
        for status in snapshot.services:
            seen = (status.state, status.restarts)
            if self._seen.get(status.name, ("waiting", 0)) != seen:
                self._seen[status.name] = seen
                _say(_sentence(status))
        if snapshot.state != self._state:
            self._state = snapshot.state
            for line in headline(snapshot):
                _say(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return


class LiveView:
    """One row a service, redrawn in place."""

    def __init__(self, console: Console, hint: str = "") -> None:
        self._hint = Text(hint, "dim")
        self._live = Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)

    def update(self, snapshot: Snapshot) -> None:
        self._live.update(Group(render(snapshot), self._hint), refresh=True)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.__exit__(kind, error, traceback)


def render(snapshot: Snapshot, *, consumers: bool = False) -> RenderableType:
    """The whole view: a table of services, with ``consumers`` one of them too, figures below, addresses when
    ready."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("service", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for column in ("pid", "memory", "restarts", "events/s"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("", overflow="ellipsis", no_wrap=True, style="dim")
    for status in snapshot.services:
        table.add_row(
            status.name,
            Text(status.state, STYLES.get(status.state, "dim")),
            str(status.pid or ""),
            megabytes(status.memory) if status.pid else "",
            str(status.restarts or ""),
            "" if status.rate is None else f"{status.rate:,.0f}",
            status.message or (f"restarted: {status.last_error}" if status.restarts else ""),
        )
    parts: list[RenderableType] = [table, Text()]
    if consumers and snapshot.cluster is not None:
        parts += [consumer_table(snapshot.cluster), Text()]
    return Group(*parts, *(Text(line) for line in (*figures(snapshot), *headline(snapshot))))


def consumer_table(cluster: ClusterState) -> RenderableType:
    """One row a consumer group: rates of the last half minute, lag, and what is wrong now, or was when it
    went down. The JSON tells more."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("consumer", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for column in ("messages/s", "KB/s", "invalid/s", "lag", "last commit"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("", overflow="ellipsis", no_wrap=True, style="dim")
    for consumer in cluster.consumers:
        age = consumer.commit_age_seconds
        table.add_row(
            consumer.group,
            Text(consumer.state, "green" if consumer.state == "running" else "bold yellow"),
            f"{consumer.messages_per_second:,.0f}",
            f"{consumer.bytes_per_second / 1000:,.0f}",
            _invalid(consumer),
            "?" if consumer.lag is None else f"{consumer.lag:,}",
            "never" if age is None else f"{age:,.0f} s ago",
            consumer.message or (consumer.last_error if consumer.state == "down" else ""),
        )
    return table


def _invalid(consumer: ConsumerState) -> str:
    """The rate of all kinds together, and the most frequent kind."""
    rates = consumer.invalid_per_second
    if not rates:
        return "0"
    return f"{sum(rates.values()):,.1f}, most {max(rates, key=lambda kind: rates[kind])}"


def figures(snapshot: Snapshot) -> Iterator[str]:
    """Lines with what flows: events per second, memory, lag, newest events."""
    yield f"{snapshot.rate:,.0f} events/s · {megabytes(snapshot.memory)} of memory"
    if snapshot.lag is not None and snapshot.cluster is not None:
        yield f"lag: {_lag(snapshot.cluster)}"
    if snapshot.cluster is not None and snapshot.cluster.disk is not None:
        yield f"Kafka's disk: {_disk(snapshot.cluster.disk)}"
    if snapshot.newest:
        now = datetime.now(UTC)
        yield "newest event: " + " · ".join(
            f"{layer} {_age(snapshot.newest[layer], now)}" for layer in sorted(snapshot.newest, key=_depth)
        )


def _lag(cluster: ClusterState) -> str:
    """Records to read in all, and the partitions that are worst off."""
    parts = [part for consumer in cluster.consumers for part in consumer.partitions if part.lag]
    if not parts:
        return "none"
    total = f"{sum(part.lag for part in parts):,} records"
    worst = sorted((part for part in parts if part.lag > CALM_LAG), key=lambda part: -part.lag)
    places = [f"{part.topic}/{part.partition} {part.lag:,}" for part in worst[:MAX_LAGS]]
    return f"{total}, most in {' · '.join(places)}" if places else total


def _disk(disk: DiskBudget) -> str:
    parts = [f"{megabytes(disk.bytes)} in topics"]
    if disk.growth_bytes_per_day is not None:
        parts.append(f"{megabytes(int(disk.growth_bytes_per_day))} a day at this rate")
    if disk.free_bytes is not None:
        parts.append(f"{megabytes(disk.free_bytes)} free")
    if disk.days_left is not None:
        parts.append(f"full in {disk.days_left:,.1f} days")
    elif disk.outlasts_retention:
        parts.append("retention cuts topics before it is full")
    return ", ".join(parts)


def headline(snapshot: Snapshot) -> Iterator[str]:
    """What the copy as a whole is doing."""
    match snapshot.state:
        case "starting":
            ready = sum(status.state == "ready" for status in snapshot.services)
            yield f"starting: {ready} of {len(snapshot.services)} services ready; data in {snapshot.data}"
        case "ready":
            seconds = (snapshot.ready_at or snapshot.at) - snapshot.started
            yield f"ready after {seconds:.0f} s; data in {snapshot.data}"
            width = max((len(address.title) for address in snapshot.addresses), default=0)
            for address in snapshot.addresses:
                yield f"  {address.title:<{width}}  {address.url}"
        case "stopping":
            yield f"stopping: {snapshot.message}" if snapshot.message else "stopping"
        case "stopped":
            yield "stopped"
        case "failed":
            yield f"failed: {snapshot.message}"


def megabytes(size: int) -> str:
    return f"{size / 1024**2:,.0f} MB"


def _sentence(status: ServiceStatus) -> str:
    match status.state:
        case "ready" if status.pid:
            return f"{status.name} is ready (process {status.pid})"
        case "restarting":
            return f"{status.name} is restarting: {status.message}"
        case _:
            return f"{status.name} is {status.state}" + (f": {status.message}" if status.message else "")


def _say(line: str) -> None:
    click.echo(f"{datetime.now(UTC):%H:%M:%S} {line}")


def _age(time: str, now: datetime) -> str:
    try:
        seconds = (now - datetime.fromisoformat(time)).total_seconds()
    except (ValueError, TypeError):
        return time
    return f"{seconds:.0f} s ago" if seconds < 7200 else time


def _depth(layer: str) -> int:
    return ("bronze", "silver", "gold", "platform").index(layer)
