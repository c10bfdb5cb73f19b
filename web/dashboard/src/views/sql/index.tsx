/** SQL over the tables: write, run, cancel, look, keep, share. */
import { useCallback, useEffect, useMemo, useRef, useState } from "react";

import { moment } from "../../format";
import { navigate, useHashSearch } from "../../location";
import { Failure } from "../../ui/messages";
import { Panel } from "../../ui/panel";
import { editorLink } from "../../ui/sql-behind";
import type { Question } from "../../api/client";
import { useCompletions, useTables } from "./completions";
import { SqlEditor, type Editor } from "./editor";
import { useHistory } from "./history";
import { Result } from "./result";
import { useRun, type Run } from "./run";
import { fromSearch, parameterNames, questionOf, unitsBefore, type Draft } from "./statement";
import "./sql.css";

const FIRST: Draft = {
  sql: `SELECT metric_date, metric_hour, event_type, sum(total_events) AS events
FROM event_metrics_gold
GROUP BY ALL
ORDER BY metric_date DESC, metric_hour DESC, events DESC
LIMIT 100`,
  parameters: {},
  asOf: "",
};

export default function SqlView() {
  const search = useHashSearch();
  const [draft, setDraft] = useState<Draft>(() => fromSearch(search)?.draft ?? FIRST);
  const { past, add, clear } = useHistory();
  const editor = useRef<Editor>(null);
  const shown = useRef(draft);
  useEffect(() => {
    shown.current = draft;
  });
  const ended = useCallback(
    (question: Question, outcome: string) =>
      add({ ...shown.current, sql: question.sql, at: Date.now(), outcome }),
    [add],
  );
  const { run, begin, cancel } = useRun(ended);
  const completions = useCompletions();

  const runDraft = useCallback(
    (what: Draft) => {
      if (!what.sql.trim()) return;
      const question = questionOf(what);
      navigate(editorLink(question), { replace: true });
      void begin(question);
    },
    [begin],
  );
  // A link into the editor brings its statement, also while the editor is open.
  const taken = useRef("");
  useEffect(() => {
    const linked = fromSearch(search);
    if (!linked || taken.current === search) return;
    taken.current = search;
    if (linked.draft.sql !== shown.current.sql || linked.run) setDraft(linked.draft);
    if (linked.run) runDraft(linked.draft);
  }, [search, runDraft]);

  const problem = useMemo(() => {
    if (run.state !== "failed" || !run.problem.position || run.question.sql !== draft.sql) return undefined;
    return { from: unitsBefore(draft.sql, run.problem.position.offset), message: run.problem.message };
  }, [run, draft.sql]);

  return (
    <>
      <h1>SQL</h1>
      <div className="sql-view">
        <TablesList insert={(text) => editor.current?.insert(text)} />
        <div className="sql-work">
          <section className="panel" aria-label="Statement">
            <SqlEditor
              ref={editor}
              value={draft.sql}
              change={(sql) => setDraft((before) => ({ ...before, sql }))}
              run={() => runDraft(shown.current)}
              completions={completions}
              problem={problem}
            />
            <Parameters draft={draft} change={setDraft} />
            <Controls
              draft={draft}
              change={setDraft}
              run={run}
              start={() => runDraft(draft)}
              cancel={cancel}
            />
            {run.state === "failed" && (
              <>
                <Failure problem={run.problem} />
                <Suggestions problem={run.problem} insert={(text) => editor.current?.insert(text)} />
              </>
            )}
          </section>
          {run.state === "done" && (
            <section className="panel" aria-label="Result">
              <Result key={run.question.sql} question={run.question} answer={run.answer} />
            </section>
          )}
          <Panel
            title="History"
            about="Kept in this browser alone."
            actions={
              past.length > 0 && (
                <button type="button" onClick={clear}>
                  Clear
                </button>
              )
            }
          >
            {past.length === 0 ? (
              <p className="muted">Statements that you run stand here.</p>
            ) : (
              <ul className="sql-history">
                {past.map((one) => (
                  <li key={one.at}>
                    <button
                      type="button"
                      onClick={() => (
                        setDraft({ sql: one.sql, parameters: one.parameters, asOf: one.asOf }),
                        editor.current?.focus()
                      )}
                    >
                      <code>{one.sql.replace(/\s+/g, " ").slice(0, 160)}</code>
                    </button>
                    <span className="muted">
                      {moment(new Date(one.at).toISOString())} UTC · {one.outcome}
                    </span>
                  </li>
                ))}
              </ul>
            )}
          </Panel>
        </div>
      </div>
    </>
  );
}

function Parameters({ draft, change }: { draft: Draft; change: (draft: Draft) => void }) {
  const names = parameterNames(draft.sql);
  if (names.length === 0) return null;
  return (
    <div className="row" role="group" aria-label="Parameters">
      {names.map((name) => (
        <label key={name} className="field">
          <code>${name}</code>
          <input
            value={draft.parameters[name] ?? ""}
            onChange={(event) =>
              change({ ...draft, parameters: { ...draft.parameters, [name]: event.target.value } })
            }
          />
        </label>
      ))}
      <span className="muted">Numbers, true, false, null and [lists] as in JSON; anything else is text.</span>
    </div>
  );
}

interface ControlsProps {
  draft: Draft;
  change: (draft: Draft) => void;
  run: Run;
  start: () => void;
  cancel: () => void;
}

function Controls({ draft, change, run, start, cancel }: ControlsProps) {
  const [copied, setCopied] = useState(false);
  const running = run.state === "running";
  const share = async () => {
    const address = new URL(`#${editorLink(questionOf(draft))}`, location.href).href;
    await navigator.clipboard.writeText(address);
    setCopied(true);
    setTimeout(() => setCopied(false), 2_000);
  };
  return (
    <div className="row">
      {running ? (
        <button type="button" className="primary" onClick={cancel}>
          Cancel
        </button>
      ) : (
        <button
          type="button"
          className="primary"
          onClick={start}
          disabled={!draft.sql.trim()}
          title="Ctrl-Enter"
        >
          Run
        </button>
      )}
      <label className="row">
        As of (UTC)
        <input
          type="datetime-local"
          value={draft.asOf.slice(0, 16)}
          onChange={(event) => change({ ...draft, asOf: event.target.value })}
        />
      </label>
      {draft.asOf && (
        <button type="button" onClick={() => change({ ...draft, asOf: "" })}>
          Now
        </button>
      )}
      <button type="button" onClick={() => void share()}>
        Copy link
      </button>
      <span role="status" className="muted">
        {copied ? "Copied." : <Outcome run={run} />}
      </span>
    </div>
  );
}

function Outcome({ run }: { run: Run }) {
  switch (run.state) {
    case "running":
      return <Elapsed since={run.since} />;
    case "cancelled":
      return "Cancelled.";
    case "done":
      return `${run.answer.row_count === 1 ? "1 row" : `${run.answer.row_count.toLocaleString("en")} rows`}${run.answer.truncated ? " (more were cut off)" : ""} in ${run.answer.elapsed_ms} ms`;
    case "failed":
      return "Failed.";
    case "none":
      return "Ctrl-Enter runs it.";
  }
}

function Elapsed({ since }: { since: number }) {
  const [now, setNow] = useState(since);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 200);
    return () => clearInterval(timer);
  }, []);
  return (
    <>
      Running… <span aria-hidden="true">{((now - since) / 1000).toFixed(1)} s</span>
    </>
  );
}

function Suggestions({
  problem,
  insert,
}: {
  problem: { suggestions: string[] };
  insert: (text: string) => void;
}) {
  if (problem.suggestions.length === 0) return null;
  return (
    <p className="row">
      Nearest:
      {problem.suggestions.map((name) => (
        <button key={name} type="button" onClick={() => insert(name)}>
          {name}
        </button>
      ))}
    </p>
  );
}

function TablesList({ insert }: { insert: (text: string) => void }) {
  const tables = useTables();
  return (
    <aside className="panel sql-tables" aria-label="Tables">
      <h2>Tables</h2>
      {tables.map((table) => (
        <details key={table.name}>
          <summary title={table.description}>{table.name}</summary>
          <button type="button" className="plain" onClick={() => insert(table.name)}>
            Insert its name
          </button>
          <ul>
            {table.columns.map((column) => (
              <li key={column.name}>
                <button
                  type="button"
                  className="plain"
                  title={column.description}
                  onClick={() => insert(column.name)}
                >
                  {column.name}
                </button>{" "}
                <span className="muted">{column.type}</span>
              </li>
            ))}
          </ul>
        </details>
      ))}
    </aside>
  );
}
