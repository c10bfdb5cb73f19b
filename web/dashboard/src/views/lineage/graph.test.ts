import { expect, test } from "vitest";
import { placed, reach, wholeLineage, type ColumnEdge } from "./graph";
import type { Schemas } from "../../api/types";

function edge(from: string, to: string): ColumnEdge {
  const ref = (text: string) => {
    const [dataset = "", column = ""] = text.split(".");
    return { dataset, column };
  };
  return { from: ref(from), to: ref(to) };
}

function table(name: string, upstream: string[], downstream: string[]): Schemas["TableEntry"] {
  return { name, layer: "silver", description: "", upstream, downstream } as unknown as Schemas["TableEntry"];
}

test("a column's reach goes both ways and leaves its siblings out", () => {
  const edges = [
    edge("t.a", "b.a"),
    edge("t.z", "b.z"),
    edge("b.a", "s.date"),
    edge("b.a", "s.hour"),
    edge("s.date", "g.day"),
    edge("b.z", "g.day"),
  ];
  const found = reach(edges, "b", "a");
  expect(found.up).toEqual(new Map([["t", new Set(["a"])]]));
  expect(found.down).toEqual(
    new Map([
      ["s", new Set(["date", "hour"])],
      ["g", new Set(["day"])],
    ]),
  );
  expect(found.edges).toEqual(new Set(["t>b", "b>s", "s>g"]));
});

test("columns that are made of each other end the walk", () => {
  expect(reach([edge("a.x", "b.x"), edge("b.x", "a.x")], "a", "x").down).toEqual(
    new Map([["b", new Set(["x"])]]),
  );
});

test("the whole catalog has its topics and its jobs, and each edge once", () => {
  const all = wholeLineage([table("b", ["t"], ["s"]), table("s", ["b"], ["job"])]);
  expect(all.nodes.map(({ name, layer }) => [name, layer])).toEqual([
    ["b", "silver"],
    ["s", "silver"],
    ["t", "topic"],
    ["job", "batch"],
  ]);
  expect(all.edges).toEqual([
    { from: "t", to: "b" },
    { from: "b", to: "s" },
    { from: "s", to: "job" },
  ]);
  const { at, routes } = placed(all, 100, () => 40);
  const xs = ["t", "b", "s", "job"].map((name) => at.get(name)?.x ?? NaN);
  expect(xs).toEqual(xs.toSorted((a, b) => a - b));
  expect(new Set(xs).size).toBe(4);
  expect([...routes.keys()]).toEqual(["t>b", "b>s", "s>job"]);
});
