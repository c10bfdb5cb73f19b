/** One run at a time: begun, cancelled, ended. */
import { useCallback, useEffect, useRef, useState } from "react";
import { Problem, query, type Question } from "../../api/client";
import type { QueryAnswer } from "../../api/types";

export type Run =
  | { state: "none" }
  | { state: "running"; since: number }
  | { state: "cancelled" }
  | { state: "done"; question: Question; answer: QueryAnswer }
  | { state: "failed"; question: Question; problem: Problem };

export function useRun(ended: (question: Question, outcome: string) => void) {
  const [run, setRun] = useState<Run>({ state: "none" });
  const current = useRef<AbortController>(null);
  const begin = useCallback(
    async (question: Question) => {
      current.current?.abort();
      const controller = new AbortController();
      current.current = controller;
      setRun({ state: "running", since: Date.now() });
      try {
        const answer = await query(question, controller.signal);
        setRun({ state: "done", question, answer });
        ended(question, `${answer.row_count}${answer.truncated ? "+" : ""} rows, ${answer.elapsed_ms} ms`);
      } catch (error) {
        if (controller.signal.aborted) return;
        const problem =
          error instanceof Problem
            ? error
            : new Problem({ code: "internal", status: 0, detail: String(error) });
        setRun({ state: "failed", question, problem });
        ended(question, problem.message);
      }
    },
    [ended],
  );
  const cancel = useCallback(() => {
    current.current?.abort();
    setRun({ state: "cancelled" });
  }, []);
  useEffect(() => () => current.current?.abort(), []);
  return { run, begin, cancel };
}
