/** Each source now. */
import type { Moment } from "../../api/types";
import { count, duration, NONE } from "../../format";
import { DataTable, type ColumnOf } from "../../ui/data-table";
import { Panel } from "../../ui/panel";

type Source = Moment["sources"][number];

const rate = (value: number) =>
  value.toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

const milliseconds = (value: number | null | undefined) =>
  value == null ? NONE : `${count(value, value < 10 ? 1 : 0)} ms`;

const COLUMNS: ColumnOf<Source>[] = [
  { key: "source", value: (row) => row.name },
  {
    key: "rate",
    label: "Events/s",
    numeric: true,
    value: (row) => row.events_per_second,
    show: (row) => rate(row.events_per_second),
  },
  {
    key: "p50",
    label: "Latency p50",
    title: "From Kafka's timestamp until ingestion has validated it, of the last 15 s",
    numeric: true,
    value: (row) => row.latency_ms?.p50 ?? null,
    show: (row) => milliseconds(row.latency_ms?.p50),
  },
  {
    key: "p95",
    label: "p95",
    title: "95 of 100 events are faster",
    numeric: true,
    value: (row) => row.latency_ms?.p95 ?? null,
    show: (row) => milliseconds(row.latency_ms?.p95),
  },
  {
    key: "lag",
    label: "To read",
    title: "Records of its topic that ingestion has still to read",
    numeric: true,
    value: (row) => row.lag,
    show: (row) => count(row.lag),
  },
  {
    key: "refused",
    label: "Refused/s",
    numeric: true,
    value: (row) => row.invalid_per_second,
    show: (row) => rate(row.invalid_per_second),
  },
  {
    key: "newest",
    label: "Newest event",
    numeric: true,
    value: (row) => row.newest_event_age_seconds,
    show: (row) =>
      row.newest_event_age_seconds === null ? NONE : `${duration(row.newest_event_age_seconds)} ago`,
  },
];

export function Sources({ sources }: { sources: Source[] }) {
  return (
    <Panel title="Sources now" about="As ingestion sees them, each second.">
      <DataTable
        caption="Sources now"
        columns={COLUMNS}
        rows={sources}
        rowKey={(row) => row.name}
        heads="source"
      />
    </Panel>
  );
}
