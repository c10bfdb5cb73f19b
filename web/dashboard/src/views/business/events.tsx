/** Events by hour, of each type or app. */
import { useMemo, useState } from "react";
import { useRows } from "../../api/hooks";
import { Chart, type Series } from "../../ui/chart";
import { Answer } from "../../ui/messages";
import { Panel } from "../../ui/panel";
import { hourOf, placeName, places, type Range } from "./range";
import { GOLD_MS, eventsByHour, type By } from "./statements";

interface Hour {
  metric_date: string;
  metric_hour: number;
  names: string[];
  events: (number | null)[];
  value: (number | null)[];
}

const APPS = ["mobile", "web", "server"];
type Measure = "events" | "value";

/** A series for each name, the greatest first; null where an hour has none of it. */
function seriesOf(rows: Hour[], at: number[], measure: Measure): Series[] {
  const hours = new Map(rows.map((row) => [hourOf(row), row]));
  const sums = new Map<string, number>();
  for (const row of rows)
    row.names.forEach((name, i) => sums.set(name, (sums.get(name) ?? 0) + Number(row[measure][i] ?? 0)));
  const names = [...sums.keys()].toSorted((a, b) => (sums.get(b) ?? 0) - (sums.get(a) ?? 0));
  return names.map((name) => ({
    name,
    values: at.map((hour) => {
      const row = hours.get(hour);
      const place = row?.names.indexOf(name) ?? -1;
      const value = place < 0 ? null : row?.[measure][place];
      return value == null ? null : Number(value);
    }),
  }));
}

export function Events({ range }: { range: Range }) {
  const [by, setBy] = useState<By>("event_type");
  const [measure, setMeasure] = useState<Measure>("events");
  const [app, setApp] = useState("");
  const [type, setType] = useState("");
  const question = eventsByHour(range, by, app, type);
  const answer = useRows<Hour>(question, { every: GOLD_MS });
  const everyType = useRows<Hour>(eventsByHour(range, "event_type", "", ""), { every: GOLD_MS });
  const types = useMemo(
    () => [...new Set(everyType.data?.rows.flatMap((row) => row.names))].toSorted(),
    [everyType.data],
  );
  const shown = useMemo(() => {
    const rows = answer.data?.rows ?? [];
    const at = places(range, rows[0] && hourOf(rows[0]));
    return { places: at.map(placeName), series: seriesOf(rows, at, measure) };
  }, [answer.data, range, measure]);
  return (
    <Panel
      title={measure === "events" ? "Events by hour" : "Value by hour"}
      about="Each event once, in the hour (UTC) when it happened."
      sql={question}
      actions={
        <div className="row choices">
          <Choice label="Measure" value={measure} choose={(chosen) => setMeasure(chosen as Measure)}>
            {[
              ["events", "events"],
              ["value", "value"],
            ]}
          </Choice>
          <Choice label="By" value={by} choose={(chosen) => setBy(chosen as By)}>
            {[
              ["event_type", "type"],
              ["app_type", "app"],
            ]}
          </Choice>
          <Choice label="App" value={app} choose={setApp}>
            {[["", "all"], ...APPS.map((one): [string, string] => [one, one])]}
          </Choice>
          <Choice label="Type" value={type} choose={setType}>
            {[["", "all"], ...types.map((one): [string, string] => [one, one])]}
          </Choice>
        </div>
      }
    >
      <Answer
        of={answer}
        isEmpty={(data) => data.rows.length === 0}
        empty="No events in this range. Choose another one, or look at the live view whether any come."
      >
        {() => (
          <Chart
            label={`${measure === "events" ? "Events" : "Value"} by hour and ${by === "event_type" ? "type" : "app"}`}
            places={shown.places}
            series={shown.series}
            kind="bar"
            stacked
            zoom={shown.places.length > 24}
          />
        )}
      </Answer>
    </Panel>
  );
}

function Choice({
  label,
  value,
  choose,
  children,
}: {
  label: string;
  value: string;
  choose: (value: string) => void;
  children: [string, string][];
}) {
  return (
    <label className="row">
      {label}
      <select value={value} onChange={(event) => choose(event.target.value)}>
        {children.map(([key, text]) => (
          <option key={key} value={key}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}
