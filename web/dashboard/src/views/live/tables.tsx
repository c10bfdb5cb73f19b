/** The tables of a layer, the least well first. */
import { Link } from "wouter";
import { useAnswer } from "../../api/hooks";
import type { Moment, Report } from "../../api/types";
import { ageOf, count, duration, moment, NONE } from "../../format";
import { DataTable } from "../../ui/data-table";
import { Answer } from "../../ui/messages";
import { StatusPill } from "../../ui/status";

const RANK = { failing: 0, degraded: 1, ok: 2 };

interface Props {
  layer: "bronze" | "silver" | "gold";
  versions: Moment["versions"];
}

export function Tables({ layer, versions }: Props) {
  const report = useAnswer<Report>("/health/report", { every: 10_000 });
  return (
    <Answer of={report}>
      {(data) => (
        <DataTable
          caption={`Tables of ${layer}`}
          heads="table"
          rowKey={(row) => row.name}
          rows={data.tables
            .filter((table) => table.layer === layer)
            .toSorted((a, b) => RANK[a.status] - RANK[b.status])}
          columns={[
            {
              key: "table",
              value: (row) => row.name,
              show: (row) => <Link href={`/data/${row.name}`}>{row.name}</Link>,
            },
            {
              key: "status",
              value: (row) => row.status,
              show: (row) => (
                <>
                  <StatusPill status={row.version === null ? "idle" : row.status}>
                    {row.version === null ? "not yet made" : row.status}
                  </StatusPill>
                  {row.reasons.length > 0 && <span className="reason"> {row.reasons.join("; ")}</span>}
                </>
              ),
            },
            {
              key: "behind",
              label: "Behind",
              title: "Behind what it is built from",
              numeric: true,
              value: (row) => row.behind_seconds,
              show: (row) => duration(row.behind_seconds),
            },
            {
              key: "newest",
              label: "Newest event (UTC)",
              title: "Of a table by hours the beginning of its newest hour",
              value: (row) => row.newest_event,
              show: (row) => moment(row.newest_event),
            },
            {
              key: "updated",
              label: "Written",
              numeric: true,
              value: (row) => row.updated_at,
              show: (row) =>
                row.updated_at === null
                  ? NONE
                  : `${duration(ageOf(row.updated_at, Date.parse(data.at)))} before ${moment(data.at).slice(11)}`,
            },
            { key: "rows", numeric: true, value: (row) => row.rows, show: (row) => count(row.rows) },
            {
              key: "version",
              numeric: true,
              value: (row) => versions[row.name] ?? row.version,
              show: (row) => count(versions[row.name] ?? row.version),
            },
            {
              key: "quality",
              label: "Quality",
              title: "Share of the quality checks' rows that passed, 0 to 1",
              numeric: true,
              value: (row) => row.quality_score,
              show: (row) => count(row.quality_score, 3),
            },
          ]}
        />
      )}
    </Answer>
  );
}
