/** The disk: what each layer takes, how it grows, how long it lasts. */
import { useMemo } from "react";
import type { UseQueryResult } from "@tanstack/react-query";
import type { Problem } from "../../api/client";
import type { Report, Schemas } from "../../api/types";
import { count, moment, NONE, percent, size } from "../../format";
import { LazyChart } from "../../ui/lazy-chart";
import { DataTable } from "../../ui/data-table";
import { Answer, Empty } from "../../ui/messages";
import { Panel, Stat, Stats } from "../../ui/panel";

export function Storage({ report }: { report: UseQueryResult<Report, Problem> }) {
  return (
    <Answer of={report}>
      {(data) => (
        <>
          <Budget report={data} />
          <Places places={data.storage.places} />
        </>
      )}
    </Answer>
  );
}

function Budget({ report }: { report: Report }) {
  const { disk, storage } = report;
  const growth = storage.growth_bytes_per_day;
  const used = storage.places.reduce((sum, place) => sum + place.bytes, 0);
  return (
    <>
      <Stats>
        <Stat
          label="Free on the disk"
          value={size(disk?.free)}
          note={disk ? `${percent(disk.free / disk.total)} of ${size(disk.total)}` : "it cannot be read"}
        />
        <Stat label="Data" value={size(used)} note={`${count(files(storage.places))} files`} />
        <Stat
          label="Growth a day"
          value={growth === null ? NONE : size(growth)}
          note={growth === null ? "not measured long enough" : "all places together"}
        />
        <Stat
          label="Days until full"
          value={storage.days_until_full === null ? NONE : count(storage.days_until_full, 1)}
          note={
            storage.days_until_full === null
              ? growth === null
                ? "not known yet"
                : "never, at this growth"
              : "at this growth"
          }
        />
      </Stats>
      {storage.notes.map((note) => (
        <p key={note} className="message">
          {note}
        </p>
      ))}
    </>
  );
}

function files(places: Schemas["Place"][]): number {
  return places.reduce((sum, place) => sum + place.files, 0);
}

function Places({ places }: { places: Schemas["Place"][] }) {
  const { names, series } = useMemo(
    () => ({
      names: places.map((place) => place.name),
      series: [{ name: "Size", values: places.map((place) => place.bytes) }],
    }),
    [places],
  );
  if (places.length === 0) return <Empty>Nothing has been written yet.</Empty>;
  return (
    <div className="grid">
      <Panel title="Size by place">
        <LazyChart label="Size by place" places={names} series={series} kind="bar" format={size} />
      </Panel>
      <Panel
        title="Files"
        about="Of tables those of the newest version. Small files are put together by dp lakehouse optimize TABLE."
      >
        <DataTable
          caption="Storage by place"
          heads="name"
          rows={places}
          rowKey={(row) => row.name}
          columns={[
            { key: "name", label: "Place", value: (row) => row.name },
            {
              key: "bytes",
              label: "Size",
              numeric: true,
              value: (row) => row.bytes,
              show: (row) => size(row.bytes),
            },
            {
              key: "files",
              label: "Files",
              numeric: true,
              value: (row) => row.files,
              show: (row) => count(row.files),
            },
            {
              key: "small",
              label: "Small files",
              numeric: true,
              value: (row) => row.small_files,
              show: (row) => count(row.small_files),
            },
            {
              key: "at",
              label: "Counted (UTC)",
              value: (row) => row.at,
              show: (row) => <span className="nowrap">{row.at ? moment(row.at) : "now"}</span>,
            },
          ]}
        />
      </Panel>
    </div>
  );
}
