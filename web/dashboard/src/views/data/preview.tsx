/** Rows of a table: the newest, or those that are asked for. */
import { useState } from "react";
import { useAnswer } from "../../api/hooks";
import type { QueryAnswer, TableDetail } from "../../api/types";
import { clock, count, moment } from "../../format";
import { useAddress } from "../../ui/address";
import { Answer } from "../../ui/messages";
import { Panel } from "../../ui/panel";
import { RowsTable } from "../../ui/rows-table";
import { previewStatement, type Shown } from "./statements";

const LIMITS = [20, 100, 500];

function fromAddress(address: URLSearchParams): Shown {
  const limit = Number(address.get("limit"));
  return {
    columns: (address.get("columns") ?? "").split(",").filter(Boolean),
    where: address.get("where") ?? "",
    order: address.get("order") ?? "",
    asOf: address.get("as_of") ?? "",
    limit: LIMITS.includes(limit) ? limit : 20,
  };
}

export function Preview({ table }: { table: TableDetail }) {
  const [address, setAddress] = useAddress();
  const shown = fromAddress(address);
  const asked = new URLSearchParams({ limit: String(shown.limit) });
  if (shown.columns.length > 0) asked.set("columns", shown.columns.join(","));
  if (shown.where) asked.set("where", shown.where);
  if (shown.order) asked.set("order", shown.order);
  if (shown.asOf) asked.set("as_of", shown.asOf);
  // Rows that move away under the eyes help nobody: they are read again when asked to.
  const rows = useAnswer<QueryAnswer>(`/tables/${encodeURIComponent(table.name)}/preview?${asked}`, {
    every: 0,
  });
  const plain = !shown.where && !shown.order && !shown.asOf;
  return (
    <Panel
      title={plain ? "Newest rows" : "Rows"}
      actions={
        <div className="row">
          <span className="muted">
            {rows.data &&
              `${count(rows.data.row_count)} rows in ${count(rows.data.elapsed_ms)} ms, read ${clock(rows.dataUpdatedAt / 1000)} UTC`}
          </span>
          <button type="button" onClick={() => void rows.refetch()} disabled={rows.isFetching}>
            Read again
          </button>
        </div>
      }
      sql={previewStatement(table.name, {
        ...shown,
        order: shown.order || (plain && table.time ? `-${table.time}` : ""),
      })}
    >
      {shown.asOf && (
        <p className="message">
          As the table was at {moment(shown.asOf)} UTC
          {rows.data?.versions[table.name] != null && `, version ${rows.data.versions[table.name]}`}.
          <button type="button" className="plain" onClick={() => setAddress({ as_of: "" })}>
            Show the newest version
          </button>
        </p>
      )}
      <PreviewForm
        key={JSON.stringify(shown)}
        table={table}
        shown={shown}
        show={(next) =>
          setAddress({
            columns: next.columns.join(","),
            where: next.where,
            order: next.order,
            as_of: next.asOf,
            limit: next.limit === 20 ? "" : String(next.limit),
          })
        }
      />
      <Answer
        of={rows}
        isEmpty={(answer) => answer.rows.length === 0}
        empty={plain ? "The table has no rows yet." : "No row is like this. Ask for less in the condition."}
      >
        {(answer) => (
          <div className="preview-rows">
            <RowsTable caption={`Rows of ${table.name}`} answer={answer} />
          </div>
        )}
      </Answer>
    </Panel>
  );
}

function PreviewForm({
  table,
  shown,
  show,
}: {
  table: TableDetail;
  shown: Shown;
  show: (next: Shown) => void;
}) {
  const [draft, setDraft] = useState(shown);
  const set = (change: Partial<Shown>) => setDraft((before) => ({ ...before, ...change }));
  const names = table.columns.map((column) => column.name);
  const descending = draft.order.startsWith("-");
  const by = descending ? draft.order.slice(1) : draft.order;
  return (
    <form
      className="preview-form"
      onSubmit={(event) => {
        event.preventDefault();
        show({ ...draft, where: draft.where.trim(), asOf: draft.asOf.trim() });
      }}
    >
      <label className="field grow">
        Condition
        <input
          value={draft.where}
          spellCheck={false}
          placeholder={`${names.includes("user_id") ? "user_id = 'user_000001'" : `${names[0]} IS NOT NULL`}`}
          onChange={(event) => set({ where: event.target.value })}
        />
      </label>
      <label className="field">
        Order by
        <select
          value={by}
          onChange={(event) =>
            set({ order: event.target.value && `${descending ? "-" : ""}${event.target.value}` })
          }
        >
          <option value="">as it lies</option>
          {names.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <label className="field">
        Direction
        <select
          value={descending ? "-" : ""}
          disabled={!by}
          onChange={(event) => set({ order: `${event.target.value}${by}` })}
        >
          <option value="">smallest first</option>
          <option value="-">greatest first</option>
        </select>
      </label>
      {table.version !== null && (
        <label className="field">
          As of (UTC)
          <input
            value={draft.asOf}
            spellCheck={false}
            placeholder="2026-11-24T00:00:00Z"
            onChange={(event) => set({ asOf: event.target.value })}
          />
        </label>
      )}
      <label className="field">
        Rows
        <select value={draft.limit} onChange={(event) => set({ limit: Number(event.target.value) })}>
          {LIMITS.map((limit) => (
            <option key={limit}>{limit}</option>
          ))}
        </select>
      </label>
      <button type="submit" className="primary">
        Show
      </button>
      <details className="columns-choice">
        <summary>
          Columns: {draft.columns.length === 0 ? "all" : `${draft.columns.length} of ${names.length}`}
        </summary>
        <fieldset>
          <legend className="hidden-text">Columns</legend>
          {names.map((name) => (
            <label key={name}>
              <input
                type="checkbox"
                checked={draft.columns.length === 0 || draft.columns.includes(name)}
                onChange={() => set({ columns: toggled(names, draft.columns, name) })}
              />
              {name}
            </label>
          ))}
        </fieldset>
      </details>
    </form>
  );
}

/** All are shown where none is chosen; in the order of the table. */
function toggled(names: string[], chosen: string[], name: string): string[] {
  const before = chosen.length === 0 ? names : chosen;
  const after = before.includes(name) ? before.filter((one) => one !== name) : [...before, name];
  return after.length === names.length ? [] : names.filter((one) => after.includes(one));
}
