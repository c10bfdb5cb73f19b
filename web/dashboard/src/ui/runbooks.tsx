/** The runbooks of the documentation: part of the page, so that they can be read while nothing answers. */
import Markdown from "react-markdown";

const PAGES = import.meta.glob<string>("../../../../docs/runbooks/*.md", {
  eager: true,
  query: "?raw",
  import: "default",
});
const BY_RULE = new Map(
  Object.entries(PAGES).map(([path, text]) => [path.replace(/^.*\//, "").replace(/\.md$/, ""), text]),
);

/** Rules that have one. */
export const RULES: string[] = [...BY_RULE.keys()].sort();

/** Inside a view: its headings come after the view's own. */
export default function RunbookText({ rule }: { rule: string }) {
  const text = BY_RULE.get(rule);
  if (text === undefined) return <p>There is no runbook of {rule}.</p>;
  return (
    <div className="runbook">
      <Markdown components={{ h1: "h3", h2: "h4", a: ({ children }) => <>{children}</> }}>{text}</Markdown>
    </div>
  );
}
