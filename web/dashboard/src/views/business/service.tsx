/** How well the apps served their users, by hour. */
import { useMemo } from "react";
import { useRows } from "../../api/hooks";
import { percent } from "../../format";
import { Chart, type Series } from "../../ui/chart";
import { Answer } from "../../ui/messages";
import { Panel } from "../../ui/panel";
import { hourOf, placeName, places, type Range } from "./range";
import { GOLD_MS, hourlyMetrics } from "./statements";

interface Hour {
  metric_date: string;
  metric_hour: number;
  p50_response_time_ms: number | null;
  p95_response_time_ms: number | null;
  p99_response_time_ms: number | null;
  error_rate: number | null;
  error_count: number;
  status_2xx: number;
  status_3xx: number;
  status_4xx: number;
  status_5xx: number;
}

type Measured = Exclude<keyof Hour, "metric_date" | "metric_hour">;
type Named = readonly (readonly [string, Measured])[];

const RESPONSE: Named = [
  ["p50", "p50_response_time_ms"],
  ["p95", "p95_response_time_ms"],
  ["p99", "p99_response_time_ms"],
];
const ERRORS: Named = [["error rate", "error_rate"]];
const CLASSES: Named = [
  ["2xx", "status_2xx"],
  ["3xx", "status_3xx"],
  ["4xx", "status_4xx"],
  ["5xx", "status_5xx"],
];

const NOTHING =
  "No hour of this range has been summed up. The first comes within minutes of the first events.";

export function Service({ range }: { range: Range }) {
  const question = hourlyMetrics(range);
  const answer = useRows<Hour>(question, { every: GOLD_MS });
  const rows = answer.data?.rows;
  const at = useMemo(() => places(range, rows?.[0] && hourOf(rows[0])), [range, rows]);
  const names = useMemo(() => at.map(placeName), [at]);
  const [response, errors, classes] = useMemo(() => {
    const hours = new Map(rows?.map((row) => [hourOf(row), row]));
    const series = (named: Named): Series[] =>
      named.map(([name, key]) => ({ name, values: at.map((hour) => hours.get(hour)?.[key] ?? null) }));
    return [series(RESPONSE), series(ERRORS), series(CLASSES)];
  }, [rows, at]);
  const zoom = names.length > 24;
  return (
    <div className="grid">
      <Panel
        title="Response times"
        about="Milliseconds by hour (UTC), of the events that tell one."
        sql={question}
      >
        <Answer of={answer} isEmpty={(data) => data.rows.length === 0} empty={NOTHING}>
          {() => (
            <Chart label="Response times by hour" places={names} series={response} unit="ms" zoom={zoom} />
          )}
        </Answer>
      </Panel>
      <Panel title="Error rate" about="Share of the events that are errors, by hour (UTC)." sql={question}>
        <Answer of={answer} isEmpty={(data) => data.rows.length === 0} empty={NOTHING}>
          {() => (
            <Chart label="Error rate by hour" places={names} series={errors} format={share} zoom={zoom} />
          )}
        </Answer>
      </Panel>
      <Panel title="Status classes" about="Events by HTTP status, by hour (UTC)." sql={question}>
        <Answer of={answer} isEmpty={(data) => data.rows.length === 0} empty={NOTHING}>
          {() => (
            <Chart
              label="Status classes by hour"
              places={names}
              series={classes}
              kind="bar"
              stacked
              zoom={zoom}
            />
          )}
        </Answer>
      </Panel>
    </div>
  );
}

function share(value: number): string {
  return percent(value, 2);
}
