/** A table in small: its layer, how fresh it is. */
import { duration } from "../format";
import type { TableSummary } from "../api/types";
import { StatusPill } from "./status";

export type Layer = TableSummary["layer"];
export const LAYERS: Layer[] = ["stream", "bronze", "silver", "gold", "platform"];

export function LayerBadge({ layer }: { layer: string }) {
  return <span className={`layer layer-${layer}`}>{layer}</span>;
}

/** Against its target, not against what it is built from: a quiet source makes it stale, and is no fault. */
export function Freshness({ table }: { table: Pick<TableSummary, "freshness" | "problem"> }) {
  if (table.problem) return <StatusPill status="failing">unreadable</StatusPill>;
  if (table.freshness === "empty") return <StatusPill status="idle">empty</StatusPill>;
  return <StatusPill status={table.freshness === "fresh" ? "ok" : "degraded"}>{table.freshness}</StatusPill>;
}

/** `12 s of 60 s`. */
export function Age({ seconds, target }: { seconds: number | null; target: number }) {
  return (
    <>
      {duration(seconds)} <span className="muted">of {duration(target)}</span>
    </>
  );
}
