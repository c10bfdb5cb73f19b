/** What is built from what: topics, tables and jobs, of all the platform or around one of them; column by column. */
import { useMemo } from "react";
import { Link, useRoute } from "wouter";
import { useAnswer } from "../../api/hooks";
import type { Schemas } from "../../api/types";
import { useAddress } from "../../ui/address";
import { Answer } from "../../ui/messages";
import { Panel } from "../../ui/panel";
import { LayerBadge } from "../../ui/table-words";
import { LineageControls } from "./controls";
import { shownAs } from "./form";
import { reach, wholeLineage, type Lineage } from "./graph";
import { Listing } from "./listing";
import { Picture } from "./picture";
import { useStates } from "./states";
import "./lineage.css";

type Around = Schemas["Around"];

export default function LineageView() {
  const [, parts] = useRoute("/lineage/:name?");
  const name = parts?.name;
  const catalog = useAnswer<Schemas["CatalogExport"]>("/catalog", { every: 300_000 });
  const whole = useMemo(() => wholeLineage(catalog.data?.tables ?? []), [catalog.data]);
  return (
    <>
      <header className="lineage-head">
        <h1>{name ? `Lineage of ${name}` : "Lineage"}</h1>
        {name && <Link href="/lineage">All of the platform</Link>}
      </header>
      {name ? (
        <OfOne key={name} name={name} whole={whole} />
      ) : (
        <Answer of={catalog} isEmpty={() => whole.nodes.length === 0} empty="The catalog has no tables.">
          {() => (
            <>
              <LineageControls names={whole.nodes.map((node) => node.name)} />
              <Shown title="From topics to gold" lineage={whole} />
            </>
          )}
        </Answer>
      )}
    </>
  );
}

function OfOne({ name, whole }: { name: string; whole: Lineage }) {
  const [address] = useAddress();
  const asked = new URLSearchParams({ columns: "true", direction: address.get("direction") ?? "both" });
  const depth = address.get("depth");
  if (depth) asked.set("depth", depth);
  const around = useAnswer<Around>(`/catalog/lineage/${encodeURIComponent(name)}?${asked}`, {
    every: 300_000,
  });
  const columns = useMemo(() => {
    const own = (around.data?.columns ?? []).flatMap((edge) => [edge.from, edge.to]);
    return [...new Set(own.filter((ref) => ref.dataset === name).map((ref) => ref.column))].sort();
  }, [around.data, name]);
  const column = address.get("column") ?? "";
  return (
    <>
      <LineageControls names={whole.nodes.map((node) => node.name)} around={name} columns={columns} />
      <Answer of={around}>
        {(data) => (
          <Shown
            title={column ? `Column ${column}` : "What it is built from, and what is built from it"}
            lineage={data}
            focus={name}
            column={column}
          />
        )}
      </Answer>
    </>
  );
}

function Shown({
  title,
  lineage,
  focus,
  column = "",
}: {
  title: string;
  lineage: Lineage & Partial<Pick<Around, "columns">>;
  focus?: string;
  column?: string;
}) {
  const [address] = useAddress();
  const states = useStates();
  const reached = useMemo(
    () => (focus && column ? reach(lineage.columns ?? [], focus, column) : undefined),
    [lineage, focus, column],
  );
  const props = { lineage, states, focus, column, reached };
  const node = lineage.nodes.find((one) => one.name === focus);
  return (
    <Panel
      title={title}
      about={
        reached
          ? `${sum(reached.up)} columns that it is made of, ${sum(reached.down)} that are made of it. What only filters, joins or groups rows is lineage of the table.`
          : node?.description || undefined
      }
      actions={
        <span className="row legend-layers" aria-hidden="true">
          {["topic", "stream", "bronze", "silver", "gold", "batch"].map((layer) => (
            <LayerBadge key={layer} layer={layer} />
          ))}
        </span>
      }
    >
      {shownAs(address) === "list" ? <Listing {...props} /> : <Picture {...props} />}
    </Panel>
  );
}

function sum(columns: Map<string, Set<string>>): number {
  return [...columns.values()].reduce((total, set) => total + set.size, 0);
}
