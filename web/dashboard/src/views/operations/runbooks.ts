/** The runbooks of the repository (`docs/runbooks/`), part of the page: they can be read while nothing answers. */
const FILES = import.meta.glob<string>("../../../../../docs/runbooks/*.md", {
  query: "?raw",
  import: "default",
  eager: true,
});

export interface Section {
  title: string;
  paragraphs: string[];
  steps: string[];
}

/** The part before the first heading has no title. */
export function sections(markdown: string): Section[] {
  const found: Section[] = [{ title: "", paragraphs: [], steps: [] }];
  for (const line of markdown.split("\n")) {
    const current = found.at(-1) as Section;
    if (line.startsWith("## ")) found.push({ title: line.slice(3), paragraphs: [], steps: [] });
    else if (line.startsWith("- ")) current.steps.push(line.slice(2));
    else if (line.trim() && !line.startsWith("# ")) current.paragraphs.push(line.trim());
  }
  return found.filter((section) => section.paragraphs.length + section.steps.length > 0);
}

export const RULES: string[] = Object.keys(FILES).map(nameOf).sort();

function nameOf(path: string): string {
  return path.replace(/^.*\//, "").replace(/\.md$/, "");
}

/** Of a rule. Undefined: it has none. */
export function runbook(rule: string): Section[] | undefined {
  const path = Object.keys(FILES).find((one) => nameOf(one) === rule);
  return path ? sections(FILES[path] ?? "") : undefined;
}
