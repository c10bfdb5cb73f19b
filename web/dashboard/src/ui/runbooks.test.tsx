import { render } from "@testing-library/react";
import { expect, test } from "vitest";
import RunbookText, { RULES } from "./runbooks";

test.each(RULES)("%s is shown whole, as text", (rule) => {
  const shown = render(<RunbookText rule={rule} />).container;
  expect(shown.querySelectorAll("h4").length).toBeGreaterThan(2);
  expect(shown.textContent).not.toMatch(/\*\*|```|\]\(|^#/m);
});
