/** Answers of the API as queries that are shared, kept fresh, and asked again after a failure. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import { ask, key, query, records, type Problem, type Question } from "./client";
import type { QueryAnswer, Value } from "./types";

export interface Refresh {
  /** Milliseconds between two looks while the page is seen. */
  every?: number;
  enabled?: boolean;
}

export function useAnswer<T>(
  path: string,
  { every = 10_000, enabled = true }: Refresh = {},
): UseQueryResult<T, Problem> {
  return useQuery<T, Problem>({
    queryKey: ["get", path],
    queryFn: ({ signal }) => ask<T>(path, { signal }),
    refetchInterval: every,
    enabled,
  });
}

export interface Rows<T> {
  answer: QueryAnswer;
  rows: T[];
}

/** Rows of a statement; the server answers the same statement once for everybody. */
export function useRows<T = Record<string, Value>>(
  question: Question,
  { every = 15_000, enabled = true }: Refresh = {},
): UseQueryResult<Rows<T>, Problem> {
  return useQuery<Rows<T>, Problem>({
    queryKey: ["query", question],
    queryFn: async ({ signal }) => {
      const answer = await query(question, signal);
      return { answer, rows: records<T>(answer) };
    },
    refetchInterval: every,
    enabled,
    placeholderData: (before) => before,
  });
}

export function useKey(): string | null {
  return useSyncExternalStore(key.subscribe, key.get);
}
