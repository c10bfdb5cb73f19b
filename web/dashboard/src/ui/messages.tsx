/** What stands where there is nothing to show: loading, empty, failed. Each says what to do. */
import { Component, type ReactNode } from "react";
import type { UseQueryResult } from "@tanstack/react-query";
import type { Problem } from "../api/client";

export function Loading({ what = "Loading" }: { what?: string }) {
  return (
    <p className="message" role="status">
      {what}…
    </p>
  );
}

export function Empty({ children }: { children: ReactNode }) {
  return <div className="message">{children}</div>;
}

const ADVICE: Record<string, string> = {
  unreachable: "Start the platform (dp up), or wait: the page asks again by itself.",
  unauthorized: "Give a key with the button at the top.",
  forbidden: "Ask for a key with a wider scope (dp keys create).",
  busy: "The server has many queries now; try again in a moment.",
  timeout: "Ask for less: fewer days, fewer columns, an aggregate.",
};

export function Failure({ problem, retry }: { problem: Problem; retry?: () => void }) {
  const advice = ADVICE[problem.code];
  return (
    <div className="message failing" role="alert">
      <p>{problem.message}</p>
      {advice && <p>{advice}</p>}
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

interface AnswerProps<T> {
  of: UseQueryResult<T, Problem>;
  /** Whether there is nothing to show in an answer. */
  isEmpty?: (data: T) => boolean;
  empty?: ReactNode;
  children: (data: T) => ReactNode;
}

/** An answer when it is there. What was known stays while a later look fails, with a word of it. */
export function Answer<T>({ of, isEmpty, empty, children }: AnswerProps<T>) {
  if (of.data === undefined) {
    if (of.error) return <Failure problem={of.error} retry={() => void of.refetch()} />;
    return <Loading />;
  }
  return (
    <>
      {of.error && <p className="muted">Not refreshed: {of.error.message}</p>}
      {isEmpty?.(of.data) ? <Empty>{empty ?? "Nothing yet."}</Empty> : children(of.data)}
    </>
  );
}

/** Keeps a fault in one view from taking the page with it. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    if (!this.state.error) return this.props.children;
    return (
      <div className="message failing" role="alert">
        <p>This view failed: {this.state.error.message}</p>
        <button type="button" onClick={() => location.reload()}>
          Load the page again
        </button>
      </div>
    );
  }
}
