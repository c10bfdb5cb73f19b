"""What goes on: streams, batch runs, metrics, and a stream of moments."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Stream
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from contracts.settings import Settings
from kafka_cluster.cluster import ClusterManager
from lakehouse.jobs.history import Run, runs
from web.access.keys import RANKS, Caller
from web.access.scopes import CALLER, QUERY, QUIET
from web.business import business_text
from web.live import Live
from web.queries import Queries
from web.streams import Streams, streams

Most = Annotated[int, QueryParameter(ge=1, le=1000, description="Most entries of each list.")]
OfJob = Annotated[str | None, QueryParameter(description="Runs of this job.")]
WithStatus = Annotated[Literal["succeeded", "failed"] | None, QueryParameter(description="How they ended.")]


@get("/streams", operation_id="Streams", summary="Live windows, sessions and lag", tags=["live"], opt=QUERY)
async def get_streams(
    settings: NamedDependency[Settings],
    queries: NamedDependency[Queries],
    cluster: NamedDependency[ClusterManager],
    limit: Most = 15,
) -> Streams:
    """What the stream workers know now, and how far each consumer group is behind."""
    return await streams(settings, queries, cluster, limit)


@get("/jobs", operation_id="Jobs", summary="Runs of the batch jobs", tags=["live"])
async def get_jobs(
    settings: NamedDependency[Settings],
    job: OfJob = None,
    status: WithStatus = None,
    limit: Most = 50,
) -> list[Run]:
    """The newest runs first; of one job, or with one status."""
    found = await asyncio.to_thread(runs, settings)
    chosen = [run for run in found if job in (None, run.job) and status in (None, run.status)]
    return chosen[:limit]


@get(
    "/metrics",
    operation_id="Metrics",
    summary="For Prometheus",
    tags=["live"],
    media_type="text/plain",
    opt=QUIET,
)
async def get_metrics(
    request: Request[Any, Any, Any],
    registry: NamedDependency[CollectorRegistry],
    queries: NamedDependency[Queries],
) -> Response[bytes]:
    """Services, tables, queries, consumers and Kafka's disk, in Prometheus' text format; with the scope
    `query` also the newest figures of the gold tables (`dp_business_…`)."""
    text = await asyncio.to_thread(generate_latest, registry)
    caller: Caller = request.scope["state"][CALLER]
    if RANKS[caller.scope] >= RANKS["query"]:
        text += await business_text(queries)
    return Response(text, headers={"content-type": CONTENT_TYPE_LATEST})


@get("/events", operation_id="Events", summary="A moment a second", tags=["live"])
async def get_events(live: NamedDependency[Live]) -> Stream:
    """Server-sent events of type `moment`, one a second: services, rates and latency by source, the hops from
    producers to gold with their health, table versions. The newest comes at once."""
    return Stream(live.watch(), media_type="text/event-stream")


ROUTES = [get_streams, get_jobs, get_metrics, get_events]
