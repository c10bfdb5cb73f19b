/** Statements that were run in this browser, the newest first. */
import { useCallback, useState } from "react";
import type { Draft } from "./statement";

export interface Past extends Draft {
  /** Unix milliseconds. */
  at: number;
  outcome: string;
}

const KEY = "dp.sql-history";
const MOST = 100;

function read(): Past[] {
  try {
    const held: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(held) ? (held as Past[]) : [];
  } catch {
    return [];
  }
}

export function useHistory() {
  const [past, setPast] = useState(read);
  const keep = useCallback((changed: Past[]) => {
    try {
      localStorage.setItem(KEY, JSON.stringify(changed));
    } catch {
      // A full or forbidden store costs the history of the next visit, and nothing now.
    }
    setPast(changed);
  }, []);
  const add = useCallback(
    (run: Past) =>
      keep([run, ...read().filter((one) => one.sql !== run.sql || one.asOf !== run.asOf)].slice(0, MOST)),
    [keep],
  );
  const clear = useCallback(() => keep([]), [keep]);
  return { past, add, clear };
}
