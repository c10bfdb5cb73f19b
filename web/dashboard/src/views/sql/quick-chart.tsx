/** A chart of a result: the first column that orders it along the bottom, numbers as series. */
import { useMemo, useState } from "react";
import type { QueryAnswer, Value } from "../../api/types";
import { cell, isNumeric } from "../../format";
import { Chart } from "../../ui/chart";
import { Empty } from "../../ui/messages";

const MOST_PLACES = 2_000;

export default function QuickChart({ answer }: { answer: QueryAnswer }) {
  const numeric = useMemo(
    () => answer.columns.map((_, i) => i).filter((i) => isNumeric(answer.columns[i]?.type ?? "")),
    [answer],
  );
  const [along, setAlong] = useState(() =>
    Math.max(
      0,
      answer.columns.findIndex((column) => !isNumeric(column.type)),
    ),
  );
  const [kind, setKind] = useState<"line" | "bar" | "area">("bar");
  const drawn = useMemo(() => draw(answer, along, numeric), [answer, along, numeric]);
  if (numeric.length === 0 || answer.rows.length === 0) {
    return <Empty>A chart needs rows with at least one column of numbers.</Empty>;
  }
  return (
    <>
      <div className="row">
        <label className="row">
          Along the bottom
          <select value={along} onChange={(event) => setAlong(Number(event.target.value))}>
            {answer.columns.map((column, i) => (
              <option key={i} value={i}>
                {column.name}
              </option>
            ))}
          </select>
        </label>
        <label className="row">
          As
          <select value={kind} onChange={(event) => setKind(event.target.value as typeof kind)}>
            <option value="bar">bars</option>
            <option value="line">lines</option>
            <option value="area">areas</option>
          </select>
        </label>
        {answer.rows.length > MOST_PLACES && <span className="muted">The first {MOST_PLACES} rows</span>}
      </div>
      <Chart label="Chart of the result" places={drawn.places} series={drawn.series} kind={kind} zoom />
    </>
  );
}

function draw(answer: QueryAnswer, along: number, numeric: number[]) {
  const rows = (answer.rows as Value[][]).slice(0, MOST_PLACES);
  const isTime = /^(TIMESTAMP|DATE)/.test(answer.columns[along]?.type ?? "");
  const ordered = isTime
    ? rows.toSorted((a, b) => Date.parse(cell(a[along] ?? null)) - Date.parse(cell(b[along] ?? null)))
    : rows;
  const places = isTime
    ? ordered.map((row) => Date.parse(cell(row[along] ?? null)))
    : ordered.map((row) => cell(row[along] ?? null));
  const series = numeric
    .filter((i) => i !== along)
    .map((i) => ({
      name: answer.columns[i]?.name ?? "",
      values: ordered.map((row) => (row[i] === null || row[i] === undefined ? null : Number(row[i]))),
    }));
  return { places, series };
}
