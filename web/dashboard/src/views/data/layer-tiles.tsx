import { count, size } from "../../format";
import type { TableSummary } from "../../api/types";
import { StatusPill } from "../../ui/status";
import { LAYERS, LayerBadge, type Layer } from "../../ui/table-words";

interface Props {
  tables: TableSummary[];
  chosen: string;
  choose: (layer: Layer) => void;
}

function total(values: (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length > 0 ? known.reduce((a, b) => a + b, 0) : null;
}

/** Each layer in one glance; choosing one leaves the others out. */
export function LayerTiles({ tables, chosen, choose }: Props) {
  return (
    <div className="layer-tiles" role="group" aria-label="Layers">
      {LAYERS.map((layer) => {
        const of = tables.filter((table) => table.layer === layer);
        const broken = of.filter((table) => table.problem).length;
        const stale = of.filter((table) => !table.problem && table.freshness === "stale").length;
        return (
          <button key={layer} type="button" aria-pressed={layer === chosen} onClick={() => choose(layer)}>
            <span className="row spread">
              <LayerBadge layer={layer} />
              {broken > 0 ? (
                <StatusPill status="failing">{broken} unreadable</StatusPill>
              ) : stale > 0 ? (
                <StatusPill status="degraded">{stale} stale</StatusPill>
              ) : of.every((table) => table.freshness === "empty") ? (
                <StatusPill status="idle">empty</StatusPill>
              ) : (
                <StatusPill status="ok">fresh</StatusPill>
              )}
            </span>
            <span className="figure">
              {of.length} {of.length === 1 ? "table" : "tables"}
            </span>
            <span className="muted">
              {count(total(of.map((table) => table.rows)))} rows ·{" "}
              {size(total(of.map((table) => table.bytes)))} · {count(total(of.map((table) => table.files)))}{" "}
              files
            </span>
          </button>
        );
      })}
    </div>
  );
}
