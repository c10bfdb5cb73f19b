"""What `dp status` says of consumers, lag and the disk, in words."""

from __future__ import annotations

import time

import pytest
from rich.console import Console

from kafka_cluster.state import ClusterState, ConsumerState, DiskBudget, PartitionLag
from runtime.topology.sampling import lag_by_group
from runtime.topology.state import Snapshot
from runtime.topology.view import figures, render


def parts(*lags: int) -> list[PartitionLag]:
    return [
        PartitionLag(group="users_consumer", topic="topic_users", partition=n, committed=0, end=lag, lag=lag)
        for n, lag in enumerate(lags)
    ]


def snapshot(*lags: int, disk: DiskBudget | None = None) -> Snapshot:
    users = ConsumerState(
        group="users_consumer",
        state="down",
        lag=sum(lags),
        partitions=parts(*lags),
        invalid_per_second={"too_large": 0.2, "wrong_type": 0.5},
        commit_age_seconds=75.0,
        last_error="the broker went away",
    )
    cluster = ClusterState(at=time.time(), broker="up", consumers=[users], disk=disk)
    return Snapshot(at=time.time(), data="/data", pid=1, cluster=cluster, lag=lag_by_group(cluster))


@pytest.mark.parametrize(
    ("lags", "says"),
    [
        ((0, 0), "lag: none"),
        ((10, 0, 20), "lag: 30 records"),
        (
            (10, 9_000, 6_000, 7_000, 8_000),
            "lag: 30,010 records, most in topic_users/1 9,000 · topic_users/4 8,000 · topic_users/3 7,000",
        ),
    ],
)
def test_the_lag_line_names_only_the_worst_partitions(lags: tuple[int, ...], says: str) -> None:
    assert says in list(figures(snapshot(*lags)))


@pytest.mark.parametrize(
    ("days", "outlasts", "says"),
    [(12.25, False, "full in 12.2 days"), (None, True, "retention cuts topics before it is full")],
)
def test_the_disk_line_says_how_long_it_lasts(days: float | None, outlasts: bool, says: str) -> None:
    disk = DiskBudget(
        bytes=2**30,
        limit_bytes=2**40,
        free_bytes=2**34,
        growth_bytes_per_day=2.0**30,
        days_left=days,
        outlasts_retention=outlasts,
    )
    (line,) = (line for line in figures(snapshot(0, disk=disk)) if line.startswith("Kafka's disk"))
    assert line == f"Kafka's disk: 1,024 MB in topics, 1,024 MB a day at this rate, 16,384 MB free, {says}"


def test_a_consumer_that_is_down_is_shown_with_what_was_last_wrong() -> None:
    console = Console(width=160)
    with console.capture() as captured:
        console.print(render(snapshot(40), consumers=True))
    (row,) = (line for line in captured.get().splitlines() if line.startswith("users_consumer"))
    assert row.split() == [
        *("users_consumer", "down", "0", "0", "0.7,", "most", "wrong_type", "40", "75", "s", "ago"),
        *("the", "broker", "went", "away"),
    ]
