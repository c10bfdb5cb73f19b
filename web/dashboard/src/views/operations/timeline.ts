import type { Schemas } from "../../api/types";

export type Run = Schemas["Run"];

const DAYS = 14;

export interface JobDays {
  job: string;
  /** Of each day the last attempt. */
  runs: (Run | undefined)[];
}

export function runSeconds(run: Run): number {
  return (Date.parse(run.ended_at) - Date.parse(run.started_at)) / 1000;
}

/** The last days that any job ran for, the newest first. */
export function timeline(runs: Run[], jobs: string[]): { days: string[]; cells: JobDays[] } {
  const days = [...new Set(runs.map((run) => run.run_date))].sort().reverse().slice(0, DAYS);
  const cells = jobs.map((job) => ({
    job,
    runs: days.map((day) =>
      runs
        .filter((run) => run.job === job && run.run_date === day)
        .toSorted((a, b) => Date.parse(b.started_at) - Date.parse(a.started_at))
        .at(0),
    ),
  }));
  return { days, cells };
}
