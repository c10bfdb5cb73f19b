import { expect, test } from "vitest";
import { find, type Entry, type Wanted } from "./search";

function entry(name: string, columns: [string, string][], more: Partial<Entry> = {}): Entry {
  const listed = columns.map(([column, description]) => ({
    name: column,
    description,
    nullable: false,
    type: "string",
  }));
  return { name, description: "", layer: "silver", tags: [], owner: "a", columns: listed, ...more } as Entry;
}

const ANY: Wanted = { words: "", layer: "", tag: "", owner: "" };
const ENTRIES = [
  entry(
    "orders",
    [
      ["user_id", "Who bought."],
      ["total", "Money."],
    ],
    { description: "Each order once." },
  ),
  entry("clicks", [["user_id", "Who clicked."]], { layer: "gold", tags: ["web"], owner: "b" }),
];

test("every word has to occur, in whatever place and case", () => {
  expect(find(ENTRIES, { ...ANY, words: "USER order" })).toEqual([{ name: "orders", columns: ["user_id"] }]);
  expect(find(ENTRIES, { ...ANY, words: "user nothing" })).toEqual([]);
});

test("columns are named by which a table was found", () => {
  expect(find(ENTRIES, { ...ANY, words: "who" }).map((found) => found.columns)).toEqual([
    ["user_id"],
    ["user_id"],
  ]);
  expect(find(ENTRIES, { ...ANY, words: "order" })[0]?.columns).toEqual([]);
});

test("layer, tag and owner are given whole", () => {
  expect(find(ENTRIES, { ...ANY, layer: "gold" }).map((found) => found.name)).toEqual(["clicks"]);
  expect(find(ENTRIES, { ...ANY, tag: "we" })).toEqual([]);
  expect(find(ENTRIES, { ...ANY, owner: "a" }).map((found) => found.name)).toEqual(["orders"]);
});
