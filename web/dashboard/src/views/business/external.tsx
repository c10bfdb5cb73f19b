/** The newest value of each series from outside. */
import { useRows } from "../../api/hooks";
import { count, moment } from "../../format";
import { DataTable } from "../../ui/data-table";
import { Answer } from "../../ui/messages";
import { Panel } from "../../ui/panel";
import { external, SILVER_MS } from "./statements";

interface Observed {
  source: string;
  metric: string;
  dimensions: string | null;
  unit: string | null;
  value: number | null;
  observed_at: string;
  observations: number;
}

/** `campaign brand, channel search`, of a JSON object; what is none stays as it is. */
function written(dimensions: string | null): string {
  if (!dimensions) return "–";
  try {
    const found: unknown = JSON.parse(dimensions);
    if (typeof found !== "object" || found === null) return dimensions;
    return Object.entries(found)
      .map(([name, value]) => `${name} ${String(value)}`)
      .join(", ");
  } catch {
    return dimensions;
  }
}

export function ExternalData({ today }: { today: string }) {
  const question = external(today);
  const answer = useRows<Observed>(question, { every: SILVER_MS });
  return (
    <Panel
      title="External data"
      about={`The newest value of each series that was observed on ${today} (UTC).`}
      sql={question}
    >
      <Answer
        of={answer}
        isEmpty={(data) => data.rows.length === 0}
        empty="Nothing has been observed today. Does the source external_data bring anything? The live view shows it."
      >
        {({ rows }) => (
          <DataTable
            caption="External data"
            rowKey={(row) => `${row.source} ${row.metric} ${row.dimensions} ${row.unit}`}
            rows={rows}
            columns={[
              { key: "source", value: (row) => row.source },
              { key: "metric", value: (row) => row.metric },
              { key: "of", value: (row) => row.dimensions, show: (row) => written(row.dimensions) },
              {
                key: "value",
                numeric: true,
                value: (row) => row.value,
                show: (row) => count(row.value, 4),
              },
              { key: "unit", value: (row) => row.unit, show: (row) => row.unit ?? "–" },
              {
                key: "at",
                label: "Observed (UTC)",
                value: (row) => row.observed_at,
                show: (row) => moment(row.observed_at),
              },
              {
                key: "observations",
                label: "Observations",
                numeric: true,
                value: (row) => row.observations,
                show: (row) => count(row.observations),
              },
            ]}
          />
        )}
      </Answer>
    </Panel>
  );
}
