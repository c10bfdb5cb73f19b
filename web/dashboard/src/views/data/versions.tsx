/** Versions of a table: what wrote them, how much, and the way to read each. */
import { useMemo, useState } from "react";
import { Link } from "wouter";
import { useAnswer } from "../../api/hooks";
import type { Schemas, TableDetail } from "../../api/types";
import { count, duration, moment } from "../../format";
import { LazyChart } from "../../ui/lazy-chart";
import { DataTable } from "../../ui/data-table";
import { Answer, Empty } from "../../ui/messages";
import { Panel } from "../../ui/panel";
import { editorLink } from "../../ui/sql-behind";
import { quoted } from "./statements";

type Commit = Schemas["Commit"];
const STEP = 50;
const MOST = 1000;

export function Versions({ table }: { table: TableDetail }) {
  const [limit, setLimit] = useState(STEP);
  const history = useAnswer<Commit[]>(`/tables/${encodeURIComponent(table.name)}/history?limit=${limit}`, {
    every: 15_000,
    enabled: table.layer !== "stream",
  });
  if (table.layer === "stream") {
    return <Empty>Tables of the layer stream have no versions: they show what the workers know now.</Empty>;
  }
  const about = [
    table.versions_kept !== null && `${count(table.versions_kept)} versions can be read`,
    table.oldest_version !== null && `the oldest is ${table.oldest_version}`,
    table.time_travel_days !== null && `old ones are kept for ${duration(table.time_travel_days * 86_400)}`,
  ].filter(Boolean);
  return (
    <Panel title="Versions" about={about.length > 0 && `${about.join("; ")}.`}>
      <Answer of={history} isEmpty={(all) => all.length === 0} empty="Nothing has been written yet.">
        {(all) => (
          <>
            <Written commits={all} />
            <List table={table} commits={all} />
            {all.length === limit && limit < MOST && (
              <div>
                <button type="button" onClick={() => setLimit(Math.min(limit * 4, MOST))}>
                  Show older ones
                </button>
              </div>
            )}
          </>
        )}
      </Answer>
    </Panel>
  );
}

function Written({ commits }: { commits: Commit[] }) {
  const { places, series } = useMemo(() => {
    const oldestFirst = commits.toReversed();
    return {
      places: oldestFirst.map((commit) => Date.parse(commit.timestamp)),
      series: [{ name: "Rows written", values: oldestFirst.map((commit) => commit.rows_added) }],
    };
  }, [commits]);
  if (commits.length < 2) return null;
  return <LazyChart label="Rows written by version (UTC)" places={places} series={series} kind="bar" small />;
}

function List({ table, commits }: { table: TableDetail; commits: Commit[] }) {
  return (
    <DataTable
      caption={`Versions of ${table.name}`}
      heads="version"
      rows={commits}
      rowKey={(commit) => commit.version}
      columns={[
        { key: "version", label: "Version", numeric: true, value: (commit) => commit.version },
        {
          key: "at",
          label: "Written (UTC)",
          value: (commit) => commit.timestamp,
          show: (commit) => <span className="nowrap">{moment(commit.timestamp)}</span>,
        },
        { key: "operation", label: "Operation", value: (commit) => commit.operation },
        {
          key: "rows",
          label: "Rows written",
          numeric: true,
          value: (commit) => commit.rows_added,
          show: (commit) => count(commit.rows_added),
        },
        { key: "engine", label: "By", value: (commit) => commit.engine },
        {
          key: "metadata",
          label: "From",
          title: "What the platform wrote beside the commit",
          value: (commit) => said(commit.metadata),
        },
        {
          key: "read",
          label: "Read as of it",
          value: (commit) => commit.version,
          show: (commit) => (
            <span className="row tight nowrap">
              <Link
                href={`/data/${table.name}?as_of=${encodeURIComponent(commit.timestamp)}`}
                aria-label={`Preview version ${commit.version}`}
              >
                preview
              </Link>
              <Link
                href={editorLink({
                  sql: `SELECT *\nFROM ${quoted(table.name)}\nLIMIT 100`,
                  as_of: commit.timestamp,
                })}
                aria-label={`Query version ${commit.version}`}
              >
                SQL
              </Link>
            </span>
          ),
        },
      ]}
    />
  );
}

function said(metadata: Commit["metadata"]): string | null {
  if (!metadata) return null;
  return Object.entries(metadata)
    .map(([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");
}
