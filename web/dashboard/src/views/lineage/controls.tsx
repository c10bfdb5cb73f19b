/** Which part of the lineage is shown, and how. */
import { useState } from "react";
import { navigate } from "../../location";
import { useAddress } from "../../ui/address";
import { shownAs } from "./form";

interface Props {
  names: string[];
  around?: string;
  columns?: string[];
}

export function LineageControls({ names, around, columns }: Props) {
  const [address, setAddress] = useAddress();
  const as = shownAs(address);
  return (
    <div className="lineage-controls">
      <Search names={names} />
      {around && (
        <>
          <label className="field">
            Direction
            <select
              value={address.get("direction") ?? "both"}
              onChange={(event) =>
                setAddress({ direction: event.target.value === "both" ? "" : event.target.value })
              }
            >
              <option value="both">both ways</option>
              <option value="upstream">what it is built from</option>
              <option value="downstream">what is built from it</option>
            </select>
          </label>
          <label className="field">
            Depth
            <select
              value={address.get("depth") ?? ""}
              onChange={(event) => setAddress({ depth: event.target.value })}
            >
              <option value="">all hops</option>
              <option value="1">1 hop</option>
              <option value="2">2 hops</option>
              <option value="3">3 hops</option>
            </select>
          </label>
          <label className="field">
            Column
            <select
              value={address.get("column") ?? ""}
              onChange={(event) => setAddress({ column: event.target.value })}
            >
              <option value="">none: tables alone</option>
              {withChosen(columns ?? [], address.get("column")).map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
        </>
      )}
      <div className="segmented" role="group" aria-label="Shown as">
        {(["graph", "list"] as const).map((form) => (
          <button
            key={form}
            type="button"
            aria-pressed={as === form}
            onClick={() => setAddress({ as: form })}
          >
            {form === "graph" ? "Graph" : "List"}
          </button>
        ))}
      </div>
    </div>
  );
}

function withChosen(names: string[], chosen: string | null): string[] {
  return chosen && !names.includes(chosen) ? [...names, chosen] : names;
}

function Search({ names }: { names: string[] }) {
  const [typed, setTyped] = useState("");
  const [missing, setMissing] = useState(false);
  const go = (text: string) => {
    const wanted = text.trim().toLowerCase();
    if (!wanted) return;
    const found = names.find((name) => name === wanted) ?? names.find((name) => name.includes(wanted));
    setMissing(!found);
    if (found) navigate(`/lineage/${found}`);
  };
  return (
    <form
      role="search"
      className="row"
      onSubmit={(event) => {
        event.preventDefault();
        go(typed);
      }}
    >
      <label className="field">
        Around a topic, table or job
        <input
          type="search"
          list="lineage-names"
          placeholder="app_events_silver"
          value={typed}
          aria-invalid={missing}
          onChange={(event) => {
            setMissing(false);
            setTyped(event.target.value);
            // Chosen from the list.
            if (names.includes(event.target.value)) go(event.target.value);
          }}
        />
      </label>
      <datalist id="lineage-names">
        {names.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <button type="submit">Go</button>
      <span role="status">{missing && <span className="wrong">Nothing is called so.</span>}</span>
    </form>
  );
}
