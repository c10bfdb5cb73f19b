import { expect, test } from "vitest";
import { RULES, runbook, sections } from "./runbooks";

test("a page is cut into its sections", () => {
  expect(sections("# name\n\nWhat it is.\n\n## See\n\n- `one`\n- two\n\n## Fixed when\n\nGone.\n")).toEqual([
    { title: "", paragraphs: ["What it is."], steps: [] },
    { title: "See", paragraphs: [], steps: ["`one`", "two"] },
    { title: "Fixed when", paragraphs: ["Gone."], steps: [] },
  ]);
});

test.each(RULES)("%s uses no more of Markdown than is shown", (rule) => {
  const read = runbook(rule) ?? [];
  expect(read.map((section) => section.title)).toEqual(["", "See", "Fix", "Fixed when"]);
  const lines = read.flatMap((section) => [...section.paragraphs, ...section.steps]);
  for (const line of lines) {
    expect(line).not.toMatch(/^(#|\||\d+\. |```)|\]\(|\*\*/);
    expect(line.split("`").length % 2).toBe(1);
  }
});
