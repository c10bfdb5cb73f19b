/** Health by layer, table and service, in words. */
import type { UseQueryResult } from "@tanstack/react-query";
import { Link } from "wouter";
import type { Problem } from "../../api/client";
import type { Report, Schemas } from "../../api/types";
import { count, duration, moment, NONE, percent, size } from "../../format";
import { DataTable } from "../../ui/data-table";
import { Answer } from "../../ui/messages";
import { Panel } from "../../ui/panel";
import { StatusPill } from "../../ui/status";
import { LayerBadge } from "../../ui/table-words";

export function Health({ report }: { report: UseQueryResult<Report, Problem> }) {
  return (
    <Answer of={report}>
      {(data) => (
        <>
          <Layers report={data} />
          <Services services={data.services} />
          <Tables tables={data.tables} />
          <Sources sources={data.sources} />
        </>
      )}
    </Answer>
  );
}

function Layers({ report }: { report: Report }) {
  return (
    <Panel title="Layers">
      <ul className="layer-health">
        {report.layers.map((layer) => (
          <li key={layer.name}>
            <span className="row">
              <LayerBadge layer={layer.name} />
              <StatusPill status={layer.status} />
              <span className="muted">{layer.tables} tables</span>
            </span>
            {layer.reasons.map((reason) => (
              <span key={reason}>{reason}</span>
            ))}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function rank(status: string): number {
  return ["failing", "degraded", "ok"].indexOf(status);
}

function Reasons({ reasons }: { reasons: string[] }) {
  return reasons.length > 0 ? reasons.join(" ") : <span className="muted">{NONE}</span>;
}

function Services({ services }: { services: Schemas["ServiceHealth"][] }) {
  return (
    <Panel title="Services" about="Rates are events a second, by each service's own heartbeat.">
      <DataTable
        caption="Services"
        heads="name"
        whole
        rows={services.toSorted((a, b) => rank(a.status) - rank(b.status))}
        rowKey={(row) => row.name}
        columns={[
          { key: "name", label: "Service", value: (row) => row.name },
          {
            key: "status",
            label: "Health",
            value: (row) => rank(row.status),
            show: (row) => <StatusPill status={row.status} />,
          },
          { key: "state", label: "State", value: (row) => row.state },
          {
            key: "pid",
            label: "PID",
            numeric: true,
            value: (row) => row.pid,
            show: (row) => row.pid ?? NONE,
          },
          {
            key: "restarts",
            label: "Restarts",
            numeric: true,
            value: (row) => row.restarts,
            show: (row) => count(row.restarts),
          },
          {
            key: "memory",
            label: "Memory",
            numeric: true,
            value: (row) => row.memory_bytes,
            show: (row) => size(row.memory_bytes),
          },
          {
            key: "rate",
            label: "Events/s",
            numeric: true,
            value: (row) => row.events_per_second,
            show: (row) => count(row.events_per_second, 1),
          },
          {
            key: "total",
            label: "In all",
            title: "Events since it began",
            numeric: true,
            value: (row) => row.total,
            show: (row) => count(row.total),
          },
          {
            key: "heartbeat",
            label: "Heartbeat",
            title: "Age of its last one; those that are not ours have none",
            numeric: true,
            value: (row) => row.heartbeat_age_seconds,
            show: (row) => duration(row.heartbeat_age_seconds),
          },
          {
            key: "reasons",
            label: "Why",
            value: (row) => [...row.reasons, row.message].join(" "),
            show: (row) => (
              <Reasons reasons={row.reasons.length > 0 ? row.reasons : [row.message].filter(Boolean)} />
            ),
          },
        ]}
      />
    </Panel>
  );
}

function Tables({ tables }: { tables: Schemas["TableReport"][] }) {
  return (
    <Panel
      title="Tables"
      about="A table is behind when what it is built from is ahead of it; a source that sends nothing makes nothing late."
    >
      <DataTable
        caption="Health of tables"
        heads="name"
        whole
        rows={tables.toSorted((a, b) => rank(a.status) - rank(b.status))}
        rowKey={(row) => row.name}
        columns={[
          {
            key: "name",
            label: "Table",
            value: (row) => row.name,
            show: (row) => <Link href={`/data/${row.name}`}>{row.name}</Link>,
          },
          {
            key: "layer",
            label: "Layer",
            value: (row) => row.layer,
            show: (row) => <LayerBadge layer={row.layer} />,
          },
          {
            key: "status",
            label: "Health",
            value: (row) => rank(row.status),
            show: (row) => <StatusPill status={row.status} />,
          },
          { key: "freshness", label: "Freshness", value: (row) => row.freshness },
          {
            key: "behind",
            label: "Behind",
            title: "Behind what it is built from",
            numeric: true,
            value: (row) => row.behind_seconds,
            show: (row) => duration(row.behind_seconds),
          },
          {
            key: "target",
            label: "Target",
            numeric: true,
            value: (row) => row.freshness_target_seconds,
            show: (row) => duration(row.freshness_target_seconds),
          },
          {
            key: "newest",
            label: "Newest event (UTC)",
            value: (row) => row.newest_event,
            show: (row) => <span className="nowrap">{moment(row.newest_event)}</span>,
          },
          {
            key: "quality",
            label: "Quality",
            numeric: true,
            title: "Score of the newest check",
            value: (row) => row.quality_score,
            show: (row) => percent(row.quality_score),
          },
          {
            key: "checked",
            label: "Checked (UTC)",
            value: (row) => row.quality_checked_at,
            show: (row) => <span className="nowrap">{moment(row.quality_checked_at)}</span>,
          },
          {
            key: "reasons",
            label: "Why",
            value: (row) => row.reasons.join(" "),
            show: (row) => <Reasons reasons={row.reasons} />,
          },
        ]}
      />
    </Panel>
  );
}

function Sources({ sources }: { sources: Schemas["SourceHealth"][] }) {
  return (
    <Panel title="Sources" about="Records that were refused; each once.">
      <DataTable
        caption="Sources"
        heads="name"
        whole
        rows={sources}
        rowKey={(row) => row.name}
        columns={[
          { key: "name", label: "Source", value: (row) => row.name },
          {
            key: "status",
            label: "Health",
            value: (row) => rank(row.status),
            show: (row) => <StatusPill status={row.status} />,
          },
          {
            key: "dead",
            label: "Dead letters",
            numeric: true,
            value: (row) => row.dead_letters,
            show: (row) => count(row.dead_letters),
          },
          {
            key: "rate",
            label: "A minute",
            numeric: true,
            value: (row) => row.dead_letters_per_minute,
            show: (row) => count(row.dead_letters_per_minute, 1),
          },
          {
            key: "reasons",
            label: "Why",
            value: (row) => row.reasons.join(" "),
            show: (row) => <Reasons reasons={row.reasons} />,
          },
        ]}
      />
    </Panel>
  );
}
