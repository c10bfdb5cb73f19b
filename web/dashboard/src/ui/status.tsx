import type { ReactNode } from "react";

export type Shown = "ok" | "degraded" | "failing" | "idle";

export const MARKS: Record<Shown, string> = { ok: "●", degraded: "▲", failing: "✖", idle: "○" };

/** A status as colour, mark and word: never as colour alone. */
export function StatusPill({ status, children }: { status: Shown; children?: ReactNode }) {
  return (
    <span className={`status ${status}`}>
      <span aria-hidden="true">{MARKS[status]}</span>
      <span>{children ?? status}</span>
    </span>
  );
}
