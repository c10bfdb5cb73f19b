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

export interface Layout {
  /** Upper left corners of the nodes. */
  at: Map<string, Placed>;
  /** Of each edge (`from>to`) the points between the nodes that it goes through. */
  routes: Map<string, Placed[]>;
}

/** Left of all topics, drawn nowhere: it keeps them in one column. No dataset is called so. */
const ROOT = " root";

/** From left to right, topics first. */
export function placed(lineage: Lineage, width: number, heightOf: (name: string) => number): Layout {
  const graph = new Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 16, ranksep: 44 });
  graph.setDefaultEdgeLabel(() => ({}));
  graph.setNode(ROOT, { width: 1, height: 1 });
  for (const { name, layer } of lineage.nodes) {
    graph.setNode(name, { width, height: heightOf(name) });
    if (layer === "topic") graph.setEdge(ROOT, name, { weight: 20 });
  }
  for (const { from, to } of lineage.edges) graph.setEdge(from, to);
  layout(graph);
  const at = new Map(
    lineage.nodes.map(({ name }) => {
      const node = graph.node(name) as Partial<Placed>;
      return [name, { x: (node.x ?? 0) - width / 2, y: (node.y ?? 0) - heightOf(name) / 2 }];
    }),
  );
  const routes = new Map(
    lineage.edges.map(({ from, to }) => {
      const edge = graph.edge(from, to) as { points?: Placed[] };
      // The outer points lie on the nodes' borders.
      return [`${from}>${to}`, (edge.points ?? []).slice(1, -1)];
    }),
  );
  return { at, routes };
}

/** A path through points from left to right that leaves and reaches each one level. */
export function curve(points: Placed[]): string {
  return points
    .map((point, i) => {
      const before = points[i - 1];
      if (!before) return `M${point.x},${point.y}`;
      const middle = (before.x + point.x) / 2;
      return `C${middle},${before.y} ${middle},${point.y} ${point.x},${point.y}`;
    })
    .join(" ");
}
