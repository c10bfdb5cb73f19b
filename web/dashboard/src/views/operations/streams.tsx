/** Consumer groups with their lag by partition, and how the stream workers write. */
import { useAnswer } from "../../api/hooks";
import type { Report, Schemas, Streams as StreamsAnswer } from "../../api/types";
import { count, duration, moment, NONE, size } from "../../format";
import { DataTable } from "../../ui/data-table";
import { Answer, Empty } from "../../ui/messages";
import { Panel, Stat, Stats } from "../../ui/panel";
import { StatusPill, type Shown } from "../../ui/status";

type Consumer = Schemas["ConsumerState"];

export function Streams({ report }: { report: Report | undefined }) {
  const streams = useAnswer<StreamsAnswer>("/streams?limit=1", { every: 10_000 });
  return (
    <Answer of={streams}>
      {(data) => (
        <>
          {data.broker !== "up" && (
            <p className="message failing" role="alert">
              The broker does not answer: {data.broker} What is shown of lag is not known.
            </p>
          )}
          <Stats>
            <Stat
              label="Records to read"
              value={count(total(data.consumers.map((one) => one.lag)))}
              note="all groups together"
            />
            <Stat
              label="Messages a second"
              value={count(total(data.consumers.map((one) => one.messages_per_second)), 0)}
              note="mean of half a minute"
            />
            <Stat label="Open sessions" value={count(data.open_sessions)} />
            <Stat
              label="Waiting for a flush"
              value={count(report ? total(report.workers.map((one) => one.waiting)) : null)}
              note="events read and not yet landed"
            />
          </Stats>
          <Groups consumers={data.consumers} report={report} />
          {report && <Workers workers={report.workers} />}
          <div className="grid">
            <Partitions consumers={data.consumers} />
            <WorkerPartitions partitions={data.partitions} />
          </div>
        </>
      )}
    </Answer>
  );
}

/** Null: one of them is not known. */
function total(values: (number | null)[]): number | null {
  return values.reduce((sum, value) => (sum === null || value === null ? null : sum + value), 0);
}

function shown(state: string): Shown {
  if (state === "running") return "ok";
  return state === "starting" ? "idle" : state === "degraded" ? "degraded" : "failing";
}

function Groups({ consumers, report }: { consumers: Consumer[]; report: Report | undefined }) {
  const reasons = new Map(report?.groups.map((group) => [group.group, group.reasons]));
  return (
    <Panel
      title="Consumer groups"
      about="Rates are of the last half minute, all processes of a group together."
    >
      {consumers.length === 0 ? (
        <Empty>No consumer has spoken yet. Is the platform started (dp status)?</Empty>
      ) : (
        <DataTable
          caption="Consumer groups"
          heads="group"
          whole
          rows={consumers}
          rowKey={(row) => row.group}
          columns={[
            { key: "group", label: "Group", value: (row) => row.group },
            {
              key: "state",
              label: "State",
              value: (row) => row.state,
              show: (row) => <StatusPill status={shown(row.state)}>{row.state}</StatusPill>,
            },
            {
              key: "lag",
              label: "Lag",
              numeric: true,
              value: (row) => row.lag,
              show: (row) => count(row.lag),
            },
            {
              key: "commit",
              label: "Commit age",
              title: "Since offsets were last committed",
              numeric: true,
              value: (row) => row.commit_age_seconds,
              show: (row) => duration(row.commit_age_seconds),
            },
            {
              key: "messages",
              label: "Messages/s",
              numeric: true,
              value: (row) => row.messages_per_second,
              show: (row) => count(row.messages_per_second, 1),
            },
            {
              key: "bytes",
              label: "Bytes/s",
              numeric: true,
              value: (row) => row.bytes_per_second,
              show: (row) => size(row.bytes_per_second),
            },
            {
              key: "invalid",
              label: "Refused/s",
              numeric: true,
              value: (row) => sum(row.invalid_per_second),
              show: (row) => (
                <span title={kinds(row.invalid_per_second)}>{count(sum(row.invalid_per_second), 2)}</span>
              ),
            },
            { key: "processes", label: "Processes", value: (row) => row.processes.join(", ") || NONE },
            {
              key: "why",
              label: "What it says",
              value: (row) => [...(reasons.get(row.group) ?? []), row.message].filter(Boolean).join(" "),
            },
            {
              key: "error",
              label: "Last error",
              title: "What was last wrong, also before a restart",
              value: (row) => row.last_error,
              show: (row) => <span className="muted last-error">{row.last_error || NONE}</span>,
            },
          ]}
        />
      )}
    </Panel>
  );
}

function sum(rates: Consumer["invalid_per_second"]): number {
  return Object.values(rates).reduce((a, b) => a + b, 0);
}

function kinds(rates: Consumer["invalid_per_second"]): string | undefined {
  const words = Object.entries(rates).map(([kind, rate]) => `${kind}: ${count(rate, 2)}/s`);
  return words.join(", ") || undefined;
}

function Workers({ workers }: { workers: Schemas["WorkerHealth"][] }) {
  return (
    <Panel title="Stream workers">
      {workers.length === 0 ? (
        <Empty>No worker has spoken yet.</Empty>
      ) : (
        <DataTable
          caption="Stream workers"
          heads="service"
          whole
          rows={workers}
          rowKey={(row) => row.service}
          columns={[
            { key: "service", label: "Worker", value: (row) => row.service },
            {
              key: "state",
              label: "Writes",
              value: (row) => row.paused,
              show: (row) =>
                row.paused ? (
                  <StatusPill status="degraded">paused</StatusPill>
                ) : (
                  <StatusPill status="ok">writing</StatusPill>
                ),
            },
            {
              key: "age",
              label: "Flush age",
              title: "Since its last commit",
              numeric: true,
              value: (row) => row.flush_age_seconds,
              show: (row) => duration(row.flush_age_seconds),
            },
            {
              key: "took",
              label: "A flush takes",
              numeric: true,
              value: (row) => row.flush_seconds,
              show: (row) => duration(row.flush_seconds),
            },
            {
              key: "waiting",
              label: "Waiting",
              title: "Events read and not yet landed",
              numeric: true,
              value: (row) => row.waiting,
              show: (row) => count(row.waiting),
            },
            {
              key: "batch",
              label: "Events a file",
              numeric: true,
              value: (row) => row.batch_events,
              show: (row) => count(row.batch_events, 0),
            },
            {
              key: "late",
              label: "Late events",
              title: "Since the partitions were loaded",
              numeric: true,
              value: (row) => row.late,
              show: (row) => count(row.late),
            },
          ]}
        />
      )}
    </Panel>
  );
}

function Partitions({ consumers }: { consumers: Consumer[] }) {
  const rows = consumers.flatMap((consumer) => consumer.partitions);
  return (
    <Panel title="Lag by partition">
      {rows.length === 0 ? (
        <Empty>The broker tells of no partitions.</Empty>
      ) : (
        <DataTable
          caption="Lag by partition"
          rows={rows}
          rowKey={(row) => `${row.group} ${row.topic} ${row.partition}`}
          columns={[
            { key: "group", label: "Group", value: (row) => row.group },
            { key: "topic", label: "Topic", value: (row) => row.topic },
            { key: "partition", label: "Partition", numeric: true, value: (row) => row.partition },
            {
              key: "lag",
              label: "Lag",
              numeric: true,
              value: (row) => row.lag,
              show: (row) => count(row.lag),
            },
            {
              key: "committed",
              label: "Committed",
              numeric: true,
              value: (row) => row.committed,
              show: (row) => count(row.committed),
            },
            {
              key: "end",
              label: "End",
              numeric: true,
              value: (row) => row.end,
              show: (row) => count(row.end),
            },
          ]}
        />
      )}
    </Panel>
  );
}

function WorkerPartitions({ partitions }: { partitions: Schemas["WorkerPartition"][] }) {
  return (
    <Panel title="Partitions in the workers' hands">
      {partitions.length === 0 ? (
        <Empty>No worker has a partition yet.</Empty>
      ) : (
        <DataTable
          caption="Partitions in the workers' hands"
          rows={partitions}
          rowKey={(row) => `${row.source} ${row.partition}`}
          columns={[
            { key: "source", label: "Source", value: (row) => row.source },
            { key: "partition", label: "Partition", numeric: true, value: (row) => row.partition },
            { key: "worker", label: "Worker", value: (row) => row.worker },
            {
              key: "pending",
              label: "Waiting",
              numeric: true,
              value: (row) => row.pending,
              show: (row) => count(row.pending),
            },
            {
              key: "lag",
              label: "Lag",
              numeric: true,
              value: (row) => row.lag,
              show: (row) => count(row.lag),
            },
            {
              key: "watermark",
              label: "Watermark (UTC)",
              title: "Event time that it has seen",
              value: (row) => row.watermark,
              show: (row) => <span className="nowrap">{moment(row.watermark)}</span>,
            },
          ]}
        />
      )}
    </Panel>
  );
}
