/** How each dataset of the lineage is, by the health report. */
import { useMemo } from "react";
import { useAnswer } from "../../api/hooks";
import type { Report } from "../../api/types";
import { duration } from "../../format";
import type { Shown } from "../../ui/status";

export interface State {
  status: Shown;
  word: string;
  reasons: string[];
}

export function useStates(): Map<string, State> {
  const report = useAnswer<Report>("/health/report", { every: 15_000 }).data;
  return useMemo(() => {
    const states = new Map<string, State>();
    for (const table of report?.tables ?? []) {
      const old = table.lag_seconds ? `${duration(table.lag_seconds)} old` : "current";
      const calm = table.freshness === "empty" ? "empty" : old;
      states.set(table.name, {
        status: table.status === "ok" && table.freshness === "empty" ? "idle" : table.status,
        word: table.status === "ok" ? calm : table.status,
        reasons: table.reasons,
      });
    }
    for (const job of report?.jobs ?? []) {
      const never = job.run_status === null;
      states.set(job.name, {
        status: job.status === "ok" && never ? "idle" : job.status,
        word: job.status === "ok" ? (job.run_status ?? "not run yet") : job.status,
        reasons: job.reasons,
      });
    }
    return states;
  }, [report]);
}

/** Where a dataset is told of. */
export function pageOf(node: { name: string; layer: string }): string {
  if (node.layer === "topic") return `/lineage/${node.name}`;
  return node.layer === "batch" ? "/operations/jobs" : `/data/${node.name}`;
}
