/** The lineage as a table: the same as the graph, for keyboards, screen readers and small screens. */
import { Link } from "wouter";
import { NONE } from "../../format";
import { DataTable } from "../../ui/data-table";
import { StatusPill } from "../../ui/status";
import { LayerBadge } from "../../ui/table-words";
import type { Lineage, Reach } from "./graph";
import { pageOf, type State } from "./states";

interface Props {
  lineage: Lineage;
  states: Map<string, State>;
  focus: string | undefined;
  column: string;
  reached: Reach | undefined;
}

export function Listing({ lineage, states, focus, column, reached }: Props) {
  const rows = lineage.nodes.map((node, place) => ({
    ...node,
    place,
    state: states.get(node.name),
    from: lineage.edges.filter((edge) => edge.to === node.name).map((edge) => edge.from),
    to: lineage.edges.filter((edge) => edge.from === node.name).map((edge) => edge.to),
    columns: columnsOf(node.name, focus, column, reached),
  }));
  return (
    <DataTable
      caption="Lineage as a list"
      heads="name"
      whole
      rows={reached ? rows.filter((row) => row.columns) : rows}
      rowKey={(row) => row.name}
      columns={[
        {
          key: "name",
          label: "Dataset",
          value: (row) => row.name,
          show: (row) => <Link href={pageOf(row)}>{row.name}</Link>,
        },
        {
          key: "layer",
          label: "Layer",
          value: (row) => row.layer,
          show: (row) => <LayerBadge layer={row.layer} />,
        },
        {
          key: "state",
          label: "State",
          value: (row) => row.state?.word ?? null,
          show: ({ state }) => (state ? <StatusPill status={state.status}>{state.word}</StatusPill> : NONE),
        },
        ...(reached
          ? [
              {
                key: "columns",
                label: `On the way of ${column}`,
                value: (row: (typeof rows)[number]) => row.columns,
                show: (row: (typeof rows)[number]) => row.columns,
              },
            ]
          : []),
        {
          key: "from",
          label: "Built from",
          value: (row) => row.from.join(" "),
          show: (row) => <Names names={row.from} />,
        },
        {
          key: "to",
          label: "Goes into",
          value: (row) => row.to.join(" "),
          show: (row) => <Names names={row.to} />,
        },
      ]}
    />
  );
}

function columnsOf(
  name: string,
  focus: string | undefined,
  column: string,
  reached: Reach | undefined,
): string {
  if (!reached) return "";
  if (name === focus) return `${column} itself`;
  const up = [...(reached.up.get(name) ?? [])].join(", ");
  const down = [...(reached.down.get(name) ?? [])].join(", ");
  return [up && `made of ${up}`, down && `goes into ${down}`].filter(Boolean).join("; ");
}

function Names({ names }: { names: string[] }) {
  if (names.length === 0) return NONE;
  return (
    <span className="names">
      {names.map((name) => (
        <Link key={name} href={`/lineage/${name}`}>
          {name}
        </Link>
      ))}
    </span>
  );
}
