/** A statement and what belongs to it: in the address, in the history, in the request. */
import type { Question } from "../../api/client";
import type { Value } from "../../api/types";

export interface Draft {
  sql: string;
  /** As typed, by name. */
  parameters: Record<string, string>;
  /** `2026-11-28T03:20`, in UTC; empty: now. */
  asOf: string;
}

export const EMPTY: Draft = { sql: "", parameters: {}, asOf: "" };

/** Names of `$name` in a statement, outside its texts and comments, in order. */
export function parameterNames(sql: string): string[] {
  const bare = sql.replace(/'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\//g, " ");
  return [...new Set(Array.from(bare.matchAll(/\$([A-Za-z_]\w*)/g), (match) => match[1] as string))];
}

/** What somebody typed for a parameter: JSON where it is some (`5`, `true`, `null`, `["a"]`, `"5"`), else the text itself. */
export function parameterValue(typed: string): Value {
  try {
    const value = JSON.parse(typed) as Value;
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject || (typeof value === "number" && !Number.isSafeInteger(value) && Number.isInteger(value))
      ? typed
      : value;
  } catch {
    return typed;
  }
}

export function questionOf(draft: Draft): Question {
  const names = parameterNames(draft.sql);
  return {
    sql: draft.sql,
    ...(names.length > 0
      ? {
          parameters: Object.fromEntries(
            names.map((name) => [name, parameterValue(draft.parameters[name] ?? "")]),
          ),
        }
      : {}),
    ...(draft.asOf ? { as_of: `${draft.asOf}${draft.asOf.length === 16 ? ":00" : ""}Z` } : {}),
  };
}

/** The draft of an address, and whether it is to be run at once. */
export function fromSearch(search: string): { draft: Draft; run: boolean } | undefined {
  const held = new URLSearchParams(search);
  const sql = held.get("q");
  if (sql === null) return undefined;
  return {
    draft: {
      sql,
      parameters: typed(held.get("parameters")),
      asOf: held.get("as_of")?.replace(/Z$/, "") ?? "",
    },
    run: held.get("run") === "1",
  };
}

function typed(json: string | null): Record<string, string> {
  if (!json) return {};
  try {
    const values = JSON.parse(json) as Record<string, Value>;
    return Object.fromEntries(
      Object.entries(values).map(([name, value]) => [
        name,
        typeof value === "string" && parameterValue(value) === value ? value : JSON.stringify(value),
      ]),
    );
  } catch {
    return {};
  }
}

/** The offset in UTF-16 units, as editors count, of an offset in characters, as the API does. */
export function unitsBefore(text: string, characters: number): number {
  return Array.from(text).slice(0, characters).join("").length;
}
