const PAGES = import.meta.glob<string>("../../../../docs/runbooks/*.md", {
  eager: true,
  query: "?raw",
  import: "default",
});

/** The Markdown of a rule's runbook. */
export function runbook(rule: string): string | null {
  return Object.entries(PAGES).find(([path]) => path.endsWith(`/${rule}.md`))?.[1] ?? null;
}
