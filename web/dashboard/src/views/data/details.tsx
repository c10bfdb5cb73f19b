/** What else there is to know of a table: freshness, storage, keeping, neighbours, properties. */
import type { ReactNode } from "react";
import { Link } from "wouter";
import type { TableDetail } from "../../api/types";
import { count, duration, moment, NONE, size } from "../../format";
import { DataTable } from "../../ui/data-table";
import { Empty } from "../../ui/messages";
import { Panel } from "../../ui/panel";
import { Age, Freshness } from "../../ui/table-words";

export function Details({ table }: { table: TableDetail }) {
  const mean = table.bytes !== null && table.files ? table.bytes / table.files : null;
  const properties = Object.entries(table.properties);
  return (
    <div className="grid">
      <Panel title="Freshness">
        <Facts
          facts={[
            ["State", <Freshness key="state" table={table} />],
            [
              "Age of the newest event",
              <Age key="age" seconds={table.lag_seconds} target={table.freshness_target_seconds} />,
            ],
            ["Newest event (UTC)", moment(table.newest_event)],
            ["Last written (UTC)", moment(table.updated_at)],
          ]}
        />
      </Panel>
      <Panel title="Size and layout">
        <Facts
          facts={[
            ["Rows", count(table.rows)],
            ["Size", size(table.bytes)],
            ["Files", count(table.files)],
            ["Mean file", size(mean)],
            ["Partitioned by", table.partition || "nothing"],
            ["Closed days are ordered by", table.z_order.join(", ") || "nothing"],
            ["Key", table.key.join(", ") || "none: rows are only appended"],
            ["Event time", table.time || "it has none"],
          ]}
        />
      </Panel>
      <Panel title="Keeping">
        <Facts
          facts={[
            [
              "Rows are kept",
              table.retention_days === null ? "for good" : `${count(table.retention_days)} days`,
            ],
            [
              "Versions are kept",
              table.time_travel_days === null ? NONE : duration(table.time_travel_days * 86_400),
            ],
            ["Versions that can be read", count(table.versions_kept)],
            ["Oldest version", count(table.oldest_version)],
          ]}
        />
      </Panel>
      <Panel title="Built from, and built from it">
        <Facts
          facts={[
            ["Upstream", <Names key="up" names={table.upstream} />],
            ["Downstream", <Names key="down" names={table.downstream} />],
          ]}
        />
      </Panel>
      <Panel title="Properties">
        {properties.length === 0 ? (
          <Empty>It has no table properties.</Empty>
        ) : (
          <DataTable
            caption={`Properties of ${table.name}`}
            heads="name"
            rows={properties}
            rowKey={([name]) => name}
            columns={[
              { key: "name", label: "Property", value: ([name]) => name },
              { key: "value", label: "Value", value: ([, value]) => value },
            ]}
          />
        )}
      </Panel>
    </div>
  );
}

function Facts({ facts }: { facts: [string, ReactNode][] }) {
  return (
    <dl className="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Names({ names }: { names: string[] }) {
  if (names.length === 0) return NONE;
  return (
    <span className="row tight">
      {names.map((name) => (
        <Link key={name} href={`/lineage/${name}`}>
          {name}
        </Link>
      ))}
    </span>
  );
}
