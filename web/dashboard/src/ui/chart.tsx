/** Charts over time or categories: hover, range, series on and off, and the same numbers as a table. */
import { BarChart, LineChart } from "echarts/charts";
import { DataZoomComponent, GridComponent, TooltipComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { useEffect, useMemo, useRef, useState } from "react";
import { count } from "../format";
import { palette, useTheme } from "../theme";
import { DataTable } from "./data-table";

echarts.use([BarChart, LineChart, GridComponent, TooltipComponent, DataZoomComponent, CanvasRenderer]);

export interface Series {
  name: string;
  /** A value for each of the chart's places; null: none known. */
  values: (number | null)[];
}

const FEW = 6;

interface Props {
  /** What it shows, for those who do not see it. */
  label: string;
  /** The places along the bottom: texts, or times as Unix milliseconds (UTC). */
  places: string[] | number[];
  series: Series[];
  kind?: "line" | "bar" | "area";
  stacked?: boolean;
  unit?: string;
  format?: (value: number) => string;
  /** The time it shows, Unix milliseconds, also where it has no values. */
  span?: readonly [number, number];
  /** A part of the places can be chosen. */
  zoom?: boolean;
  small?: boolean;
  /** No table: its numbers change each second. */
  live?: boolean;
}

export function Chart(props: Props) {
  const { label, places, series, small = false, live = false } = props;
  const [off, setOff] = useState<ReadonlySet<string>>(new Set());
  const [asTable, setAsTable] = useState(false);
  const toggle = (name: string) => {
    const changed = new Set(off);
    if (!changed.delete(name)) changed.add(name);
    setOff(changed);
  };
  return (
    <div>
      <div className="row">
        {series.length > 1 && <Legend series={series} off={off} toggle={toggle} />}
        {!live && (
          <button type="button" className="plain" onClick={() => setAsTable(!asTable)}>
            {asTable ? "As a chart" : "As a table"}
          </button>
        )}
      </div>
      {asTable ? (
        <NumbersTable label={label} places={places} series={series.filter((one) => !off.has(one.name))} />
      ) : (
        <Canvas {...props} small={small} off={off} />
      )}
    </div>
  );
}

function Legend({
  series,
  off,
  toggle,
}: {
  series: Series[];
  off: ReadonlySet<string>;
  toggle: (name: string) => void;
}) {
  const theme = useTheme();
  const colours = useMemo(() => (void theme, palette().series), [theme]);
  return (
    <div className="legend" role="group" aria-label="Series">
      {series.map((one, i) => (
        <button
          key={one.name}
          type="button"
          aria-pressed={!off.has(one.name)}
          onClick={() => toggle(one.name)}
        >
          <span className="swatch" aria-hidden="true" style={{ background: colours[i % colours.length] }} />
          {one.name}
        </button>
      ))}
    </div>
  );
}

function Canvas({
  label,
  places,
  series,
  kind = "line",
  stacked,
  unit,
  format,
  zoom,
  small,
  live,
  span,
  off,
}: Props & { off: ReadonlySet<string> }) {
  const theme = useTheme();
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<echarts.ECharts>(null);
  useEffect(() => {
    if (!box.current) return;
    const made = echarts.init(box.current);
    chart.current = made;
    const watch = new ResizeObserver(() => made.resize());
    watch.observe(box.current);
    return () => {
      watch.disconnect();
      made.dispose();
      chart.current = null;
    };
  }, []);
  useEffect(() => {
    const colours = palette();
    const written = (value: unknown) =>
      typeof value === "number"
        ? (format ?? ((n: number) => count(n, 2)))(value) + (unit ? ` ${unit}` : "")
        : "–";
    const overTime = typeof places[0] === "number";
    chart.current?.setOption(
      {
        animation: false,
        color: colours.series,
        grid: { left: 8, right: 16, top: 12, bottom: zoom ? 44 : 8, outerBoundsMode: "same" },
        // Drawn on the canvas: the page's policy lets no script write styles into markup.
        tooltip: {
          trigger: "axis",
          renderMode: "richText",
          valueFormatter: written,
          confine: true,
          backgroundColor: colours.surface,
          borderColor: colours.line,
          textStyle: { color: colours.text },
        },
        xAxis: {
          type: overTime ? "time" : "category",
          ...(overTime ? {} : { data: places }),
          ...(span ? { min: span[0], max: span[1] } : {}),
          boundaryGap: kind === "bar",
          axisLine: { lineStyle: { color: colours.line } },
          axisLabel: { color: colours.muted, hideOverlap: true },
        },
        yAxis: {
          type: "value",
          axisLabel: { color: colours.muted, formatter: (value: number) => (format ?? shortened)(value) },
          splitLine: { lineStyle: { color: colours.line } },
        },
        dataZoom: zoom
          ? [
              { type: "inside", zoomOnMouseWheel: "ctrl" },
              { type: "slider", height: 22, bottom: 8 },
            ]
          : [],
        useUTC: true,
        series: series.map((one, i) => ({
          name: one.name,
          type: kind === "bar" ? "bar" : "line",
          stack: stacked ? "all" : undefined,
          areaStyle: kind === "area" ? { opacity: 0.25 } : undefined,
          // A line of few values is hardly one.
          showSymbol: one.values.filter((value) => value !== null).length <= FEW,
          barMaxWidth: 64,
          lineStyle: { width: 2 },
          itemStyle: { color: colours.series[i % colours.series.length] },
          data: off.has(one.name)
            ? []
            : overTime
              ? places.map((place, at) => [place, one.values[at] ?? null])
              : one.values,
        })),
      },
      { replaceMerge: ["series"] },
    );
  }, [places, series, kind, stacked, unit, format, zoom, off, theme, live, span]);
  return (
    <div
      ref={box}
      className={small ? "chart small" : "chart"}
      role="img"
      aria-label={`${label}. ${summary(series)}`}
    />
  );
}

function shortened(value: number): string {
  return value.toLocaleString("en", { notation: "compact", maximumFractionDigits: 1 });
}

function summary(series: Series[]): string {
  return series
    .map((one) => {
      const last = one.values.findLast((value) => value !== null);
      return `${one.name}: ${last === undefined || last === null ? "no value" : count(last, 2)} at the end`;
    })
    .join("; ");
}

function NumbersTable({
  label,
  places,
  series,
}: {
  label: string;
  places: string[] | number[];
  series: Series[];
}) {
  const rows = (places as (string | number)[]).map((place, i) => ({
    place: typeof place === "number" ? new Date(place).toISOString().slice(0, 16).replace("T", " ") : place,
    values: series.map((one) => one.values[i] ?? null),
  }));
  return (
    <DataTable
      caption={label}
      heads="place"
      rowKey={(row) => row.place}
      rows={rows}
      columns={[
        { key: "place", label: "", value: (row) => row.place },
        ...series.map((one, i) => ({
          key: one.name,
          numeric: true,
          value: (row: (typeof rows)[number]) => row.values[i] ?? null,
          show: (row: (typeof rows)[number]) => count(row.values[i] ?? null, 2),
        })),
      ]}
    />
  );
}
