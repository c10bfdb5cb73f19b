/** The schema: columns with what they mean, and where each comes from and goes, in words. */
import { Link } from "wouter";
import { useAnswer } from "../../api/hooks";
import type { Schemas, TableDetail } from "../../api/types";
import { NONE } from "../../format";
import { DataTable } from "../../ui/data-table";
import { Failure } from "../../ui/messages";
import { Panel } from "../../ui/panel";

type Ref = Schemas["ColumnRef"];

export function Columns({ table }: { table: TableDetail }) {
  const lineage = useAnswer<Schemas["Around"]>(
    `/catalog/lineage/${encodeURIComponent(table.name)}?depth=1&columns=true`,
    { every: 300_000 },
  );
  const edges = lineage.data?.columns ?? [];
  const rows = table.columns.map((column, place) => ({
    ...column,
    place,
    role: role(table, column.name),
    from: edges
      .filter((edge) => edge.to.dataset === table.name && edge.to.column === column.name)
      .map((edge) => edge.from),
    to: edges
      .filter((edge) => edge.from.dataset === table.name && edge.from.column === column.name)
      .map((edge) => edge.to),
  }));
  return (
    <Panel
      title="Columns"
      about="What a column is made of, and what is made of it, is read from the SQL that runs."
    >
      {lineage.error && <Failure problem={lineage.error} retry={() => void lineage.refetch()} />}
      <DataTable
        caption={`Columns of ${table.name}`}
        heads="name"
        whole
        rows={rows}
        rowKey={(row) => row.name}
        columns={[
          {
            key: "name",
            label: "Column",
            value: (row) => row.name,
            show: (row) => (
              <Link href={`/lineage/${table.name}?column=${encodeURIComponent(row.name)}`}>{row.name}</Link>
            ),
          },
          {
            key: "type",
            label: "Type",
            value: (row) => row.type,
            show: (row) => <code className="nowrap">{row.type}</code>,
          },
          {
            key: "nullable",
            label: "Nullable",
            title: "Whether it may have no value",
            value: (row) => (row.nullable ? "yes" : "no"),
          },
          { key: "role", label: "Role", value: (row) => row.role || null, show: (row) => row.role },
          {
            key: "meaning",
            label: "Meaning",
            value: (row) => row.description,
            show: (row) => row.description,
          },
          {
            key: "from",
            label: "Made of",
            value: (row) => words(row.from),
            show: (row) => words(row.from) || NONE,
          },
          {
            key: "to",
            label: "Goes into",
            value: (row) => words(row.to),
            show: (row) => words(row.to) || NONE,
          },
        ]}
      />
    </Panel>
  );
}

function role(table: TableDetail, name: string): string {
  return [
    table.key.includes(name) && "key",
    table.time === name && "event time",
    table.partition === name && "partition",
    table.z_order.includes(name) && "sorted by",
  ]
    .filter(Boolean)
    .join(", ");
}

/** `user_id of users_bronze; a, b of c`. */
function words(refs: Ref[]): string {
  const by = new Map<string, string[]>();
  for (const ref of refs) by.set(ref.dataset, [...(by.get(ref.dataset) ?? []), ref.column]);
  return [...by].map(([dataset, columns]) => `${columns.join(", ")} of ${dataset}`).join("; ");
}
