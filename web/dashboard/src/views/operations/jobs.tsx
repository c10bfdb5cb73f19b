/** Runs of the batch jobs: the last days at a glance, and each run. */
import { useState } from "react";
import { useAnswer } from "../../api/hooks";
import type { Report, Schemas } from "../../api/types";
import { count, duration, moment } from "../../format";
import { DataTable } from "../../ui/data-table";
import { Answer, Empty } from "../../ui/messages";
import { Panel } from "../../ui/panel";
import { StatusPill } from "../../ui/status";
import { runSeconds, timeline, type Run } from "./timeline";

const RUNS = 200;

export function Jobs({ report }: { report: Report | undefined }) {
  const [job, setJob] = useState("");
  const [status, setStatus] = useState("");
  const runs = useAnswer<Run[]>(`/jobs?limit=${RUNS}`, { every: 30_000 });
  return (
    <>
      {report && <Newest jobs={report.jobs} />}
      <Answer of={runs}>
        {(all) => {
          const names = [
            ...new Set([...(report?.jobs.map((one) => one.name) ?? []), ...all.map((run) => run.job)]),
          ];
          return (
            <>
              <Timeline runs={all} jobs={names} />
              <Panel
                title="Runs"
                actions={
                  <div className="row">
                    <label className="row">
                      Job
                      <select value={job} onChange={(event) => setJob(event.target.value)}>
                        <option value="">all</option>
                        {names.map((name) => (
                          <option key={name}>{name}</option>
                        ))}
                      </select>
                    </label>
                    <label className="row">
                      Status
                      <select value={status} onChange={(event) => setStatus(event.target.value)}>
                        <option value="">all</option>
                        <option>succeeded</option>
                        <option>failed</option>
                      </select>
                    </label>
                  </div>
                }
              >
                <Runs
                  runs={all.filter((run) => (!job || run.job === job) && (!status || run.status === status))}
                />
              </Panel>
            </>
          );
        }}
      </Answer>
    </>
  );
}

function Newest({ jobs }: { jobs: Schemas["JobHealth"][] }) {
  return (
    <Panel title="Batch jobs" about="Each runs once for each closed UTC day, by the scheduler.">
      <DataTable
        caption="Batch jobs"
        heads="name"
        whole
        rows={jobs}
        rowKey={(row) => row.name}
        columns={[
          { key: "name", label: "Job", value: (row) => row.name },
          {
            key: "status",
            label: "Health",
            value: (row) => row.status,
            show: (row) => <StatusPill status={row.status} />,
          },
          {
            key: "run",
            label: "Newest run",
            value: (row) => row.run_status,
            show: (row) => row.run_status ?? <span className="muted">not run yet</span>,
          },
          { key: "date", label: "Day", value: (row) => row.run_date, show: (row) => row.run_date ?? "–" },
          {
            key: "started",
            label: "Started (UTC)",
            value: (row) => row.started_at,
            show: (row) => moment(row.started_at),
          },
          {
            key: "seconds",
            label: "Took",
            numeric: true,
            value: (row) => row.seconds,
            show: (row) => duration(row.seconds),
          },
          {
            key: "why",
            label: "Why",
            value: (row) => row.reasons.join(" "),
            show: (row) => row.reasons.join(" ") || "–",
          },
        ]}
      />
    </Panel>
  );
}

function Timeline({ runs, jobs }: { runs: Run[]; jobs: string[] }) {
  const { days, cells } = timeline(runs, jobs);
  return (
    <Panel title="The last days" about="The last attempt for each day, and how long it took.">
      {days.length === 0 ? (
        <Empty>
          <p>No job has run yet. The first runs come when a UTC day with data has ended; to run one now:</p>
          <code>dp batch run hourly_aggregates --date 2026-11-24</code>
        </Empty>
      ) : (
        <DataTable
          caption="Runs by day"
          heads="job"
          rows={cells}
          rowKey={(row) => row.job}
          columns={[
            { key: "job", label: "Job", value: (row) => row.job },
            ...days.map((day, i) => ({
              key: day,
              label: day.slice(5),
              title: day,
              value: (row: (typeof cells)[number]) => row.runs[i]?.status ?? null,
              show: (row: (typeof cells)[number]) => {
                const run = row.runs[i];
                if (!run) return <span className="muted">–</span>;
                return (
                  <span title={`${run.status}, attempt ${run.attempt}`}>
                    <StatusPill status={run.status === "succeeded" ? "ok" : "failing"}>
                      <span className="hidden-text">{run.status}, </span>
                      {duration(runSeconds(run))}
                    </StatusPill>
                  </span>
                );
              },
            })),
          ]}
        />
      )}
    </Panel>
  );
}

function Runs({ runs }: { runs: Run[] }) {
  if (runs.length === 0) return <Empty>No run is like this.</Empty>;
  return (
    <DataTable
      caption="Runs"
      rows={runs}
      rowKey={(run) => run.run_id}
      columns={[
        { key: "job", label: "Job", value: (run) => run.job },
        { key: "day", label: "Day", value: (run) => run.run_date },
        {
          key: "status",
          label: "Status",
          value: (run) => run.status,
          show: (run) => (
            <StatusPill status={run.status === "succeeded" ? "ok" : "failing"}>{run.status}</StatusPill>
          ),
        },
        { key: "attempt", label: "Attempt", numeric: true, value: (run) => run.attempt },
        {
          key: "started",
          label: "Started (UTC)",
          value: (run) => run.started_at,
          show: (run) => <span className="nowrap">{moment(run.started_at)}</span>,
        },
        {
          key: "took",
          label: "Took",
          numeric: true,
          value: (run) => runSeconds(run),
          show: (run) => duration(runSeconds(run)),
        },
        {
          key: "in",
          label: "Rows in",
          numeric: true,
          value: (run) => run.rows_in,
          show: (run) => count(run.rows_in),
        },
        {
          key: "out",
          label: "Rows out",
          numeric: true,
          value: (run) => run.rows_out,
          show: (run) => count(run.rows_out),
        },
        { key: "trigger", label: "Why it ran", value: (run) => run.trigger },
        { key: "engine", label: "Engine", value: (run) => run.engine },
        { key: "error", label: "Error", value: (run) => run.error, show: (run) => run.error ?? "–" },
      ]}
    />
  );
}
