/** The last five minutes by source. */
import { useMemo } from "react";
import type { Moment } from "../../api/types";
import { Chart, type Series } from "../../ui/chart";
import { Panel } from "../../ui/panel";
import { Empty } from "../../ui/messages";

const SHOWN_MS = 300_000;

type Source = Moment["sources"][number];

function series(moments: readonly Moment[], value: (source: Source) => number | null): Series[] {
  const names = moments.at(-1)?.sources.map((source) => source.name) ?? [];
  return names.map((name) => ({
    name,
    values: moments.map((one) => {
      const found = one.sources.find((source) => source.name === name);
      return found ? value(found) : null;
    }),
  }));
}

export default function Charts({ moments }: { moments: readonly Moment[] }) {
  const places = useMemo(() => moments.map((one) => one.at * 1000), [moments]);
  const last = places.at(-1) ?? 0;
  const span = useMemo(() => [last - SHOWN_MS, last] as const, [last]);
  const rates = useMemo(() => series(moments, (source) => source.events_per_second), [moments]);
  const latencies = useMemo(() => series(moments, (source) => source.latency_ms?.p95 ?? null), [moments]);
  const known = latencies.some((one) => one.values.some((value) => value !== null));
  return (
    <div className="grid">
      <Panel title="Events per second" about="By source, the last five minutes that this page was open, UTC.">
        <Chart label="Events per second by source" places={places} series={rates} span={span} small live />
      </Panel>
      <Panel
        title="Latency, p95"
        about="Milliseconds from Kafka's timestamp of an event until ingestion has validated it, by source, UTC."
      >
        {known ? (
          <Chart
            label="Latency, 95th percentile, by source"
            places={places}
            series={latencies}
            span={span}
            unit="ms"
            small
            live
          />
        ) : (
          <Empty>
            No latency is known yet: ingestion tells it of the events of the last 15 seconds. See the hops
            above for what stands still.
          </Empty>
        )}
      </Panel>
    </div>
  );
}
