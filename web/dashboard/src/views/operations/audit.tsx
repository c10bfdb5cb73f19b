/** The tail of the audit log: who did what. For admins. */
import { useState } from "react";
import { useAnswer } from "../../api/hooks";
import { useMe } from "../../api/me";
import type { Schemas } from "../../api/types";
import { moment, NONE } from "../../format";
import { useAddress } from "../../ui/address";
import { DataTable } from "../../ui/data-table";
import { Answer, Empty } from "../../ui/messages";
import { Panel } from "../../ui/panel";

type Entry = Schemas["Recorded"];

const LIMIT = 200;
const EVERY = 10_000;
/** Patterns that answer what is asked most. */
const ACTIONS = [
  "api.query",
  "api.change",
  "api.denied",
  "table.*",
  "lakehouse.*",
  "keys.*",
  "batch.run",
  "alert.*",
  "catalog.annotate",
];

export function Audit() {
  const me = useMe();
  if (me.data && me.data.scope !== "admin") {
    return (
      <Empty>
        <p>
          The audit log is for admins; the key of this tab ({me.data.name}) has the scope {me.data.scope}.
        </p>
        <p>
          Ask for one of the scope admin, or look at it on the machine: <code>dp audit tail</code>
        </p>
      </Empty>
    );
  }
  return <Tail />;
}

function Tail() {
  const [address, setAddress] = useAddress();
  const [follows, setFollows] = useState(true);
  const asked = new URLSearchParams({ limit: String(LIMIT) });
  for (const name of ["action", "user", "table", "since"]) {
    const value = address.get(name);
    if (value) asked.set(name, value);
  }
  const entries = useAnswer<Entry[]>(`/audit?${asked}`, { every: follows ? EVERY : 0 });
  return (
    <Panel
      title="Audit log"
      about="The newest first, of the last 200 that match. What an entry tells is not proven here: dp audit verify does that."
      actions={
        <label className="row">
          <input type="checkbox" checked={follows} onChange={(event) => setFollows(event.target.checked)} />
          Follow
        </label>
      }
    >
      <Filters key={address.toString()} address={address} set={setAddress} />
      <Answer of={entries} isEmpty={(all) => all.length === 0} empty="No entry is like this.">
        {(all) => <Entries entries={all} />}
      </Answer>
    </Panel>
  );
}

function Filters({
  address,
  set,
}: {
  address: URLSearchParams;
  set: (change: Record<string, string>) => void;
}) {
  const names = ["action", "user", "table", "since"] as const;
  return (
    <form
      className="silence-form"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        const form = new FormData(event.currentTarget);
        set(Object.fromEntries(names.map((name) => [name, String(form.get(name) ?? "").trim()])));
      }}
    >
      <label className="field">
        Action
        <input
          name="action"
          list="audit-actions"
          placeholder="table.*"
          defaultValue={address.get("action") ?? ""}
        />
      </label>
      <datalist id="audit-actions">
        {ACTIONS.map((action) => (
          <option key={action} value={action} />
        ))}
      </datalist>
      <label className="field">
        User
        <input name="user" defaultValue={address.get("user") ?? ""} />
      </label>
      <label className="field">
        Table, key or job
        <input name="table" defaultValue={address.get("table") ?? ""} />
      </label>
      <label className="field">
        Since (UTC)
        <input name="since" placeholder="2026-11-24T00:00:00Z" defaultValue={address.get("since") ?? ""} />
      </label>
      <button type="submit" className="primary">
        Find
      </button>
      <button type="button" onClick={() => set({ action: "", user: "", table: "", since: "" })}>
        Clear
      </button>
    </form>
  );
}

function Entries({ entries }: { entries: Entry[] }) {
  return (
    <DataTable
      caption="Audit entries"
      rows={entries}
      rowKey={(row, i) => (row.chain ? `${row.chain} ${row.seq}` : i)}
      columns={[
        {
          key: "at",
          label: "When (UTC)",
          value: (row) => row.at,
          show: (row) => <span className="nowrap">{moment(row.at)}</span>,
        },
        {
          key: "action",
          label: "Action",
          value: (row) => row.action,
          show: (row) => <code>{row.action}</code>,
        },
        {
          key: "user",
          label: "User",
          value: (row) => row.user ?? row.service ?? null,
          show: (row) => who(row),
        },
        {
          key: "subject",
          label: "About",
          value: (row) => row.subject ?? null,
          show: (row) => row.subject ?? NONE,
        },
        { key: "what", label: "What", value: (row) => texts(row), show: (row) => <What entry={row} /> },
      ]}
    />
  );
}

function who(entry: Entry) {
  if (entry.user) return entry.user;
  return <span className="muted">{entry.service || NONE}</span>;
}

function texts(entry: Entry): string {
  return Object.values(entry.texts ?? {})
    .map((text) => text ?? "(redacted)")
    .join(" ");
}

/** One line: rows of the table are of one height. */
function What({ entry }: { entry: Entry }) {
  const details = Object.entries(entry.details ?? {})
    .map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : String(value)}`)
    .join(", ");
  const text = texts(entry);
  return (
    <span className="one-line" title={[text, details].filter(Boolean).join("\n")}>
      {text && <code>{text}</code>} <span className="muted">{details}</span>
    </span>
  );
}
