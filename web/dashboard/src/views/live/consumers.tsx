/** Consumer groups of the topics, and how far each is behind. */
import { useAnswer } from "../../api/hooks";
import type { Streams } from "../../api/types";
import { count, duration } from "../../format";
import { DataTable } from "../../ui/data-table";
import { Answer } from "../../ui/messages";
import { StatusPill, type Shown } from "../../ui/status";

const SHOWN: Record<string, Shown> = { running: "ok", starting: "idle", degraded: "degraded" };

export function Consumers() {
  const streams = useAnswer<Streams>("/streams", { every: 10_000 });
  return (
    <Answer
      of={streams}
      isEmpty={(data) => data.consumers.length === 0}
      empty="No consumer has spoken yet. Ingestion and the workers begin within a minute of the start."
    >
      {(data) => (
        <>
          {data.broker !== "up" && <p className="message failing">The broker: {data.broker}</p>}
          <h3>Consumer groups</h3>
          <DataTable
            caption="Consumer groups"
            heads="group"
            rowKey={(row) => row.group}
            rows={data.consumers}
            columns={[
              { key: "group", value: (row) => row.group },
              {
                key: "state",
                value: (row) => row.state,
                show: (row) => <StatusPill status={SHOWN[row.state] ?? "failing"}>{row.state}</StatusPill>,
              },
              {
                key: "lag",
                label: "Records to read",
                numeric: true,
                value: (row) => row.lag,
                show: (row) => count(row.lag),
              },
              {
                key: "rate",
                label: "Records/s",
                numeric: true,
                value: (row) => row.messages_per_second,
                show: (row) => count(row.messages_per_second, 1),
              },
              {
                key: "commit",
                label: "Last commit",
                numeric: true,
                value: (row) => row.commit_age_seconds,
                show: (row) =>
                  row.commit_age_seconds === null ? "–" : `${duration(row.commit_age_seconds)} ago`,
              },
              { key: "message", value: (row) => row.message, show: (row) => row.message || "–" },
            ]}
          />
          <h3>Partitions</h3>
          <DataTable
            caption="Partitions"
            rowKey={(row) => `${row.group} ${row.topic} ${row.partition}`}
            rows={data.consumers.flatMap((consumer) => consumer.partitions)}
            columns={[
              { key: "topic", value: (row) => row.topic },
              { key: "partition", numeric: true, value: (row) => row.partition },
              { key: "group", value: (row) => row.group },
              {
                key: "committed",
                numeric: true,
                value: (row) => row.committed,
                show: (row) => count(row.committed),
              },
              { key: "end", numeric: true, value: (row) => row.end, show: (row) => count(row.end) },
              {
                key: "lag",
                label: "To read",
                numeric: true,
                value: (row) => row.lag,
                show: (row) => count(row.lag),
              },
            ]}
          />
        </>
      )}
    </Answer>
  );
}
