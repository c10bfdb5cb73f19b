import { describe, expect, it } from "vitest";
import { editorLink } from "../../ui/sql-behind";
import { fromSearch, parameterNames, parameterValue, questionOf, unitsBefore } from "./statement";

describe("parameters", () => {
  it("are the names outside texts and comments, once each", () => {
    expect(parameterNames(`SELECT $a, '$b ''$c', "$d" -- $e\n/* $f */ WHERE x > $since AND $a`)).toEqual([
      "a",
      "since",
    ]);
  });

  it("are JSON where they are some, and text else", () => {
    expect(
      ["5", "-1.5", "true", "null", '["a",1]', '"5"', "2026-11-28", "", "007"].map(parameterValue),
    ).toEqual([5, -1.5, true, null, ["a", 1], "5", "2026-11-28", "", "007"]);
  });

  it("keep every digit of a number that a double does not hold", () => {
    expect(parameterValue("9007199254740993")).toBe("9007199254740993");
  });
});

describe("a link", () => {
  it("brings back what it was made of", () => {
    const draft = {
      sql: "SELECT '&?#=+é', $n, $t",
      parameters: { n: "5", t: "x y" },
      asOf: "2026-11-28T03:20",
    };
    const question = questionOf(draft);
    expect(question).toEqual({
      sql: draft.sql,
      parameters: { n: 5, t: "x y" },
      as_of: "2026-11-28T03:20:00Z",
    });
    const back = fromSearch(editorLink(question, true).split("?").slice(1).join("?"));
    expect(back?.run).toBe(true);
    expect(back && questionOf(back.draft)).toEqual(question);
  });

  it("keeps a text a text that looks like a number", () => {
    const question = questionOf({ sql: "SELECT $n", parameters: { n: '"5"' }, asOf: "" });
    const back = fromSearch(editorLink(question).split("?")[1] ?? "");
    expect(back && questionOf(back.draft)).toEqual({ sql: "SELECT $n", parameters: { n: "5" } });
  });
});

it("places count in UTF-16 units for the editor", () => {
  expect(unitsBefore("'🦆', x", 3)).toBe(4);
});
