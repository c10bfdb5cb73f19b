/** What visitors do on the site. */
import { useMemo } from "react";
import { useRows } from "../../api/hooks";
import { count, duration, percent } from "../../format";
import { Chart } from "../../ui/chart";
import { DataTable } from "../../ui/data-table";
import { Answer } from "../../ui/messages";
import { Panel } from "../../ui/panel";
import { Bars } from "./bars";
import type { Range } from "./range";
import { SILVER_MS, devices, durations, LENGTHS, pages, paths } from "./statements";

const NO_SESSION =
  "No session began in this range. A session is in silver within seconds of its first click; choose another range.";

export function Sessions({ range }: { range: Range }) {
  return (
    <>
      <div className="grid">
        <Pages range={range} which="entry_page" title="Entry pages" about="Where sessions begin." />
        <Pages range={range} which="exit_page" title="Exit pages" about="Where they end." />
      </div>
      <div className="grid">
        <Paths range={range} />
        <div className="beside">
          <Durations range={range} />
          <Devices range={range} />
        </div>
      </div>
    </>
  );
}

interface PagesProps {
  range: Range;
  which: "entry_page" | "exit_page";
  title: string;
  about: string;
}

function Pages({ range, which, title, about }: PagesProps) {
  const question = pages(range, which);
  const answer = useRows<{ page: string | null; sessions: number; of_all: number }>(question, {
    every: 60_000,
  });
  return (
    <Panel title={title} about={about} sql={question}>
      <Answer of={answer} isEmpty={(data) => data.rows.length === 0} empty={NO_SESSION}>
        {({ rows }) => (
          <Bars
            caption={title}
            unit="Sessions"
            rows={rows.map((row) => ({
              key: row.page ?? "",
              label: row.page || "unknown",
              value: Number(row.sessions),
              of: Number(row.of_all),
            }))}
          />
        )}
      </Answer>
    </Panel>
  );
}

function Paths({ range }: { range: Range }) {
  const question = paths(range);
  const answer = useRows<{ path: string[]; sessions: number; of_all: number }>(question, {
    every: SILVER_MS,
  });
  return (
    <Panel
      title="Paths"
      about="The first four pages of sessions of two and more, the most frequent first; shares of all such sessions."
      sql={question}
    >
      <Answer of={answer} isEmpty={(data) => data.rows.length === 0} empty={NO_SESSION}>
        {({ rows }) => (
          <Bars
            caption="Paths"
            unit="Sessions"
            rows={rows.map((row) => ({
              key: row.path.join(" "),
              label: (
                <span className="path">
                  {row.path.map((page, i) => (
                    <span key={i} className="step">
                      {i > 0 && <span className="muted arrow">→</span>}
                      {page}
                    </span>
                  ))}
                </span>
              ),
              value: Number(row.sessions),
              of: Number(row.of_all),
            }))}
          />
        )}
      </Answer>
    </Panel>
  );
}

function Durations({ range }: { range: Range }) {
  const question = durations(range);
  const answer = useRows<{ length: number; sessions: number }>(question, { every: SILVER_MS });
  const series = useMemo(() => {
    const found = new Map(answer.data?.rows.map((row) => [row.length, Number(row.sessions)]));
    return [{ name: "sessions", values: LENGTHS.map((_, i) => found.get(i) ?? 0) }];
  }, [answer.data]);
  return (
    <Panel
      title="Session durations"
      about="From the first click to the last; a bounce is one page view."
      sql={question}
    >
      <Answer of={answer} isEmpty={(data) => data.rows.length === 0} empty={NO_SESSION}>
        {() => <Chart label="Sessions by duration" places={LENGTHS} series={series} kind="bar" />}
      </Answer>
    </Panel>
  );
}

interface Device {
  device: string;
  sessions: number;
  bounce_rate: number;
  avg_duration_seconds: number;
  avg_pages: number;
}

function Devices({ range }: { range: Range }) {
  const question = devices(range);
  const answer = useRows<Device>(question, { every: SILVER_MS });
  return (
    <Panel title="Devices" about="Sessions by the device of their first click." sql={question}>
      <Answer of={answer} isEmpty={(data) => data.rows.length === 0} empty={NO_SESSION}>
        {({ rows }) => (
          <DataTable
            caption="Devices"
            heads="device"
            rowKey={(row) => row.device}
            rows={rows}
            columns={[
              { key: "device", value: (row) => row.device },
              {
                key: "sessions",
                label: "Sessions",
                numeric: true,
                value: (row) => row.sessions,
                show: (row) => count(row.sessions),
              },
              {
                key: "bounce",
                label: "Bounce rate",
                numeric: true,
                value: (row) => row.bounce_rate,
                show: (row) => percent(row.bounce_rate),
              },
              {
                key: "mean",
                label: "Mean duration",
                numeric: true,
                value: (row) => row.avg_duration_seconds,
                show: (row) => duration(row.avg_duration_seconds),
              },
              {
                key: "pages",
                label: "Mean pages",
                numeric: true,
                value: (row) => row.avg_pages,
                show: (row) => count(row.avg_pages, 1),
              },
            ]}
          />
        )}
      </Answer>
    </Panel>
  );
}
