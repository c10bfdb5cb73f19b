import { expect, test } from "vitest";
import { previewStatement, quoted } from "./statements";

const ALL = { columns: [], where: "", order: "", asOf: "", limit: 20 };

test("a name that is no plain word is quoted", () => {
  expect(quoted("event_id")).toBe("event_id");
  expect(quoted('odd "name')).toBe('"odd ""name"');
});

test("a preview's statement says what was asked for", () => {
  expect(previewStatement("t", ALL)).toEqual({ sql: "SELECT *\nFROM t\nLIMIT 20" });
  expect(
    previewStatement("t", {
      columns: ["a", "b c"],
      where: "a > 1 -- so",
      order: "-a",
      asOf: "2026-11-24T00:00:00Z",
      limit: 5,
    }),
  ).toEqual({
    sql: 'SELECT a, "b c"\nFROM t\nWHERE (a > 1 -- so\n)\nORDER BY a DESC\nLIMIT 5',
    as_of: "2026-11-24T00:00:00Z",
  });
});
