/** All tables, by layer; found by words, layer, tag and owner. */
import { useMemo } from "react";
import { Link } from "wouter";
import { useAnswer } from "../../api/hooks";
import type { Schemas, TableSummary } from "../../api/types";
import { count, duration, moment, NONE, percent, size } from "../../format";
import { useAddress } from "../../ui/address";
import { DataTable, type ColumnOf } from "../../ui/data-table";
import { Answer, Empty } from "../../ui/messages";
import { Freshness, LayerBadge, LAYERS } from "../../ui/table-words";
import { LayerTiles } from "./layer-tiles";
import { find, type Wanted } from "./search";

interface Row extends TableSummary {
  matched: string[];
}

export function TableList() {
  const [address, setAddress] = useAddress();
  const wanted: Wanted = {
    words: address.get("q") ?? "",
    layer: address.get("layer") ?? "",
    tag: address.get("tag") ?? "",
    owner: address.get("owner") ?? "",
  };
  const tables = useAnswer<TableSummary[]>("/tables", { every: 15_000 });
  // Only words need the columns.
  const catalog = useAnswer<Schemas["CatalogExport"]>("/catalog", {
    every: 300_000,
    enabled: wanted.words !== "",
  });
  return (
    <>
      <h1>Data</h1>
      <Answer of={tables} isEmpty={(all) => all.length === 0} empty="The catalog has no tables.">
        {(all) => (
          <>
            <LayerTiles
              tables={all}
              chosen={wanted.layer}
              choose={(layer) => setAddress({ layer: layer === wanted.layer ? "" : layer })}
            />
            <Filters tables={all} wanted={wanted} set={setAddress} />
            <Found tables={all} entries={catalog.data?.tables} wanted={wanted} />
          </>
        )}
      </Answer>
    </>
  );
}

function Filters({
  tables,
  wanted,
  set,
}: {
  tables: TableSummary[];
  wanted: Wanted;
  set: (change: Record<string, string>) => void;
}) {
  const tags = [...new Set(tables.flatMap((table) => table.tags))].sort();
  const owners = [...new Set(tables.map((table) => table.owner))].sort();
  return (
    <form className="data-filters" role="search" onSubmit={(event) => event.preventDefault()}>
      <label className="field grow">
        Words in names, descriptions and columns
        <input
          type="search"
          value={wanted.words}
          placeholder="user_id, revenue, sessions …"
          onChange={(event) => set({ q: event.target.value })}
        />
      </label>
      <Choice label="Layer" all={LAYERS} value={wanted.layer} choose={(layer) => set({ layer })} />
      <Choice label="Tag" all={tags} value={wanted.tag} choose={(tag) => set({ tag })} />
      <Choice label="Owner" all={owners} value={wanted.owner} choose={(owner) => set({ owner })} />
    </form>
  );
}

function Choice({
  label,
  all,
  value,
  choose,
}: {
  label: string;
  all: readonly string[];
  value: string;
  choose: (value: string) => void;
}) {
  return (
    <label className="field">
      {label}
      <select value={value} onChange={(event) => choose(event.target.value)}>
        <option value="">any</option>
        {/* What the address asks for stays seen, also where no table has it. */}
        {(value && !all.includes(value) ? [...all, value] : all).map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
    </label>
  );
}

function Found({
  tables,
  entries,
  wanted,
}: {
  tables: TableSummary[];
  entries: Schemas["TableEntry"][] | undefined;
  wanted: Wanted;
}) {
  const rows = useMemo((): Row[] => {
    // Until the columns are there, what tables themselves say is searched.
    const searched = entries ?? tables.map((table) => ({ ...table, columns: [] }));
    const found = new Map(
      find(searched as Schemas["TableEntry"][], wanted).map((one) => [one.name, one.columns]),
    );
    return tables
      .filter((table) => found.has(table.name))
      .map((table) => ({ ...table, matched: wanted.words ? (found.get(table.name) ?? []) : [] }));
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `wanted` is new at each rendering, its parts are not
  }, [tables, entries, wanted.words, wanted.layer, wanted.tag, wanted.owner]);
  return (
    <section aria-label="Tables that were found" className="panel">
      <p role="status" className="muted">
        {rows.length === tables.length
          ? `${rows.length} tables`
          : `${rows.length} of ${tables.length} tables`}
      </p>
      {rows.length === 0 ? (
        <Empty>
          <p>No table has all of this.</p>
          <Link href="/data">Show all tables</Link>
        </Empty>
      ) : (
        <DataTable
          caption="Tables"
          heads="name"
          whole
          columns={COLUMNS}
          rows={rows}
          rowKey={(row) => row.name}
        />
      )}
    </section>
  );
}

const COLUMNS: ColumnOf<Row>[] = [
  { key: "name", label: "Table", value: (row) => row.name, show: (row) => <Name row={row} /> },
  {
    key: "layer",
    label: "Layer",
    value: (row) => LAYERS.indexOf(row.layer),
    show: (row) => <LayerBadge layer={row.layer} />,
  },
  {
    key: "freshness",
    label: "Freshness",
    title: "Age of the newest event against the table's target",
    value: (row) => row.problem ?? row.freshness,
    show: (row) => <Freshness table={row} />,
  },
  {
    key: "age",
    label: "Age / target",
    numeric: true,
    title: "Age of the newest event, and how old it may be",
    value: (row) => row.lag_seconds,
    show: (row) => (
      <>
        {duration(row.lag_seconds)} <span className="muted">/ {duration(row.freshness_target_seconds)}</span>
      </>
    ),
  },
  {
    key: "rows",
    label: "Rows",
    numeric: true,
    title: "Of the newest version; those of stream are not counted",
    value: (row) => row.rows,
    show: (row) => count(row.rows),
  },
  {
    key: "bytes",
    label: "Size",
    numeric: true,
    value: (row) => row.bytes,
    show: (row) => size(row.bytes),
  },
  { key: "files", label: "Files", numeric: true, value: (row) => row.files, show: (row) => count(row.files) },
  {
    key: "version",
    label: "Version",
    numeric: true,
    value: (row) => row.version,
    show: (row) => count(row.version),
  },
  {
    key: "quality",
    label: "Quality",
    numeric: true,
    title: "Weighted share of the rules that held at the newest check",
    value: (row) => row.quality_score,
    show: (row) => percent(row.quality_score),
  },
  {
    key: "newest",
    label: "Newest event (UTC)",
    value: (row) => row.newest_event,
    show: (row) => <span className="nowrap">{moment(row.newest_event)}</span>,
  },
  {
    key: "owner",
    label: "Owner",
    value: (row) => row.owner,
    show: (row) => <span className="nowrap">{row.owner || NONE}</span>,
  },
];

function Name({ row }: { row: Row }) {
  return (
    <div className="table-name">
      <Link href={`/data/${row.name}`}>{row.name}</Link>
      <span className="muted" title={row.description}>
        {row.description}
      </span>
      {row.matched.length > 0 && (
        <span>
          <span className="muted">columns: </span>
          <code>{row.matched.join(", ")}</code>
        </span>
      )}
    </div>
  );
}
