/** A day in numbers, against the day before, and the days' trend. */
import { useMemo, useState } from "react";
import type { UseQueryResult } from "@tanstack/react-query";
import type { Problem, Question } from "../../api/client";
import type { Rows } from "../../api/hooks";
import { count, duration, percent } from "../../format";
import { Chart, type Series } from "../../ui/chart";
import { Answer } from "../../ui/messages";
import { Panel, Stat, Stats } from "../../ui/panel";
import { change, points, type Day } from "./words";

interface Props {
  summary: UseQueryResult<Rows<Day>, Problem>;
  question: Question;
  today: string;
}

const NO_DAY =
  "No day has been summed up yet. The first row comes within minutes of the first events; the job daily_summaries completes it after midnight (UTC).";

export function Daily({ summary, question, today }: Props) {
  const [date, setDate] = useState<string>();
  const rows = summary.data?.rows ?? [];
  const at = Math.max(
    0,
    rows.findIndex((row) => row.summary_date === date),
  );
  return (
    <>
      <Panel
        title="The day"
        sql={question}
        actions={
          rows.length > 0 && (
            <label className="row">
              Day (UTC)
              <select value={rows[at]?.summary_date} onChange={(event) => setDate(event.target.value)}>
                {rows.map((row) => (
                  <option key={row.summary_date} value={row.summary_date}>
                    {row.summary_date}
                    {row.summary_date === today ? " (so far)" : ""}
                  </option>
                ))}
              </select>
            </label>
          )
        }
      >
        <Answer of={summary} isEmpty={(data) => data.rows.length === 0} empty={NO_DAY}>
          {(data) => <Numbers days={data.rows} at={at} today={today} />}
        </Answer>
      </Panel>
      {rows.length > 0 && <Trend days={rows} question={question} />}
    </>
  );
}

function Numbers({ days, at, today }: { days: Day[]; at: number; today: string }) {
  const day = days[at] as Day;
  const next = days[at + 1];
  const before = next && isDayBefore(next.summary_date, day.summary_date) ? next : undefined;
  const partial = day.summary_date === today;
  /** A day that is not over is not compared with a whole one: its number is told beside it. */
  const note = (
    value: (of: Day) => number | null,
    show: (value: number | null) => string,
    difference: (now: number | null, before: number | null | undefined) => string | undefined,
  ) => {
    if (!before) return "no day before it";
    if (partial) return `yesterday in all ${show(value(before))}`;
    const said = difference(value(day), value(before));
    return said === undefined ? `day before ${show(value(before))}` : `${said} on the day before`;
  };
  const whole = (value: number | null) => count(value);
  const kept = (value: number | null, after: string) =>
    value === null ? `known when the day ${after} is over` : `of ${count(day.total_users)} users`;
  return (
    <div className="day">
      <Stats>
        <Stat
          label="Users"
          value={count(day.total_users)}
          note={note((of) => of.total_users, whole, change)}
        />
        <Stat
          label="New users"
          value={count(day.new_users)}
          note={note((of) => of.new_users, whole, change)}
        />
        <Stat
          label="Returning users"
          value={count(day.returning_users)}
          note={note((of) => of.returning_users, whole, change)}
        />
        <Stat
          label="Events"
          value={count(day.total_events)}
          note={note((of) => of.total_events, whole, change)}
        />
        <Stat
          label="Value"
          value={count(day.total_event_value)}
          note={note((of) => of.total_event_value, whole, change)}
        />
        <Stat
          label="Sessions"
          value={count(day.total_sessions)}
          note={note((of) => of.total_sessions, whole, change)}
        />
        <Stat
          label="Bounce rate"
          value={percent(day.bounce_rate)}
          note={note((of) => of.bounce_rate, percent, points)}
        />
        <Stat
          label="Mean session"
          value={duration(day.avg_session_duration_seconds)}
          note={note((of) => of.avg_session_duration_seconds, duration, change)}
        />
        <Stat
          label="Seen again a day later"
          value={percent(day.retention_d1)}
          note={kept(day.retention_d1, "after it")}
        />
        <Stat
          label="Seen again 7 days later"
          value={percent(day.retention_d7)}
          note={kept(day.retention_d7, "7 days after it")}
        />
      </Stats>
    </div>
  );
}

function isDayBefore(one: string, other: string): boolean {
  return Date.parse(other) - Date.parse(one) === 86_400_000;
}

interface Measure {
  label: string;
  series: [string, (day: Day) => number | null][];
  stacked?: boolean;
  format?: (value: number) => string;
}

const share = (value: number) => percent(value);
const MEASURES: Record<string, Measure> = {
  users: {
    label: "Users",
    series: [
      ["new", (day) => day.new_users],
      ["returning", (day) => day.returning_users],
    ],
    stacked: true,
  },
  events: { label: "Events", series: [["events", (day) => day.total_events]] },
  value: { label: "Value", series: [["value", (day) => day.total_event_value]] },
  sessions: { label: "Sessions", series: [["sessions", (day) => day.total_sessions]] },
  bounce: { label: "Bounce rate", series: [["bounce rate", (day) => day.bounce_rate]], format: share },
  retention: {
    label: "Retention",
    series: [
      ["seen again a day later", (day) => day.retention_d1],
      ["seen again 7 days later", (day) => day.retention_d7],
    ],
    format: share,
  },
};

function Trend({ days, question }: { days: Day[]; question: Question }) {
  const [chosen, setChosen] = useState("users");
  const measure = MEASURES[chosen] as Measure;
  const places = useMemo(() => days.map((day) => day.summary_date).toReversed(), [days]);
  const series = useMemo(
    (): Series[] =>
      measure.series.map(([name, value]) => ({ name, values: days.map((day) => value(day)).toReversed() })),
    [days, measure],
  );
  return (
    <Panel
      title="Trend"
      about={`By day (UTC), the last ${places.length === 1 ? "day" : `${places.length} days`}; the newest is not over.`}
      sql={question}
      actions={
        <label className="row">
          Measure
          <select value={chosen} onChange={(event) => setChosen(event.target.value)}>
            {Object.entries(MEASURES).map(([name, one]) => (
              <option key={name} value={name}>
                {one.label}
              </option>
            ))}
          </select>
        </label>
      }
    >
      <Chart
        label={`${measure.label} by day`}
        places={places}
        series={series}
        kind={measure.format ? "line" : "bar"}
        small
        zoom={places.length > 14}
        {...(measure.stacked ? { stacked: true } : {})}
        {...(measure.format ? { format: measure.format } : {})}
      />
    </Panel>
  );
}
