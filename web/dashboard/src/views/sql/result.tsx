/** What a run brought: rows, a quick chart of them, files to keep. */
import { lazy, Suspense, useState } from "react";
import { Problem, request, type Question } from "../../api/client";
import type { QueryAnswer } from "../../api/types";
import { count } from "../../format";
import { Failure, Loading } from "../../ui/messages";
import { RowsTable } from "../../ui/rows-table";

const QuickChart = lazy(() => import("./quick-chart"));

const FORMS = [
  { format: "csv", label: "CSV", ending: "csv" },
  { format: "parquet", label: "Parquet", ending: "parquet" },
  { format: "arrow", label: "Arrow", ending: "arrows" },
] as const;

export function Result({ question, answer }: { question: Question; answer: QueryAnswer }) {
  const [view, setView] = useState<"table" | "chart">("table");
  const versions = Object.entries(answer.versions).map(([name, version]) => `${name} ${version ?? "live"}`);
  return (
    <>
      <div className="row">
        <div className="row" role="group" aria-label="Show the result as">
          {(["table", "chart"] as const).map((kind) => (
            <button key={kind} type="button" aria-pressed={view === kind} onClick={() => setView(kind)}>
              {kind === "table" ? "Table" : "Chart"}
            </button>
          ))}
        </div>
        <Downloads question={question} />
        <span className="muted">Versions read: {versions.join(", ") || "none"}</span>
      </div>
      {answer.truncated && (
        <p className="message">
          There are more rows than the {count(answer.row_count)} shown. Aggregate, filter, or download: a file
          has as many as the API allows.
        </p>
      )}
      {view === "table" ? (
        <RowsTable caption="Rows of the result" answer={answer} />
      ) : (
        <Suspense fallback={<Loading />}>
          <QuickChart answer={answer} />
        </Suspense>
      )}
    </>
  );
}

function Downloads({ question }: { question: Question }) {
  const [busy, setBusy] = useState("");
  const [problem, setProblem] = useState<Problem>();
  const save = async ({ format, ending }: (typeof FORMS)[number]) => {
    setBusy(format);
    setProblem(undefined);
    try {
      const response = await request("/query", {
        method: "POST",
        body: { ...question, format, limit: 1_000_000 },
        accept: "*/*",
      });
      const url = URL.createObjectURL(await response.blob());
      const link = Object.assign(document.createElement("a"), { href: url, download: `rows.${ending}` });
      link.click();
      URL.revokeObjectURL(url);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setProblem(error);
    } finally {
      setBusy("");
    }
  };
  return (
    <>
      <div className="row" role="group" aria-label="Download">
        {FORMS.map((form) => (
          <button key={form.format} type="button" disabled={busy !== ""} onClick={() => void save(form)}>
            {busy === form.format ? `${form.label}…` : form.label}
          </button>
        ))}
      </div>
      {problem && <Failure problem={problem} />}
    </>
  );
}
