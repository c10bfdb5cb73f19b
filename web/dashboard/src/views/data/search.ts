/** Finding tables as `GET /tables?q=` does: words that all occur in a table's name, description or columns. */
import type { Schemas } from "../../api/types";

export type Entry = Schemas["TableEntry"];

export interface Wanted {
  words: string;
  layer: string;
  tag: string;
  owner: string;
}

export interface Found {
  name: string;
  /** Columns in whose name or description a word occurs. */
  columns: string[];
}

export function find(entries: Entry[], wanted: Wanted): Found[] {
  const words = wanted.words.toLowerCase().split(/\s+/).filter(Boolean);
  return entries.flatMap((entry) => {
    if (wanted.layer && entry.layer !== wanted.layer) return [];
    if (wanted.tag && !entry.tags.includes(wanted.tag)) return [];
    if (wanted.owner && entry.owner !== wanted.owner) return [];
    const own = `${entry.name} ${entry.description}`.toLowerCase();
    const columns = entry.columns.map((column) => ({
      name: column.name,
      text: `${column.name} ${column.description}`.toLowerCase(),
    }));
    const all = words.every((word) => own.includes(word) || columns.some(({ text }) => text.includes(word)));
    if (!all) return [];
    const matched = columns.filter(({ text }) => words.some((word) => text.includes(word)));
    return [{ name: entry.name, columns: matched.map((column) => column.name) }];
  });
}
