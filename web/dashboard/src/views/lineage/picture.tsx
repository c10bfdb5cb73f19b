/** The lineage as a graph. Its nodes are links; whoever cannot use it has the same as a list. */
import {
  Background,
  BaseEdge,
  Controls,
  Handle,
  MarkerType,
  Position,
  ReactFlow,
  type Edge as FlowEdge,
  type EdgeProps,
  type Node as FlowNode,
  type NodeProps,
} from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { useMemo } from "react";
import { Link } from "wouter";
import { useTheme } from "../../theme";
import { StatusPill } from "../../ui/status";
import { LayerBadge } from "../../ui/table-words";
import { curve, placed, type Lineage, type LineageNode, type Placed, type Reach } from "./graph";
import { pageOf, type State } from "./states";

const WIDTH = 236;
const HEIGHT = 66;
const LINE = 18;
/** Columns that a node names. */
const NAMED = 4;

interface Shown extends Record<string, unknown> {
  node: LineageNode;
  state: State | undefined;
  isFocus: boolean;
  /** Not on the way of the chosen column. */
  aside: boolean;
  columns: string[];
}

interface Props {
  lineage: Lineage;
  states: Map<string, State>;
  focus: string | undefined;
  column: string;
  reached: Reach | undefined;
}

export function Picture({ lineage, states, focus, column, reached }: Props) {
  const theme = useTheme();
  const { nodes, edges, height } = useMemo(() => {
    const columnsOf = (name: string): string[] => {
      if (!reached) return [];
      if (name === focus) return [column];
      return [...(reached.up.get(name) ?? []), ...(reached.down.get(name) ?? [])];
    };
    const heightOf = (name: string) => {
      const columns = columnsOf(name).length;
      return HEIGHT + Math.min(columns, NAMED + 1) * LINE;
    };
    // What nothing is built from, and which is built from nothing, is in the list.
    const joined = new Set(lineage.edges.flatMap(({ from, to }) => [from, to]));
    const drawn = lineage.nodes.filter((node) => node.name === focus || joined.has(node.name));
    const { at, routes } = placed({ nodes: drawn, edges: lineage.edges }, WIDTH, heightOf);
    const nodes = drawn.map((node): FlowNode<Shown> => {
      const columns = columnsOf(node.name);
      return {
        id: node.name,
        type: "dataset",
        position: at.get(node.name) ?? { x: 0, y: 0 },
        width: WIDTH,
        height: heightOf(node.name),
        data: {
          node,
          state: states.get(node.name),
          isFocus: node.name === focus,
          aside: reached !== undefined && columns.length === 0,
          columns,
        },
      };
    });
    const edges = lineage.edges.map(({ from, to }): FlowEdge => {
      const on = reached?.edges.has(`${from}>${to}`) ?? false;
      const name = reached ? (on ? "on" : "aside") : "";
      return {
        id: `${from}>${to}`,
        source: from,
        target: to,
        type: "routed",
        data: { through: routes.get(`${from}>${to}`) ?? [] },
        className: name,
        markerEnd: { type: MarkerType.ArrowClosed, width: 16, height: 16 },
      };
    });
    const lowest = nodes.map((node) => node.position.y + (node.height ?? 0));
    return { nodes, edges, height: Math.max(...lowest, 0) };
  }, [lineage, states, focus, column, reached]);
  return (
    <div className="lineage-picture" style={{ height: `min(72vh, ${Math.max(height + 60, 260)}px)` }}>
      <ReactFlow
        // A new graph is fitted anew.
        key={`${focus}|${column}|${lineage.nodes.length}|${lineage.edges.length}`}
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        colorMode={theme}
        fitView
        fitViewOptions={{ padding: 0.04, maxZoom: 1 }}
        minZoom={0.2}
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={false}
        edgesFocusable={false}
        elementsSelectable={false}
        zoomOnScroll={false}
        preventScrolling={false}
        zoomOnDoubleClick={false}
        aria-label="Lineage as a graph"
      >
        <Background gap={24} />
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  );
}

const NODE_TYPES = { dataset: Dataset };
const EDGE_TYPES = { routed: Routed };

/** Around the nodes that lie between, as the layout found its way. */
function Routed({
  sourceX,
  sourceY,
  targetX,
  targetY,
  data,
  markerEnd,
}: EdgeProps<FlowEdge<{ through: Placed[] }>>) {
  const points = [{ x: sourceX, y: sourceY }, ...(data?.through ?? []), { x: targetX, y: targetY }];
  return <BaseEdge path={curve(points)} {...(markerEnd ? { markerEnd } : {})} />;
}

function Dataset({ data }: NodeProps<FlowNode<Shown>>) {
  const { node, state, isFocus, aside, columns } = data;
  const named = columns.slice(0, NAMED);
  return (
    <div className={`dataset ${isFocus ? "focus" : ""} ${aside ? "aside" : ""} ${state?.status ?? ""}`}>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <Link href={pageOf(node)} className="nopan" title={state?.reasons[0] ?? node.description}>
        {node.name}
      </Link>
      <div className="dataset-state">
        <LayerBadge layer={node.layer} />
        {state && <StatusPill status={state.status}>{state.word}</StatusPill>}
        {!isFocus && (
          <Link
            href={`/lineage/${node.name}`}
            className="nopan around"
            aria-label={`Lineage around ${node.name}`}
          >
            around
          </Link>
        )}
      </div>
      {named.map((name) => (
        <code key={name}>{name}</code>
      ))}
      {columns.length > NAMED && <span className="muted">and {columns.length - NAMED} more</span>}
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  );
}
