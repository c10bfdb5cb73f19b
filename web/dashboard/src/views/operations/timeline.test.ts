import { expect, test } from "vitest";
import { runSeconds, timeline, type Run } from "./timeline";

function run(job: string, day: string, started: string, status: Run["status"], attempt = 1): Run {
  return {
    job,
    run_date: day,
    started_at: started,
    ended_at: started.replace(":00Z", ":12Z"),
    status,
    attempt,
    run_id: `${job}-${day}-${attempt}`,
    engine: "embedded",
    trigger: "schedule",
    error: null,
    rows_in: 1,
    rows_out: 1,
    versions: "{}",
  };
}

test("a day shows its last attempt, the newest day first, and jobs that have not run", () => {
  const runs = [
    run("a", "2026-11-26", "2026-11-27T00:10:00Z", "failed"),
    run("a", "2026-11-26", "2026-11-27T00:20:00Z", "succeeded", 2),
    run("a", "2026-11-27", "2026-11-28T00:10:00Z", "failed"),
  ];
  const { days, cells } = timeline(runs, ["a", "b"]);
  expect(days).toEqual(["2026-11-27", "2026-11-26"]);
  expect(cells.map(({ job, runs }) => [job, runs.map((one) => one?.status)])).toEqual([
    ["a", ["failed", "succeeded"]],
    ["b", [undefined, undefined]],
  ]);
  expect(runSeconds(runs[0] as Run)).toBe(12);
});
