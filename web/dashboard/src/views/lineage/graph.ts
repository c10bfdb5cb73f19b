/** What is built from what: of the whole catalog, and column by column. */
import { Graph, layout } from "@dagrejs/dagre";
import type { Schemas } from "../../api/types";

export type LineageNode = Schemas["Node"];
export type Edge = Schemas["Edge"];
export type ColumnEdge = Schemas["ColumnEdge"];

export interface Lineage {
  nodes: LineageNode[];
  edges: Edge[];
}

/** All tables with their topics and batch jobs, which the catalog knows as neighbours alone. */
export function wholeLineage(tables: Schemas["TableEntry"][]): Lineage {
  const nodes = new Map<string, LineageNode>();
  const edges = new Map<string, Edge>();
  const connect = (from: string, to: string) => edges.set(`${from}>${to}`, { from, to });
  for (const { name, layer, description } of tables) nodes.set(name, { name, layer, description });
  const add = (name: string, layer: "topic" | "batch") => {
    if (!nodes.has(name)) nodes.set(name, { name, layer, description: "" });
  };
  for (const table of tables) {
    for (const name of table.upstream) {
      add(name, "topic");
      connect(name, table.name);
    }
    for (const name of table.downstream) {
      add(name, "batch");
      connect(table.name, name);
    }
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()] };
}

export interface Reach {
  /** Columns by dataset: what the column is made of, and what is made of it. */
  up: Map<string, Set<string>>;
  down: Map<string, Set<string>>;
  /** Pairs of datasets (`from>to`) that it goes through. */
  edges: Set<string>;
}

/** Everything that a column is made of, and everything that is made of it, however many hops away. */
export function reach(edges: ColumnEdge[], dataset: string, column: string): Reach {
  const through = new Set<string>();
  const walk = (upward: boolean) => {
    const found = new Map<string, Set<string>>();
    const seen = new Set([`${dataset}.${column}`]);
    const open = [{ dataset, column }];
    for (let at = open.pop(); at; at = open.pop()) {
      for (const edge of edges) {
        const [here, there] = upward ? [edge.to, edge.from] : [edge.from, edge.to];
        if (here.dataset !== at.dataset || here.column !== at.column) continue;
        through.add(`${edge.from.dataset}>${edge.to.dataset}`);
        const id = `${there.dataset}.${there.column}`;
        if (seen.has(id)) continue;
        seen.add(id);
        found.set(there.dataset, (found.get(there.dataset) ?? new Set()).add(there.column));
        open.push(there);
      }
    }
    return found;
  };
  return { up: walk(true), down: walk(false), edges: through };
}

export interface Placed {
  x: number;
  y: number;
}

/** Places of nodes' upper left corners, from left to right. */
export function placed(
  lineage: Lineage,
  width: number,
  heightOf: (name: string) => number,
): Map<string, Placed> {
  const graph = new Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 18, ranksep: 64, marginx: 8, marginy: 8 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { name } of lineage.nodes) graph.setNode(name, { width, height: heightOf(name) });
  for (const { from, to } of lineage.edges) graph.setEdge(from, to);
  layout(graph);
  return new Map(
    lineage.nodes.map(({ name }) => {
      const at = graph.node(name) as { x?: number; y?: number };
      return [name, { x: (at.x ?? 0) - width / 2, y: (at.y ?? 0) - heightOf(name) / 2 }];
    }),
  );
}
