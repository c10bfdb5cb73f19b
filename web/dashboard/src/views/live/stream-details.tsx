/** What the stream workers know now: windows, open sessions, partitions; and what they have written. */
import { Link } from "wouter";
import { useAnswer } from "../../api/hooks";
import type { Report, Streams } from "../../api/types";
import { count, duration, moment, NONE, size } from "../../format";
import { DataTable, type ColumnOf } from "../../ui/data-table";
import { Answer } from "../../ui/messages";
import { Stat, Stats } from "../../ui/panel";

type Window = Streams["windows"][number];
type Session = Streams["sessions"][number];
type Partition = Streams["partitions"][number];

const time = (text: string | null) => (text === null ? NONE : moment(text).slice(11, 19));
const number = <T,>(key: string, label: string, value: (row: T) => number | null): ColumnOf<T> => ({
  key,
  label,
  numeric: true,
  value,
  show: (row) => count(value(row)),
});

const WINDOWS: ColumnOf<Window>[] = [
  {
    key: "start",
    label: "Minute (UTC)",
    value: (row) => row.window_start,
    show: (row) => time(row.window_start),
  },
  {
    key: "state",
    value: (row) => row.is_final,
    show: (row) => (row.is_final ? "closed" : "open"),
  },
  number("events", "Events", (row) => row.events),
  number("users", "Users", (row) => row.users),
  number("errors", "Errors", (row) => row.errors),
  {
    key: "value",
    label: "Value",
    numeric: true,
    value: (row) => row.value,
    show: (row) => count(row.value, 2),
  },
];

const SESSIONS: ColumnOf<Session>[] = [
  { key: "user", value: (row) => row.user_id },
  {
    key: "start",
    label: "Began (UTC)",
    value: (row) => row.session_start,
    show: (row) => time(row.session_start),
  },
  { key: "state", value: (row) => row.is_final, show: (row) => (row.is_final ? "closed" : "open") },
  {
    key: "duration",
    numeric: true,
    value: (row) => row.duration_ms,
    show: (row) => duration(row.duration_ms / 1000),
  },
  number("pages", "Pages", (row) => row.page_count),
  number("clicks", "Clicks", (row) => row.click_count),
  { key: "device", value: (row) => row.device_type, show: (row) => row.device_type ?? NONE },
  { key: "entry", label: "First page", value: (row) => row.entry_page, show: (row) => path(row.entry_page) },
  { key: "exit", label: "Last page", value: (row) => row.exit_page, show: (row) => path(row.exit_page) },
];

const PARTITIONS: ColumnOf<Partition>[] = [
  { key: "source", value: (row) => row.source },
  { key: "partition", numeric: true, value: (row) => row.partition },
  { key: "worker", value: (row) => row.worker },
  number("lag", "To read", (row) => row.lag),
  number("pending", "To write", (row) => row.pending),
  {
    key: "position",
    label: "Written up to",
    title: "Offset of its source topic",
    numeric: true,
    value: (row) => row.position,
    show: (row) => (row.position === null || row.position < 0 ? NONE : count(row.position)),
  },
  {
    key: "watermark",
    label: "Event time (UTC)",
    value: (row) => row.watermark,
    show: (row) => time(row.watermark),
  },
];

function path(page: string | null): string {
  return page === null ? NONE : page.replace(/^https?:\/\/[^/]+/, "") || "/";
}

export function Workers() {
  const streams = useAnswer<Streams>("/streams", { every: 10_000 });
  return (
    <Answer
      of={streams}
      isEmpty={(data) => data.windows.length + data.partitions.length === 0}
      empty="The workers have written nothing yet: the first windows come about ten seconds after the first events."
    >
      {(data) => (
        <>
          <h3>Windows of one minute</h3>
          <DataTable
            caption="Windows"
            columns={WINDOWS}
            rows={data.windows}
            rowKey={(row) => row.window_start}
          />
          <h3>Sessions</h3>
          <p className="about">
            {count(data.open_sessions)} open of {count(data.total_sessions)}. The newest of them:
          </p>
          <DataTable
            caption="Sessions"
            columns={SESSIONS}
            rows={data.sessions}
            rowKey={(row) => row.session_key}
          />
          <h3>Partitions</h3>
          <DataTable
            caption="Partitions of the workers"
            columns={PARTITIONS}
            rows={data.partitions}
            rowKey={(row) => `${row.source} ${row.partition}`}
          />
          <p className="row">
            <Link href="/data/events_aggregated_realtime">events_aggregated_realtime</Link>
            <Link href="/data/clickstream_sessions">clickstream_sessions</Link>
            <Link href="/data/cdc_transformed">cdc_transformed</Link>
          </p>
        </>
      )}
    </Answer>
  );
}

export function Landing() {
  const report = useAnswer<Report>("/health/report", { every: 10_000 });
  return (
    <Answer of={report}>
      {(data) => (
        <>
          <Stats>
            {data.storage.places
              .filter((place) => place.name === "landing" || place.name === "outputs")
              .map((place) => (
                <Stat
                  key={place.name}
                  label={`${place.name}/`}
                  value={size(place.bytes)}
                  note={`${count(place.files)} files, looked at ${place.at ? `${time(place.at)} UTC` : "now"}`}
                />
              ))}
            <Stat label="Disk free" value={size(data.disk?.free)} note={`of ${size(data.disk?.total)}`} />
          </Stats>
          <h3>Writers</h3>
          <DataTable
            caption="Writers of landing files"
            heads="service"
            rowKey={(row) => row.service}
            rows={data.workers}
            columns={[
              { key: "service", value: (row) => row.service },
              number<Report["workers"][number]>("waiting", "Events to write", (row) => row.waiting),
              {
                key: "age",
                label: "Last commit",
                numeric: true,
                value: (row) => row.flush_age_seconds,
                show: (row) =>
                  row.flush_age_seconds === null ? NONE : `${duration(row.flush_age_seconds)} ago`,
              },
              {
                key: "took",
                label: "It took",
                numeric: true,
                value: (row) => row.flush_seconds,
                show: (row) => duration(row.flush_seconds),
              },
              number<Report["workers"][number]>("batch", "Events a file", (row) => row.batch_events),
              number<Report["workers"][number]>("late", "Late events", (row) => row.late),
              { key: "paused", value: (row) => row.paused, show: (row) => (row.paused ? "paused" : "no") },
            ]}
          />
        </>
      )}
    </Answer>
  );
}
